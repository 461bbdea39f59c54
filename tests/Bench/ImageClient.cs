// Backs an image up and restores one as PBS's client does it: every chunk is read, hashed and compressed, or fetched,
// decoded and checked. Known chunks of the previous snapshot are not sent again.
using System.Security.Cryptography;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Tests.Bench;

/// <summary>One client; several sessions may run at once, each on its own slice of the image.</summary>
internal sealed class ImageClient(PbsClient client, string store, Arguments options)
{
    private const int ChunkBytes = 4 * Bed.Mib;
    private const int Ahead = 3;
    private const int Fetching = 8;
    private const string Archive = "drive.img.fidx";

    private readonly string group = options.Text("group", "bench");
    private readonly long time = options.Number("time", 0);
    private readonly bool isSingle = options.Number("sessions", 1) == 1;

    /// <summary>Returns the bytes of the image and the bytes that were sent.</summary>
    public async Task<(long Bytes, long Uploaded)> BackupAsync(int session)
    {
        using var image = File.OpenHandle(options.Text("image"));
        var length = options.Number("length", RandomAccess.GetLength(image));
        var start = options.Number("offset", 0) + (session * length);
        var writer = await client.StartBackupAsync(Target(session)).ConfigureAwait(false);
        await using var ending = writer.ConfigureAwait(false);
        var known = await KnownAsync(writer).ConfigureAwait(false);
        var wid = await writer.CreateFixedIndexAsync(Archive, length).ConfigureAwait(false);
        var upload = new IndexUpload(writer, IndexKind.Fixed, wid);
        using var csum = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var spare = new SemaphoreSlim(BackupWriter.MaxUploads + Ahead);
        var making = new Queue<Task<Made>>();
        var uploaded = 0L;
        for (long next = 0, added = 0; added < length; added += ChunkBytes)
        {
            for (; next < length && making.Count < Ahead; next += ChunkBytes)
            {
                var at = next;
                await spare.WaitAsync().ConfigureAwait(false);
                making.Enqueue(Task.Run(() => Make(image, start + at, (int)Math.Min(ChunkBytes, length - at), known)));
            }

            var made = await making.Dequeue().ConfigureAwait(false);
            csum.AppendData(made.Digest.Bytes);
            uploaded += made.Blob?.Length ?? 0;
            void Release()
            {
                made.Buffers.Return();
                spare.Release();
            }

            if (made.Blob is { } blob)
            {
                await upload.AddAsync(made.Digest.ToString(), added, made.SizeBytes, blob, Release).ConfigureAwait(false);
                continue;
            }

            Release();
            await upload.AddKnownAsync(made.Digest.ToString(), added).ConfigureAwait(false);
        }

        var digest = new Digest(csum.GetHashAndReset());
        await upload.CloseAsync(digest.ToString(), length).ConfigureAwait(false);
        var manifest = new Manifest(SnapshotName.Create(BackupGroup.Parse($"host/{Id(session)}"), time));
        manifest.Add(new ManifestFile(Archive, CryptMode.None, length, digest));
        await writer.UploadBlobAsync(SafeId.ManifestName, manifest.ToBlob()).ConfigureAwait(false);
        await writer.FinishAsync().ConfigureAwait(false);
        return (length, uploaded);
    }

    /// <summary>Returns the bytes of the image and the bytes that came; every chunk is decoded and its digest checked.</summary>
    public async Task<(long Bytes, long Downloaded)> RestoreAsync(int session)
    {
        var reader = await client.StartReaderAsync(Target(session)).ConfigureAwait(false);
        await using var ending = reader.ConfigureAwait(false);
        var raw = await reader.DownloadAsync(Archive, 64 * Bed.Mib).ConfigureAwait(false);
        using var index = IndexReader.Open(new MemoryFile(Archive, raw));
        var fetching = new Queue<Task<int>>();
        var downloaded = 0L;
        for (var i = 0; i < index.Count || fetching.Count > 0;)
        {
            if (i < index.Count && fetching.Count < Fetching)
            {
                var entry = index[i++];
                fetching.Enqueue(Task.Run(() => FetchAsync(reader, entry)));
                continue;
            }

            downloaded += await fetching.Dequeue().ConfigureAwait(false);
        }

        return (index.TotalSize, downloaded);
    }

    private static async Task<int> FetchAsync(BackupReader reader, IndexEntry entry)
    {
        var blob = await reader.ChunkAsync(entry.Digest.ToString()).ConfigureAwait(false);
        var buffers = Buffers.Rent();
        var size = DataBlob.Decode(blob, buffers.Data.AsSpan(0, (int)entry.SizeBytes), null, "chunk");
        if (size != entry.SizeBytes || Digest.Of(buffers.Data.AsSpan(0, size)) != entry.Digest)
        {
            throw new InvalidDataException($"the server sent a wrong chunk for {entry.Digest}");
        }

        buffers.Return();
        return blob.Length;
    }

    private static async Task<HashSet<Digest>> KnownAsync(BackupWriter writer)
    {
        var known = new HashSet<Digest>();
        if (await writer.PreviousBackupTimeAsync().ConfigureAwait(false) is not null)
        {
            var raw = await writer.PreviousAsync(Archive).ConfigureAwait(false);
            using var index = IndexReader.Open(new MemoryFile(Archive, raw));
            for (var i = 0; i < index.Count; i++)
            {
                known.Add(index[i].Digest);
            }
        }

        return known;
    }

    private Made Make(Microsoft.Win32.SafeHandles.SafeFileHandle image, long offset, int sizeBytes, HashSet<Digest> known)
    {
        var buffers = Buffers.Rent();
        var data = buffers.Data.AsSpan(0, sizeBytes);
        for (var done = 0; done < sizeBytes;)
        {
            var read = RandomAccess.Read(image, data[done..], offset + done);
            done += read > 0 ? read : throw new EndOfStreamException("the image is shorter than said");
        }

        if ((byte)options.Number("salt", 0) is var salt and not 0)
        {
            TestData.Salt(data, salt);
        }

        var digest = Digest.Of(data);
        return known.Contains(digest)
            ? new Made(digest, sizeBytes, null, buffers)
            : new Made(digest, sizeBytes, buffers.Blob.AsMemory(0, DataBlob.Encode(data, buffers.Blob)), buffers);
    }

    private SessionTarget Target(int session) => new(store, "host", Id(session), time);

    private string Id(int session) => isSingle ? group : $"{group}-{session}";

    private sealed record Made(Digest Digest, int SizeBytes, ReadOnlyMemory<byte>? Blob, Buffers Buffers);

    /// <summary>Memory for one chunk, used again and again.</summary>
    private sealed class Buffers
    {
        private static readonly System.Collections.Concurrent.ConcurrentBag<Buffers> Spare = [];

        public byte[] Data { get; } = GC.AllocateUninitializedArray<byte>(ChunkBytes, pinned: true);

        public byte[] Blob { get; } = GC.AllocateUninitializedArray<byte>(DataBlob.MaxEncodedSize(ChunkBytes), pinned: true);

        public static Buffers Rent() => Spare.TryTake(out var one) ? one : new Buffers();

        public void Return() => Spare.Add(this);
    }
}
