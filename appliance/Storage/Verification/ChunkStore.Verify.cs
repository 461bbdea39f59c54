// Verification of single chunks, and what becomes of corrupt ones: they are set aside under PBS's name for them (reference 3.6, 3.9), so that they are no
// longer taken for a duplicate and the next upload of the same data takes the place.
using System.Buffers;
using System.Globalization;

namespace Holdfast.Storage;

public sealed partial class ChunkStore
{
    /// <summary>Names that one chunk may be set aside under: <c>DIGEST.0.bad</c> to <c>DIGEST.9.bad</c>.</summary>
    public const int SetAsideMax = 10;

    /// <summary>Reads a chunk and checks all that can be checked without a key. Never throws for what is on the disk.</summary>
    /// <param name="read">Called once the bytes are in memory; not if they never are.</param>
    public ChunkVerdict Verify(in Digest digest, Action? read = null)
    {
        // A file that is replaced between two calls looks torn; the next look sees the new one.
        var verdict = VerifyOnce(digest, read);
        return verdict.Fault is ChunkFault.Unreadable or ChunkFault.Missing ? VerifyOnce(digest, read) : verdict;
    }

    /// <summary>Takes a corrupt chunk out of the way and returns its new name; null if it is not corrupt (any more), or its bytes can't be had now.
    /// The last name is used again and again. Whether the rename survives a power cut does not matter: the chunk would be found once more.</summary>
    public string? SetAside(in Digest digest)
    {
        var path = PathOf(digest);
        lock (StripeOf(digest))
        {
            // Somebody may have uploaded it anew since it was found; only what is bad now goes.
            if (!Verify(digest).IsCorrupt)
            {
                return null;
            }

            var number = 0;
            while (number < SetAsideMax - 1 && volume.TryStat(BadPath(path, number), out _))
            {
                number++;
            }

            RenameCounted(path, digest.Prefix, BadPath(path, number));
            return BadPath(digest.ToString(), number);
        }
    }

    /// <summary>Place in which a disk is best read in order; 0 if there is no such file.</summary>
    internal ulong InodeOf(in Digest digest)
    {
        try
        {
            return volume.TryStat(PathOf(digest), out var stat) ? stat.Inode : 0;
        }
        catch (VolumeException)
        {
            return 0; // Only an order: whoever reads it meets the error.
        }
    }

    private static string BadPath(string path, int number) => string.Create(CultureInfo.InvariantCulture, $"{path}.{number}.bad");

    private ChunkVerdict VerifyOnce(in Digest digest, Action? read)
    {
        var path = PathOf(digest);
        byte[]? buffer = null;
        try
        {
            if (!volume.TryStat(path, out var stat))
            {
                return ChunkVerdict.Of(ChunkFault.Missing, "chunk is missing");
            }

            if (stat.Kind != EntryKind.File)
            {
                return ChunkVerdict.Of(ChunkFault.Unreadable, "something that is not a file has the name of the chunk");
            }

            if (stat.SizeBytes is <= DataBlob.PlainHeaderSize or > DataBlob.MaxRawChunkSize)
            {
                return ChunkVerdict.Of(ChunkFault.Undecodable, $"chunk file has an impossible size ({stat.SizeBytes} bytes)");
            }

            var size = (int)stat.SizeBytes;
            buffer = ArrayPool<byte>.Shared.Rent(size);
            var length = volume.ReadWhole(path, buffer.AsSpan(0, size), size);
            if (length != size)
            {
                return ChunkVerdict.Of(ChunkFault.Unreadable, $"only {length} of {size} bytes could be read");
            }

            read?.Invoke();
            return Judge(digest, buffer.AsSpan(0, size));
        }
        catch (VolumeException fault)
        {
            return fault.Error == VolumeError.NotFound
                ? ChunkVerdict.Of(ChunkFault.Missing, "chunk is missing")
                : ChunkVerdict.Of(ChunkFault.Unreadable, fault.Message);
        }
        catch (CorruptDataException fault)
        {
            // Fewer or more bytes than the file had a moment ago: not the bytes of the chunk were bad, they were not had.
            return ChunkVerdict.Of(ChunkFault.Unreadable, fault.Reason);
        }
        finally
        {
            if (buffer is not null)
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
        }
    }

    private static ChunkVerdict Judge(in Digest digest, ReadOnlySpan<byte> raw)
    {
        if (DataBlob.Check(raw, out var header) is { } fault)
        {
            return ChunkVerdict.Of(ChunkFault.Undecodable, fault, raw.Length);
        }

        if (raw.Length == header.Size)
        {
            return ChunkVerdict.Of(ChunkFault.Undecodable, "chunk is empty", raw.Length);
        }

        if (header.IsEncrypted)
        {
            return new ChunkVerdict(ChunkFault.None, null, true, 0, raw.Length);
        }

        var context = CodecContext.Rent();
        try
        {
            var data = raw[header.Size..];
            if (header.IsCompressed)
            {
                var target = context.Scratch(DataBlob.MaxChunkSize);
                if (context.Decompress(data, target, out var written) is not ZstdOutcome.Ok)
                {
                    return ChunkVerdict.Of(ChunkFault.Undecodable, DataBlob.BrokenFrameText, raw.Length);
                }

                data = target[..written];
            }

            var actual = Digest.Of(data);
            return actual == digest
                ? new ChunkVerdict(ChunkFault.None, null, false, data.Length, raw.Length)
                : ChunkVerdict.Of(ChunkFault.WrongDigest, $"chunk has another digest ({actual})", raw.Length);
        }
        finally
        {
            context.Return();
        }
    }
}
