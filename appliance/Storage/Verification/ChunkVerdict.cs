// What a second look at a stored chunk found. Damage and trouble with the device are kept apart: only the first says anything about the chunk.
namespace Holdfast.Storage;

/// <summary>What is wrong with a chunk.</summary>
public enum ChunkFault
{
    None,

    /// <summary>There is no file of its name.</summary>
    Missing,

    /// <summary>Its file is no blob, its CRC does not fit, or its data can't be decompressed.</summary>
    Undecodable,

    /// <summary>It decodes to data of another digest.</summary>
    WrongDigest,

    /// <summary>The device or the file system did not give its bytes (an I/O error, no access, fewer bytes than the file has): nothing is known of
    /// the chunk.</summary>
    Unreadable,
}

/// <summary>Verdict on one chunk.</summary>
/// <param name="Why">In words; null if nothing is wrong.</param>
/// <param name="IsEncrypted">Then only its CRC could be checked, and <paramref name="SizeBytes"/> is not known.</param>
/// <param name="SizeBytes">Length of the data; 0 if unknown.</param>
/// <param name="RawBytes">Length of its file as far as it was read.</param>
public readonly record struct ChunkVerdict(ChunkFault Fault, string? Why, bool IsEncrypted, int SizeBytes, int RawBytes)
{
    /// <summary>Its bytes were read, and they are not those of the chunk.</summary>
    public bool IsCorrupt => Fault is ChunkFault.Undecodable or ChunkFault.WrongDigest;

    internal static ChunkVerdict Of(ChunkFault fault, string why, int rawBytes = 0) => new(fault, why, false, 0, rawBytes);
}

/// <summary>A chunk that is not, or not any more, what its name says.</summary>
public sealed record BadChunk(Digest Digest, ChunkFault Fault, string Why);
