// A ledger in an existing server: by a role that may create roles, by a plain owner, by one that only uses what was
// made; one writer only; newer schema and wrong encoding refused.
using Holdfast.Ledger;
using Npgsql;
using Xunit;

namespace Holdfast.Tests.Unit;

[Collection(PostgresCollection.Name)]
public sealed class LedgerServerTests(PostgresFixture postgres)
{
    [Theory]
    [InlineData("boss", "CREATEROLE")]
    [InlineData("plain", "NOCREATEROLE")]
    public async Task An_existing_server_works_with_a_role_that_is_no_superuser(string role, string right)
    {
        var admin = postgres.Server.AdminConnectionString;
        await PostgresFixture.SqlAsync(admin, $"CREATE ROLE {role} LOGIN NOSUPERUSER {right}");
        await PostgresFixture.SqlAsync(admin, $"CREATE DATABASE of_{role} OWNER {role}");
        var settings =
            new NpgsqlConnectionStringBuilder(admin) { Username = role, Database = $"of_{role}", Pooling = false };
        var service = await LedgerSchema.EnsureAsync(settings.ConnectionString);
        Assert.Equal(service, await LedgerSchema.EnsureAsync(settings.ConnectionString));
        Assert.Equal(role == "boss", service.Contains("role=holdfast_ledger", StringComparison.Ordinal));
        await using (var ledger =
            await PostgresLedger.OpenAsync(new PostgresLedgerOptions { ConnectionString = service }))
        {
            await ledger.MustAppendAsync(LedgerSamples.Many("a", 10));
            var cut = await PostgresFixture.SqlAsync(admin,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE "
                    + "'holdfast-ledger/%' "
                + $"AND datname = 'of_{role}'");
            Assert.Equal(true, cut);
            await ledger.MustAppendAsync(LedgerSamples.Many("a", 10), TimeSpan.FromSeconds(20));
            Assert.True((await ChainVerifier.VerifyAsync(ledger, null, ledger.Head)).IsGood);
            Assert.Equal(20, ledger.Head.Position);
        }
        foreach (var sql in (string[])["UPDATE holdfast.event SET type = 'x'", "DELETE FROM holdfast.event",
            "TRUNCATE holdfast.event"])
        {
            var refused = await Assert.ThrowsAsync<PostgresException>(() => PostgresFixture.SqlAsync(service, sql));
            Assert.Equal("42501", refused.SqlState);
        }
    }

    [Fact]
    public async Task A_second_writer_is_refused_and_the_first_goes_on()
    {
        var database = await postgres.NewDatabaseAsync();
        await using var first = await database.OpenAsync();
        await first.MustAppendAsync(LedgerSamples.One("a"));
        var refused = await Assert.ThrowsAsync<LedgerInUseException>(
            () => database.OpenAsync(o => o with { LockPatience = TimeSpan.FromMilliseconds(200) }));
        Assert.Contains("another process", refused.Message, StringComparison.Ordinal);
        await first.MustAppendAsync(LedgerSamples.One("a"));
        await first.DisposeAsync();
        await using var second = await database.OpenAsync();
        Assert.Equal(2, second.Head.Position);
        Assert.Equal(3, (await second.MustAppendAsync(LedgerSamples.One("a", 2)))[0].Position);
    }

    [Fact]
    public async Task A_newer_schema_is_refused_with_a_clear_text()
    {
        var database = await postgres.NewDatabaseAsync();
        await database.TamperAsync("INSERT INTO holdfast.schema_version VALUES (2)");
        var refused = await Assert.ThrowsAsync<LedgerSchemaException>(() => LedgerSchema.EnsureAsync(database.Admin));
        Assert.Contains("newer holdfast", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_in_another_encoding_is_refused()
    {
        await PostgresFixture.SqlAsync(
            postgres.Server.AdminConnectionString, "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0");
        var refused = await Assert.ThrowsAsync<LedgerSchemaException>(
            () => LedgerSchema.EnsureAsync(PostgresFixture.In(postgres.Server.AdminConnectionString, "latin")));
        Assert.Contains("UTF8", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Commits_are_synchronous_whatever_the_server_says()
    {
        var database = await postgres.NewDatabaseAsync();
        await PostgresFixture.SqlAsync(database.Admin, "ALTER ROLE holdfast_ledger SET synchronous_commit = off");
        var settings = new NpgsqlConnectionStringBuilder(database.Service) { Pooling = false };
        settings.Options = WriterConnection.SessionOptions(settings.Options);
        Assert.Equal("on", await PostgresFixture.SqlAsync(settings.ConnectionString, "SHOW synchronous_commit"));
        await PostgresFixture.SqlAsync(database.Admin, "ALTER ROLE holdfast_ledger RESET synchronous_commit");
    }
}
