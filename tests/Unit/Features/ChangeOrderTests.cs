// docs/write-order.md W5 and W6 for everything that changes on disk besides backups: notes, protection, owner, group notes, moves, namespaces. The power is
// cut at every call of the disk; after the next start ledger and disk agree, nothing is lost, and nothing is told as if a stranger had done it.
using Holdfast.Features.Snapshots;
using Holdfast.Ledger;
using Holdfast.Storage;
using Xunit;

namespace Holdfast.Tests.Unit.Features;

public sealed class ChangeOrderTests
{
    private const string Snapshot = "ns=a/b&backup-type=vm&backup-id=100&backup-time=1700000000";
    private const string Group = "ns=a/b&backup-type=vm&backup-id=100";

    [Theory]
    [InlineData("PUT", "notes", Snapshot + "&notes=first%0Asecond")]
    [InlineData("PUT", "protected", Snapshot + "&protected=1")]
    [InlineData("PUT", "group-notes", Group + "&notes=about+it")]
    [InlineData("POST", "change-owner", Group + "&new-owner=dspower@pbs")]
    [InlineData("POST", "move-group", Group + "&target-ns=c")]
    [InlineData("POST", "move-group", "ns=a&backup-type=ct&backup-id=1")]
    [InlineData("POST", "move-namespace", "ns=a&target-ns=c/d")]
    [InlineData("DELETE", "namespace", "ns=e")]
    [InlineData("DELETE", "namespace", "ns=a&delete-groups=1")]
    [InlineData("DELETE", "groups", Group)]
    [InlineData("DELETE", "snapshots", Snapshot)]
    public async Task W5_W6_a_power_cut_at_any_call_of_a_change_leaves_it_done_or_undone(string method, string verb, string query)
    {
        var (prepared, history) = (new SimulatedVolume(), new MemoryLedger(TimeProvider.System));
        await using (var world = await RecordedWorld.MakeAsync(history, prepared, Fill))
        {
            world.Store.Bytes.MakeDurable();
        }

        var calls = 0;
        for (var cut = 0; cut == 0 || cut <= calls; cut++)
        {
            var (ledger, volume) = (await CopyAsync(history), prepared.Crash(1));
            await using (var world = await RecordedWorld.StartAsync(ledger, volume))
            {
                var before = volume.Calls;
                volume.CutAtCall = cut == 0 ? 0 : before + cut;
                try
                {
                    await world.CallAsync(method, verb, query);
                    await world.TasksEndedAsync();
                }
                catch (SimulatedPowerCutException)
                {
                    // The lights are out.
                }

                calls = cut == 0 ? volume.Calls - before : calls;
            }

            for (var seed = 0; seed < 2; seed++)
            {
                await CheckAsync(await CopyAsync(ledger), volume.Crash((cut * 31) + seed), $"{verb}: cut at call {cut}, seed {seed}");
            }
        }

        Assert.InRange(calls, 2, 300);
    }

    [Fact]
    public async Task W6_what_somebody_changed_on_disk_is_told_and_holds()
    {
        var (volume, ledger) = (new SimulatedVolume(), new MemoryLedger(TimeProvider.System));
        await using (var world = await RecordedWorld.MakeAsync(ledger, volume, Fill))
        {
            var store = world.Store.Bytes;
            var (ns, group) = (BackupNamespace.Parse("a/b"), BackupGroup.Parse("vm/100"));
            store.SetOwner(ns, group, "other@pbs");
            store.SetGroupNotes(ns, group, "from outside");
            store.OpenSnapshot(ns, SnapshotName.Create(group, 1700000000)).SetProtected(true);
            store.OpenSnapshot(ns, SnapshotName.Create(group, 1700003600)).UpdateManifest(manifest => manifest.Notes = "a stranger's");
            store.MakeDurable();
        }

        await using var next = await RecordedWorld.StartAsync(ledger, volume.Crash(1));
        var known = next.Snapshots.Find(RecordedWorld.Key("a/b", "vm/100"))!;
        Assert.Equal(("other@pbs", "from outside"), (known.Owner, known.Notes));
        Assert.True(known.Snapshots[1700000000].Content.Protected);
        Assert.Equal("a stranger's", known.Snapshots[1700003600].Content.Comment);
        var head = ledger.Head.Position;
        await using var third = await RecordedWorld.StartAsync(ledger, volume.Crash(1));
        Assert.Equal(head, ledger.Head.Position);
    }

    [Fact]
    public async Task A_move_merges_only_what_is_newer_and_of_the_same_owner()
    {
        await using var world = await RecordedWorld.MakeAsync(store =>
        {
            Fill(store);
            RecordedWorld.Put(store, "", "vm/100", 1600000000, "tester@pbs");
            RecordedWorld.Put(store, "c", "vm/100", 1700003600, "tester@pbs");
            RecordedWorld.Put(store, "e", "vm/100", 1600000000, "dspower@pbs");
        });
        async Task<string> StatusAsync(string target)
        {
            var (status, _) = await world.CallAsync("POST", "move-group", Group + "&target-ns=" + target);
            Assert.Equal(200, status);
            await world.TasksEndedAsync();
            return world.Folds.Tasks.State.NewestFirst()[0].Status!;
        }

        Assert.Equal("cannot merge group 'vm/100' from 'a/b' into 'c': snapshot time mismatch", await StatusAsync("c"));
        Assert.Equal(
            "cannot merge group 'vm/100' from 'a/b' into 'e': owner mismatch (source: tester@pbs, target: dspower@pbs)", await StatusAsync("e"));
        using (world.Parts.Leases.TryShare(RecordedWorld.Key("a/b", "vm/100"), 1700003600))
        {
            Assert.Equal("unable to acquire lock on snapshot 'vm/100/2023-11-14T23:13:20Z' in 'a/b'", await StatusAsync(""));
        }

        Assert.Equal("OK", await StatusAsync(""));
        Assert.Equal([1600000000L, 1700000000L, 1700003600L], world.Snapshots.Find(RecordedWorld.Key("", "vm/100"))!.Snapshots.Keys);
        Assert.Equal(3, world.Store.Bytes.ListSnapshots(BackupNamespace.Root, BackupGroup.Parse("vm/100")).Count);
        Assert.False(world.Store.Bytes.GroupExists(BackupNamespace.Parse("a/b"), BackupGroup.Parse("vm/100")));
        Assert.Contains("does not exist in namespace 'a/b'", (await world.CallAsync("POST", "move-group", Group + "&target-ns=c")).Body);
    }

