// Names, counts, offsets, sizes and bombs as an attacker would choose them, one by one: refused, with PBS's text where it has
// one, and no file anywhere but in the folder of the snapshot.
using System.Buffers.Binary;
using System.Text;
using Holdfast.Storage;
using Holdfast.Wire;
using Xunit;

namespace Holdfast.Tests.Fuzz;

public sealed class MaliciousTests
{
    private static readonly string[] Names =
    [
        "", ".", "..", "/", "//", "../x", "../../x", "/etc/passwd", "a/b", "a/../b", "a\\b", "a\0", "\0", "a\nb", "a b", " a", "a ", "-a", ".a", "~",
        "%2e%2e", "..%2fx", "a%00", "\u2025/x", "\uFF0E\uFF0E\uFF0Fx", "a\u2215b", "ａ", "drive\u202Egmi", "a\u0301", "é", "\uD800", "a*", "a?b", "$(x)",
        new string('a', 5000), new string('.', 300), "a/" + new string('b', 300), string.Join('/', Enumerable.Repeat("..", 50)),
    ];

    public static TheoryData<string> Bad => [.. Names];

    [Theory]
    [MemberData(nameof(Bad))]
    public void Bad_archive_names_are_refused_everywhere_and_leave_no_file(string name)
    {
        using var place = new Place();
        foreach (var ending in (string[])["", ".fidx", ".didx", ".blob"])
        {
            var full = name + ending;
            if (full is ".fidx" or ".didx" or ".blob" || !SafeId.TryArchiveKind(full, out _))
            {
                Assert.False(Parameter.Text("n").RefuseText(full) is null && PbsSchema.IsSafeId(full) && SafeId.TryArchiveKind(full, out _));
                Assert.Equal($"wrong archive extension: '{full}'", Refused(() => place.Snapshot.CreateFixedIndex(full, 1)));
                Assert.Equal($"wrong archive extension: '{full}'", Refused(() => place.Snapshot.CreateDynamicIndex(full)));
                Assert.Equal($"wrong blob file extension: '{full}'", Refused(() => place.Snapshot.WriteBlob(full, DataBlob.Encode([1]))));
                Refused(() => place.Snapshot.OpenFile(full));
                Refused(() => place.Snapshot.ReadBlobRaw(full));
                Refused(() => new Manifest(place.Snapshot.Name).Add(new ManifestFile(full, CryptMode.None, 1, default)));
            }
        }

        place.AssertNothingNew();
    }

    [Theory]
    [MemberData(nameof(Bad))]
    public void Bad_ids_and_namespaces_are_refused_and_leave_no_folder(string name)
    {
        using var place = new Place();
        Assert.False(BackupGroup.TryCreate(BackupType.Vm, name, out _));
        Assert.Equal("invalid backup id", Refused(() => BackupGroup.Create(BackupType.Vm, name)));
        Assert.Equal(name.Length == 0, BackupNamespace.TryParse(name, out var ns) && ns.IsRoot);
        Assert.False(SnapshotName.TryParse($"vm/{name}/2024-05-06T07:08:09Z", out _));
        Assert.False(SnapshotName.TryParse($"vm/100/{name}", out _));
        place.AssertNothingNew();
    }

    [Fact]
    public void Ten_thousand_mutated_names_reach_no_file_outside_the_snapshot()
    {
        using var place = new Place();
        var mutator = new Mutator(600);
        var seeds = Seeds.Texts([.. Names, "drive-scsi0.img.fidx", "root.pxar.didx", "qemu-server.conf.blob"]);
        var made = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < 10_000; i++)
        {
            var name = Encoding.UTF8.GetString(mutator.Mutate(new FuzzRandom(Targets.Seed, "names", i), seeds, isText: true));
            try
            {
                place.Snapshot.WriteBlob(name, DataBlob.Encode([1]));
                made.Add(name);
            }
            catch (RefusedException)
            {
                // As it ought to be for nearly all of them.
            }
        }

