// Projections: live, as of then, from a snapshot or without one, and rebuilt - always the same state.
using System.Text;
using Holdfast.Ledger;
using Xunit;

namespace Holdfast.Tests.Unit;

public sealed class ProjectionTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("holdfast-test-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task A_projection_is_up_to_date_when_the_appender_reads_it()
    {
        await using var ledger = new MemoryLedger(TimeProvider.System);
        await ledger.MustAppendAsync(LedgerSamples.One("a"));
        await using var set = new ProjectionSet(ledger, null, TimeProvider.System);
        var counts = set.Add(new CountFold());
        var second = set.Add(new CountFold { Title = "second" });
        await set.StartAsync();
        Assert.Equal(1, counts.State.Count);
        for (var i = 2; i < 50; i++)
        {
            await ledger.MustAppendAsync(LedgerSamples.One("a"));
            Assert.Equal((i, i), (counts.Current.State.Count, counts.Current.Position));
        }
        await ledger.MustAppendAsync(new Append("a", -1, [LedgerSamples.Event("Novel/1", "{}")]));
        Assert.Equal((49, 50L, 1L), (counts.State.Count, counts.Position, counts.UnknownEvents));
        Assert.Equal(50, second.Position);
        Assert.All(await set.RebuildAndCompareAsync(), c => Assert.True(c.IsEqual));
    }

    [Fact]
    public async Task Nothing_is_missed_when_events_come_while_it_starts()
    {
        await using var ledger = new MemoryLedger(TimeProvider.System);
        using var done = new CancellationTokenSource();
        var writing = Task.Run(async () =>
        {
            while (!done.IsCancellationRequested)
            {
                await ledger.MustAppendAsync(LedgerSamples.Many("a", 10));
            }
        });
        for (var i = 0; i < 20; i++)
        {
            await using var set = new ProjectionSet(ledger, null, TimeProvider.System);
            var counts = set.Add(new CountFold());
            await set.StartAsync();
            await ledger.MustAppendAsync(LedgerSamples.One("b"));
            var (state, position) = counts.Current;
            Assert.Equal(position, state.Count);
        }
        await done.CancelAsync();
        await writing;
    }

    [Fact]
    public async Task A_snapshot_saves_the_reading_and_anything_wrong_with_it_discards_it()
    {
        await using var ledger = new MemoryLedger(TimeProvider.System);
        await ledger.MustAppendAsync(LedgerSamples.Many("a", 100));
        Assert.Equal(100, await StartedAsync(ledger, new CountFold()));
        await ledger.MustAppendAsync(LedgerSamples.Many("a", 5));
        Assert.Equal(5, await StartedAsync(ledger, new CountFold()));
        Assert.Equal(0, await StartedAsync(ledger, new CountFold()));
        Assert.Equal(105, await StartedAsync(ledger, new CountFold { Edition = 2 }));
        Assert.Equal(105, await StartedAsync(ledger, new CountFold()));

        var path = Path.Combine(folder, "counts.fold");
        var good = File.ReadAllBytes(path);
        for (var i = 0; i < good.Length; i++)
        {
            var bad = good.ToArray();
            bad[i] ^= 1;
            File.WriteAllBytes(path, bad);
            Assert.Equal(105, await StartedAsync(ledger, new CountFold(), false));
            File.WriteAllBytes(path, good[..i]);
            Assert.Equal(105, await StartedAsync(ledger, new CountFold(), false));
        }
        File.WriteAllBytes(path, good);
        Assert.Equal(0, await StartedAsync(ledger, new CountFold(), false));

        // Another ledger with as many events: the hash at the position differs.
        await using var other = new MemoryLedger(TimeProvider.System);
        await other.MustAppendAsync(LedgerSamples.Many("b", 200));
        Assert.Equal(200, await StartedAsync(other, new CountFold(), false));
        // A shorter one: the snapshot is ahead of it.
        await using var shorter = new MemoryLedger(TimeProvider.System);
        await shorter.MustAppendAsync(LedgerSamples.Many("a", 3));
        Assert.Equal(3, await StartedAsync(shorter, new CountFold(), false));
    }

    [Fact]
    public async Task As_of_a_position_and_as_of_an_instant()
    {
        await using var ledger = new MemoryLedger(TimeProvider.System);
        for (var i = 1; i <= 10; i++)
        {
            await ledger.MustAppendAsync(
                new Append("a", -1, [LedgerSamples.Event("Counted/1", "{}") with { TimeUs = i * 1_000_000 }]));
        }
        // A fact that had to wait counts by the time it happened.
        await ledger.MustAppendAsync(
            new Append("a", -1, [LedgerSamples.Event("Counted/1", "{}") with { TimeUs = 3_500_000 }]));
        var projection = new Projection<Counts>(new CountFold());
        Assert.Equal(4, (await projection.AsOfAsync(ledger, 4)).Count);
        Assert.Equal(0, (await projection.AsOfAsync(ledger, 0)).Count);
        Assert.Equal(11, (await projection.AsOfAsync(ledger, 1000)).Count);
        Assert.Equal(3, (await projection.AsOfAsync(ledger, DateTimeOffset.FromUnixTimeSeconds(3))).Count);
        Assert.Equal(5, (await projection.AsOfAsync(ledger, DateTimeOffset.FromUnixTimeSeconds(4))).Count);
        Assert.Equal(0, (await projection.AsOfAsync(ledger, DateTimeOffset.UnixEpoch)).Count);
    }

    [Fact]
    public async Task A_fold_that_is_not_pure_is_found_by_the_rebuild()
    {
        await using var ledger = new MemoryLedger(TimeProvider.System);
        await using var set = new ProjectionSet(ledger, null, TimeProvider.System);
        var impure = new CountFold { Step = 1 };
        set.Add(impure);
        await set.StartAsync();
        await ledger.MustAppendAsync(LedgerSamples.Many("a", 10));
        Assert.True((await set.RebuildAndCompareAsync())[0].IsEqual);
        impure.Step = 2;
        await ledger.MustAppendAsync(LedgerSamples.One("a"));
        var compared = (await set.RebuildAndCompareAsync())[0];
        Assert.False(compared.IsEqual);
        Assert.NotEqual(compared.LiveDigest, compared.RebuiltDigest);
    }

    private async Task<long> StartedAsync(MemoryLedger ledger, CountFold fold, bool isSaved = true)
    {
        var path = Path.Combine(folder, "counts.fold");
        var kept = File.Exists(path) ? File.ReadAllBytes(path) : [];
        long read;
        await using (var set = new ProjectionSet(ledger, folder, TimeProvider.System))
        {
            var counts = set.Add(fold);
            await set.StartAsync();
            Assert.Equal(ledger.Head.Position, counts.State.Count);
            read = set.CaughtUpEvents;
        }
        if (!isSaved)
        {
            File.WriteAllBytes(path, kept);
        }
        return read;
    }

    internal sealed record Counts(int Count);

    internal sealed class CountFold : IFold<Counts>
    {
        public string Title { get; init; } = "counts";

        public int Edition { get; init; } = 1;

        public int Step { get; set; } = 1;

        public string Name => Title;

        public int Version => Edition;

        public Counts Initial => new(0);

        public Counts Apply(Counts state, RecordedEvent recorded) => new(state.Count + Step);

        public bool Knows(string type) => type is "Counted/1" or "Happened/1";

        public void Write(Counts state, Stream output) => output.Write(Encoding.ASCII.GetBytes($"{state.Count}"));

        public Counts Read(Stream input)
        {
            using var reader = new StreamReader(input);
            return int.TryParse(reader.ReadToEnd(), out var count)
                ? new Counts(count)
                : throw new InvalidDataException("not a count");
        }
    }
}
