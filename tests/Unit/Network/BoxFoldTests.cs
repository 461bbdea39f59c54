// The events of network and answer files through the appliance's own set of folds: written, read back, folded, and the folds still follow afterwards.
using Holdfast.Contracts.Network;
using Holdfast.Features.Audit;
using Holdfast.Features.Box;
using Holdfast.Features.Events;
using Holdfast.Features.Network;
using Holdfast.Ledger;
using Xunit;

namespace Holdfast.Tests.Unit.Network;

public sealed class BoxFoldTests
{
    private static readonly NetworkPlan Plan = new(
        [new InterfacePlan("e1", "eth", "static", ["192.0.2.7/24"], "192.0.2.1", null, 9000, null, [], null, null)],
        ["192.0.2.53"], null, new DoorPlan([], ["e1"]));

    [Fact]
    public async Task What_is_recorded_is_what_the_folds_know()
    {
        var said = new List<string>();
        await using var ledger = new MemoryLedger(TimeProvider.System, log: said.Add);
        var folds = new Folds(ledger, null, TimeProvider.System, said.Add);
        await folds.Set.StartAsync();
        await RecordAsync(new NetworkApplied("one", Plan, 60));
        Assert.True(said.Count == 0, string.Concat(said));
        Assert.Equal("one", folds.Network.State.Open);
        await RecordAsync(new NetworkConfirmed("another"));
        Assert.Equal("one", folds.Network.State.Open);
        await RecordAsync(new NetworkReverted("one", "nobody confirmed it in time"));
        Assert.Null(folds.Network.State.Open);
        await RecordAsync(new AnswerFileRefused(new string('0', 64), "why"));
        await RecordAsync(new AnswerFileFailed(new string('0', 64), "why"));
        Assert.Null(folds.Answer.State.Applied);
        await RecordAsync(new AnswerFileApplied(new string('a', 64), "done"));
        Assert.Equal(new string('a', 64), folds.Answer.State.Applied);
        Assert.Equal(ledger.Head.Position, folds.Answer.Position);
        RoundTrip(new NetworkFold(), folds.Network.State);
        RoundTrip(new AnswerFold(), folds.Answer.State);
        await folds.Set.DisposeAsync();

        async Task RecordAsync<T>(T data) where T : class, IEventData<T> =>
            await ledger.AppendAsync(new Append("test", ExpectedVersion.Any, [Event.Of(data, EventMetadata.System)]));
    }

    private static void RoundTrip<T>(IFold<T> fold, T state)
    {
        using var bytes = new MemoryStream();
        fold.Write(state, bytes);
        bytes.Position = 0;
        Assert.Equal(state, fold.Read(bytes));
        Assert.Throws<InvalidDataException>(() => fold.Read(new MemoryStream("["u8.ToArray())));
    }
}
