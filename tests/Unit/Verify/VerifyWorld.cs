// The appliance as the host assembles it, on a ledger in memory and one simulated disk: backups, restores and verifications by their own doors. Ledger and disk
// outlive it, so that a power cut is a second world on what is left.
using System.Text;
using System.Text.Json;
using Holdfast.Features.Access;
using Holdfast.Features.Audit;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Settings;
using Holdfast.Features.Snapshots;
using Holdfast.Features.Tasks;
using Holdfast.Features.Verify;
using Holdfast.Host;
using Holdfast.Ledger;
using Holdfast.Storage;
using Holdfast.Tests.Unit.Features;
using Holdfast.Wire;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Holdfast.Tests.Unit.Verify;

internal sealed class VerifyWorld : IAsyncDisposable
{
    public const string Admin = "admin@pbs";
    public const string Owner = "owner@pbs";
    private const string Secret = "0123456789";

    private readonly DeferredAppends deferred;
    private readonly Folds folds;
    private readonly Parts parts;

    private VerifyWorld(ILedger ledger, Volume volume, Folds folds)
    {
        (Ledger, this.folds) = (ledger, folds);
        deferred = new DeferredAppends(ledger, TimeProvider.System);
        var none = new Dictionary<string, string>();
        var credentials = new CredentialStore(new NoFile());
        credentials.Set(Admin + "!t", Secret, 1);
        credentials.Set(Owner + "!t", Secret, 1);
        parts = new Parts(new Foundations(
            ApplianceSettings.Load(none, none, _ => null), folds, new Recorder(ledger, deferred, Clock), credentials,
            new byte[32], "00000000-0000-4000-8000-000000000000", new SimulatedVolume(), _ => { }, Clock, NullLogger.Instance));
        Store = new OpenDatastore("main", volume.TryStat(ChunkStore.Folder, out _)
            ? Datastore.Open(volume, StorageTestKit.Options) : Datastore.Create(volume, StorageTestKit.Options));
    }

    public Parts Parts => parts;

