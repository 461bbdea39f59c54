// Places for downloads: bounded in all and for each caller, given back once, and refused with whose they are.
using Holdfast.Features.Restore;
using Xunit;

namespace Holdfast.Tests.Unit.Features;

public sealed class DownloadPlacesTests
{
    private readonly DownloadPlaces places = new(4, 3);

    [Fact]
    public async Task One_slow_caller_leaves_a_place_for_another()
    {
        var mine = new List<IDisposable>();
        for (var i = 0; i < 3; i++)
        {
            mine.Add(Assert.IsAssignableFrom<IDisposable>((await EnterAsync("slow@pbs")).Place));
        }

        Assert.Equal((null, "too many downloads of 'slow@pbs' at once (at most 3)"), await EnterAsync("slow@pbs"));
        Assert.NotNull((await EnterAsync("other@pbs")).Place);
        Assert.Equal((null, "too many downloads at once (at most 4)"), await EnterAsync("third@pbs"));

        mine[0].Dispose();
        mine[0].Dispose(); // counts once
        Assert.NotNull((await EnterAsync("third@pbs")).Place);
        Assert.Null((await EnterAsync("third@pbs")).Place);
    }

    [Fact]
    public async Task Whoever_waits_gets_the_place_that_is_given_back_and_whoever_gives_up_leaves_none_behind()
    {
        var first = (await EnterAsync("a@pbs")).Place!;
        var second = (await EnterAsync("a@pbs")).Place!;
        var third = (await EnterAsync("a@pbs")).Place!;
        using var gone = new CancellationTokenSource();
        var gaveUp = places.TryEnterAsync("a@pbs", Timeout.InfiniteTimeSpan, gone.Token);
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => gaveUp);

        var waits = places.TryEnterAsync("a@pbs", Timeout.InfiniteTimeSpan, default);
        Assert.False(waits.IsCompleted);
        second.Dispose();
        Assert.NotNull((await waits).Place);
        first.Dispose();
        third.Dispose();
    }

    private Task<(IDisposable? Place, string? Why)> EnterAsync(string caller) => places.TryEnterAsync(caller, TimeSpan.Zero, default);
}
