// Appends to a ledger that has nothing else to do: one writer waiting for each event, 32 of them, and batches of 100.
using System.Diagnostics;
using Holdfast.Features.Access;
using Holdfast.Features.Events;
using Holdfast.Ledger;

namespace Holdfast.Tests.Bench;

internal static class LedgerRows
{
    private const int Runs = 3;

    public static readonly RowGroup Appends = new(
    [
        "ledger.append_1_writer_per_s", "ledger.append_32_writers_per_s", "ledger.append_batched_per_s",
    ], MeasureAsync);

    private static async Task MeasureAsync(Bed bed, Rows rows)
    {
        var data = bed.NewFolder("ledger");
        var own = await OwnLedger.OpenAsync(data).ConfigureAwait(false);
        await using (own.ConfigureAwait(false))
        {
            await AppendAsync(own.Ledger, writers: 32, appends: 200, size: 1).ConfigureAwait(false); // warms up
            await AddAsync(rows, "ledger.append_1_writer_per_s", own.Ledger, 1, 10_000, 1).ConfigureAwait(false);
            await AddAsync(rows, "ledger.append_32_writers_per_s", own.Ledger, 32, 2_000, 1).ConfigureAwait(false);
            await AddAsync(rows, "ledger.append_batched_per_s", own.Ledger, 16, 200, 100).ConfigureAwait(false);
        }

        Bed.Remove(data);
    }

    private static async Task AddAsync(Rows rows, string name, ILedger ledger, int writers, int appends, int size)
    {
        var speeds = new double[Runs];
        for (var i = 0; i < Runs; i++)
        {
            var started = Stopwatch.GetTimestamp();
            await AppendAsync(ledger, writers, appends, size).ConfigureAwait(false);
            speeds[i] = (double)writers * appends * size / Stopwatch.GetElapsedTime(started).TotalSeconds;
        }

        rows.Add(name, "events/s", speeds);
    }

    private static Task AppendAsync(ILedger ledger, int writers, int appends, int size) =>
        Task.WhenAll(Enumerable.Range(0, writers).Select(writer => Task.Run(async () =>
        {
            for (var i = 0; i < appends; i++)
            {
                var events = new NewEvent[size];
                for (var k = 0; k < size; k++)
                {
                    events[k] = Event.Of(new LoginRefused($"user{k}@pbs", "192.0.2.7", 1_700_000_000 + i, k), EventMetadata.System);
                }

                await ledger.AppendAsync(new Append($"auth:writer{writer}@pbs", ExpectedVersion.Any, events)).ConfigureAwait(false);
            }
        })));
}
