// The rules before, around and after a backup that are pure: may it start, what the fold makes of its events, who holds which lease, how much memory all
// sessions may take.
using Holdfast.Features.Backup;
using Holdfast.Features.Events;
using Holdfast.Features.Settings;
using Holdfast.Features.Snapshots;
using Holdfast.Ledger;
using Xunit;

namespace Holdfast.Tests.Unit.Features;

public sealed class BackupRulesTests
{
    private static readonly GroupKey Group = new("main", "a/b", "vm", "100");

    [Fact]
    public void A_new_group_belongs_to_whoever_makes_its_first_backup()
    {
        var accepted = Assert.IsType<BackupDecision.Accepted>(BackupDecider.Decide(null, Wish(10, "u@pbs!t")));
        Assert.Equal(("u@pbs!t", 0L), (accepted.Event.Owner, accepted.ExpectedVersion));
        Assert.Null(accepted.Base);
    }

    [Theory]
    [InlineData(11, "u@pbs", null)]
    [InlineData(10, "u@pbs", "backup timestamp is older than last backup.")]
    [InlineData(9, "u@pbs", "backup timestamp is older than last backup.")]
    [InlineData(11, "u@pbs!t", "backup owner check failed (u@pbs!t != u@pbs)")]
    [InlineData(11, "v@pbs", "backup owner check failed (v@pbs != u@pbs)")]
    public void A_known_group_takes_newer_times_of_its_owner(long time, string caller, string? refusal)
    {
        var decision = BackupDecider.Decide(State(Started(10), Finished(10)).Find(Group), Wish(time, caller));
        Assert.Equal(refusal, (decision as BackupDecision.Refused)?.Text);
        if (decision is BackupDecision.Accepted accepted)
        {
            Assert.Equal((10L, 2L), (accepted.Event.Previous!.Value, accepted.ExpectedVersion));
        }
    }

    [Fact]
    public void A_base_that_failed_its_verification_is_no_base()
    {
        var content = Content() with { VerifyState = "failed", VerifyUpid = "UPID:x" };
        var state = State(Started(10), Event.Of(new SnapshotDiscovered("main", "a/b", "vm", "100", 10, "u@pbs", content, ""), EventMetadata.System));
        var accepted = Assert.IsType<BackupDecision.Accepted>(BackupDecider.Decide(state.Find(Group), Wish(11, "u@pbs")));
        Assert.Null(accepted.Base);
        Assert.Null(accepted.Event.Previous);
    }

    [Fact]
    public void W6_missing_snapshots_are_neither_base_nor_listed_as_newest()
    {
        var state = State(Started(10), Finished(10), Started(20), Finished(20),
            Event.Of(new SnapshotMissing("main", "a/b", "vm", "100", 20, "gone"), EventMetadata.System));
        Assert.Equal(10, state.Find(Group)!.Newest!.BackupTime);
        var accepted = Assert.IsType<BackupDecision.Accepted>(BackupDecider.Decide(state.Find(Group), Wish(21, "u@pbs")));
        Assert.Equal(10, accepted.Base!.BackupTime);
    }

    [Fact]
    public void An_aborted_first_backup_leaves_no_owner_behind()
    {
        var state = State(Started(10), Event.Of(new BackupAborted("main", "a/b", "vm", "100", 10, "cut"), EventMetadata.System));
        Assert.Empty(state.Find(Group)!.Open);
        var accepted = Assert.IsType<BackupDecision.Accepted>(BackupDecider.Decide(state.Find(Group), Wish(10, "other@pbs")));
        Assert.Equal("other@pbs", accepted.Event.Owner);
    }

    [Fact]
    public void The_fold_reads_back_what_it_writes_and_renders_what_changed()
    {
        var fold = new SnapshotsFold();
        var state = State(Started(10), Finished(10), Started(20));
        var before = state.Find(Group)!.Snapshots[10].ListItem(Group, "u@pbs");
        Assert.Same(before, state.Find(Group)!.Snapshots[10].ListItem(Group, "u@pbs"));
        Assert.NotSame(before, state.Find(Group)!.Snapshots[10].ListItem(Group, "v@pbs"));

        var log = Event.Of(new BackupLogUploaded("main", "a/b", "vm", "100", 10, 99), EventMetadata.System);
        state = fold.Apply(state, Recorded(4, log));
        Assert.Contains("client.log.blob", System.Text.Encoding.UTF8.GetString(state.Find(Group)!.Snapshots[10].ListItem(Group, "u@pbs")));

        var bytes = new MemoryStream();
        fold.Write(state, bytes);
        bytes.Position = 0;
        var read = fold.Read(bytes);
        var again = new MemoryStream();
        fold.Write(read, again);
        Assert.Equal(bytes.ToArray(), again.ToArray());
        Assert.Equal(20, Assert.Single(read.Find(Group)!.Open).BackupTime);
        Assert.Throws<InvalidDataException>(() => fold.Read(new MemoryStream("[{}"u8.ToArray())));
    }

