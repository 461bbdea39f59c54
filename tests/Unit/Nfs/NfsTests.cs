// NFS without a kernel: what the agent writes and refuses, what it reads, what looks come to, and a datastore whose server goes away and comes back. The
// programs are the test's; the files are in a folder of its own.
using Holdfast.Agent.Nfs;
using Holdfast.Contracts.Agent;
using Holdfast.Contracts.Nfs;
using Holdfast.Contracts.Programs;
using Holdfast.Features.Alarms;
using Holdfast.Features.Datastores;
using Holdfast.Features.Nfs;
using Holdfast.Ledger;
using Holdfast.Storage;
using Xunit;

namespace Holdfast.Tests.Unit.Nfs;

public sealed class NfsTests : IDisposable
{
    private const string ZfsLine = "100 30 0:50 / /mnt/datastore/dumps rw,relatime shared:40 - zfs tank/dumps rw,xattr,posixacl\n";
    private const string NfsLine = "101 30 0:51 / /mnt/holdfast/nas rw,nosuid shared:41 - nfs4 10.0.0.9:/backup rw,vers=4.2,hard,timeo=150\n";
    private static readonly NfsExport Dumps = new("dumps", ["10.1.0.0/24", "2001:db8::/64"], false, "all");
    private static readonly NfsMount Nas = new("nas", "10.0.0.9", "/backup", "4.2", false);

    private readonly string root = Directory.CreateTempSubdirectory("holdfast-nfs-").FullName;
    private readonly FakeSystem system = new();
    private readonly NfsFold fold = new();
    private readonly AlarmsFold alarmsFold = new();
    private NfsState state = NfsState.Empty;
    private AlarmsState alarms = AlarmsState.Empty;
    private NfsMemory memory = NfsMemory.Nothing;
    private long nowS = 1000;
    private long position;

    public NfsTests()
    {
        Directory.CreateDirectory(root + "/run");
        Kernel("");
    }

    public void Dispose() => Directory.Delete(root, recursive: true);

    [Fact]
    public async Task Exports_become_a_file_a_door_and_a_server_and_go_again()
    {
        Kernel(ZfsLine);
        await DoAsync(new SetNfsExports([Dumps]));
        Assert.EndsWith("/mnt/datastore/dumps 10.1.0.0/24(rw,sync,no_subtree_check,sec=sys,all_squash,anonuid=900,anongid=900) "
            + "2001:db8::/64(rw,sync,no_subtree_check,sec=sys,all_squash,anonuid=900,anongid=900)\n", File.ReadAllText(root + "/exports"),
            StringComparison.Ordinal);
        Assert.EndsWith("chain nfs { ip saddr 10.1.0.0/24 accept; ip6 saddr 2001:db8::/64 accept; }\n", File.ReadAllText(root + "/run/doors"),
            StringComparison.Ordinal);
        Assert.Equal([$"nft -f {root}/rules", "systemctl start nfs-server.service", "exportfs -ra"], system.Acts);
        system.Acts.Clear();
        await DoAsync(new SetNfsExports([]));
        Assert.DoesNotContain("/mnt", File.ReadAllText(root + "/exports"), StringComparison.Ordinal);
        Assert.EndsWith("chain nfs { }\n", File.ReadAllText(root + "/run/doors"), StringComparison.Ordinal);
        Assert.Equal([$"nft -f {root}/rules", "exportfs -ra", "systemctl stop nfs-server.service"], system.Acts);
    }

    [Fact]
    public async Task What_is_no_dataset_or_no_network_is_not_exported()
    {
        foreach (var (export, why) in new (NfsExport, string)[]
                 {
                     (Dumps, "no dataset is mounted at /mnt/datastore/dumps"), (Dumps with { Name = "../etc" }, "named as its dataset"),
                     (Dumps with { Name = "a b" }, "named as its dataset"), (Dumps with { Name = "a\n" }, "named as its dataset"),
                     (Dumps with { Clients = [] }, "1 to 64 networks"), (Dumps with { Clients = ["*"] }, "'*' is no network"),
                     (Dumps with { Clients = ["10.0.0.0/24(rw)"] }, "no network"), (Dumps with { Clients = ["0.0.0.0/0"] }, "no network"),
                     (Dumps with { Squash = "nobody" }, "squash is"),
                 })
        {
            Assert.Contains(why, (await RefusedAsync(new SetNfsExports([export], export.Name))).Message, StringComparison.Ordinal);
        }

        Assert.Contains("each once", (await RefusedAsync(new SetNfsExports([Dumps, Dumps]))).Message, StringComparison.Ordinal);
        Assert.Empty(system.Acts);
        Assert.False(File.Exists(root + "/exports"));
    }

