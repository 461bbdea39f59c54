// One fold and where it stands. Its state is an immutable value behind one reference: readers take it without a lock
// and keep a consistent picture however long they look at it. ProjectionSet feeds it.
namespace Holdfast.Ledger;

/// <summary>A projection as the set sees it, whatever its state is.</summary>
public abstract class Projection
{
    /// <summary>Name of the fold.</summary>
    public abstract string Name { get; }

    /// <summary>Last position folded.</summary>
    public abstract long Position { get; }

    /// <summary>Events of types that the fold does not know, so far.</summary>
    public abstract long UnknownEvents { get; }

    internal abstract FoldSnapshot? LoadSnapshot(string folder);

    internal abstract bool TryRestore(FoldSnapshot snapshot);

    internal abstract void Apply(RecordedEvent recorded);

    /// <summary>From here on many events come and nobody looks: what is folded is seen after <see cref="Show"/>.</summary>
    internal abstract void Hide();

    /// <summary>What was folded since <see cref="Hide"/> becomes visible, and each event from now on.</summary>
    internal abstract void Show();

    internal abstract void Save(string folder, out long position);

    /// <summary>A projection of the same fold at the first event, for a rebuild.</summary>
    internal abstract Projection Fresh();

    /// <summary>Freezes what is now; the bytes are made when asked for.</summary>
    internal abstract (long Position, long Unknown, Func<byte[]> Bytes) Freeze();
}

/// <summary>Hosts an <see cref="IFold{TState}"/>. One writer (the set), any number of readers.</summary>
public sealed class Projection<TState>(IFold<TState> fold) : Projection
{
    private sealed record Standing(TState State, long Position, ReadOnlyMemory<byte> Hash, long Unknown);

    private volatile Standing now = new(fold.Initial, 0, EventHash.Genesis, 0);

    private TState state = fold.Initial;
    private long folded;
    private long unknown;
    private ReadOnlyMemory<byte> hash = EventHash.Genesis;
    private bool isHidden;

    /// <inheritdoc/>
    public override string Name => fold.Name;

    /// <summary>State as of <see cref="Position"/>; immutable.</summary>
    public TState State => now.State;

    /// <summary>State and the position it stands at, taken together.</summary>
    public (TState State, long Position) Current
    {
        get
        {
            var standing = now;
            return (standing.State, standing.Position);
        }
    }

    /// <inheritdoc/>
    public override long Position => now.Position;

    /// <inheritdoc/>
    public override long UnknownEvents => now.Unknown;

    /// <summary>State as of a position: the same fold over the events 1 to <paramref name="position"/>.</summary>
    public async Task<TState> AsOfAsync(ILedger ledger, long position, CancellationToken cancellationToken = default)
    {
        var then = fold.Loosen(fold.Initial);
        await LedgerReading.EachAsync(ledger, 1, position, recorded =>
        {
            then = fold.Knows(recorded.Type) ? fold.Apply(then, recorded) : then;
        }, cancellationToken).ConfigureAwait(false);
        return fold.Settle(then);
    }

    /// <summary>State as of an instant: the same fold over all events that happened up to it, in the ledger's order.
    /// Facts that were appended late count by the time they happened.</summary>
    public async Task<TState> AsOfAsync(ILedger ledger, DateTimeOffset instant,
        CancellationToken cancellationToken = default)
    {
        var untilUs = (instant - DateTimeOffset.UnixEpoch).Ticks / 10;
        var then = fold.Loosen(fold.Initial);
        await LedgerReading.EachAsync(ledger, 1, long.MaxValue, recorded =>
        {
            then = recorded.TimeUs <= untilUs && fold.Knows(recorded.Type) ? fold.Apply(then, recorded) : then;
        }, cancellationToken).ConfigureAwait(false);
        return fold.Settle(then);
    }

    internal override FoldSnapshot? LoadSnapshot(string folder) => FoldSnapshot.Load(folder, fold.Name, fold.Version);

    internal override bool TryRestore(FoldSnapshot snapshot)
    {
        try
        {
            using var bytes = new MemoryStream(snapshot.State.ToArray(), writable: false);
            state = fold.Read(bytes);
            (folded, hash, unknown) = (snapshot.Position, snapshot.Hash, snapshot.Unknown);
            now = new Standing(state, folded, hash, unknown);
            return true;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // Discardable, whatever a fold stumbles over (a state of another shape has nulls where it expects none): it starts
            // from the first event. A start must not end on a file that is only there to make it quick.
            state = fold.Initial;
            return false;
        }
    }

    internal override void Apply(RecordedEvent recorded)
    {
        if (recorded.Position <= folded)
        {
            return;
        }
        if (recorded.Position != folded + 1)
        {
            throw new InvalidOperationException($"fold {Name} stands at {folded} and was given {recorded.Position}");
        }
        if (fold.Knows(recorded.Type))
        {
            state = fold.Apply(state, recorded);
        }
        else
        {
            unknown++;
        }
        folded = recorded.Position;
        hash = recorded.Hash;
        if (!isHidden)
        {
            now = new Standing(state, folded, hash, unknown);
        }
    }

    internal override void Hide()
    {
        isHidden = true;
        state = fold.Loosen(state);
    }

    internal override void Show()
    {
        isHidden = false;
        state = fold.Settle(state);
        now = new Standing(state, folded, hash, unknown);
    }

    internal override void Save(string folder, out long position)
    {
        var standing = now;
        using var bytes = new MemoryStream();
        fold.Write(standing.State, bytes);
        new FoldSnapshot(standing.Position, standing.Hash, standing.Unknown, bytes.ToArray())
            .Save(folder, fold.Name, fold.Version);
        position = standing.Position;
    }

    internal override Projection Fresh() => new Projection<TState>(fold);

    internal override (long Position, long Unknown, Func<byte[]> Bytes) Freeze()
    {
        var standing = now;
        return (standing.Position, standing.Unknown, () =>
        {
            using var bytes = new MemoryStream();
            fold.Write(standing.State, bytes);
            return bytes.ToArray();
        });
    }
}
