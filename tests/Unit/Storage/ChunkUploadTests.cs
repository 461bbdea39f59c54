// The upload check: PBS's refusals and texts, limits, bombs, and that it costs no managed memory.
using System.Buffers.Binary;
using System.Text;
using Holdfast.Storage;
using Xunit;

namespace Holdfast.Tests.Unit;

public sealed class ChunkUploadTests
{
    private static readonly byte[] Data = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("some text. ", 500)));

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AGoodChunkIsAcceptedAndGetsItsCrc(bool compress)
    {
        var raw = DataBlob.Encode(Data, compress);
        var good = raw.ToArray();
        BinaryPrimitives.WriteUInt32LittleEndian(raw.AsSpan(8), 0); // clients may send no CRC
        var check = ChunkUpload.Check(raw, Digest.Of(Data), Data.Length);
        Assert.True(check.IsAccepted);
        Assert.Equal("", check.Message);
        Assert.Equal(good, raw);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void WrongDigestIsRefusedBeforeWrongLength(bool compress)
    {
        var raw = DataBlob.Encode(Data, compress);
        Assert.Equal(
            "detected chunk with wrong digest.",
            ChunkUpload.Check(raw, Digest.Of("x"u8), Data.Length).Message);
        Assert.Equal(
            $"detected chunk with wrong length ({Data.Length + 1} != {Data.Length})",
            ChunkUpload.Check(raw, Digest.Of(Data), Data.Length + 1).Message);
        var tooShort = ChunkUpload.Check(raw, Digest.Of(Data), Data.Length - 1);
        Assert.Equal(ChunkRefusal.WrongLength, tooShort.Refusal);
        Assert.StartsWith($"detected chunk with wrong length ({Data.Length - 1} != ", tooShort.Message);
    }

    [Fact]
    public void WrongMagicAndShortBlobsAreRefused()
    {
        Assert.Equal(
            "unable to parse raw blob - wrong magic", ChunkUpload.Check(new byte[100], default, 88).Message);
        for (var length = 0; length <= 12; length++)
        {
            var raw = DataBlob.Encode(default)[..Math.Min(12, length)];
            Assert.Equal(ChunkRefusal.TooSmall, ChunkUpload.Check(raw, Digest.Of(default), 1).Refusal);
        }

        using var crypt = new CryptConfig(StorageTestKit.TestKey);
        var encrypted = DataBlob.Encode(Data, true, crypt);
        for (var length = 12; length <= 44; length++)
        {
            Assert.Equal(ChunkRefusal.TooSmall, ChunkUpload.Check(encrypted.AsSpan(0, length), default, 1).Refusal);
        }

        Assert.True(ChunkUpload.Check(encrypted.AsSpan(0, 45), default, 1).IsAccepted);
    }

    [Fact]
    public void SizesAreLimited()
    {
        var data = new byte[DataBlob.MaxChunkSize + 1];
        foreach (var (length, accepted) in new[]
        {
            (DataBlob.MaxChunkSize - 1, true), (DataBlob.MaxChunkSize, true), (DataBlob.MaxChunkSize + 1, false),
        })
        {
            var part = data.AsSpan(0, length);
            var raw = DataBlob.Encode(part);
            Assert.Equal(accepted, ChunkUpload.Check(raw, Digest.Of(part), length).IsAccepted);
        }

        var plain = DataBlob.Encode(data.AsSpan(0, DataBlob.MaxChunkSize), compress: false);
        Assert.True(ChunkUpload.Check(plain, Digest.Of(data.AsSpan(1)), DataBlob.MaxChunkSize).IsAccepted);
        Assert.Equal(ChunkRefusal.TooLarge, ChunkUpload.Check(plain, default, 0).Refusal);
        Assert.Equal(ChunkRefusal.TooLarge, ChunkUpload.Check(plain, default, -5).Refusal);
        var longRaw = new byte[DataBlob.MaxRawChunkSize + 1];
        Assert.Equal(ChunkRefusal.TooLarge, ChunkUpload.Check(longRaw, default, 1).Refusal);
    }

    [Fact]
    public void ABombDoesNotUnfold()
    {
        // 128 MiB of zeros in a few KiB, announced as one MiB.
        var bomb = DataBlob.Encode(new byte[DataBlob.MaxBlobSize]);
        Assert.True(bomb.Length < 64 * 1024);
        var check = ChunkUpload.Check(bomb, default, 1 << 20);
        Assert.Equal(ChunkRefusal.WrongLength, check.Refusal);
        Assert.Throws<CorruptDataException>(() => DataBlob.Decode(bomb, new byte[1 << 20], null, "bomb"));
    }

    [Fact]
    public void FramesWithHugeWindowsAreRefused()
    {
        // Frame header: magic, no content size, window descriptor, then one empty raw block that is the last.
        byte[] frame = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x00, 0x01, 0x00, 0x00];
        foreach (var (log, good) in new[] { (27, true), (28, false), (41, false) })
        {
            frame[5] = (byte)((log - 10) << 3);
            byte[] raw = [.. DataBlob.Encode(Data)[..12], .. frame];
            var refusal = ChunkUpload.Check(raw, Digest.Of(default), 1).Refusal;
            Assert.Equal(good ? ChunkRefusal.WrongLength : ChunkRefusal.BrokenFrame, refusal);
        }
    }

    [Fact]
    public void FramesWithoutContentSizeAndSeveralFramesAreRead()
    {
        // Two raw-block frames without content size, as a streaming encoder may write them: "ab" and "c".
        byte[] first = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x58, 0x11, 0x00, 0x00, (byte)'a', (byte)'b'];
        byte[] second = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x58, 0x09, 0x00, 0x00, (byte)'c'];
        byte[] raw = [.. DataBlob.Encode(Data)[..12], .. first, .. second];
        Assert.True(ChunkUpload.Check(raw, Digest.Of("abc"u8), 3).IsAccepted);
        Assert.Equal("abc"u8.ToArray(), DataBlob.DecodeToArray(raw, 3, null, "test"));
    }

    [Fact]
    public void EveryBitFlipIsFoundOrHarmless()
    {
        var small = "a small chunk, a small chunk, a small chunk"u8.ToArray();
        var digest = Digest.Of(small);
        foreach (var compress in new[] { true, false })
        {
            var good = DataBlob.Encode(small, compress);
            for (var bit = 0; bit < good.Length * 8; bit++)
            {
                var bad = good.ToArray();
                bad[bit / 8] ^= (byte)(1 << (bit % 8));

                // On disk: the CRC (or the magic) tells, always.
                Assert.Throws<CorruptDataException>(() => DataBlob.Decode(bad, new byte[100], null, "chunk"));

                // On upload: the CRC sent is ignored; whatever is accepted has the right content.
                if (ChunkUpload.Check(bad, digest, small.Length).IsAccepted)
                {
                    Assert.Equal(small, DataBlob.DecodeToArray(bad, 100, null, "chunk"));
                }
            }
        }
    }

    [Fact]
    public void EveryBitFlipOfAnEncryptedBlobIsFound()
    {
        using var crypt = new CryptConfig(StorageTestKit.TestKey);
        var good = DataBlob.Encode("secret secret secret secret secret"u8, true, crypt);
        for (var bit = 0; bit < good.Length * 8; bit++)
        {
            var bad = good.ToArray();
            bad[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Throws<CorruptDataException>(() => DataBlob.Decode(bad, new byte[100], crypt, "chunk"));
        }
    }

    [Fact]
    public void RandomBlobsNeverThrowAnythingElse()
    {
        var random = new Random(42);
        var target = new byte[4096];
        var start = DataBlob.Encode(Data);
        for (var round = 0; round < 20_000; round++)
        {
            var raw = start[..random.Next(start.Length)];
            for (var i = random.Next(8); i > 0 && raw.Length > 0; i--)
            {
                raw[random.Next(raw.Length)] = (byte)random.Next(256);
            }

            _ = ChunkUpload.Check(raw, default, random.Next(5000));
            try
            {
                DataBlob.Decode(raw, target, null, "fuzz");
            }
            catch (StorageException)
            {
                // A typed refusal is the expected answer.
            }
        }
    }

    [Fact]
    public void CodecAndHashAllocateNothingAfterWarmUp()
    {
        using var crypt = new CryptConfig(StorageTestKit.TestKey);
        var data = new byte[1 << 20];
        StorageTestKit.RandomBytes(3, data.Length / 2).CopyTo(data, 0);
        var raw = new byte[DataBlob.MaxEncodedSize(data.Length)];
        var back = new byte[data.Length];
        void Round(CryptConfig? key)
        {
            var length = DataBlob.Encode(data, raw, true, key);
            if (DataBlob.Decode(raw.AsSpan(0, length), back, key, "chunk") != data.Length)
            {
                throw new InvalidOperationException();
            }

            var digest = key?.ComputeDigest(data) ?? Digest.Of(data);
            if (!ChunkUpload.Check(raw.AsSpan(0, length), digest, data.Length).IsAccepted)
            {
                throw new InvalidOperationException();
            }
        }

        for (var i = 0; i < 3; i++)
        {
            Round(null);
            Round(crypt);
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 10; i++)
        {
            Round(null);
            Round(crypt);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}