    [Fact]
    public async Task One_that_can_not_be_exported_leaves_the_others_exported()
    {
        Kernel(ZfsLine);
        var gone = Dumps with { Name = "gone" };
        await DoAsync(new SetNfsExports([gone, Dumps]));
        var written = File.ReadAllText(root + "/exports");
        Assert.Contains("/mnt/datastore/dumps ", written, StringComparison.Ordinal);
        Assert.DoesNotContain("gone", written, StringComparison.Ordinal);
        Assert.Contains("at /mnt/datastore/gone", (await RefusedAsync(new SetNfsExports([Dumps, gone], "gone"))).Message, StringComparison.Ordinal);
        Assert.Equal(written, File.ReadAllText(root + "/exports"));
    }

    [Fact]
    public async Task A_mount_is_a_unit_that_waits_for_its_server_and_gives_nobody_rights()
    {
        await DoAsync(new MountNfs(Nas with { Name = "nas-2" }));
        var unit = File.ReadAllText(root + @"/units/mnt-holdfast-nas\x2d2.mount");
        Assert.Contains("\nBefore=holdfastd.service\n", unit, StringComparison.Ordinal);
        Assert.Contains("\nWhat=10.0.0.9:/backup\nWhere=/mnt/holdfast/nas-2\nType=nfs4\n", unit, StringComparison.Ordinal);
        Assert.Contains("Options=vers=4.2,proto=tcp,hard,timeo=150,retrans=3,nosuid,nodev,noexec,rw,_netdev\nTimeoutSec=45\n", unit, StringComparison.Ordinal);
        Assert.Equal(["systemctl daemon-reload", @"systemctl start mnt-holdfast-nas\x2d2.mount"], system.Acts);
        Assert.Equal("[2001:db8::1]:/a", (Nas with { Server = "2001:db8::1", Remote = "/a" }).What);
    }

    [Theory]
    [InlineData("../x", "10.0.0.9", "/a", "4.2", "a mount is named")]
    [InlineData("x\n", "10.0.0.9", "/a", "4.2", "a mount is named")]
    [InlineData("x", "a b", "/a", "4.2", "no address")]
    [InlineData("x", "-o", "/a", "4.2", "no address")]
    [InlineData("x", "nas", "a", "4.2", "absolute path")]
    [InlineData("x", "nas", "/a\nOptions=soft", "4.2", "absolute path")]
    [InlineData("x", "nas", "/a/../b", "4.2", "absolute path")]
    [InlineData("x", "nas", "/%h", "4.2", "absolute path")]
    [InlineData("x", "nas", "/a", "3", "the version is")]
    public async Task What_can_be_no_mount_is_refused(string name, string server, string remote, string version, string why)
    {
        Assert.Contains(why, (await RefusedAsync(new MountNfs(new NfsMount(name, server, remote, version, false)))).Message, StringComparison.Ordinal);
        Assert.Empty(system.Acts);
    }

