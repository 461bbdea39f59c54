// Index writers and readers: order, limits, temporary names, lies in headers, bit flips, bounded memory.
using System.Buffers.Binary;
using Holdfast.Storage;
using Xunit;

namespace Holdfast.Tests.Unit;

public sealed class IndexTests
{
    private const long ChunkSize = IndexReader.FixedChunkSize;

    private readonly SimulatedVolume volume = new();

    public IndexTests() => volume.MakeFolder("s");

    [Fact]
    public void FixedSlotsInAnyOrderReadBack()
    {
        var origin = new IndexOrigin(new Guid("00112233-4455-4677-8899-aabbccddeeff"), 1_700_000_000);
        const int slots = 1000;
        var size = (slots * ChunkSize) - 5;
        using (var writer = FixedIndexWriter.Create(volume, "s", "a.img.fidx", size, origin))
        {
            Assert.True(volume.TryStat("s/a.img.tmp_fidx", out _));
            foreach (var slot in Enumerable.Range(0, slots).OrderBy(i => i * 7919 % slots))
            {
                var chunk = slot == slots - 1 ? ChunkSize - 5 : ChunkSize;
                Assert.Null(writer.TrySet(slot * ChunkSize, chunk, Name(slot)));
            }

            Assert.Null(writer.TrySet(5 * ChunkSize, ChunkSize, Name(5555)));
            Assert.False(volume.TryStat("s/a.img.fidx", out _));
            Assert.Equal(slots, writer.Close().ChunkCount);
        }

        Assert.False(volume.TryStat("s/a.img.tmp_fidx", out _));
        using var reader = IndexReader.Open(volume.Open("s/a.img.fidx", FileUse.Read));
        Assert.Equal((slots, size), (reader.Count, reader.TotalSize));
        Assert.Equal(reader.Csum, reader.ComputeCsum());
        Assert.Equal((origin.Uuid, origin.CreatedTime), (reader.Uuid, reader.CreatedTime));
        foreach (var i in new[] { 0, 999, 5, 500, 1, 998 })
        {
            Assert.Equal(i == 5 ? Name(5555) : Name(i), reader[i].Digest);
        }

        Assert.Equal(new IndexEntry(Name(999), 999 * ChunkSize, size), reader[999]);
        Assert.Equal(999, reader.Find(size - 1));
        Assert.Equal(-1, reader.Find(size));
        Assert.Equal(3, reader.Find(4 * ChunkSize - 1));
    }

    [Fact]
    public void FixedPlacesAreChecked()
    {
        using var writer = FixedIndexWriter.Create(volume, "s", "a.fidx", ChunkSize + 100, default);
        Assert.Contains("unaligned", writer.TrySet(1, ChunkSize, Name(0)));
        Assert.Contains("unaligned", writer.TrySet(-ChunkSize, ChunkSize, Name(0)));
        Assert.Contains("exceeds", writer.TrySet(ChunkSize, 101, Name(0)));
        Assert.Contains("exceeds", writer.TrySet(2 * ChunkSize, 1, Name(0)));
        Assert.Contains("wrong chunk size", writer.TrySet(0, ChunkSize - 1, Name(0)));
        Assert.Contains("wrong chunk size", writer.TrySet(ChunkSize, 99, Name(0)));
        Assert.Contains("exceeds", writer.TrySet(0, 0, Name(0)));
        Assert.Contains("exceeds", writer.TrySet(0, ChunkSize + 1, Name(0)));
        Assert.Null(writer.TrySet(ChunkSize, 100, Name(1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => writer.SetSlot(2, Name(0)));
        writer.Dispose();
        Assert.Empty(volume.List("s"));
        Assert.Throws<ObjectDisposedException>(() => writer.Close());
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, true)]
    [InlineData(FixedIndexWriter.MaxImageSize - 1, true)]
    [InlineData(FixedIndexWriter.MaxImageSize, true)]
    [InlineData(FixedIndexWriter.MaxImageSize + 1, false)]
    [InlineData(-1, false)]
    [InlineData(long.MaxValue, false)]
    public void ImageSizeIsLimited(long size, bool accepted)
    {
        using var folder = new TemporaryFolder();
        using var disk = DiskVolume.OpenFolder(folder.Path);
        disk.MakeFolder("s");
        if (!accepted)
        {
            Assert.Throws<RefusedException>(() => FixedIndexWriter.Create(disk, "s", "a.fidx", size, default));
            return;
        }

        // 64 TiB are 16 Mi slots in a sparse file: no memory follows the size.
        var before = GC.GetAllocatedBytesForCurrentThread();
        using var writer = FixedIndexWriter.Create(disk, "s", "a.fidx", size, default);
        writer.SetSlot(writer.SlotCount - 1, Name(1));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 * 1024);
    }

