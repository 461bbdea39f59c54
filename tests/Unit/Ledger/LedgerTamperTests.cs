// What somebody with superuser rights can do to the table by SQL, and that it is found every time, with the first bad
// position. And that the service's role can't do any of it.
using Holdfast.Ledger;
using Npgsql;
using Xunit;

namespace Holdfast.Tests.Unit;

[Collection(PostgresCollection.Name)]
public sealed class LedgerTamperTests(PostgresFixture postgres)
{
    private const string Fork = """
        UPDATE holdfast.event SET data = '{"forged":1}' WHERE position = 12;
        """;

    [Fact]
    public async Task Every_way_to_tamper_is_found_at_the_first_bad_position()
    {
        // One database, each change undone after its check by restoring the copy.
        var database = await postgres.NewDatabaseAsync();
        await FillAsync(database, 30);
        await database.TamperAsync("CREATE TABLE public.copy AS SELECT * FROM holdfast.event ORDER BY position");
        (string Sql, long Bad)[] cases =
        [
            ("UPDATE holdfast.event SET stream = 'zz' WHERE position = 7", 7),
            ("UPDATE holdfast.event SET version = version + 100 WHERE position = 7", 7),
            ("UPDATE holdfast.event SET type = 'T/2' WHERE position = 7", 7),
            ("UPDATE holdfast.event SET time_us = time_us + 1 WHERE position = 7", 7),
            ("UPDATE holdfast.event SET data = data || ' '::bytea WHERE position = 7", 7),
            ("UPDATE holdfast.event SET actor = 'x' WHERE position = 7", 7),
            ("UPDATE holdfast.event SET source = 'x' WHERE position = 7", 7),
            ("UPDATE holdfast.event SET cause = 'x' WHERE position = 7", 7),
            ("UPDATE holdfast.event SET correlation = 'x' WHERE position = 7", 7),
            ("UPDATE holdfast.event SET hash = decode(repeat('00', 32), 'hex') WHERE position = 7", 7),
            ("UPDATE holdfast.event SET position = 1000 WHERE position = 7", 7),
            ("ALTER TABLE holdfast.event ALTER data DROP NOT NULL; UPDATE holdfast.event SET data = NULL WHERE "
                + "position = 7", 7),
            ("DELETE FROM holdfast.event WHERE position = 7", 7),
            ("DELETE FROM holdfast.event WHERE position = 1", 1),
            ("DELETE FROM holdfast.event WHERE position BETWEEN 7 AND 9", 7),
            ("UPDATE holdfast.event SET position = 500 WHERE position = 7;"
                + "UPDATE holdfast.event SET position = 7 WHERE position = 8;"
                + "UPDATE holdfast.event SET position = 8 WHERE position = 500", 7),
            ("INSERT INTO holdfast.event SELECT 31, 'new', 1, type, time_us, data, actor, source, cause, "
                + "correlation, hash "
                + "FROM holdfast.event WHERE position = 30", 31),
            ("UPDATE holdfast.event SET position = position + 1000 WHERE position >= 7;"
                + "UPDATE holdfast.event SET position = position - 999 WHERE position > 1000;"
                + "INSERT INTO holdfast.event SELECT 7, 'new', 1, type, time_us, data, actor, source, cause, "
                + "correlation, hash "
                + "FROM holdfast.event WHERE position = 6", 7),
            ("ALTER TABLE holdfast.event DROP CONSTRAINT event_position_check;"
                + "INSERT INTO holdfast.event SELECT 0, 'new', 1, type, time_us, data, actor, source, cause, "
                + "correlation, hash "
                + "FROM holdfast.event WHERE position = 6", 0),
        ];
        await using var reader = await PostgresLedger.OpenReadOnlyAsync(database.Service);
        Assert.True((await ChainVerifier.VerifyAsync(reader)).IsGood);
        foreach (var (sql, bad) in cases)
        {
            await database.TamperAsync(sql);
            var report = await ChainVerifier.VerifyAsync(reader);
            Assert.Equal((sql, bad), (sql, report.FirstBadPosition));
            Assert.NotEmpty(report.Problem!);
            await database.TamperAsync("DELETE FROM holdfast.event; INSERT INTO holdfast.event SELECT * FROM "
                + "public.copy");
        }
        Assert.True((await ChainVerifier.VerifyAsync(reader)).IsGood);
    }

