// PostgreSQL killed, stopped, or cut off at the worst moment while events are appended: every append that was answered
// is there exactly once, none that was refused is there, and the ledger comes back by itself.
using System.Diagnostics;
using Holdfast.Ledger;
using Npgsql;
using Xunit;

namespace Holdfast.Tests.Unit;

[Collection(PostgresCollection.Name)]
public sealed class LedgerFaultTests(PostgresFixture postgres)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task A_connection_cut_around_the_commit_neither_loses_nor_doubles(int eventsPerAppend)
    {
        var database = await postgres.NewDatabaseAsync();
        var folder = Directory.CreateTempSubdirectory("holdfast-test-").FullName;
        var settings = new NpgsqlConnectionStringBuilder(database.Service);
        await using (var proxy = new CuttingProxy(folder, settings.Host!))
        {
            settings.Host = folder;
            await using var ledger = await PostgresLedger.OpenAsync(
                new PostgresLedgerOptions { ConnectionString = settings.ConnectionString });
            var seen = new List<long>();
            using var watching = ledger.Observe(e => seen.Add(e.Position));
            for (var i = 0; i < 30; i++)
            {
                proxy.CutNext((Cut)(i % 3));
                // No patience at all: a commit in doubt is resolved all the same.
                var events =
                    await ledger.MustAppendAsync(LedgerSamples.Many("a", eventsPerAppend, i * eventsPerAppend));
                Assert.Equal((i * eventsPerAppend) + 1, events[0].Position);
            }
            proxy.CutNext(Cut.None);
            Assert.Equal(20, proxy.Cuts);
            Assert.Equal(Enumerable.Range(1, 30 * eventsPerAppend).Select(n => (long)n), seen);
            Assert.Equal(30 * eventsPerAppend, (await ledger.ReadAsync().ListAsync()).Count);
            Assert.True((await ChainVerifier.VerifyAsync(ledger, null, ledger.Head)).IsGood);
        }
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task Backends_terminated_at_random_while_32_writers_append()
    {
        var database = await postgres.NewDatabaseAsync();
        await using var ledger = await database.OpenAsync();
        using var done = new CancellationTokenSource();
        var killing = Task.Run(async () =>
        {
            var random = new Random(5);
            var killed = 0;
            while (!done.IsCancellationRequested)
            {
                await Task.Delay(random.Next(5, 60));
                killed += (await PostgresFixture.SqlAsync(database.Admin,
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                    + "WHERE application_name LIKE 'holdfast-ledger/%' AND datname = current_database()")) is > 0L ? 1
                    : 0;
            }
            return killed;
        });
        var answered = await AppendFromManyAsync(ledger, 32, 40);
        await done.CancelAsync();
        Assert.True(await killing > 0);
        await AssertExactlyAsync(ledger, answered);
    }

    [Fact]
    public async Task Kill_9_of_the_server_and_restart_while_appending_then_a_stopped_server_then_no_server()
    {
        var folder = Directory.CreateTempSubdirectory("holdfast-test-").FullName;
        await using (var server = await EmbeddedPostgres.StartAsync(Path.Combine(folder, "ledger")))
        {
            await using var ledger = await PostgresLedger.OpenAsync(new PostgresLedgerOptions
            {
                ConnectionString = server.ConnectionString,
                StallLimit = TimeSpan.FromMilliseconds(300),
                CommitLimit = TimeSpan.FromSeconds(20),
                MaxBackOff = TimeSpan.FromMilliseconds(200),
            });
            var appending = AppendFromManyAsync(ledger, 8, 400);
            for (var kills = 0; kills < 3 && !appending.IsCompleted; kills++)
            {
                await Task.Delay(150 + kills * 90);
                var before = server.Restarts;
                ClusterFolder.Signal(server.ProcessId, 9);
                await UntilAsync(() => server.Restarts > before && ledger.IsAvailable);
            }
            var answered = await appending;
            Assert.True(server.Restarts >= 1);
            await AssertExactlyAsync(ledger, answered);
            // The last kill may have come when nothing was left to append: now the writer is surely connected again.
            await ledger.MustAppendAsync(LedgerSamples.One("ready"), Patience);
            await WhileStoppedAsync(server, ledger);
        }
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task Without_a_server_appends_fail_at_once_or_when_patience_ends()
    {
        var folder = Directory.CreateTempSubdirectory("holdfast-test-").FullName;
        var server = await EmbeddedPostgres.StartAsync(Path.Combine(folder, "ledger"));
        await using (var ledger = await PostgresLedger.OpenAsync(
            new PostgresLedgerOptions { ConnectionString = server.ConnectionString }))
        {
            await ledger.MustAppendAsync(LedgerSamples.One("a"));
            await server.DisposeAsync();
            await UntilAsync(() => !ledger.IsAvailable);
            var refused =
                await Assert.ThrowsAsync<LedgerUnavailableException>(() => ledger.AppendAsync(LedgerSamples.One("a")));
            Assert.False(refused.MayBeAppended);
            refused = await Assert.ThrowsAsync<LedgerUnavailableException>(
                () => ledger.AppendAsync(LedgerSamples.One("a"), TimeSpan.FromMilliseconds(300)));
            Assert.False(refused.MayBeAppended);
            using var cancelled = new CancellationTokenSource(100);
            await Assert.ThrowsAnyAsync<OperationCanceledException>(
                () => ledger.AppendAsync(LedgerSamples.One("a"), Timeout.InfiniteTimeSpan, cancelled.Token));
            await Assert.ThrowsAsync<LedgerUnavailableException>(() => ledger.ReadAsync().ListAsync());
            var waiting = ledger.AppendAsync(LedgerSamples.One("a"), Patience);
            await using var again = await EmbeddedPostgres.StartAsync(Path.Combine(folder, "ledger"));
            Assert.Equal(2, Assert.IsType<AppendOutcome.Appended>(await waiting).Events[0].Position);
            Assert.True(ledger.IsAvailable);
            Assert.Equal(2, (await ledger.ReadAsync().ListAsync()).Count);
        }
        Directory.Delete(folder, recursive: true);
    }

    private static async Task WhileStoppedAsync(EmbeddedPostgres server, PostgresLedger ledger)
    {
        var at = ledger.Head.Position;
        var backends = await BackendsAsync(server);
        backends.ForEach(pid => ClusterFolder.Signal(pid, 19));
        var inFlight = ledger.AppendAsync(LedgerSamples.One("stopped"), Patience);
        await UntilAsync(() => !ledger.IsAvailable);
        var refused =
            await Assert.ThrowsAsync<LedgerUnavailableException>(
                () => ledger.AppendAsync(LedgerSamples.One("stopped")));
        Assert.False(refused.MayBeAppended);
        backends.ForEach(pid => ClusterFolder.Signal(pid, 18));
        Assert.Equal(at + 1, Assert.IsType<AppendOutcome.Appended>(await inFlight).Events[0].Position);
        await UntilAsync(() => ledger.IsAvailable);
        await ledger.MustAppendAsync(LedgerSamples.One("stopped", 1), Patience);
        Assert.Equal(at + 2, ledger.Head.Position);
        Assert.True((await ChainVerifier.VerifyAsync(ledger, null, ledger.Head)).IsGood);
    }

    private static async Task<List<int>> BackendsAsync(EmbeddedPostgres server)
    {
        var list = (int[])(await PostgresFixture.SqlAsync(server.AdminConnectionString,
            "SELECT array_agg(pid) FROM pg_stat_activity WHERE application_name LIKE 'holdfast-ledger/%'"))!;
        return [server.ProcessId, .. list];
    }

    /// <summary>Each writer appends to its own stream with expected versions; returns what each was told is
    /// durable.</summary>
    private static async Task<Dictionary<string, List<RecordedEvent>>> AppendFromManyAsync(
        PostgresLedger ledger, int writers, int appends)
    {
        var all = await Task.WhenAll(Enumerable.Range(0, writers).Select(w => Task.Run(async () =>
        {
            var told = new List<RecordedEvent>();
            for (var i = 0; i < appends; i++)
            {
                told.AddRange(
                    await ledger.MustAppendAsync(LedgerSamples.Many($"w{w}", 1 + i % 2, told.Count), Patience));
            }
            return ($"w{w}", told);
        })));
        return all.ToDictionary(p => p.Item1, p => p.told);
    }

    /// <summary>Reads don't wait for a server that is just coming back; the test does, within a bound.</summary>
    private static async Task<List<RecordedEvent>> ReadAllAsync(PostgresLedger ledger)
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                return await ledger.ReadAsync().ListAsync();
            }
            catch (LedgerUnavailableException) when (watch.Elapsed < TimeSpan.FromSeconds(60))
            {
                await Task.Delay(50);
            }
        }
    }

    private static async Task AssertExactlyAsync(
        PostgresLedger ledger, Dictionary<string, List<RecordedEvent>> answered)
    {
        var there = await ReadAllAsync(ledger);
        Assert.Equal(answered.Values.Sum(l => l.Count), there.Count);
        foreach (var (stream, told) in answered)
        {
            LedgerSamples.AssertSame(told, there.Where(e => e.Stream == stream).ToList());
        }
        Assert.True((await ChainVerifier.VerifyAsync(ledger, null, ledger.Head)).IsGood);
    }

    /// <summary>Waits for something that must come true; the bound only keeps a broken program from hanging the
    /// run.</summary>
    private static async Task UntilAsync(Func<bool> condition)
    {
        var watch = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(60), "it did not come true");
            await Task.Delay(10);
        }
    }
}