    [Fact]
    public void UnknownSizeGrowsWithTheSlots()
    {
        using var writer = FixedIndexWriter.Create(volume, "s", "a.fidx", null, default);
        Assert.Null(writer.TrySet(2 * ChunkSize, ChunkSize, Name(2)));
        Assert.Null(writer.TrySet(0, ChunkSize, Name(0)));
        Assert.Null(writer.TrySet(3 * ChunkSize, 77, Name(3)));
        Assert.NotNull(writer.TrySet(1 * ChunkSize, 5, Name(1)));
        Assert.Equal((3 * ChunkSize) + 77, writer.Close().SizeBytes);
        using var reader = IndexReader.Open(volume.Open("s/a.fidx", FileUse.Read));
        Assert.Equal(Name(2), reader[2].Digest);
        Assert.True(reader[1].Digest.IsZero);
    }

    [Fact]
    public void ReuseOfThePreviousIndex()
    {
        using (var first = FixedIndexWriter.Create(volume, "s", "a.fidx", 3 * ChunkSize, default))
        {
            Enumerable.Range(0, 3).ToList().ForEach(i => first.SetSlot(i, Name(i)));
            first.Close();
        }

        using var previous = (FixedIndexReader)IndexReader.Open(volume.Open("s/a.fidx", FileUse.Read));
        using var next = FixedIndexWriter.Create(volume, "s", "b.fidx", 3 * ChunkSize, default);
        next.CopyFrom(previous);
        Assert.Equal(previous.ComputeCsum(), next.ComputeCsum());
        next.SetSlot(1, Name(9));
        Assert.True(next.TryClose(next.ComputeCsum(), out _));
        using var other = FixedIndexWriter.Create(volume, "s", "c.fidx", (3 * ChunkSize) + 1, default);
        Assert.Throws<RefusedException>(() => other.CopyFrom(previous));
        Assert.False(other.TryClose(Name(1), out var summary));
        Assert.NotEqual(Name(1), summary.Csum);
        Assert.False(volume.TryStat("s/c.tmp_fidx", out _));
    }

    [Fact]
    public void DynamicChunksReadBackAndAreLimited()
    {
        using var writer = DynamicIndexWriter.Create(volume, "s", "a.didx", default);
        for (var i = 0; i < 5000; i++)
        {
            writer.Append(i + 1, Name(i));
        }

        Assert.Throws<RefusedException>(() => writer.Append(0, Name(0)));
        Assert.Throws<RefusedException>(() => writer.Append(DataBlob.MaxChunkSize + 1, Name(0)));
        writer.Append(DataBlob.MaxChunkSize, Name(5000));
        var summary = writer.Close();
        using var reader = IndexReader.Open(volume.Open("s/a.didx", FileUse.Read));
        Assert.Equal((summary.Csum, summary.SizeBytes, 5001), (reader.ComputeCsum(), reader.TotalSize, reader.Count));
        Assert.Equal(reader.Csum, summary.Csum);
        Assert.Equal(new IndexEntry(Name(3), 6, 10), reader[3]);
        Assert.Equal(new IndexEntry(Name(4000), 8002000, 8006001), reader[4000]);
        Assert.Equal(3, reader.Find(9));
        Assert.Equal(4, reader.Find(10));
        Assert.Throws<RefusedException>(() => DynamicIndexWriter.Create(volume, "s", "a.fidx", default));
        Assert.Throws<RefusedException>(() => FixedIndexWriter.Create(volume, "s", "../a.fidx", 1, default));
    }

