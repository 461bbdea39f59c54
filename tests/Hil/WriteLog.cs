// The log that QEMU's blklogwrites driver keeps of a disk: every write, flush and discard in the order in which they were done, with the data. Format of the
// kernel's dm-log-writes (Documentation/admin-guide/device-mapper/log-writes.rst): a super block, then entries of one sector, each with its data behind it.
// Replays it to what a disk holds after a power cut: all that was flushed, and of the rest whatever luck leaves.
using System.Buffers.Binary;

namespace Holdfast.Tests.Hil;

/// <summary>One thing done to the disk.</summary>
/// <param name="OffsetBytes">Where on the disk.</param>
/// <param name="DataAt">Where in the log its data lies.</param>
internal sealed record LoggedWrite(long OffsetBytes, long SizeBytes, bool IsFlush, bool IsDiscard, bool IsDurableAlone, long DataAt);

/// <summary>A log that may still grow.</summary>
internal sealed class WriteLog(string path)
{
    public const int SectorBytes = 512;

    private const ulong Flush = 1;
    private const ulong AtOnce = 2;
    private const ulong Discard = 4;
    private const ulong Mark = 8;

    private readonly List<LoggedWrite> entries = [];
    private long nextAt = SectorBytes;

    /// <summary>What was read so far.</summary>
    public IReadOnlyList<LoggedWrite> Entries => entries;

    /// <summary>Reads on to the end, as it is now, and says how many entries there are.</summary>
    public int ReadOn()
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var head = new byte[32];
        while (RandomAccess.Read(file, head, nextAt) == head.Length)
        {
            var sectors = BinaryPrimitives.ReadInt64LittleEndian(head.AsSpan(8));
            var flags = BinaryPrimitives.ReadUInt64LittleEndian(head.AsSpan(16));
            if (sectors == 0 && flags == 0)
            {
                break;
            }

            if (sectors < 0 || (flags & ~(Flush | AtOnce | Discard | Mark)) != 0)
            {
                throw new InvalidDataException($"no entry of a log at {nextAt}");
            }

            var isDiscard = (flags & Discard) != 0;
            entries.Add(new LoggedWrite(BinaryPrimitives.ReadInt64LittleEndian(head) * SectorBytes, sectors * SectorBytes, (flags & Flush) != 0, isDiscard,
                (flags & AtOnce) != 0, nextAt + SectorBytes));
            nextAt += SectorBytes + (isDiscard ? 0 : sectors * SectorBytes);
        }

        return entries.Count;
    }

    /// <summary>The last flush before an entry: what was written before it stays. -1 = there was none.</summary>
    public int FlushBefore(int entry) => entries.FindLastIndex(entry - 1, one => one.IsFlush);

    /// <summary>The next flush from an entry on; none: the end.</summary>
    public int FlushAfter(int entry) => entries.FindIndex(entry, one => one.IsFlush) is >= 0 and var at ? at : entries.Count;

    /// <summary>Writes entries to a disk, whole.</summary>
    public void Apply(string disk, int from, int to)
    {
        using var replay = new Replay(path, disk);
        for (var i = from; i < to; i++)
        {
            replay.Write(entries[i], entries[i].SizeBytes);
        }
    }

    /// <summary>Writes what luck leaves of entries that nobody flushed: half of them are lost, some torn between two sectors.</summary>
    /// <returns>How many were lost or torn.</returns>
    public int ApplySome(string disk, int from, int to, Random random)
    {
        using var replay = new Replay(path, disk);
        var harmed = 0;
        for (var i = from; i < to; i++)
        {
            var (entry, dice) = (entries[i], random.Next(10));
            if (entry.SizeBytes == 0)
            {
                continue;
            }

            var keptBytes = entry.IsDurableAlone || dice < 4 ? entry.SizeBytes
                : dice < 5 ? random.NextInt64(entry.SizeBytes / SectorBytes) * SectorBytes
                : 0;
            harmed += keptBytes < entry.SizeBytes ? 1 : 0;
            replay.Write(entry, keptBytes);
        }

        return harmed;
    }

    private sealed class Replay(string log, string disk) : IDisposable
    {
        private readonly FileStream from = new(log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 0);
        private readonly FileStream to = new(disk, FileMode.Open, FileAccess.Write, FileShare.None, 0);
        private readonly byte[] block = new byte[1 << 20];

        public void Write(LoggedWrite entry, long keptBytes)
        {
            if (entry.IsDiscard)
            {
                return; // What a discarded sector holds is nobody's business.
            }

            for (var done = 0L; done < keptBytes;)
            {
                var part = block.AsSpan(0, (int)Math.Min(block.Length, keptBytes - done));
                from.Position = entry.DataAt + done;
                from.ReadExactly(part);
                to.Position = entry.OffsetBytes + done;
                to.Write(part);
                done += part.Length;
            }
        }

        public void Dispose()
        {
            from.Dispose();
            to.Dispose();
        }
    }
}
