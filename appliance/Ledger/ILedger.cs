// The event store as the rest of the house sees it. Two implementations pass one conformance suite:
// PostgresLedger (durable) and MemoryLedger (simulations, tests).
namespace Holdfast.Ledger;

/// <summary>What the appender believes about its stream.</summary>
public static class ExpectedVersion
{
    /// <summary>Whatever it is: for facts that can't conflict (logins, checkpoints, hardware readings).</summary>
    public const long Any = -1;

    /// <summary>The stream does not exist yet.</summary>
    public const long None = 0;
}

/// <summary>Events for one stream, to be taken whole or not at all.</summary>
/// <param name="Stream">1..400 characters, no control characters.</param>
/// <param name="ExpectedVersion">Last version that the decision rests on, or a constant of
/// <see cref="Ledger.ExpectedVersion"/>.</param>
/// <param name="Events">1..1000 events.</param>
public sealed record Append(string Stream, long ExpectedVersion, IReadOnlyList<NewEvent> Events);

/// <summary>What became of an append. A conflict is a value, not an exception.</summary>
public abstract record AppendOutcome
{
    /// <summary>Durable, at these positions.</summary>
    public sealed record Appended(IReadOnlyList<RecordedEvent> Events) : AppendOutcome;

    /// <summary>Nothing was appended: the stream stands at <paramref name="ActualVersion"/>.</summary>
    public sealed record Conflict(long ActualVersion) : AppendOutcome;
}

/// <summary>Where the ledger ends. Position 0 with 32 zero bytes = empty.</summary>
public sealed record LedgerHead(long Position, ReadOnlyMemory<byte> Hash);

/// <summary>The ledger can't be reached (or its database refuses); nothing is known to be appended unless an outcome
/// said so.</summary>
public sealed class LedgerUnavailableException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>True if the append had been sent and its fate was still open when the wait ended: it may turn out
    /// durable later. False = certainly not appended.</summary>
    public bool MayBeAppended { get; init; }
}

/// <summary>Append-only, hash-chained event store with one writer.</summary>
public interface ILedger : IAsyncDisposable
{
    /// <summary>End of what is durable, as this process last saw it.</summary>
    LedgerHead Head { get; }

    /// <summary>False while appends can't be made durable (database away). Reads from memory go on.</summary>
    bool IsAvailable { get; }

    /// <summary>Appends durably: when the task completes with <see cref="AppendOutcome.Appended"/>, the events survive
    /// a power cut. Concurrent appends are committed in groups. A commit whose answer was lost is resolved before this
    /// returns: never lost, never doubled.</summary>
    /// <exception cref="LedgerUnavailableException">The database stayed away for longer than
    /// <paramref name="patience"/> (default: fail at once when unavailable).</exception>
    Task<AppendOutcome> AppendAsync(Append append, TimeSpan patience = default, CancellationToken cancellationToken = default);

    /// <summary>Reads in global order from <paramref name="fromPosition"/> (inclusive) to the head at the time of the
    /// call.</summary>
    IAsyncEnumerable<RecordedEvent> ReadAsync(long fromPosition = 1, CancellationToken cancellationToken = default);

    /// <summary>Reads one stream in order from <paramref name="fromVersion"/> (inclusive).</summary>
    IAsyncEnumerable<RecordedEvent> ReadStreamAsync(string stream, long fromVersion = 1, CancellationToken cancellationToken = default);

    /// <summary>Calls <paramref name="observer"/> for every event committed from now on, in order, on the writer's
    /// thread, before the appender's task completes: a projection is up to date when the appender reads it. Observers
    /// must be quick and must not throw.</summary>
    IDisposable Observe(Action<RecordedEvent> observer);
}
