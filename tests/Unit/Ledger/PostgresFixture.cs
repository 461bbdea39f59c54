// One private PostgreSQL for all ledger tests of the assembly, and a fresh database for each test that asks.
// Runs as root and as an ordinary user.
using Holdfast.Ledger;
using Xunit;
using Npgsql;

namespace Holdfast.Tests.Unit;

/// <summary>Starts the cluster once.</summary>
public sealed class PostgresFixture : IAsyncLifetime
{
    private readonly string folder = Directory.CreateTempSubdirectory("holdfast-test-").FullName;
    private int databases;

    public EmbeddedPostgres Server { get; private set; } = null!;

    public async Task InitializeAsync() => Server = await EmbeddedPostgres.StartAsync(Path.Combine(folder, "ledger"));

    public async Task DisposeAsync()
    {
        await Server.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    /// <summary>A new, empty database with the ledger's schema.</summary>
    public async Task<TestDatabase> NewDatabaseAsync()
    {
        var name = $"ledger_{Interlocked.Increment(ref databases)}";
        await SqlAsync(Server.AdminConnectionString, $"CREATE DATABASE {name}");
        var database = new TestDatabase(In(Server.AdminConnectionString, name), In(Server.ConnectionString, name));
        await LedgerSchema.EnsureAsync(database.Admin);
        return database;
    }

    internal static string In(string connectionString, string database) =>
        new NpgsqlConnectionStringBuilder(connectionString) { Database = database, Pooling = false }.ConnectionString;

    internal static async Task<object?> SqlAsync(string connectionString, string sql)
    {
        await using var connection = new NpgsqlConnection(
            new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync();
    }
}

/// <summary>Two ways into one database: as superuser, and as the service.</summary>
public sealed record TestDatabase(string Admin, string Service)
{
    public Task<PostgresLedger> OpenAsync(Func<PostgresLedgerOptions, PostgresLedgerOptions>? change = null)
    {
        var options = new PostgresLedgerOptions { ConnectionString = Service };
        return PostgresLedger.OpenAsync(change?.Invoke(options) ?? options);
    }

    /// <summary>Runs SQL as superuser with the guard off: what an attacker with the disk in hand can do.</summary>
    public Task<object?> TamperAsync(string sql) =>
        PostgresFixture.SqlAsync(Admin, "SET session_replication_role = replica; " + sql);
}

/// <summary>Classes that share the cluster.</summary>
[CollectionDefinition(Name)]
public sealed class PostgresCollection : ICollectionFixture<PostgresFixture>
{
    public const string Name = "PostgreSQL";
}
