// The appliance as the host assembles it, in memory, with the users and the datastore of the recordings: the store is found on disk at the start, as a PBS's
// would be, and goes on growing by reconciliation.
using Holdfast.Features.Access;
using Holdfast.Features.Audit;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Settings;
using Holdfast.Features.Snapshots;
using Holdfast.Host;
using Holdfast.Ledger;
using Holdfast.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace Holdfast.Tests.Unit.Features;

internal sealed class RecordedWorld : IAsyncDisposable
{
    private static readonly DateTimeOffset Now = new(2026, 11, 21, 1, 30, 0, TimeSpan.Zero);

    private readonly DeferredAppends deferred;

    private RecordedWorld(MemoryLedger ledger, Folds folds, Volume volume)
    {
        var clock = new InstantClock(Now);
        (Ledger, Folds) = (ledger, folds);
        deferred = new DeferredAppends(ledger, TimeProvider.System);
        var none = new Dictionary<string, string>();
        Parts = new Parts(new Foundations(
            ApplianceSettings.Load(none, none, _ => null), folds, new Recorder(ledger, deferred, clock), new CredentialStore(new NoFile()),
            new byte[32], "00000000-0000-4000-8000-000000000000", new SimulatedVolume(), _ => { }, clock, NullLogger.Instance));
        var isStore = volume.TryStat(ChunkStore.Folder, out _);
        Store = new OpenDatastore("shapes", isStore ? Datastore.Open(volume, StorageTestKit.Options) : Datastore.Create(volume, StorageTestKit.Options));
    }

    public MemoryLedger Ledger { get; }

    public Folds Folds { get; }

    public Parts Parts { get; }

    public OpenDatastore Store { get; }

    public SnapshotsState Snapshots => Folds.Snapshots.State;

    /// <summary>A first start on a store that this fills.</summary>
    public static Task<RecordedWorld> MakeAsync(Action<Datastore> fill) =>
        MakeAsync(new MemoryLedger(TimeProvider.System), new SimulatedVolume(), fill);

    /// <summary>The same on this ledger and disk.</summary>
    public static async Task<RecordedWorld> MakeAsync(MemoryLedger ledger, Volume volume, Action<Datastore> fill)
    {
        await ledger.AppendAsync(new Append("setup", ExpectedVersion.Any, [.. Facts()]));
        return await StartAsync(ledger, volume, fill);
    }

    /// <summary>A start on what an earlier one left.</summary>
    public static async Task<RecordedWorld> StartAsync(MemoryLedger ledger, Volume volume, Action<Datastore>? fill = null)
    {
        var folds = new Folds(ledger, null, TimeProvider.System, _ => { });
        await folds.Set.StartAsync();
        var world = new RecordedWorld(ledger, folds, volume);
        fill?.Invoke(world.Store.Bytes);
        world.Parts.Stores.Add(world.Store);
        await world.Parts.Reconciliation.ReconcileStoreAsync(world.Store);
        return world;
    }

    /// <summary>Puts a finished snapshot on disk: a manifest that names these files, and the log where it is among them.</summary>
    public static void Put(Datastore store, string ns, string group, long time, string owner, params string[] files)
    {
        var (place, name) = (BackupNamespace.Parse(ns), SnapshotName.Create(BackupGroup.Parse(group), time));
        store.CreateGroup(place, name.Group, owner);
        var folder = store.CreateSnapshot(place, name);
        var manifest = new Manifest(name);
        foreach (var file in files.Where(file => file != SafeId.ClientLogName))
        {
            var size = file switch { "drive-scsi0.img.fidx" => 5_000_000, "root.pxar.didx" => 617, "catalog.pcat1.didx" => 84, _ => 33 };
            manifest.Add(new ManifestFile(file, CryptMode.None, size, Digest.Of([1])));
        }

        folder.PublishManifest(manifest.ToBlob());
        if (files.Contains(SafeId.ClientLogName))
        {
            folder.WriteClientLog(DataBlob.Encode([1, 2, 3]));
        }
    }

    /// <summary>The same while the appliance runs; found as somebody else's.</summary>
    public async Task AddAsync(string ns, string group, long time, string owner, params string[] files)
    {
        Put(Store.Bytes, ns, group, time, owner, files);
        await Parts.Reconciliation.ReconcileGroupAsync(Store, Key(ns, group));
    }

    public async Task ForgetAsync(string ns, string group, long time) =>
        await Parts.Forgetting.RunAsync([(Key(ns, group), time)], EventMetadata.System);

    public static GroupKey Key(string ns, string group) => new("shapes", ns, group.Split('/')[0], group.Split('/')[1]);

    /// <summary>A call as this user; its status and body.</summary>
    public async Task<(int Status, string Body)> CallAsync(
        string user, string method, string path, string query = "", byte[]? body = null, string? contentType = null)
    {
        var exchange = new MemoryExchange(method, path, query, body ?? []);
        if (contentType is not null)
        {
            exchange.RequestHeaders["content-type"] = contentType;
        }

        await Parts.Api.ServeApiAsync(exchange, _ => ValueTask.FromResult<object?>(new Caller(user, "192.0.2.1")));
        return (exchange.Status, exchange.Answer);
    }

    /// <summary>A call on the store as the tester.</summary>
    public Task<(int Status, string Body)> CallAsync(string method, string verb, string query) =>
        CallAsync("tester@pbs", method, "/api2/json/admin/datastore/shapes/" + verb, query);

    /// <summary>Facts that wait for the ledger.</summary>
    public DeferredAppends Deferred => deferred;

    public Task DrainAsync() => deferred.DrainAsync();

    public Task TasksEndedAsync() => Task.WhenAll(Parts.Tasks.Running.Select(task => task.Ended));

    public async ValueTask DisposeAsync()
    {
        await deferred.DisposeAsync();
        await Folds.Set.DisposeAsync();
        Parts.Dispose();
    }

    private static IEnumerable<NewEvent> Facts()
    {
        yield return Of(new DatastoreCreated("shapes", "/data/shapes", null));
        foreach (var (user, role, path) in new[]
        {
            ("tester@pbs", "Admin", "/"), ("auditor@pbs", "Audit", "/"), ("dsbackup@pbs", "DatastoreBackup", "/datastore/shapes"),
            ("dsreader@pbs", "DatastoreReader", "/datastore/shapes"), ("dspower@pbs", "DatastorePowerUser", "/datastore/shapes"),
            ("norights@pbs", "", ""),
        })
        {
            yield return Of(new UserCreated(user, true, 0, null));
            if (role != "")
            {
                yield return Of(new AccessGranted(path, user, role, true));
            }
        }

        yield return Of(new TokenIssued("tester@pbs!tok1", true, 0, null));
    }

    private static NewEvent Of<T>(T fact) where T : class, IEventData<T> => Event.Of(fact, EventMetadata.System);

    private sealed class NoFile : ICredentialFile
    {
        public byte[]? Read() => null;

        public void Replace(byte[] content)
        {
            // Nothing here outlives the test.
        }
    }
}
