// What may replace what in the chunk store (reference 3.6), on the simulated and the real volume.
using Holdfast.Storage;
using Xunit;

namespace Holdfast.Tests.Unit;

public sealed class ChunkStoreTests
{
    private readonly SimulatedVolume volume = new();

    [Fact]
    public void NewThenDuplicateWhichIsTouched()
    {
        using var store = Datastore.Create(volume, StorageTestKit.Options);
        var (digest, raw) = StorageTestKit.Chunk(1, 1000);
        Assert.False(store.Chunks.Contains(digest));
        Assert.Equal(new InsertResult(InsertOutcome.New, raw.Length), store.Chunks.Insert(digest, raw));
        volume.TryStat(ChunkStore.PathOf(digest), out var before);
        Assert.Equal(new InsertResult(InsertOutcome.Duplicate, raw.Length), store.Chunks.Insert(digest, raw));
        volume.TryStat(ChunkStore.PathOf(digest), out var after);
        Assert.True(after.AccessTimeNs > before.AccessTimeNs);
        Assert.Equal(before.ModifyTimeNs, after.ModifyTimeNs);
        Assert.True(store.Chunks.Contains(digest));
        Assert.True(store.Chunks.Touch(digest));
        Assert.False(store.Chunks.Touch(default));
        Assert.Equal([digest], store.Chunks.List(digest.Prefix));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    [InlineData(12)]
    public void EmptyAndShortLeftoversAreOverwritten(int length)
    {
        using var store = Datastore.Create(volume, StorageTestKit.Options);
        var (digest, raw) = StorageTestKit.Chunk(1, 1000);
        store.Chunks.Insert(digest, raw);
        using (var file = volume.Open(ChunkStore.PathOf(digest), FileUse.Create))
        {
            file.Write(raw.AsSpan(0, length), 0);
        }

        Assert.False(store.Chunks.Contains(digest));
        Assert.Equal(InsertOutcome.Healed, store.Chunks.Insert(digest, raw).Outcome);
        store.Chunks.ReadData(digest, new byte[1000], null);
    }

    [Fact]
    public void SmallerPlainReplacesLargerAndNotTheReverse()
    {
        using var store = Datastore.Create(volume, StorageTestKit.Options);
        var data = new byte[1000];
        var digest = Digest.Of(data);
        var (large, small) = (DataBlob.Encode(data, compress: false), DataBlob.Encode(data));
        store.Chunks.Insert(digest, large);
        Assert.Equal(new InsertResult(InsertOutcome.Replaced, small.Length), store.Chunks.Insert(digest, small));
        Assert.Equal(new InsertResult(InsertOutcome.Duplicate, small.Length), store.Chunks.Insert(digest, large));
        store.Chunks.ReadData(digest, new byte[1000], null);
    }

    [Fact]
    public void EncryptedNeverTakesThePlaceOfPlainNorOfAnotherUncompressedOne()
    {
        using var store = Datastore.Create(volume, StorageTestKit.Options);
        using var crypt = new CryptConfig(StorageTestKit.TestKey);
        var (digest, plain) = StorageTestKit.Chunk(1, 1000);
        store.Chunks.Insert(digest, plain);
        var encrypted = DataBlob.Encode(new byte[900], false, crypt);
        Assert.Contains("unencrypted", Refused(() => store.Chunks.Insert(digest, encrypted)));

        var other = Digest.Of("other"u8);
        store.Chunks.Insert(other, encrypted);
        Assert.Contains(
            "(encrypted)", Refused(() => store.Chunks.Insert(other, DataBlob.Encode(new byte[901], false, crypt))));
        var compressed = DataBlob.Encode(new byte[900], true, crypt);
        var kept = store.Chunks.Insert(other, compressed);
        Assert.Equal(new InsertResult(InsertOutcome.Duplicate, encrypted.Length), kept);
        Assert.Equal(DataBlob.WrongMagicText, Refused(() => store.Chunks.Insert(other, new byte[50])));
    }

    [Theory]
    [InlineData(900)]
    [InlineData(1000)]
    [InlineData(1100)]
    public void AnEncryptedOneThatCameFirstUnderSomebodyElsesDigestIsNotTakenForTheirData(int forgedBytes)
    {
        // Who may back up could otherwise wait with rubbish for chunks that everybody has, and break all backups that come after.
        using var store = Datastore.Create(volume, StorageTestKit.Options);
        using var crypt = new CryptConfig(StorageTestKit.TestKey);
        var data = StorageTestKit.RandomBytes(7, 1000);
        var (digest, honest) = (Digest.Of(data), DataBlob.Encode(data, compress: false));
        var forged = DataBlob.Encode(new byte[forgedBytes - DataBlob.EncryptedHeaderSize + DataBlob.PlainHeaderSize], false, crypt);
        Assert.Equal(forgedBytes - 1000, forged.Length - honest.Length);
        Assert.Equal(InsertOutcome.New, store.Chunks.Insert(digest, forged).Outcome);
        Assert.Equal(new InsertResult(InsertOutcome.Healed, honest.Length), store.Chunks.Insert(digest, honest));
        var read = new byte[1000];
        store.Chunks.ReadData(digest, read, null);
        Assert.Equal(data, read);
        Assert.Equal(InsertOutcome.Duplicate, store.Chunks.Insert(digest, honest).Outcome);

        // Nor does rubbish of the right size give whoever sends it a claim to what is there.
        var sameSize = DataBlob.Encode(new byte[1000 - DataBlob.EncryptedHeaderSize + DataBlob.PlainHeaderSize], false, crypt);
        Assert.Equal(honest.Length, sameSize.Length);
        Assert.Contains("unencrypted", Refused(() => store.Chunks.Insert(digest, sameSize)));
    }

    [Fact]
    public void DamagedChunksAreNeverServed()
    {
        using var store = Datastore.Create(volume, StorageTestKit.Options);
        var (digest, raw) = StorageTestKit.Chunk(1, 60);
        store.Chunks.Insert(digest, raw);
        var path = ChunkStore.PathOf(digest);
        for (var bit = 0; bit < raw.Length * 8; bit++)
        {
            volume.FlipBit(path, bit);
            var fault = Assert.Throws<CorruptDataException>(() => store.Chunks.ReadData(digest, new byte[60], null));
            Assert.Contains(digest.ToString(), fault.Subject);
            volume.FlipBit(path, bit);
        }

        store.Chunks.ReadData(digest, new byte[60], null);
        Assert.Throws<CorruptDataException>(() => store.Chunks.ReadData(digest, new byte[59], null));
        Assert.Throws<CorruptDataException>(() => store.Chunks.ReadData(digest, new byte[61], null));
        Assert.Throws<CorruptDataException>(() => store.Chunks.ReadData(digest, new byte[60], null, true));
        Assert.Throws<CorruptDataException>(() => store.Chunks.ReadData(default, new byte[60], null));

        // A good blob under a wrong name.
        var other = Digest.Of("other"u8);
        store.Chunks.Insert(other, raw);
        Assert.Throws<CorruptDataException>(() => store.Chunks.ReadData(other, new byte[60], null));
    }

    [Fact]
    public void ADeviceErrorIsNotCorruption()
    {
        using var store = Datastore.Create(volume, StorageTestKit.Options);
        var (digest, raw) = StorageTestKit.Chunk(1, 60);
        store.Chunks.Insert(digest, raw);
        volume.Fault = call => call.Operation == "read" ? 5 : 0;
        var fault = Assert.Throws<VolumeException>(() => store.Chunks.ReadData(digest, new byte[60], null));
        Assert.Equal(VolumeError.IoError, fault.Error);
    }

    [Fact]
    public void ConcurrentInsertsOfTheSameChunksLeaveOneGoodFileEach()
    {
        using var folder = new TemporaryFolder();
        using var store = Datastore.Create(DiskVolume.OpenFolder(folder.Path), StorageTestKit.Options);
        var chunks = Enumerable.Range(0, 40).Select(i => StorageTestKit.Chunk(i, 3000)).ToList();
        var outcomes = new System.Collections.Concurrent.ConcurrentBag<InsertOutcome>();
        Parallel.For(0, 400, i =>
        {
            var (digest, raw) = chunks[i % 40];
            outcomes.Add(store.Chunks.Insert(digest, raw).Outcome);
        });
        Assert.Equal(40, outcomes.Count(o => o == InsertOutcome.New));
        Assert.Equal(360, outcomes.Count(o => o == InsertOutcome.Duplicate));
        foreach (var (digest, _) in chunks)
        {
            store.Chunks.ReadData(digest, new byte[3000], null);
        }

        var files = Directory.GetFiles(Path.Combine(folder.Path, ".chunks"), "*", SearchOption.AllDirectories);
        Assert.Equal(40, files.Length);
    }

    [Theory]
    [InlineData(SyncLevel.FileSystem)]
    [InlineData(SyncLevel.File)]
    public void InsertAllocatesLessThanOneKiBPerChunk(SyncLevel level)
    {
        using var folder = new TemporaryFolder();
        var options = StorageTestKit.Options with { SyncLevel = level };
        using var store = Datastore.Create(DiskVolume.OpenFolder(folder.Path), options);
        var chunks = Enumerable.Range(0, 220).Select(i => StorageTestKit.Chunk(i, 4000)).ToList();
        foreach (var (digest, _) in chunks)
        {
            var prefix = Path.Combine(folder.Path, ChunkStore.FolderOf(digest.Prefix));
            Directory.CreateDirectory(prefix);
        }

        for (var i = 0; i < 20; i++)
        {
            Upload(store, chunks[i]);
            Upload(store, chunks[i]);
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 20; i < 220; i++)
        {
            Upload(store, chunks[i]);
        }

        var perNew = (GC.GetAllocatedBytesForCurrentThread() - before) / 200;
        before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 20; i < 220; i++)
        {
            Upload(store, chunks[i]);
        }

        var perKnown = (GC.GetAllocatedBytesForCurrentThread() - before) / 200;
        Assert.InRange(perNew, 0, 1023);
        Assert.InRange(perKnown, 0, 511);
    }

    private static void Upload(Datastore store, (Digest Digest, byte[] Raw) chunk)
    {
        if (!ChunkUpload.Check(chunk.Raw, chunk.Digest, 4000).IsAccepted)
        {
            throw new InvalidOperationException();
        }

        store.Chunks.Insert(chunk.Digest, chunk.Raw);
    }

    private static string Refused(Func<InsertResult> call) => Assert.Throws<RefusedException>(() => call()).Message;
}