    [Fact]
    public async Task Truncation_and_rollback_are_found_by_the_witness()
    {
        var database = await postgres.NewDatabaseAsync();
        var folder = Directory.CreateTempSubdirectory("holdfast-test-").FullName;
        var witness = new HeadWitness(Path.Combine(folder, "head"));
        await FillAsync(database, 30, witness);
        Assert.Equal(30, witness.Read()!.Position);
        await database.TamperAsync("DELETE FROM holdfast.event WHERE position > 25");
        var refused =
            await Assert.ThrowsAsync<LedgerHeadException>(() => database.OpenAsync(o => o with { Witness = witness }));
        Assert.Contains("25", refused.Message, StringComparison.Ordinal);
        await using (var reader = await PostgresLedger.OpenReadOnlyAsync(database.Service))
        {
            Assert.True((await ChainVerifier.VerifyAsync(reader)).IsGood);
            Assert.Equal(26, (await ChainVerifier.VerifyAsync(reader, witness: witness.Read())).FirstBadPosition);
        }
        // An operator may say that this is the copy he restored.
        await using (var accepted = await database.OpenAsync(o => o with { Witness = witness, AcceptHead = true }))
        {
            await accepted.MustAppendAsync(LedgerSamples.One("again"));
        }
        Assert.Equal(26, witness.Read()!.Position);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_fork_is_found_by_witness_and_by_checkpoint()
    {
        var database = await postgres.NewDatabaseAsync();
        var folder = Directory.CreateTempSubdirectory("holdfast-test-").FullName;
        var witness = new HeadWitness(Path.Combine(folder, "head"));
        using var key = LedgerKey.LoadOrCreate(Path.Combine(folder, "key.pem"));
        await FillAsync(database, 20, witness, key);
        var at = witness.Read()!;

        // Rewrite history from 12 on with a chain that fits: what a forger does who knows the format.
        await using (var reader = await PostgresLedger.OpenReadOnlyAsync(database.Service))
        {
            Assert.Equal(20, (await ChainVerifier.VerifyAsync(reader, [key.Public], at)).SignedUpTo);
            await database.TamperAsync(Fork);
            using var hasher = new EventHash();
            var previous = (await reader.ReadAsync(11).ListAsync())[0].Hash;
            foreach (var recorded in await reader.ReadAsync(12).ListAsync())
            {
                var hash = new byte[32];
                hasher.Compute(previous.Span, recorded, hash);
                await database.TamperAsync(
                    $"UPDATE holdfast.event SET hash = '\\x{Convert.ToHexString(hash)}' WHERE position = "
                        + $"{recorded.Position}");
                previous = hash;
            }
            Assert.True((
                await ChainVerifier.VerifyAsync(
                    // The checkpoint at 21 signed another hash.
                    reader)).FirstBadPosition == 20);
            Assert.Equal(20, (await ChainVerifier.VerifyAsync(reader, [key.Public])).FirstBadPosition);
            await database.TamperAsync("DELETE FROM holdfast.event WHERE position = 21");
            Assert.True((await ChainVerifier.VerifyAsync(reader)).IsGood);
            Assert.NotNull((await ChainVerifier.VerifyAsync(reader, witness: at)).FirstBadPosition);
        }
        await Assert.ThrowsAsync<LedgerHeadException>(() => database.OpenAsync(o => o with { Witness = witness }));
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task The_running_writer_notices_a_row_that_it_did_not_write()
    {
        var database = await postgres.NewDatabaseAsync();
        await using var ledger = await database.OpenAsync();
        await ledger.MustAppendAsync(LedgerSamples.Many("a", 5));
        await database.TamperAsync(
            "INSERT INTO holdfast.event SELECT 6, 'new', 1, type, time_us, data, actor, source, cause, correlation, "
                + "hash "
            + "FROM holdfast.event WHERE position = 5");
        await Assert.ThrowsAsync<LedgerUnavailableException>(() => ledger.AppendAsync(LedgerSamples.One("a")));
        Assert.Contains("did not write", ledger.Failure, StringComparison.Ordinal);
        Assert.False(ledger.IsAvailable);
    }

    [Theory]
    [InlineData("UPDATE holdfast.event SET type = 'x'")]
    [InlineData("DELETE FROM holdfast.event")]
    [InlineData("TRUNCATE holdfast.event")]
    [InlineData("UPDATE holdfast.schema_version SET version = 2")]
    [InlineData("DROP TABLE holdfast.event")]
    [InlineData("ALTER TABLE holdfast.event DISABLE TRIGGER ALL")]
    [InlineData("SET session_replication_role = replica")]
    public async Task The_services_role_can_only_select_and_insert(string sql)
    {
        var database = await postgres.NewDatabaseAsync();
        await FillAsync(database, 1);
        var refused =
            await Assert.ThrowsAsync<PostgresException>(() => PostgresFixture.SqlAsync(database.Service, sql));
        Assert.Equal("42501", refused.SqlState);
        if (sql.Contains("holdfast.event", StringComparison.Ordinal) && !sql.Contains("ALTER", StringComparison.Ordinal)
            && !sql.Contains("DROP", StringComparison.Ordinal))
        {
            // The second line: even the superuser's own mistake is refused by the trigger.
            refused = await Assert.ThrowsAsync<PostgresException>(() => PostgresFixture.SqlAsync(database.Admin, sql));
            Assert.Contains("append-only", refused.MessageText, StringComparison.Ordinal);
        }
    }

    private static async Task FillAsync(TestDatabase database, int count, HeadWitness? witness = null, LedgerKey? key =
        null)
    {
        await using var ledger = await database.OpenAsync(o => o with { Witness = witness });
        for (var i = 0; i < count; i++)
        {
            await ledger.MustAppendAsync(LedgerSamples.One($"s{i % 4}", json: $"{{\"n\":{i}}}"));
        }
        if (key is not null)
        {
            await using var signer = await CheckpointSigner.StartAsync(
                ledger, key, TimeProvider.System, 1000, TimeSpan.FromHours(1));
            Assert.True(await signer.SignNowAsync());
            Assert.False(await signer.SignNowAsync());
        }
    }
}
