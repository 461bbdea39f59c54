// The appliance as the host assembles it, on a ledger in memory and a simulated disk, with snapshots made on that disk and discovered, so that prunes are
// run, cut off and carried on.
using Holdfast.Features.Access;
using Holdfast.Features.Audit;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Prune;
using Holdfast.Features.Settings;
using Holdfast.Features.Snapshots;
using Holdfast.Features.Tasks;
using Holdfast.Host;
using Holdfast.Ledger;
using Holdfast.Storage;
using Holdfast.Wire;
using Microsoft.Extensions.Logging.Abstractions;

namespace Holdfast.Tests.Unit.Features.Prune;

internal sealed class PruneBed : IAsyncDisposable
{
    /// <summary>2023-11-14, 22:13:20 UTC.</summary>
    public const long T = 1_700_000_000;
    public const long Day = 86_400;

    public static readonly Caller Admin = new("admin@pbs", "192.0.2.1");
    public static readonly Caller Power = new("power@pbs", "192.0.2.2");
    public static readonly Caller Nobody = new("nobody@pbs", "192.0.2.3");

    private readonly DeferredAppends deferred;

    private PruneBed(MemoryLedger ledger, Folds folds)
    {
        (Ledger, Folds) = (ledger, folds);
        deferred = new DeferredAppends(ledger, TimeProvider.System);
        var none = new Dictionary<string, string>();
        Parts = new Parts(new Foundations(
            ApplianceSettings.Load(none, none, _ => null), folds, new Recorder(ledger, deferred, TimeProvider.System), new CredentialStore(new NoFile()),
            new byte[32], "00000000-0000-4000-8000-000000000000", new SimulatedVolume(), _ => { }, TimeProvider.System, NullLogger.Instance));
    }

    public MemoryLedger Ledger { get; }

    public Folds Folds { get; }

    public Parts Parts { get; }

    public OpenDatastore Main => Parts.Stores.Find("main", out _)!;

    public static GroupKey Key(string group, string ns = "") => new("main", ns, group.Split('/')[0], group.Split('/')[1]);

    /// <summary>Starts on what was there, as a start of the appliance does: reconciles, closes interrupted tasks, goes on with prunes.</summary>
    public static async Task<PruneBed> StartAsync(MemoryLedger ledger, Volume volume)
    {
        var folds = new Folds(ledger, null, TimeProvider.System, _ => { });
        await folds.Set.StartAsync();
        var bed = new PruneBed(ledger, folds);
        if (ledger.Head.Position == 0)
        {
            await ledger.AppendAsync(new Append("setup", ExpectedVersion.Any,
            [
                Of(new DatastoreCreated("main", "main", null)), Of(new UserCreated(Admin.AuthId, true, 0, null)),
                Of(new UserCreated(Power.AuthId, true, 0, null)), Of(new UserCreated(Nobody.AuthId, true, 0, null)),
                Of(new AccessGranted("/", Admin.AuthId, Roles.Admin, true)),
                Of(new AccessGranted("/datastore/main", Power.AuthId, "DatastorePowerUser", true)),
            ]));
        }

        var isStore = volume.TryStat(ChunkStore.Folder, out _);
        var store = new OpenDatastore("main", isStore ? Datastore.Open(volume, StorageTestKit.Options) : Datastore.Create(volume, StorageTestKit.Options));
        await bed.Parts.Tasks.CloseInterruptedAsync(folds.Tasks.State);
        await bed.Parts.Reconciliation.ReconcileStoreAsync(store);
        bed.Parts.Stores.Add(store);
        await bed.Parts.Pruning.ResumeAsync(bed.Parts.Tasks);
        await bed.IdleAsync();
        return bed;
    }