        Assert.NotEmpty(made);
        place.AssertNothingNew(made);
    }

    [Theory]
    [InlineData(1L << 60)]
    [InlineData(long.MaxValue)]
    [InlineData(-1)]
    [InlineData(0)]
    [InlineData((1L << 24) * (4L << 20) + 1)]
    [InlineData(4L << 30)]
    public void Fixed_index_whose_size_lies_is_refused_before_memory_is_spent(long size)
    {
        var file = Seeds.FixedIndex(4 << 20, 4 << 20);
        BinaryPrimitives.WriteInt64LittleEndian(file.AsSpan(64), size);
        Bounded(256 * 1024, () => Assert.Throws<CorruptDataException>(() => IndexReader.Open(new MemoryFile("i", file))));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(-4096)]
    [InlineData(1L << 60)]
    [InlineData(32L << 20)]
    public void Fixed_index_whose_chunk_size_lies_is_refused(long chunkSize)
    {
        var file = Seeds.FixedIndex(4 << 20, 4 << 20);
        BinaryPrimitives.WriteInt64LittleEndian(file.AsSpan(72), chunkSize);
        Assert.Throws<CorruptDataException>(() => IndexReader.Open(new MemoryFile("i", file)));
    }

    [Fact]
    public void File_that_claims_two_to_the_sixty_digests_is_refused_without_reading_them()
    {
        foreach (var magic in (byte[][])[FixedIndexReader.Magic.ToArray(), DynamicIndexReader.Magic.ToArray()])
        {
            var file = new LyingFile(magic, 4096 + (40L << 54));
            Bounded(256 * 1024, () => Assert.Throws<CorruptDataException>(() => IndexReader.Open(file)));
            Assert.InRange(file.BytesRead, 0, 8192);
        }
    }

    [Theory]
    [InlineData(5000, 100, 9000)]
    [InlineData(100, 100, 200)]
    [InlineData(-5, 100, 200)]
    [InlineData(100, long.MinValue, 200)]
    [InlineData(100, 100 + (16L << 20) + 1, (16L << 20) + 102)]
    [InlineData(1L << 60, 2L << 60, 200)]
    public void Dynamic_index_whose_offsets_do_not_ascend_is_refused_at_that_entry(long first, long second, long third)
    {
        using var index = IndexReader.Open(new MemoryFile("i", Seeds.DynamicIndex(first, second, third)));
        Assert.Throws<CorruptDataException>(() => Enumerable.Range(0, 3).Sum(i => index[i].SizeBytes));
    }

    [Theory]
    [InlineData(1L << 60)]
    [InlineData(-1)]
    [InlineData(0)]
    [InlineData(long.MaxValue)]
    public void Dynamic_index_whose_end_lies_is_refused_when_opened(long end) =>
        Assert.Throws<CorruptDataException>(() => IndexReader.Open(new MemoryFile("i", Seeds.DynamicIndex(100, end))));

    [Fact]
    public void Chunk_that_expands_beyond_its_claim_or_beyond_16_MiB_is_refused_in_bounded_memory()
    {
        var zeros = new byte[DataBlob.MaxChunkSize + 1];
        var bomb = DataBlob.Encode(zeros);
        var digest = Digest.Of(zeros);
        Assert.InRange(bomb.Length, 1, 64 * 1024);
        Bounded(64 * 1024, () =>
        {
            Assert.Equal("uploaded chunk is larger than announced.", ChunkUpload.Check(bomb, digest, zeros.Length).Message);
            Assert.StartsWith("detected chunk with wrong length (16777216 != more than", ChunkUpload.Check(bomb, digest, 16 << 20).Message);
            Assert.StartsWith("detected chunk with wrong length (5 != more than", ChunkUpload.Check(bomb, digest, 5).Message);
        });
        Assert.Throws<CorruptDataException>(() => DataBlob.Decode(bomb, new byte[16 << 20], null, "b"));
        Assert.Throws<CorruptDataException>(() => DataBlob.DecodeToArray(bomb, 1024, null, "b"));
    }

    [Fact]
    public void Manifest_that_expands_beyond_its_bound_is_refused()
    {
        var bomb = DataBlob.Encode(new byte[Manifest.MaxJsonSize + 1]);
        Bounded(3L * Manifest.MaxJsonSize, () => Assert.Throws<CorruptDataException>(() => Manifest.FromBlob(bomb, "m")));
    }

    [Fact]
    public void Frames_that_claim_sizes_or_windows_beyond_all_bounds_are_refused()
    {
        byte[][] frames =
        [
            [0x28, 0xB5, 0x2F, 0xFD, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 1, 0, 0], // one segment of 2^63
            [0x28, 0xB5, 0x2F, 0xFD, 0xC0, 0xF8, 0, 0, 0, 0, 0, 0, 0, 0x10, 1, 0, 0], // window of 2 TiB, content of 2^60
            [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x90, 1, 0, 0], // window of 256 MiB
            [0x50, 0x2A, 0x4D, 0x18, 0xFF, 0xFF, 0xFF, 0xFF], // skippable, 4 GiB that are not there
            [0x28, 0xB5, 0x2F, 0xFD], [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x00, 0xFB, 0xFF, 0xFF, 0x00],
            [0x25, 0xB5, 0x2F, 0xFD, 0, 0, 0, 0], // a format of before 1.0
        ];
        foreach (var frame in frames)
        {
            var blob = Compressed(frame);
            Assert.Null(DataBlob.Check(blob, out _));
            Bounded(64 * 1024, () =>
            {
                Assert.Throws<CorruptDataException>(() => DataBlob.Decode(blob, new byte[4096], null, "b"));
                var refusal = ChunkUpload.Check(blob, default, 4096).Message;
                Assert.True(refusal is "unable to decompress blob" or "detected chunk with wrong length (4096 != more than 4096)", refusal);
            });
        }
    }

    [Fact]
    public void Bomb_in_a_bomb_gives_no_more_than_the_outer_one()
    {
        var inner = DataBlob.Encode(new byte[8 << 20]);
        var outer = DataBlob.Encode(inner);
        Assert.Equal(inner.Length, DataBlob.Decode(outer, new byte[inner.Length], null, "b"));

        // Many frames one after the other count together.
        var frame = DataBlob.Encode(new byte[1 << 20])[DataBlob.PlainHeaderSize..];
        var many = Compressed([.. Enumerable.Repeat(frame, 32).SelectMany(f => f)]);
        Assert.Throws<CorruptDataException>(() => DataBlob.Decode(many, new byte[16 << 20], null, "b"));
        Assert.Equal(ChunkRefusal.WrongLength, ChunkUpload.Check(many, default, 16 << 20).Refusal);
    }

    [Fact]
    public void Raw_blobs_that_are_wrong_get_the_texts_of_PBS()
    {
        var good = DataBlob.Encode(Seeds.Data(100), compress: false);
        var digest = Digest.Of(Seeds.Data(100));
        Assert.Equal("", ChunkUpload.Check(good, digest, 100).Message);
        Assert.Equal("detected chunk with wrong length (99 != 100)", ChunkUpload.Check(good, digest, 99).Message);
        Assert.Equal("detected chunk with wrong digest.", ChunkUpload.Check(good, Digest.Of([1]), 100).Message);
        Assert.Equal("blob too small.", ChunkUpload.Check(good.AsSpan(0, 11).ToArray(), digest, 100).Message);
        Assert.Equal("unable to parse raw blob - wrong magic", ChunkUpload.Check(new byte[200], digest, 100).Message);
        Assert.Equal("unable to parse raw blob - wrong magic", Refused(() => Place.WriteOnce(new byte[200])));
        good[8] ^= 1;
        Assert.Equal("Data blob has wrong CRC checksum.", Refused(() => Place.WriteOnce(good)));
    }

    private static byte[] Compressed(byte[] frame)
    {
        var blob = DataBlob.Encode(frame, compress: false);
        BinaryPrimitives.WriteUInt64BigEndian(blob, 0x31b958426fb6a37f);
        return blob;
    }

    private static string Refused(Action call) => Assert.Throws<RefusedException>(call).Message;

    private static void Bounded(long bytes, Action call)
    {
        call(); // statics and pools
        var before = GC.GetAllocatedBytesForCurrentThread();
        call();
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, bytes);
    }

    /// <summary>A file that says to be far longer than it could be, and counts what is read of it.</summary>
    private sealed class LyingFile(byte[] magic, long size) : ReadableFile
    {
        public long BytesRead { get; private set; }

        public override string Name => "lying";

        public override long SizeBytes => size;

        public override int Read(Span<byte> buffer, long offset)
        {
            buffer.Fill(0xFF);
            if (offset == 0)
            {
                magic.CopyTo(buffer);
            }

            BytesRead += buffer.Length;
            return buffer.Length;
        }

        protected override void Dispose(bool disposing)
        {
        }
    }

    /// <summary>A datastore on a real disk with room around it, in which nothing may appear.</summary>
    private sealed class Place : IDisposable
    {
        private readonly string around = Directory.CreateTempSubdirectory("holdfast-fuzz-").FullName;
        private readonly Datastore store;
        private readonly HashSet<string> before;

        public Place()
        {
            var folder = Directory.CreateDirectory(Path.Combine(around, "a", "store")).FullName;
            store = Datastore.Create(DiskVolume.OpenFolder(folder), new DatastoreOptions { MakeAllChunkFolders = false });
            var name = SnapshotName.Parse("vm/100/2024-05-06T07:08:09Z");
            store.CreateGroup(BackupNamespace.Root, name.Group, "a@pbs");
            Snapshot = store.CreateSnapshot(BackupNamespace.Root, name);
            before = Tree();
        }

        public SnapshotFolder Snapshot { get; }

        public static void WriteOnce(byte[] raw)
        {
            using var place = new Place();
            place.Snapshot.WriteBlob("x.blob", raw);
        }

        public void AssertNothingNew(IEnumerable<string>? inSnapshot = null)
        {
            var allowed = (inSnapshot ?? []).Select(name => Path.Combine("a", "store", Snapshot.Path, name));
            Assert.Empty(Tree().Except(before).Except(allowed));
        }

        public void Dispose()
        {
            store.Dispose();
            Directory.Delete(around, recursive: true);
        }

        private HashSet<string> Tree() =>
            [.. Directory.EnumerateFileSystemEntries(around, "*", SearchOption.AllDirectories).Select(p => Path.GetRelativePath(around, p))];
    }
}