    [Fact]
    public async Task The_state_survives_its_saved_form()
    {
        await using var world = await RecordedWorld.MakeAsync(store =>
        {
            Fill(store);
            store.CreateSnapshot(BackupNamespace.Parse("c"), SnapshotName.Parse("host/x/2023-11-14T22:13:20Z"));
        });
        foreach (var (method, verb, query) in new[]
        {
            ("PUT", "notes", Snapshot + "&notes=n"), ("PUT", "group-notes", Group + "&notes=g"), ("POST", "move-group", Group + "&target-ns=c"),
        })
        {
            Assert.Equal(200, (await world.CallAsync(method, verb, query)).Status);
            await world.TasksEndedAsync();
        }

        var fold = new SnapshotsFold();
        using var first = new MemoryStream();
        fold.Write(world.Snapshots, first);
        first.Position = 0;
        using var second = new MemoryStream();
        fold.Write(fold.Read(first), second);
        Assert.Equal(first.ToArray(), second.ToArray());
        Assert.Contains("\"Unfinished\"", System.Text.Encoding.UTF8.GetString(first.ToArray()), StringComparison.Ordinal);
    }

    private static void Fill(Datastore store)
    {
        foreach (var ns in new[] { "a", "a/b", "c", "e", "e/f" })
        {
            store.CreateNamespace(BackupNamespace.Parse(ns));
        }

        store.CreateGroup(BackupNamespace.Parse("c"), BackupGroup.Parse("host/x"), "tester@pbs");
        RecordedWorld.Put(store, "a/b", "vm/100", 1700000000, "tester@pbs", "qemu-server.conf.blob");
        RecordedWorld.Put(store, "a/b", "vm/100", 1700003600, "tester@pbs", "qemu-server.conf.blob", SafeId.ClientLogName);
        RecordedWorld.Put(store, "a", "ct/1", 1700000000, "tester@pbs");
    }

    /// <summary>After a start, what the ledger tells and what lies on disk are the same, and no snapshot was found or missed.</summary>
    private static async Task CheckAsync(MemoryLedger ledger, Volume volume, string where)
    {
        var before = ledger.Head.Position;
        await using var world = await RecordedWorld.StartAsync(ledger, volume);
        await foreach (var recorded in ledger.ReadAsync(before + 1))
        {
            Assert.False(recorded.Type.Contains("Discovered", StringComparison.Ordinal) || recorded.Type.Contains("Missing", StringComparison.Ordinal),
                $"{where}: {recorded.Type}");
        }

        var store = world.Store.Bytes;
        var told = world.Folds.Datastores.State.Stores["shapes"].Namespaces;
        Assert.True(told.SequenceEqual(store.ListNamespaces(BackupNamespace.Root).Skip(1).Select(ns => ns.Text)), where + ": namespaces");
        var groups = world.Snapshots.InStore("shapes").ToList();
        Assert.All(groups, group => Assert.True(group.Pending.IsEmpty && group.Leaving.IsEmpty, $"{where}: {group.Key} is not settled"));
        foreach (var group in groups.Where(group => !group.IsEmpty))
        {
            var (ns, name) = (group.Key.Namespace, group.Key.Group);
            Assert.True(group.Owner == store.GetOwner(ns, name), where + ": owner");
            Assert.True((group.Notes ?? "") == store.GetGroupNotes(ns, name), where + ": group notes");
            foreach (var snapshot in group.Snapshots.Values)
            {
                var folder = store.OpenSnapshot(ns, group.Key.At(snapshot.BackupTime));
                Assert.True((snapshot.Content.Comment ?? "") == (folder.ReadManifest().Notes ?? ""), where + ": notes");
                Assert.True(snapshot.Content.ManifestBytes() == folder.ReadManifestRaw().Length, where + ": size of the manifest");
                Assert.True(snapshot.Content.Protected == folder.IsProtected, where + ": protection");
            }
        }

        var onDisk = store.DiskScan().Count();
        Assert.True(onDisk == groups.Sum(group => group.Snapshots.Count), $"{where}: {onDisk} snapshots on disk");
    }

    private static async Task<MemoryLedger> CopyAsync(MemoryLedger ledger)
    {
        var copy = new MemoryLedger(TimeProvider.System);
        await foreach (var recorded in ledger.ReadAsync())
        {
            await copy.AppendAsync(new Append(recorded.Stream, ExpectedVersion.Any, [new NewEvent(recorded.Type, recorded.Data, recorded.Metadata)]));
        }

        return copy;
    }
}
