// The product's own parts around a simulated disk and a ledger in memory: sessions are opened through the gate and driven by exchanges without a network,
// so that power cuts, refusals and an absent ledger can be tried at any call, by seed, thousands of times.
using Holdfast.Features.Access;
using Holdfast.Features.Backup;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Restore;
using Holdfast.Features.Sessions;
using Holdfast.Features.Snapshots;
using Holdfast.Features.Tasks;
using Holdfast.Ledger;
using Holdfast.Storage;
using Holdfast.Wire;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Holdfast.Tests.Unit.Features;

/// <summary>One life of an appliance between two power cuts; ledger and volume outlive it.</summary>
internal sealed class SimulatedAppliance : IAsyncDisposable
{
    public const string User = "u@pbs";
    public const string Secret = "0123456789";
    public const string Token = "u@pbs!t";

    private readonly ProjectionSet folds;
    private readonly Projection<AccessState> access;
    private readonly Projection<DatastoresState> datastores;
    private readonly DeferredAppends deferred;
    private readonly BytesInFlight bytes = new(64L * 1024 * 1024, TimeProvider.System);

    private SimulatedAppliance(ILedger ledger, CredentialStore credentials, TimeProvider clock)
    {
        Ledger = ledger;
        folds = new ProjectionSet(ledger, null, clock);
        access = folds.Add(new AccessFold());
        datastores = folds.Add(new DatastoresFold());
        Snapshots = folds.Add(new SnapshotsFold());
        deferred = new DeferredAppends(ledger, clock);
        Recorder = new Recorder(ledger, deferred, clock);
        Stores = new DatastoreRegistry(Recorder);
        Reconciliation = new Reconciliation(() => Snapshots.State, () => datastores.State, Recorder, Leases);
        var permissions = new Permissions(() => access.State);
        var authenticator = new Authenticator(
            () => access.State, credentials, new TicketSigner(new byte[32], clock), new LoginBackoff(), new RefusedLogins(), clock);
        var tasks = new TaskRunner(
            new TaskIds("test", 1, 1, clock), new TaskLogs(new SimulatedVolume(), clock), Recorder, NullLogger.Instance);
        var finish = new FinishBackup(Recorder, clock, TimeSpan.FromMilliseconds(300));
        var faults = new StorageFaults(Stores);
        var intake = new ChunkIntake(bytes);
        var writing = new BackupCalls(intake, finish).Endpoints
            .Select(endpoint => faults.Guard(endpoint, call => call.CallerAs<BackupSession>().Store));
        var reading = new ReaderCalls(bytes).Endpoints
            .Select(endpoint => faults.Guard(endpoint, call => call.CallerAs<ReaderSession>().Store));
        Forgetting = new ForgetSnapshots(Stores, () => Snapshots.State, Leases, Recorder);
        Gate = new SessionGate(authenticator,
        [
            new BackupOpening(permissions, Stores, () => datastores.State, () => Snapshots.State, Leases, Recorder, tasks, Reconciliation,
                new AbortBackup(Recorder, Stores), new ChunkCalls(intake, faults, new ApiRouter(writing, clock, NullLogger.Instance)), clock),
            new ReaderOpening(permissions, Stores, () => Snapshots.State, Leases, Recorder, tasks,
                new ApiRouter(reading, clock, NullLogger.Instance), clock),
        ], 100);
    }

    public ILedger Ledger { get; }

    public Projection<SnapshotsState> Snapshots { get; }

    public Recorder Recorder { get; }

    public DatastoreRegistry Stores { get; }

    public Reconciliation Reconciliation { get; }

    public Leases Leases { get; } = new();

    public ForgetSnapshots Forgetting { get; }

    public SessionGate Gate { get; }

    public OpenDatastore Main => Stores.Find("main", out _)!;

    /// <summary>Starts on a volume (made a datastore if it is none) and a ledger (given a user if it has none), and reconciles.</summary>
    public static async Task<SimulatedAppliance> StartAsync(ILedger ledger, Volume volume)
    {
        var clock = TimeProvider.System;
        var credentials = new CredentialStore(new NoFile());
        credentials.Set(Token, Secret, 1);
        var appliance = new SimulatedAppliance(ledger, credentials, clock);
        await appliance.folds.StartAsync();
        if (ledger.Head.Position == 0)
        {
            await appliance.Recorder.DecideAsync("setup", ExpectedVersion.Any,
            [
                Event.Of(new UserCreated(User, true, 0, null), EventMetadata.System),
                Event.Of(new TokenIssued(Token, true, 0, null), EventMetadata.System),
                Event.Of(new AccessGranted("/", User, Roles.Admin, true), EventMetadata.System),
                Event.Of(new AccessGranted("/", Token, Roles.Admin, true), EventMetadata.System),
                Event.Of(new DatastoreCreated("main", "main", null), EventMetadata.System),
            ]);
        }

        var isStore = volume.TryStat(ChunkStore.Folder, out _);
        var store = new OpenDatastore("main", isStore ? Datastore.Open(volume, StorageTestKit.Options) : Datastore.Create(volume, StorageTestKit.Options));
        await appliance.Reconciliation.ReconcileStoreAsync(store);
        appliance.Stores.Add(store);
        return appliance;
    }

