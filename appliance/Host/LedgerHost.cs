// The ledger with everything that lives on it in this process: its database, the folds, the signer of checkpoints, the queue of deferred facts.
using Holdfast.Features.Audit;
using Holdfast.Features.Settings;
using Holdfast.Ledger;
using Microsoft.Extensions.Logging;

namespace Holdfast.Host;

/// <summary>An open ledger and its attendants, closed in the right order.</summary>
public sealed class LedgerHost : IAsyncDisposable
{
    private const long CheckpointEveryEvents = 10_000;

    private readonly EmbeddedPostgres? embedded;
    private readonly CheckpointSigner signer;
    private readonly PostgresLedger ledger;

    private LedgerHost(
        EmbeddedPostgres? embedded, PostgresLedger ledger, LedgerKey key, Folds folds, CheckpointSigner signer, DeferredAppends deferred)
    {
        (this.embedded, this.ledger, this.signer) = (embedded, ledger, signer);
        (Key, Folds, Deferred) = (key, folds, deferred);
    }

    public ILedger Ledger => ledger;

    public LedgerKey Key { get; }

    public Folds Folds { get; }

    public DeferredAppends Deferred { get; }

    /// <summary>Starts or reaches the database, checks its head against what was seen last, and brings the folds up to date.</summary>
    public static async Task<LedgerHost> OpenAsync(
        ApplianceSettings settings, DataFolder folder, bool acceptShorterLedger, TimeProvider clock, ILogger log, CancellationToken cancel)
    {
        void Say(string line) => log.LogInformation("{Line}", line);
        EmbeddedPostgres? embedded = null;
        PostgresLedger? ledger = null;
        try
        {
            string connection;
            if (settings.LedgerConnectionString.Length > 0)
            {
                connection = await LedgerSchema.EnsureAsync(settings.LedgerConnectionString, Say, cancel).ConfigureAwait(false);
            }
            else
            {
                var binaries = settings.LedgerPostgresFolder.Length > 0 ? settings.LedgerPostgresFolder : null;
                embedded = await EmbeddedPostgres.StartAsync(folder.At("ledger"), Say, binaries, clock, cancel).ConfigureAwait(false);
                connection = embedded.ConnectionString;
            }

            ledger = await PostgresLedger.OpenAsync(new PostgresLedgerOptions
            {
                ConnectionString = connection, Clock = clock, Log = Say,
                Witness = new HeadWitness(folder.At("ledger-head")), AcceptHead = acceptShorterLedger,
            }, cancel).ConfigureAwait(false);
            var folds = new Folds(ledger, folder.At("folds"), clock, Say);
            await folds.Set.StartAsync(cancel).ConfigureAwait(false);
            var key = LedgerKey.LoadOrCreate(folder.At("keys/ledger.pem"));
            var signer = await CheckpointSigner.StartAsync(
                ledger, key, clock, CheckpointEveryEvents, settings.CheckpointInterval, Say, cancel).ConfigureAwait(false);
            return new LedgerHost(embedded, ledger, key, folds, signer, new DeferredAppends(ledger, clock, log: Say));
        }
        catch
        {
            if (ledger is not null)
            {
                await ledger.DisposeAsync().ConfigureAwait(false);
            }

            if (embedded is not null)
            {
                await embedded.DisposeAsync().ConfigureAwait(false);
            }

            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Deferred.DisposeAsync().ConfigureAwait(false);
        await signer.DisposeAsync().ConfigureAwait(false);
        await Folds.Set.DisposeAsync().ConfigureAwait(false);
        await ledger.DisposeAsync().ConfigureAwait(false);
        if (embedded is not null)
        {
            await embedded.DisposeAsync().ConfigureAwait(false);
        }

        Key.Dispose();
    }
}
