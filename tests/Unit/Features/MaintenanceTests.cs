// Maintenance modes: how they are written, what they refuse, and that a datastore's options survive the fold's serial form.
using Holdfast.Features.Audit;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Ledger;
using Holdfast.Storage;
using Xunit;

namespace Holdfast.Tests.Unit.Features;

public sealed class MaintenanceTests
{
    [Theory]
    [InlineData("read-only", "read-only", "read-only maintenance mode: ", true)]
    [InlineData("type=read-only,message=test message", "read-only,message=test message", "read-only maintenance mode: test message", true)]
    [InlineData("message=\"a,\\\"b\\\"\",type=offline", "offline,message=\"a,\\\"b\\\"\"", "offline maintenance mode: a,\"b\"", false)]
    [InlineData("delete", "delete", "datastore is being deleted", false)]
    [InlineData("unmount", "unmount", "datastore is being unmounted", false)]
    public void A_mode_is_read_and_written_as_PBS_does(string text, string written, string reason, bool reading)
    {
        var mode = MaintenanceMode.Parse(text, out _)!;
        Assert.Equal((written, reason, reading), (mode.ToString(), mode.Reason, mode.AllowsReading));
    }

    [Theory]
    [InlineData("type=bogus", "unknown variant `bogus`, expected one of `read-only`, `offline`, `delete`, `unmount`, `s3-refresh`")]
    [InlineData("message=x", "missing field `type`")]
    [InlineData("read-only,colour=red", "unknown field `colour`, expected `type` or `message`")]
    public void What_is_no_mode_is_refused_with_its_reason(string text, string problem)
    {
        Assert.Null(MaintenanceMode.Parse(text, out var why));
        Assert.Equal(problem, why);
    }

    [Fact]
    public async Task A_mode_refuses_what_it_must_until_it_is_taken_back()
    {
        await using var ledger = new MemoryLedger(TimeProvider.System);
        await using var deferred = new DeferredAppends(ledger, TimeProvider.System);
        var folds = new Folds(ledger, null, TimeProvider.System, _ => { });
        await folds.Set.StartAsync();
        var recorder = new Recorder(ledger, deferred, TimeProvider.System);
        var registry = new DatastoreRegistry(recorder, () => folds.Datastores.State);
        using var bytes = Datastore.Create(new SimulatedVolume(), StorageTestKit.Options);
        registry.Add(new OpenDatastore("main", bytes));
        await recorder.NoteAsync("datastore:main", new DatastoreCreated("main", "main", "first"), EventMetadata.System);
        Assert.NotNull(registry.FindForWriting("main", out _));

        await SetAsync("read-only,message=moving");
        Assert.NotNull(registry.Find("main", out _));
        Assert.Null(registry.FindForWriting("main", out var problem));
        Assert.Equal("datastore 'main' is unavailable: read-only maintenance mode: moving", problem);
        await SetAsync("offline");
        Assert.Null(registry.Find("main", out _));
        Assert.NotNull(registry.FindAnyway("main"));

        using var saved = new MemoryStream();
        new DatastoresFold().Write(folds.Datastores.State, saved);
        saved.Position = 0;
        Assert.Equal("offline", new DatastoresFold().Read(saved).Stores["main"].Maintenance!.Type);
        await recorder.NoteAsync("datastore:main", new DatastoreOptionsSet("main", [], [StoreOption.MaintenanceMode]), EventMetadata.System);
        Assert.Equal("first", folds.Datastores.State.Stores["main"].Comment);
        Assert.NotNull(registry.FindForWriting("main", out _));
        Assert.Null(registry.Find("nosuch", out problem));
        Assert.Equal("no such datastore 'nosuch'", problem);
        await folds.Set.DisposeAsync();

        Task SetAsync(string mode) => recorder.NoteAsync(
            "datastore:main", new DatastoreOptionsSet("main", new() { [StoreOption.MaintenanceMode] = mode }, []), EventMetadata.System);
    }
}