    [Fact]
    public void Streams_of_different_groups_never_meet()
    {
        Assert.NotEqual(new GroupKey("s", "a-b", "vm", "1").Stream, new GroupKey("s-a", "b", "vm", "1").Stream);
        Assert.NotEqual(new GroupKey("s", "", "vm", "a-b").Stream, new GroupKey("s", "", "vm-a", "b").Stream);
    }

    [Fact]
    public void A_group_has_one_writer_and_a_snapshot_many_readers_or_one_remover()
    {
        var leases = new Leases();
        var first = leases.TryGroup(Group)!;
        Assert.Null(leases.TryGroup(Group));
        Assert.NotNull(leases.TryGroup(Group with { BackupId = "101" }));
        first.Dispose();
        first.Dispose();
        Assert.NotNull(leases.TryGroup(Group));

        var (a, b) = (leases.TryShare(Group, 1)!, leases.TryShare(Group, 1)!);
        Assert.Null(leases.TryOwn(Group, 1));
        a.Dispose();
        a.Dispose();
        Assert.Null(leases.TryOwn(Group, 1));
        b.Dispose();
        var own = leases.TryOwn(Group, 1)!;
        Assert.Null(leases.TryShare(Group, 1));
        own.Dispose();
        Assert.NotNull(leases.TryShare(Group, 1));
    }

    [Theory]
    [InlineData("{\"port\": \"x\"}", "setting 'Port' must be a number from 0 to 65535, not 'x' (holdfast.json)")]
    [InlineData("{\"prot\": 1}", "unknown setting 'prot' (holdfast.json)")]
    [InlineData("{\"ledger\": {\"patienceSeconds\": 0}}", "setting 'Ledger:PatienceSeconds' must be a number from 1 to 600, not '0' (holdfast.json)")]
    [InlineData("[]", "holdfast.json must hold an object")]
    [InlineData("{\"listen\": \"host\"}", "setting 'Listen' must be an IP address, not 'host' (holdfast.json)")]
    public void A_wrong_setting_is_refused_by_its_name(string file, string expected) =>
        Assert.Equal(expected, Assert.Throws<SettingsException>(() => Load([], [], file)).Message);

    [Fact]
    public void Later_sources_of_settings_win()
    {
        const string file = "{\"port\": 1, \"listen\": \"127.0.0.1\", \"ledger\": {\"checkpointMinutes\": 3}}";
        var environment = new Dictionary<string, string>
        {
            ["HOLDFAST_PORT"] = "2", ["HOLDFAST_Ledger__PatienceSeconds"] = "9", ["HOLDFAST_OUT"] = "x",
        };
        var settings = Load(new() { ["port"] = "3" }, environment, file);
        Assert.Equal((3, "127.0.0.1"), (settings.Port, settings.Listen));
        Assert.Equal((9, 3), ((int)settings.LedgerPatience.TotalSeconds, (int)settings.CheckpointInterval.TotalMinutes));
        Assert.Contains("environment, HOLDFAST_PORT",
            Assert.Throws<SettingsException>(() => Load([], new() { ["HOLDFAST_PORT"] = "-1" }, "{}")).Message, StringComparison.Ordinal);
    }

    private static ApplianceSettings Load(Dictionary<string, string> line, Dictionary<string, string> environment, string file) =>
        ApplianceSettings.Load(line, environment, _ => System.Text.Encoding.UTF8.GetBytes(file));

    private static StartBackup Wish(long time, string caller) => new(Group, time, caller, "UPID:x", false);

    private static SnapshotsState State(params NewEvent[] events) => AccessTests.Fold(new SnapshotsFold(), events);

    private static RecordedEvent Recorded(long version, NewEvent fresh) =>
        new(version, Group.Stream, version, fresh.Type, version, fresh.Data, fresh.Metadata, ReadOnlyMemory<byte>.Empty);

    private static NewEvent Started(long time) =>
        Event.Of(new BackupStarted("main", "a/b", "vm", "100", time, "u@pbs", "UPID:x", null, false), EventMetadata.System);

    private static NewEvent Finished(long time) =>
        Event.Of(new BackupFinished("main", "a/b", "vm", "100", time, Content(), 1, 2, 0, 3), EventMetadata.System);

    private static SnapshotContent Content() => new([new SnapshotFile("d.img.fidx", "none", 5, new string('0', 64))], null, "first\nsecond", null, null, false);
}
