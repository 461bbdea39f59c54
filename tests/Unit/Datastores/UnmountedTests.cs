// A datastore whose disk is not there at a start stays away: no empty one is made in its place, and nothing is told missing.
using Holdfast.Features.Backup;
using Holdfast.Features.Datastores;
using Holdfast.Ledger;
using Xunit;

namespace Holdfast.Tests.Unit.Datastores;

public sealed class UnmountedTests
{
    [Fact]
    public async Task A_disk_that_is_not_mounted_is_not_replaced_by_an_empty_store()
    {
        var ledger = new MemoryLedger(TimeProvider.System);
        await ledger.AppendAsync(new Append("datastore:main", ExpectedVersion.Any, [StoreBed.Of(new DatastoreCreated("main", "/mnt/disk", null))]));
        await using (var first = await StoreBed.StartAsync(ledger))
        {
            Assert.NotNull(first.Parts.Stores.Find("main", out _)); // The first start makes it.
            await first.Recorder.NoteAsync("group:main::vm/1", new BackupStarted("main", "", "vm", "1", 10, "a@pbs", "UPID:x", null, false),
                EventMetadata.System);
        }

        var empty = new SimulatedFolders();
        await using var second = await StoreBed.StartAsync(ledger, empty);
        Assert.Null(second.Parts.Stores.Find("main", out _));
        Assert.Empty(empty.Volumes.Values.SelectMany(volume => volume.List("")));
        Assert.Equal(["BackupStarted"], await second.EventsAsync("group:main::vm/1"));
    }
}