    /// <summary>Opens a session as a client would, or the refusal's text.</summary>
    public async Task<(IUpgradedSession? Session, string? Refusal)> OpenAsync(string kind, long time, string id = "100")
    {
        var protocol = kind == "backup" ? "proxmox-backup-protocol-v1" : "proxmox-backup-reader-protocol-v1";
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase)
        {
            ["Authorization"] = $"PBSAPIToken={Token}:{Secret}", ["Upgrade"] = protocol,
        };
        var request = new UpgradeRequest(kind, $"store=main&backup-type=vm&backup-id={id}&backup-time={time}", headers, "127.0.0.1");
        return await Gate.DecideAsync(request, default) switch
        {
            UpgradeDecision.Accept accept => (accept.Session, null),
            UpgradeDecision.Refuse refuse => (null, refuse.Text),
            _ => throw new InvalidOperationException(),
        };
    }

    /// <summary>One call of a session; its status and body.</summary>
    public static async Task<(int Status, string Body)> CallAsync(
        IUpgradedSession session, string method, string path, string query = "", byte[]? body = null)
    {
        var exchange = new MemoryExchange(method, path, query, body ?? []);
        if (method == "PUT")
        {
            exchange.RequestHeaders["Content-Type"] = "application/json";
        }

        await session.HandleAsync(exchange);
        return (exchange.Status, exchange.Answer);
    }

    /// <summary>A backup of a dynamic archive with these chunks, up to finish; true once finish was answered well.</summary>
    public static async Task<bool> UploadAsync(IUpgradedSession session, long time, IReadOnlyList<byte[]> chunks, bool finish = true, string id = "100")
    {
        Must(await CallAsync(session, "POST", "/dynamic_index", "archive-name=a.didx"));
        var (digests, offsets, position) = (new List<string>(), new List<long>(), 0L);
        foreach (var chunk in chunks)
        {
            var digest = Digest.Of(chunk).ToString();
            var raw = DataBlob.Encode(chunk);
            Must(await CallAsync(session, "POST", "/dynamic_chunk", $"wid=1&digest={digest}&size={chunk.Length}&encoded-size={raw.Length}", raw));
            digests.Add(digest);
            offsets.Add(position);
            position += chunk.Length;
        }

        var append = $"{{\"wid\":1,\"digest-list\":[\"{string.Join("\",\"", digests)}\"],\"offset-list\":[{string.Join(',', offsets)}]}}";
        Must(await CallAsync(session, "PUT", "/dynamic_index", body: System.Text.Encoding.UTF8.GetBytes(append)));
        var csum = Csum(chunks);
        Must(await CallAsync(session, "POST", "/dynamic_close", $"wid=1&chunk-count={chunks.Count}&size={position}&csum={csum}"));
        var manifest = new Manifest(SnapshotName.Create(BackupGroup.Parse("vm/" + id), time));
        manifest.Add(new ManifestFile("a.didx", CryptMode.None, position, csum));
        var blob = manifest.ToBlob();
        Must(await CallAsync(session, "POST", "/blob", $"file-name=index.json.blob&encoded-size={blob.Length}", blob));
        return finish && (await CallAsync(session, "POST", "/finish")).Status == 200;
    }

    /// <summary>Times that a client would be shown, and whether each restores to these bytes.</summary>
    public async Task<SortedDictionary<long, byte[]>> RestoreAllAsync(string id = "100")
    {
        var result = new SortedDictionary<long, byte[]>();
        var group = Snapshots.State.Find(new GroupKey("main", "", "vm", id));
        foreach (var snapshot in group?.Snapshots.Values.Where(snapshot => !snapshot.Missing) ?? [])
        {
            var reader = SnapshotReader.Open(
                Main.Bytes, BackupNamespace.Root, SnapshotName.Create(BackupGroup.Parse("vm/" + id), snapshot.BackupTime));
            var output = new MemoryStream();
            await reader.RestoreAsync("a.didx", output);
            result.Add(snapshot.BackupTime, output.ToArray());
        }

        return result;
    }

    /// <summary>Types of the group's events, in order.</summary>
    public async Task<List<string>> EventsAsync(string id = "100")
    {
        var types = new List<string>();
        await foreach (var recorded in Ledger.ReadStreamAsync(new GroupKey("main", "", "vm", id).Stream))
        {
            types.Add(recorded.Type.Split('/')[0]);
        }

        return types;
    }

    public async ValueTask DisposeAsync()
    {
        await deferred.DisposeAsync();
        await folds.DisposeAsync();
        bytes.Dispose();
    }

    private static Digest Csum(IReadOnlyList<byte[]> chunks)
    {
        using var sha = System.Security.Cryptography.IncrementalHash.CreateHash(System.Security.Cryptography.HashAlgorithmName.SHA256);
        long end = 0;
        foreach (var chunk in chunks)
        {
            end += chunk.Length;
            sha.AppendData(BitConverter.GetBytes(end));
            sha.AppendData(Digest.Of(chunk).Bytes);
        }

        return new Digest(sha.GetHashAndReset());
    }

    private static void Must((int Status, string Body) answer)
    {
        if (answer.Status != 200)
        {
            throw new RefusedByServerException(answer.Body);
        }
    }

    private sealed class NoFile : ICredentialFile
    {
        public byte[]? Read() => null;

        public void Replace(byte[] content) => Assert.NotEmpty(content);
    }
}

/// <summary>A call of a session was refused.</summary>
internal sealed class RefusedByServerException(string text) : Exception(text);