    [Fact]
    public void LyingHeadersAreRefused()
    {
        var good = FixedIndex();
        foreach (var (offset, value) in new (int, long)[]
        {
            (64, 0), (64, -1), (64, long.MaxValue), (64, 1L << 60), (64, (2 * ChunkSize) + 1), (64, ChunkSize),
            (72, 0), (72, -4096), (72, 4095), (72, ChunkSize + 1), (72, 1L << 62), (72, 256), (72, 1L << 30),
            (0, 0x1234),
        })
        {
            var bad = good.ToArray();
            BinaryPrimitives.WriteInt64LittleEndian(bad.AsSpan(offset), value);
            Refused(bad);
        }

        Refused(good[..^1]);
        Refused([.. good, 0]);
        Refused(good[..4095]);
        Refused([]);
        var dynamic = DynamicIndex();
        Refused(dynamic[..^1]);
        foreach (var end in new[] { 0, -1, long.MaxValue, long.MinValue, 5 })
        {
            var bad = dynamic.ToArray();
            BinaryPrimitives.WriteInt64LittleEndian(bad.AsSpan(4096 + 40), end);
            Refused(bad);
        }
    }

    [Fact]
    public void EveryBitFlipIsFoundByTheChecksumOrIsHarmless()
    {
        foreach (var good in new[] { FixedIndex(), DynamicIndex() })
        {
            using var reference = Open(good);
            var csum = reference.ComputeCsum();
            var bits = Enumerable.Range(0, 100 * 8).Concat(Enumerable.Range(4096 * 8, (good.Length - 4096) * 8));
            foreach (var bit in bits)
            {
                var bad = good.ToArray();
                bad[bit / 8] ^= (byte)(1 << (bit % 8));
                try
                {
                    using var reader = Open(bad);

                    // The manifest names size and checksum; uuid, time and the header's own copy are not content.
                    var noticed = reader.ComputeCsum() != csum || reader.TotalSize != reference.TotalSize;
                    var harmless = bit / 8 is >= 8 and < 64 or >= 80 and < 4096
                        || (reader is DynamicIndexReader && bit / 8 is >= 64 and < 4096);
                    Assert.True(noticed || harmless, $"bit {bit}");
                }
                catch (CorruptDataException)
                {
                    // Refused outright.
                }
            }
        }
    }

    [Fact]
    public void RandomIndexesNeverThrowAnythingElse()
    {
        var random = new Random(7);
        var (first, second) = (FixedIndex(), DynamicIndex());
        for (var round = 0; round < 10_000; round++)
        {
            var source = round % 2 == 0 ? first : second;
            var bad = source[..(random.Next(2) == 0 ? source.Length : 4096 + random.Next(source.Length - 4095))];
            for (var i = 0; i < 4; i++)
            {
                bad[random.Next(2) == 0 ? random.Next(90) : random.Next(bad.Length)] = (byte)random.Next(256);
            }

            try
            {
                using var reader = Open(bad);
                for (var i = 0; i < Math.Min(4, reader.Count); i++)
                {
                    _ = reader[i];
                }

                _ = reader.Find(random.NextInt64());
            }
            catch (CorruptDataException)
            {
                // The expected answer.
            }
        }
    }

    private static Digest Name(int i) => Digest.Of(BitConverter.GetBytes(i));

    private static IndexReader Open(byte[] data) => IndexReader.Open(new MemoryFile("test", data));

    private static void Refused(byte[] data) => Assert.Throws<CorruptDataException>(() =>
    {
        using var reader = Open(data);
        for (var i = 0; i < Math.Min(10, reader.Count); i++)
        {
            _ = reader[i];
        }
    });

    private byte[] FixedIndex()
    {
        using var writer = FixedIndexWriter.Create(volume, "s", "x.fidx", 2 * ChunkSize, default);
        writer.SetSlot(0, Name(0));
        writer.SetSlot(1, Name(1));
        writer.Close();
        return Content("s/x.fidx");
    }

    private byte[] DynamicIndex()
    {
        using var writer = DynamicIndexWriter.Create(volume, "s", "x.didx", default);
        writer.Append(10, Name(0));
        writer.Append(20, Name(1));
        writer.Append(30, Name(2));
        writer.Close();
        return Content("s/x.didx");
    }

    private byte[] Content(string path)
    {
        using var file = volume.Open(path, FileUse.Read);
        var content = new byte[file.SizeBytes];
        file.ReadExactly(content, 0);
        return content;
    }
}
