// The ledger of a running daemon as an outsider reads it: its events in order, its chain verified, its folds rebuilt and compared.
using System.Text.Json;
using Holdfast.Features.Audit;
using Holdfast.Ledger;
using Xunit;

namespace Holdfast.Tests.Wire;

/// <summary>An event with its data as JSON.</summary>
internal sealed record Told(long Position, string Stream, string Type, DateTimeOffset Time, string Actor, JsonElement Data)
{
    public long Number(string name) => Data.GetProperty(name).GetInt64();

    public string Text(string name) => Data.GetProperty(name).GetString()!;
}

internal static class LedgerView
{
    /// <summary>All events; the chain must be whole.</summary>
    public static async Task<List<Told>> ReadAsync(Daemon daemon)
    {
        await using var ledger = await OpenAsync(daemon);
        var report = await ChainVerifier.VerifyAsync(ledger);
        Assert.True(report.IsGood, report.ToString());
        List<Told> events = [];
        await foreach (var one in ledger.ReadAsync())
        {
            using var data = JsonDocument.Parse(one.Data);
            events.Add(new Told(one.Position, one.Stream, one.Type[..one.Type.IndexOf('/')], one.Time, one.Metadata.Actor, data.RootElement.Clone()));
        }

        return events;
    }

    /// <summary>Events of one stream.</summary>
    public static async Task<List<Told>> ReadAsync(Daemon daemon, string stream) =>
        [.. (await ReadAsync(daemon)).Where(told => told.Stream == stream)];

    /// <summary>Reads until the condition holds; fails after a generous bound.</summary>
    public static async Task<List<Told>> WaitAsync(Daemon daemon, Func<List<Told>, bool> condition, int seconds = 60)
    {
        for (var i = 0; ; i++)
        {
            var events = await ReadAsync(daemon);
            if (condition(events))
            {
                return events;
            }

            Assert.True(i < seconds * 2, "not told within the bound: " + string.Join(' ', events.TakeLast(12).Select(told => told.Type)));
            await Task.Delay(500);
        }
    }

    /// <summary>Every fold, continued from its saved snapshot, equals its rebuild from the first event.</summary>
    public static async Task AssertFoldsEqualTheirRebuildAsync(Daemon daemon)
    {
        await using var ledger = await OpenAsync(daemon);
        var saved = Directory.CreateTempSubdirectory("holdfast-folds-").FullName;
        try
        {
            foreach (var file in Directory.EnumerateFiles(Path.Combine(daemon.Data, "folds")))
            {
                File.Copy(file, Path.Combine(saved, Path.GetFileName(file)));
            }

            var folds = new Folds(ledger, saved, TimeProvider.System, _ => { });
            await using var set = folds.Set;
            await set.StartAsync();
            foreach (var compared in await set.RebuildAndCompareAsync())
            {
                Assert.True(compared.IsEqual, $"{compared.Name} at {compared.Position}: {compared.LiveDigest} != {compared.RebuiltDigest}");
            }
        }
        finally
        {
            Directory.Delete(saved, recursive: true);
        }
    }

    private static async Task<PostgresLedger> OpenAsync(Daemon daemon)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                var connection = EmbeddedPostgres.FindRunning(Path.Combine(daemon.Data, "ledger"))
                    ?? throw new LedgerUnavailableException("no PostgreSQL runs");
                return await PostgresLedger.OpenReadOnlyAsync(connection);
            }
            catch (LedgerUnavailableException) when (attempt < 60)
            {
                // It may just be starting again.
                await Task.Delay(500);
            }
        }
    }
}
