// The ledger of an appliance for reading, whether it runs or not: beside the running one on its socket, over the configured
// connection, or with the private PostgreSQL started for the moment. The appliance's state is never changed by it.
using Holdfast.Features.Settings;
using Holdfast.Ledger;

namespace Holdfast.Cli;

/// <summary>Where an appliance keeps what the ledger verbs need.</summary>
internal sealed class LedgerPlace
{
    private LedgerPlace(ApplianceSettings settings) => Settings = settings;

    public ApplianceSettings Settings { get; }

    public string Cluster => At("ledger");

    public string KeyPath => At("keys/ledger.pem");

    public string Folds => At("folds");

    public HeadWitness Witness => new(At("ledger-head"));

    /// <summary>Settings as holdfastd reads them; the data folder must be there unless it may be made.</summary>
    public static LedgerPlace Of(string? data, bool mayBeNew = false)
    {
        var given = new Dictionary<string, string>();
        if (data is not null)
        {
            given["Data"] = data;
        }

        ApplianceSettings settings = ApplianceSettings.Load(given, Surroundings.Environment(), static folder =>
        {
            string path = Path.Combine(folder, "holdfast.json");
            return File.Exists(path) ? File.ReadAllBytes(path) : null;
        });
        return mayBeNew || Directory.Exists(settings.Data) ? new LedgerPlace(settings) : throw new FailedException(
            $"there is no appliance at '{settings.Data}': give --data, or set HOLDFAST_DATA");
    }

    public string At(string name) => Path.GetFullPath(Path.Combine(Settings.Data, name));

    /// <summary>The box's public key and those of boxes that the ledger came from; empty if no key is there.</summary>
    public List<LedgerPublicKey> TrustedKeys()
    {
        string folder = At("keys");
        if (!Directory.Exists(folder))
        {
            return [];
        }

        return [.. Directory.GetFiles(folder, "ledger*.pem").Order(StringComparer.Ordinal)
            .Select(path => LedgerPublicKey.FromPem(File.ReadAllText(path)))];
    }

    /// <summary>Keeps the public key of a ledger that was brought here, so that its checkpoints can be checked.</summary>
    public void KeepFormerKey(string pem)
    {
        using LedgerPublicKey key = LedgerPublicKey.FromPem(pem);
        if (!TrustedKeys().Any(known => known.Fingerprint == key.Fingerprint))
        {
            Directory.CreateDirectory(
                At("keys"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            File.WriteAllText(At($"keys/ledger-former-{key.Fingerprint[..16]}.pem"), pem);
        }
    }
}

/// <summary>An open connection to the database, and PostgreSQL if it had to be started.</summary>
internal sealed class LedgerAccess : IAsyncDisposable
{
    private readonly EmbeddedPostgres? started;

    private LedgerAccess(LedgerPlace place, string connection, EmbeddedPostgres? started) =>
        (Place, Connection, this.started) = (place, connection, started);

    public LedgerPlace Place { get; }

    public string Connection { get; }

    /// <summary>Reaches or starts the database.</summary>
    /// <param name="makeIfMissing">Make the private cluster if there is none: only an import wants that.</param>
    public static async Task<LedgerAccess> OpenAsync(
        LedgerPlace place, TimeProvider clock, bool makeIfMissing, CancellationToken cancel)
    {
        string configured = place.Settings.LedgerConnectionString;
        if (configured.Length > 0)
        {
            return new LedgerAccess(
                place, makeIfMissing ? await LedgerSchema.EnsureAsync(configured, null, cancel) : configured, null);
        }

        if (EmbeddedPostgres.FindRunning(place.Cluster) is { } running)
        {
            return new LedgerAccess(place, running, null);
        }

        if (!makeIfMissing && !Directory.Exists(place.Cluster))
        {
            throw new FailedException($"there is no ledger at {place.Cluster}");
        }

        string binaries = place.Settings.LedgerPostgresFolder;
        EmbeddedPostgres server = await EmbeddedPostgres.StartAsync(
            place.Cluster, null, binaries.Length > 0 ? binaries : null, clock, cancel);
        return new LedgerAccess(place, server.ConnectionString, server);
    }

    /// <summary>The ledger, read-only, with its head as of now.</summary>
    public Task<PostgresLedger> ReadAsync(CancellationToken cancel) => PostgresLedger.OpenReadOnlyAsync(Connection, cancel);

    public async ValueTask DisposeAsync()
    {
        if (started is not null)
        {
            await started.DisposeAsync();
        }
    }
}
