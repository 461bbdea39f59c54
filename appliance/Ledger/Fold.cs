// A fold turns events into state: pure, no I/O, no clock. The same fold serves the live state, the state as of an
// instant, and the rebuild that is compared with the live one.
namespace Holdfast.Ledger;

/// <summary>A pure left fold over the ledger with a canonical serial form, so that it can be snapshotted and
/// compared.</summary>
/// <typeparam name="TState">Immutable.</typeparam>
public interface IFold<TState>
{
    /// <summary>Stable name, e.g. <c>snapshots</c>; names its discardable snapshot.</summary>
    string Name { get; }

    /// <summary>Raised whenever <see cref="Apply"/> or the serial form changes: older snapshots are then
    /// discarded.</summary>
    int Version { get; }

    /// <summary>State before the first event.</summary>
    TState Initial { get; }

    /// <summary>Total: unknown events return the state unchanged and are counted by the projection, never
    /// fatal.</summary>
    TState Apply(TState state, RecordedEvent recorded);

    /// <summary>True if <see cref="Apply"/> looks at events of this type (<c>Name/1</c>).</summary>
    bool Knows(string type);

    /// <summary>Canonical bytes: equal states give equal bytes.</summary>
    void Write(TState state, Stream output);

    /// <summary>Inverse of <see cref="Write"/>.</summary>
    /// <exception cref="InvalidDataException">Not such bytes.</exception>
    TState Read(Stream input);

    /// <summary>A state equal to this one for whoever is about to apply many events and shows it to nobody until
    /// <see cref="Settle"/>: <see cref="Apply"/> may then change it in place. Default: the state as it is.</summary>
    TState Loosen(TState state) => state;

    /// <summary>The immutable state of one that was loosened (or the state, if it was not).</summary>
    TState Settle(TState state) => state;
}
