// The link of the chain: SHA-256 over the previous hash and the event record. Reuses one hash object and one buffer, so
// that nothing is allocated per event. Not thread-safe: one instance a thread.
using System.Security.Cryptography;

namespace Holdfast.Ledger;

/// <summary>Computes the hash of events: <c>SHA-256(previous hash (32 bytes) || event record)</c>.</summary>
public sealed class EventHash : IDisposable
{
    private readonly IncrementalHash sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private byte[] buffer = new byte[4096];

    /// <summary>Hash "before the first event": 32 zero bytes.</summary>
    public static ReadOnlyMemory<byte> Genesis { get; } = new byte[EventRecord.HashBytes];

    /// <summary>Hashes an encoded record.</summary>
    /// <param name="previous">32 bytes.</param>
    /// <param name="record">One encoded record.</param>
    /// <param name="hash">Receives 32 bytes.</param>
    public void Compute(ReadOnlySpan<byte> previous, ReadOnlySpan<byte> record, Span<byte> hash)
    {
        // One call into the crypto library is cheaper than two, and copying half a kilobyte is nearly free.
        var total = EventRecord.HashBytes + record.Length;
        if (total <= buffer.Length)
        {
            previous.CopyTo(buffer);
            record.CopyTo(buffer.AsSpan(EventRecord.HashBytes));
            sha.AppendData(buffer.AsSpan(0, total));
        }
        else
        {
            sha.AppendData(previous);
            sha.AppendData(record);
        }
        sha.GetHashAndReset(hash);
    }

    /// <summary>Hashes an event from its fields (its own <see cref="RecordedEvent.Hash"/> is not looked at).</summary>
    public void Compute(ReadOnlySpan<byte> previous, RecordedEvent recorded, Span<byte> hash)
    {
        var most = EventRecord.HashBytes
            + EventRecord.MaxBytes(recorded.Stream, recorded.Type, recorded.Data.Length, recorded.Metadata);
        if (most > buffer.Length)
        {
            buffer = new byte[most + most / 2];
        }
        previous.CopyTo(buffer);
        var length = EventRecord.Write(
            buffer.AsSpan(EventRecord.HashBytes), recorded.Position, recorded.Stream, recorded.Version, recorded.Type,
            recorded.TimeUs, recorded.Data.Span, recorded.Metadata);
        sha.AppendData(buffer.AsSpan(0, EventRecord.HashBytes + length));
        sha.GetHashAndReset(hash);
    }

    /// <inheritdoc/>
    public void Dispose() => sha.Dispose();
}
