// What an event is before and after the ledger has taken it: plain records, no behaviour.
// The ledger knows no domain word: types are explicit strings such as "BackupFinished/1", data is exact UTF-8 JSON.
namespace Holdfast.Ledger;

/// <summary>Who caused an event, from where, and through what. Empty strings mean "not applicable".</summary>
/// <param name="Actor">User or token (<c>admin@pbs</c>, <c>backup@pbs!pve</c>), or <c>system</c>.</param>
/// <param name="Source">Address of the peer (<c>192.0.2.7</c>), or <c>local</c>.</param>
/// <param name="Cause">What ran: a UPID, a job, a request line.</param>
/// <param name="Correlation">Ties events of one act together (the UPID of the session, for example).</param>
public sealed record EventMetadata(string Actor, string Source, string Cause, string Correlation)
{
    /// <summary>The appliance itself, not on anybody's behalf.</summary>
    public static readonly EventMetadata System = new("system", "local", "", "");
}

/// <summary>An event that somebody wants recorded.</summary>
/// <param name="Type">Name and version, <c>Name/1</c>; never a CLR name.</param>
/// <param name="Data">UTF-8 JSON, kept byte for byte.</param>
/// <param name="Metadata">Who, from where, why.</param>
/// <param name="TimeUs">Microseconds since the Unix epoch when it happened; null = the ledger's clock at append.
/// Set only for facts that had to wait (ledger away) and are appended late with their own time.</param>
public sealed record NewEvent(string Type, ReadOnlyMemory<byte> Data, EventMetadata Metadata, long? TimeUs = null);

/// <summary>An event as recorded: immutable, in one global order, each carrying the hash of the chain up to
/// itself.</summary>
/// <param name="Position">Global position, 1-based, without gaps.</param>
/// <param name="Stream">Name of its stream.</param>
/// <param name="Version">1-based version in its stream, without gaps.</param>
/// <param name="Type">Name and version, <c>Name/1</c>.</param>
/// <param name="TimeUs">Microseconds since the Unix epoch.</param>
/// <param name="Data">UTF-8 JSON exactly as appended.</param>
/// <param name="Metadata">Who, from where, why.</param>
/// <param name="Hash">SHA-256 over the previous event's hash and every field above in one fixed binary layout
/// (docs/formats.md).</param>
public sealed record RecordedEvent(
    long Position, string Stream, long Version, string Type, long TimeUs,
    ReadOnlyMemory<byte> Data, EventMetadata Metadata, ReadOnlyMemory<byte> Hash)
{
    private static readonly long FirstUs = (DateTimeOffset.MinValue - DateTimeOffset.UnixEpoch).Ticks / 10;
    private static readonly long LastUs = (DateTimeOffset.MaxValue - DateTimeOffset.UnixEpoch).Ticks / 10;

    /// <summary>When it happened; the nearest instant there is for a time beyond the calendar (an imported file may hold one).</summary>
    public DateTimeOffset Time => DateTimeOffset.UnixEpoch.AddTicks(Math.Clamp(TimeUs, FirstUs, LastUs) * 10);
}
