// The appliance as the host assembles it, from the calls of sessions and of the API down to the volume and the ledger, without network, processes or disk: a
// simulated volume below, a ledger in memory beside. Nothing of the write order is rewritten here.
using Holdfast.Features.Access;
using Holdfast.Features.Audit;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Sessions;
using Holdfast.Features.Settings;
using Holdfast.Features.Snapshots;
using Holdfast.Host;
using Holdfast.Ledger;
using Holdfast.Storage;
using Holdfast.Wire;
using Microsoft.Extensions.Logging.Abstractions;

namespace Holdfast.Tests.Crash;

internal sealed class SimulatedAppliance : IAsyncDisposable
{
    public const string Admin = "admin@pbs";
    public static readonly DatastoreOptions Options = new() { MakeAllChunkFolders = false };
    private static readonly TimeProvider Clock = TimeProvider.System;
    private static readonly Caller Asking = new(Admin, "127.0.0.1");
    private static readonly Dictionary<string, string> Nothing = [];

    private readonly DeferredAppends deferred;
    private readonly Parts parts;

    private SimulatedAppliance(MemoryLedger ledger, Folds folds, Datastore store)
    {
        (Ledger, Folds, Store) = (ledger, folds, store);
        deferred = new DeferredAppends(ledger, Clock);
        parts = new Parts(new Foundations(
            ApplianceSettings.Load(Nothing, Nothing, _ => null), folds, new Recorder(ledger, deferred, Clock), new CredentialStore(new NoFile()),
            new byte[32], "00000000-0000-4000-8000-000000000000", new SimulatedVolume(), _ => { }, Clock, NullLogger.Instance));
        Open = new OpenDatastore("main", store);
    }

    public MemoryLedger Ledger { get; }

    public Folds Folds { get; }

    public Datastore Store { get; }

    public OpenDatastore Open { get; }

    /// <summary>As the host starts: folds, tasks that were cut off, datastore, the comparison of disk and ledger, prunes that go on.</summary>
    public static async Task<SimulatedAppliance> StartAsync(Volume volume, MemoryLedger ledger)
    {
        var isNew = ledger.Head.Position == 0;
        if (isNew)
        {
            await AppendAsync(ledger, "auth:" + Admin, Event.Of(new UserCreated(Admin, true, 0, null), EventMetadata.System));
            await AppendAsync(ledger, "acl", Event.Of(new AccessGranted("/", Admin, Roles.Admin, true), EventMetadata.System));
            await AppendAsync(ledger, "datastore:main", Event.Of(new DatastoreCreated("main", "main", null), EventMetadata.System));
        }

        var folds = new Folds(ledger, null, Clock, _ => { });
        await folds.Set.StartAsync();
        var appliance = new SimulatedAppliance(
            ledger, folds, isNew ? Datastore.Create(volume, Options) : Datastore.Open(volume, Options));
        await appliance.parts.Tasks.CloseInterruptedAsync(folds.Tasks.State);
        await appliance.parts.Reconciliation.ReconcileStoreAsync(appliance.Open);
        appliance.parts.Stores.Add(appliance.Open);
        await appliance.parts.Pruning.ResumeAsync(appliance.parts.Tasks);
        await appliance.TasksEndedAsync();
        return appliance;
    }

    /// <summary>A copy of a ledger up to a position: what was committed when the power went.</summary>
    public static async Task<MemoryLedger> CopyAsync(MemoryLedger ledger, long upTo)
    {
        var copy = new MemoryLedger(Clock);
        await foreach (var one in ledger.ReadAsync())
        {
            if (one.Position > upTo)
            {
                break;
            }

            await AppendAsync(copy, one.Stream, new NewEvent(one.Type, one.Data, one.Metadata, one.TimeUs));
        }

        return copy;
    }

    public async Task<IUpgradedSession> OpenSessionAsync(GroupKey group, long time) =>
        await parts.Gate.OpenAsync("backup", new SessionWish(group, time, Asking, Benchmark: false, "proxmox-backup-protocol-v1"), CancellationToken.None)
            switch
            {
                UpgradeDecision.Accept accepted => accepted.Session,
                var refused => throw new InvalidOperationException(refused.ToString()),
            };

    /// <summary>A call of the API as the admin; its status and text.</summary>
    public async Task<(int Status, string Text)> CallAsync(string method, string pathAndQuery)
    {
        var exchange = new MemoryExchange(method, "/api2/json" + pathAndQuery, []);
        await parts.Api.ServeApiAsync(exchange, _ => ValueTask.FromResult<object?>(Asking));
        return (exchange.Status, exchange.Text);
    }

    /// <summary>A call that starts a task, and the task's end: its status, null if it was not started or has no end.</summary>
    public async Task<string?> RunAsync(string pathAndQuery)
    {
        var exchange = new MemoryExchange("POST", "/api2/json" + pathAndQuery, []);
        await parts.Api.ServeApiAsync(exchange, _ => ValueTask.FromResult<object?>(Asking));
        if (exchange.Status != 200)
        {
            return null;
        }

        await TasksEndedAsync();
        return Folds.Tasks.State.Find(exchange.Data.GetString()!)?.Status;
    }

    public bool IsListed(GroupKey group, long time) =>
        Folds.Snapshots.State.Find(group)?.Snapshots.GetValueOrDefault(time) is { Missing: false };

    public async ValueTask DisposeAsync()
    {
        await TasksEndedAsync();
        await deferred.DisposeAsync();
        await Folds.Set.DisposeAsync();
        Store.Dispose();
        parts.Dispose();
        await Ledger.DisposeAsync();
    }

    private Task TasksEndedAsync() => Task.WhenAll(parts.Tasks.Running.Where(task => task.Upid.WorkerType != "backup").Select(task => task.Ended));

    private static Task AppendAsync(MemoryLedger ledger, string stream, NewEvent one) =>
        ledger.AppendAsync(new Append(stream, ExpectedVersion.Any, [one]));

    /// <summary>Nobody logs in with a password here.</summary>
    private sealed class NoFile : ICredentialFile
    {
        public byte[]? Read() => null;

        public void Replace(byte[] content) => throw new InvalidOperationException("no credentials are kept here");
    }
}
