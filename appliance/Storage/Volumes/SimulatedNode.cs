// A file or folder of a simulated volume: what programs see (live), what a power cut surely leaves (durable), and the
// writes between the two.
namespace Holdfast.Storage;

internal sealed class SimulatedNode(ulong inode, EntryKind kind, int mode)
{
    private readonly List<Change> pending = [];
    private byte[] durable = [];
    private byte[] data = [];

    public ulong Inode => inode;

    public EntryKind Kind => kind;

    public int Mode => mode;

    public long AccessTimeNs { get; set; }

    public long ModifyTimeNs { get; set; }

    public int Length { get; private set; }

    public bool IsDirty => pending.Count > 0;

    public Dictionary<string, SimulatedNode> Entries { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, SimulatedNode> DurableEntries { get; } = new(StringComparer.Ordinal);

    public List<(LockMode Mode, LockKind Kind, object Owner)> Locks { get; } = [];

    public int Read(Span<byte> buffer, long offset)
    {
        if (offset >= Length)
        {
            return 0;
        }

        var count = (int)Math.Min(buffer.Length, Length - offset);
        data.AsSpan((int)offset, count).CopyTo(buffer);
        return count;
    }

    public void Write(ReadOnlySpan<byte> bytes, int offset)
    {
        Resize(Math.Max(Length, offset + bytes.Length));
        bytes.CopyTo(data.AsSpan(offset));
        pending.Add(new Change(offset, bytes.ToArray()));
    }

    public void Truncate(int length)
    {
        Resize(length);
        pending.Add(new Change(length, null));
    }

    public void MakeDurable()
    {
        if (IsDirty)
        {
            durable = data.AsSpan(0, Length).ToArray();
            pending.Clear();
        }
    }

    /// <summary>What Linux does after a failed write-back: pages count as clean, yet nothing reached the
    /// disk.</summary>
    public void LosePending() => pending.Clear();

    /// <summary>A copy of this file as a power cut may leave it.</summary>
    public void CrashInto(SimulatedNode target, Random random, double keep)
    {
        var image = durable.ToArray();
        var longest = durable.Length;
        foreach (var change in pending)
        {
            if (random.NextDouble() >= keep)
            {
                continue;
            }

            if (change.Data == null)
            {
                Array.Resize(ref image, change.Offset);
                continue;
            }

            longest = Math.Max(longest, change.Offset + change.Data.Length);
            Apply(ref image, change, random);
        }

        // The size in the inode and the data blocks reach the disk apart from each other: zeros may fill the rest.
        if (IsDirty && random.Next(3) == 0)
        {
            Array.Resize(ref image, random.Next(2) == 0 ? Length : longest);
        }

        target.data = image;
        target.Length = image.Length;
        target.durable = image.ToArray();
        target.ModifyTimeNs = ModifyTimeNs;
        target.AccessTimeNs = AccessTimeNs;
    }

    /// <summary>Flips one bit, as a rotten medium would.</summary>
    public void FlipBit(long bit)
    {
        data[bit / 8] ^= (byte)(1 << (int)(bit % 8));
        durable = data.AsSpan(0, Length).ToArray();
    }

    /// <summary>Whole, or torn: only some of its sectors or pages.</summary>
    private static void Apply(ref byte[] image, Change change, Random random)
    {
        var unit = random.Next(3) switch { 0 => int.MaxValue, 1 => 512, _ => 4096 };
        var bytes = change.Data!;
        for (var done = 0; done < bytes.Length;)
        {
            var boundary = unit == int.MaxValue ? long.MaxValue : (((long)(change.Offset + done) / unit) + 1) * unit;
            var count = (int)Math.Min(bytes.Length - done, boundary - change.Offset - done);
            if (unit == int.MaxValue || random.Next(4) != 0)
            {
                var end = change.Offset + done + count;
                if (image.Length < end)
                {
                    Array.Resize(ref image, end);
                }

                bytes.AsSpan(done, count).CopyTo(image.AsSpan(change.Offset + done));
            }

            done += count;
        }
    }

    private void Resize(int length)
    {
        if (length > data.Length)
        {
            Array.Resize(ref data, Math.Max(length, Math.Min(data.Length * 2, 1 << 24)));
        }
        else if (length < Length)
        {
            data.AsSpan(length, Length - length).Clear();
        }

        Length = length;
    }

    /// <summary>Bytes written at an offset, or (null) a truncation to it.</summary>
    private readonly record struct Change(int Offset, byte[]? Data);
}