    /// <summary>Makes finished snapshots on the disk and lets them be discovered.</summary>
    public async Task AddAsync(string group, string ns, string owner, params long[] times)
    {
        var place = BackupNamespace.Parse(ns);
        foreach (var level in (BackupNamespace[])[place.IsRoot ? place : place.Parent, place])
        {
            if (!Main.Bytes.NamespaceExists(level))
            {
                Main.Bytes.CreateNamespace(level);
            }
        }

        Main.Bytes.CreateGroup(place, BackupGroup.Parse(group), owner);
        foreach (var time in times)
        {
            var name = SnapshotName.Create(BackupGroup.Parse(group), time);
            Main.Bytes.CreateSnapshot(place, name).PublishManifest(new Manifest(name).ToBlob());
        }

        Main.Bytes.MakeDurable();
        await Parts.Reconciliation.ReconcileStoreAsync(Main);
    }

    public async Task<(int Status, string Text)> PostAsync(string path, string query, Caller? caller = null)
    {
        var exchange = new MemoryExchange("POST", "/api2/json/admin/datastore/main/" + path, query, []);
        await Parts.Api.ServeApiAsync(exchange, _ => ValueTask.FromResult<object?>(caller ?? Admin));
        return (exchange.Status, exchange.Answer);
    }

    /// <summary>Runs a prune as a task and gives its log without times.</summary>
    public async Task<(RunningTask Task, string[] Log)> RunAsync(PruneScope scope, RetentionPolicy policy, bool dryRun = false)
    {
        var task = await Parts.Tasks.StartAsync("prune", "main:", Admin, task => Parts.Pruning.RunAsync(task, scope, policy, dryRun), "main", "");
        await task.Ended;
        return (task, LogOf(task.Upid));
    }

    public string[] LogOf(Upid upid)
    {
        using var file = Parts.Tasks.Logs.Open(upid)!;
        var bytes = new byte[file.SizeBytes];
        file.ReadExactly(bytes, 0);
        return [.. System.Text.Encoding.UTF8.GetString(bytes).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line[(line.IndexOf(": ", StringComparison.Ordinal) + 2)..])];
    }

    public IEnumerable<long> Times(string group, string ns = "") => Folds.Snapshots.State.Find(Key(group, ns))?.Snapshots.Keys ?? [];

    public IEnumerable<long> OnDisk(string group) =>
        Main.Bytes.ListSnapshots(BackupNamespace.Root, BackupGroup.Parse(group)).Select(snapshot => snapshot.Name.Time);

    public async Task<List<RecordedEvent>> EventsAsync(string type)
    {
        var events = new List<RecordedEvent>();
        await foreach (var recorded in Ledger.ReadAsync())
        {
            if (recorded.Type == type)
            {
                events.Add(recorded);
            }
        }

        return events;
    }

    /// <summary>A ledger with the same events, up to and including that position.</summary>
    public static async Task<MemoryLedger> CopyAsync(MemoryLedger ledger, long upTo = long.MaxValue)
    {
        var copy = new MemoryLedger(TimeProvider.System);
        await foreach (var recorded in ledger.ReadAsync())
        {
            if (recorded.Position <= upTo)
            {
                await copy.AppendAsync(new Append(
                    recorded.Stream, ExpectedVersion.Any, [new NewEvent(recorded.Type, recorded.Data, recorded.Metadata, recorded.TimeUs)]));
            }
        }

        return copy;
    }

    public static NewEvent Of<T>(T fact, long? timeUs = null) where T : class, IEventData<T> => Event.Of(fact, EventMetadata.System, timeUs);

    public async Task IdleAsync() => await Task.WhenAll(Parts.Tasks.Running.Select(task => task.Ended));

    public async ValueTask DisposeAsync()
    {
        await Parts.Tasks.DisposeAsync();
        await deferred.DisposeAsync();
        await Folds.Set.DisposeAsync();
        Parts.Dispose();
    }

    private sealed class NoFile : ICredentialFile
    {
        public byte[]? Read() => null;

        public void Replace(byte[] content) => throw new NotSupportedException("no secret is set here");
    }
}