    public InstantClock Clock { get; } = new(new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero));

    public ILedger Ledger { get; }

    public OpenDatastore Store { get; }

    public SnapshotsState Snapshots => folds.Snapshots.State;

    /// <summary>Kinds of alarms, oldest first.</summary>
    public List<string> Alarms => [.. folds.Alarms.State.Raised.Values.Select(alarm => alarm.Kind)];

    public BadChunksState BadChunks => folds.BadChunks.State;

    public static async Task<VerifyWorld> StartAsync(ILedger ledger, Volume volume)
    {
        var folds = new Folds(ledger, null, TimeProvider.System, _ => { });
        await folds.Set.StartAsync();
        if (ledger.Head.Position == 0)
        {
            await ledger.AppendAsync(new Append("setup", ExpectedVersion.Any, [.. Setup()]));
        }

        var world = new VerifyWorld(ledger, volume, folds);
        await world.parts.Reconciliation.ReconcileStoreAsync(world.Store);
        world.parts.Stores.Add(world.Store);
        return world;
    }

    /// <summary>A backup of these chunks through a session, finished; the last answer if not.</summary>
    public async Task BackupAsync(long time, IReadOnlyList<byte[]> chunks, string id = "100", string as_ = Admin)
    {
        var session = await OpenAsync("backup", time, id, as_);
        var done = await SimulatedAppliance.UploadAsync(session, time, chunks, id: id);
        await session.EndAsync(null);
        Assert.True(done);
        await SettledAsync();
    }

    public async Task<IUpgradedSession> OpenAsync(string kind, long time, string id = "100", string as_ = Admin)
    {
        var protocol = kind == "backup" ? "proxmox-backup-protocol-v1" : "proxmox-backup-reader-protocol-v1";
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase)
        {
            ["Authorization"] = $"PBSAPIToken={as_}!t:{Secret}", ["Upgrade"] = protocol,
        };
        var request = new UpgradeRequest(kind, $"store=main&backup-type=vm&backup-id={id}&backup-time={time}", headers, "127.0.0.1");
        var session = Assert.IsType<UpgradeDecision.Accept>(await parts.Gate.DecideAsync(request, default)).Session;
        session.Attach(() => { });
        return session;
    }

    /// <summary>Runs a verification over the API to its end.</summary>
    public async Task<(string Upid, string Status, List<string> Log)> VerifyAsync(string query = "", string as_ = Admin)
    {
        var (status, body) = await CallAsync("POST", "admin/datastore/main/verify", query, as_);
        Assert.True(status == 200, body);
        var upid = JsonDocument.Parse(body).RootElement.GetProperty("data").GetString()!;
        await SettledAsync();
        return (upid, folds.Tasks.State.Find(upid)!.Status!, await LogAsync(upid));
    }

    public async Task<(int Status, string Body)> CallAsync(string method, string path, string query = "", string as_ = Admin)
    {
        var exchange = new MemoryExchange(method, "/api2/json/" + path, query, []);
        await parts.Api.ServeApiAsync(exchange, _ => ValueTask.FromResult<object?>(new Caller(as_, "127.0.0.1")));
        return (exchange.Status, exchange.Answer);
    }

    /// <summary>Waits for every task; a session that a test left open is not one.</summary>
    public Task SettledAsync() =>
        Task.WhenAll(parts.Tasks.Running.Where(task => task.Upid.WorkerType is not ("backup" or "reader")).Select(task => task.Ended));

    /// <summary>Upids of the tasks of that kind that ended, oldest first.</summary>
    public List<TaskEntry> Tasks(string workerType) => [.. folds.Tasks.State.Ended.Where(task => task.Parts!.WorkerType == workerType)];

    public async Task<List<string>> LogAsync(string upid)
    {
        var (_, body) = await CallAsync("GET", $"nodes/localhost/tasks/{Uri.EscapeDataString(upid)}/log", "limit=0");
        return [.. JsonDocument.Parse(body).RootElement.GetProperty("data").EnumerateArray().Select(line => line.GetProperty("t").GetString()![27..])];
    }

    public Snapshot Find(long time, string id = "100") => Snapshots.Find(new GroupKey("main", "", "vm", id))!.Snapshots[time];

    /// <summary>Every event of that kind, in order.</summary>
    public async Task<List<T>> EventsAsync<T>() where T : class, IEventData<T>
    {
        var found = new List<T>();
        await foreach (var recorded in Ledger.ReadAsync(1))
        {
            if (recorded.Type == T.EventType)
            {
                found.Add(Event.Read<T>(recorded));
            }
        }

        return found;
    }

    public Task SetOptionAsync(string name, string value) => Ledger.AppendAsync(new Append(
        "datastore:main", ExpectedVersion.Any, [Event.Of(new DatastoreOptionsSet("main", new() { [name] = value }, []), EventMetadata.System)]));

    /// <summary>The manifest as it lies on disk.</summary>
    public Manifest ManifestOf(long time, string id = "100") => Store.Bytes.OpenSnapshot(
        BackupNamespace.Root, SnapshotName.Create(BackupGroup.Parse("vm/" + id), time)).ReadManifest();

    public static Task<(int Status, string Body)> InSessionAsync(
        IUpgradedSession session, string method, string path, string query, string? body = null) =>
        SimulatedAppliance.CallAsync(session, method, path, query, body is null ? null : Encoding.UTF8.GetBytes(body));

    public async ValueTask DisposeAsync()
    {
        await parts.Tasks.DisposeAsync();
        await deferred.DisposeAsync();
        await folds.Set.DisposeAsync();
        parts.Dispose();
    }

    private static IEnumerable<NewEvent> Setup()
    {
        foreach (var (user, role) in new[] { (Admin, "Admin"), (Owner, "DatastoreBackup") })
        {
            yield return Event.Of(new UserCreated(user, true, 0, null), EventMetadata.System);
            yield return Event.Of(new TokenIssued(user + "!t", true, 0, null), EventMetadata.System);
            yield return Event.Of(new AccessGranted("/", user, role, true), EventMetadata.System);
            yield return Event.Of(new AccessGranted("/", user + "!t", role, true), EventMetadata.System);
        }

        yield return Event.Of(new DatastoreCreated("main", "main", null), EventMetadata.System);
    }

    private sealed class NoFile : ICredentialFile
    {
        public byte[]? Read() => null;

        public void Replace(byte[] content) => Assert.NotEmpty(content);
    }
}
