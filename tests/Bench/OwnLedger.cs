// A ledger of the benchmark's own: the embedded PostgreSQL and the writer, as the appliance opens them.
using Holdfast.Ledger;

namespace Holdfast.Tests.Bench;

/// <summary>An open ledger in a data folder.</summary>
internal sealed class OwnLedger : IAsyncDisposable
{
    private readonly EmbeddedPostgres postgres;

    private OwnLedger(EmbeddedPostgres postgres, PostgresLedger ledger) => (this.postgres, Ledger) = (postgres, ledger);

    public PostgresLedger Ledger { get; }

    /// <summary>Opens the ledger of <paramref name="data"/>; makes it where there is none.</summary>
    public static async Task<OwnLedger> OpenAsync(string data)
    {
        Directory.CreateDirectory(data);
        var postgres = await EmbeddedPostgres.StartAsync(Path.Combine(data, "ledger")).ConfigureAwait(false);
        try
        {
            return new OwnLedger(postgres, await PostgresLedger.OpenAsync(new PostgresLedgerOptions
            {
                ConnectionString = postgres.ConnectionString, Witness = new HeadWitness(Path.Combine(data, "ledger-head")),
            }).ConfigureAwait(false));
        }
        catch
        {
            await postgres.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Ledger.DisposeAsync().ConfigureAwait(false);
        await postgres.DisposeAsync().ConfigureAwait(false);
    }
}