    [Fact]
    public async Task A_mount_that_fails_says_what_mount_nfs_said()
    {
        system.Fails = "systemctl start";
        system.Journal = "Mounting\nmount.nfs4: access denied by server while mounting 10.0.0.9:/backup\nFailed\n";
        Assert.Contains("mount.nfs4: access denied by server", (await RefusedAsync(new MountNfs(Nas))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Unmounting_waits_for_nobody_when_it_is_lazy()
    {
        Kernel(NfsLine);
        Assert.Contains("can be unmounted lazily", (await RefusedAsync(new UnmountNfs("nas", false))).Message, StringComparison.Ordinal);
        system.Acts.Clear();
        await DoAsync(new UnmountNfs("nas", true));
        Assert.Equal(["umount --force --lazy /mnt/holdfast/nas", "systemctl stop mnt-holdfast-nas.mount"], system.Acts);
        await RefusedAsync(new UnmountNfs("../..", true));
    }

    [Fact]
    public async Task A_look_tells_a_server_that_is_well_silent_failing_or_not_mounted()
    {
        Kernel(NfsLine, "device 10.0.0.9:/backup mounted on /mnt/holdfast/nas with fstype nfs4 statvers=1.1\n\topts:\trw\n\tage:\t77\n"
            + "\tbytes:\t1 2 3 4 500 600 7 8\n\tper-op statistics\n\t        READ: 9 10 1 4 5 6 7 8 9\n\t       WRITE: 9 10 2 4 5 6 7 8 9\n");
        File.WriteAllText(root + "/etab", "/mnt/datastore/dumps\t10.1.0.0/24(rw,sync,wdelay)\n/srv/x\t*(ro,sync)\n");
        system.Stat = "1048576 1000 250\n";
        var seen = await SeenAsync("nas", "other");
        Assert.Equal(new MountSeen("nas", "well", null, "10.0.0.9:/backup", 1000L << 20, 250L << 20, new MountTraffic(77, 500, 600, 3)), seen.Mounts[0]);
        Assert.Equal("absent", seen.Mounts[1].State);
        Assert.Equal([new ExportSeen("/mnt/datastore/dumps", "10.1.0.0/24", false), new ExportSeen("/srv/x", "*", true)], seen.Exports);
        Assert.True(seen is { CanServe: true, IsServing: true, CanMount: true });
        system.Stat = null;
        Assert.Equal("silent", (await SeenAsync("nas")).Mounts[0].State);
        system.Fails = "stat -f";
        Assert.Equal("failed", (await SeenAsync("nas")).Mounts[0].State);
    }

    [Fact]
    public void A_server_is_lost_and_back_only_when_it_lasts()
    {
        Tell(Holdfast.Features.Events.Event.Of(new NfsMountCreated("nas", "10.0.0.9", "/backup", "4.2", false), EventMetadata.System));
        Assert.Empty(Look("silent"));
        Assert.Empty(Look("silent"));
        Assert.Empty(Look("well"));
        Assert.Empty(Look("silent"));
        Assert.Empty(Look("silent"));
        Assert.Equal(["NfsServerLost"], Look("absent"));
        Assert.Equal(["nfs-server-lost"], Kinds);
        Assert.Empty(Look("silent"));
        Assert.Empty(Look("well"));
        Assert.Empty(Look("silent"));
        Assert.Empty(Look("well"));
        Assert.Empty(Look("well"));
        Assert.Equal(["NfsServerBack"], Look("well"));
        Assert.Empty(Kinds);
        _ = (Look("silent"), Look("silent"), Look("silent"));
        Assert.Equal(["nfs-server-lost"], Kinds);
        Tell(Holdfast.Features.Events.Event.Of(new NfsMountRemoved("nas", true), EventMetadata.System));
        Assert.Empty(Kinds);
        Assert.Empty(state.Mounts);
    }

    [Fact]
    public void Exports_that_are_away_for_a_while_are_an_alarm_and_the_fold_survives_its_snapshot()
    {
        Tell(Holdfast.Features.Events.Event.Of(new NfsExportCreated("dumps", Dumps.Clients, false, "all"), EventMetadata.System));
        var down = new NfsSeen(true, false, true, [], []);
        var up = new NfsSeen(true, true, true, [new ExportSeen(Dumps.Folder, "10.1.0.0/24", false)], []);
        Assert.Empty(Look(up));
        List<string> told = [.. Look(down), .. Look(down), .. Look(down), .. Look(down)];
        Assert.Empty(told);
        Assert.Equal(["NfsExportsDown"], Look(down));
        Assert.Equal(["nfs-exports-down"], Kinds);
        using var snapshot = new MemoryStream();
        fold.Write(state, snapshot);
        snapshot.Position = 0;
        var read = fold.Read(snapshot);
        Assert.Equal((state.DownWhy, Dumps), (read.DownWhy, read.Exports["dumps"]));
        told = [.. Look(up), .. Look(up), .. Look(up), .. Look(up)];
        Assert.Empty(told);
        Assert.Equal(["NfsExportsUp"], Look(up));
        Assert.Empty(Kinds);
        Assert.False(NfsDecider.Differs(state, up));
        Assert.True(NfsDecider.Differs(NfsState.Empty, up));
        Assert.False(NfsDecider.Differs(NfsState.Empty, new NfsSeen(true, true, true, [new ExportSeen("/srv/own", "*", false)], [])));
        Assert.NotNull(state.ExportAt("/mnt/datastore/dumps/store"));
        Assert.Null(state.ExportAt("/mnt/datastore/dumps2"));
    }

    [Fact]
    public void A_datastore_whose_server_is_away_is_refused_with_the_reason_and_passed_over()
    {
        var registry = new DatastoreRegistry(null!);
        var bytes = Datastore.Create(new SimulatedVolume(), new DatastoreOptions { Clock = TimeProvider.System });
        var store = new OpenDatastore("main", bytes) { IsRemote = true };
        registry.Add(store);
        Assert.True(store.Space().TotalBytes > 0);
        registry.SetAway("main", "NFS server 10.0.0.9, on which it lies, is away");
        Assert.Null(registry.Find("main", out var problem));
        Assert.Equal("datastore 'main' is unavailable: NFS server 10.0.0.9, on which it lies, is away", problem);
        Assert.Null(registry.FindForWriting("main", out problem));
        Assert.Empty(registry.Present());
        Assert.Single(registry.All());
        registry.SetAway("main", null);
        Assert.Same(store, registry.FindForWriting("main", out _));
        Assert.Single(registry.Present());
    }

    private List<string> Look(string mount) =>
        Look(new NfsSeen(true, false, true, [], [new MountSeen("nas", mount, mount == "well" ? null : mount, null, 0, 0, null)]));

    private List<string> Look(NfsSeen seen)
    {
        nowS += 10;
        (var events, memory) = NfsDecider.Seen(state, memory, seen, nowS, EventMetadata.System);
        foreach (var told in events)
        {
            Tell(told);
        }

        return [.. events.Select(told => told.Type[..^2])];
    }

    private void Tell(NewEvent told)
    {
        var recorded = new RecordedEvent(++position, "nfs", position, told.Type, nowS * 1_000_000, told.Data, told.Metadata, new byte[32]);
        (state, alarms) = (fold.Apply(state, recorded), alarmsFold.Apply(alarms, recorded));
    }

    private IEnumerable<string> Kinds => alarms.Raised.Values.Select(alarm => alarm.Kind);

    private void Kernel(string mountinfo, string mountstats = "")
    {
        File.WriteAllText(root + "/mountinfo", mountinfo);
        File.WriteAllText(root + "/mountstats", mountstats);
    }

    private async Task<NfsSeen> SeenAsync(params string[] mounts) => Assert.IsType<NfsSeen>(await DoAsync(new ReadNfs(mounts)));

    private async Task<AgentAnswer> DoAsync(AgentRequest request)
    {
        var verbs = new NfsVerbs(system, system, new NfsPlaces(root + "/exports", root + "/run/doors", root + "/rules", root + "/units", root, root + "/etab"),
            "holdfast").Verbs;
        await foreach (var answer in verbs.Single(verb => verb.Request == request.GetType()).Answers(request, default))
        {
            return answer;
        }

        throw new InvalidOperationException("no answer");
    }

    private Task<VerbRefusedException> RefusedAsync(AgentRequest request) => Assert.ThrowsAsync<VerbRefusedException>(() => DoAsync(request));

    /// <summary>Programs that note what they were asked to do.</summary>
    private sealed class FakeSystem : IPrograms
    {
        public List<string> Acts { get; } = [];

        /// <summary>What <c>stat</c> says; null = it hangs and is ended.</summary>
        public string? Stat { get; set; } = "";

        public string? Fails { get; set; }

        public string Journal { get; set; } = "";

        public bool Has(string program) => true;

        public Task<ProgramResult> RunAsync(
            string program, IReadOnlyList<string> arguments, ProgramLimits? limits = null, string? input = null, CancellationToken cancel = default)
        {
            var line = program + " " + string.Join(' ', arguments);
            if (Fails is not null && line.StartsWith(Fails, StringComparison.Ordinal))
            {
                return Task.FromResult(new ProgramResult(1, "", "it failed"));
            }

            switch (program, arguments[0])
            {
                case ("id", _):
                    return Said("900\n");
                case ("systemctl", "is-active"):
                    return Said("");
                case ("journalctl", _):
                    return Said(Journal);
                case ("stat", _):
                    return Stat is { } stat ? Said(stat) : throw new ProgramFailedException("stat took longer than 5 s and was ended");
                default:
                    Acts.Add(line);
                    return Said("");
            }
        }

        public IAsyncEnumerable<string> LinesAsync(string program, IReadOnlyList<string> arguments, CancellationToken cancel) =>
            throw new NotSupportedException();

        private static Task<ProgramResult> Said(string output) => Task.FromResult(new ProgramResult(0, output, ""));
    }
}
