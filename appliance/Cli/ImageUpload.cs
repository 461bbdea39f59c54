// One image into a backup session: read, hashed and compressed on several threads, decided and sent in order. A chunk that
// the previous snapshot or this session already has is only named.
using System.Collections.Concurrent;
using System.Security.Cryptography;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Cli;

/// <summary>What became of an image. Bytes: read, new (raw), new (as sent), and how many chunks each.</summary>
internal readonly record struct UploadCount(long Bytes, long NewBytes, long SentBytes, long Chunks, long NewChunks)
{
    public static UploadCount operator +(UploadCount a, UploadCount b) => new(
        a.Bytes + b.Bytes, a.NewBytes + b.NewBytes, a.SentBytes + b.SentBytes, a.Chunks + b.Chunks, a.NewChunks + b.NewChunks);
}

/// <summary>Digests that need no upload in a session.</summary>
internal sealed class KnownDigests
{
    private readonly HashSet<Digest> previous = [];
    private readonly ConcurrentDictionary<Digest, bool> claimed = new();

    /// <summary>Adds the chunks of a previous index, before an upload starts.</summary>
    public void AddPrevious(Digest digest) => previous.Add(digest);

    /// <summary>True for the first who finds this digest unknown: only a hint on who encodes it.</summary>
    public bool Claim(Digest digest) => !previous.Contains(digest) && claimed.TryAdd(digest, false);

    /// <summary>True once per unknown digest, in the order of the stream: that one is sent.</summary>
    public bool Send(Digest digest) => !previous.Contains(digest) && claimed.TryUpdate(digest, true, false);
}

internal sealed class ImageUpload(BackupWriter writer, CryptConfig? crypt, KnownDigests known)
{
    private const int Buffers = 14;
    private const int ReadAhead = 6;
    private const int ChunkSize = (int)IndexReader.FixedChunkSize;

    private readonly ChunkBuffers buffers = new(Buffers, ChunkSize);
    private readonly Digest zeroDigest = DigestOf(new byte[ChunkSize], crypt);
    private UploadCount count;

    private readonly record struct Prepared(ChunkBuffer Buffer, int Length, Digest Digest, int EncodedLength);

    /// <summary>Uploads the image as a fixed index and closes it.</summary>
    /// <returns>The index checksum for the manifest, and what was sent.</returns>
    public async Task<(Digest Csum, UploadCount Count)> RunAsync(
        ImageFile image, string archive, IProgress<long> progress, CancellationToken cancel)
    {
        int wid = await writer.CreateFixedIndexAsync(archive, image.SizeBytes, null, cancel);
        var upload = new IndexUpload(writer, IndexKind.Fixed, wid);
        using var csum = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var failing = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var ahead = new Queue<Task<Prepared>>(ReadAhead);
        try
        {
            for (long offset = 0, done = 0; done < image.SizeBytes;)
            {
                if (offset < image.SizeBytes && ahead.Count < ReadAhead)
                {
                    ChunkBuffer buffer = await buffers.TakeAsync(cancel);
                    long at = offset;
                    ahead.Enqueue(Task.Run(() => Prepare(image, at, buffer), failing.Token));
                    offset += Math.Min(ChunkSize, image.SizeBytes - offset);
                    continue;
                }

                Prepared next = await ahead.Dequeue();
                csum.AppendData(next.Digest.Bytes);
                await TakeAsync(upload, next, done, cancel);
                done += next.Length;
                progress.Report(done);
            }
        }
        finally
        {
            await failing.CancelAsync();
            await Task.WhenAll(ahead).ContinueWith(
                static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }

        var digest = new Digest(csum.GetHashAndReset());
        await upload.CloseAsync(digest.ToString(), image.SizeBytes, cancel);
        return (digest, count);
    }

    private static Digest DigestOf(ReadOnlySpan<byte> data, CryptConfig? crypt) =>
        crypt is null ? Digest.Of(data) : crypt.ComputeDigest(data);

    private Prepared Prepare(ImageFile image, long offset, ChunkBuffer buffer)
    {
        int length = (int)Math.Min(ChunkSize, image.SizeBytes - offset);
        Span<byte> raw = buffer.Raw.AsSpan(0, length);
        image.ReadExactly(raw, offset);
        Digest digest = length == ChunkSize && raw.IndexOfAnyExcept((byte)0) < 0 ? zeroDigest : DigestOf(raw, crypt);
        int encoded = known.Claim(digest) ? DataBlob.Encode(raw, buffer.Encoded, compress: true, crypt) : 0;
        return new Prepared(buffer, length, digest, encoded);
    }

    private async Task TakeAsync(IndexUpload upload, Prepared next, long offset, CancellationToken cancel)
    {
        if (!known.Send(next.Digest))
        {
            count += new UploadCount(next.Length, 0, 0, 1, 0);
            await upload.AddKnownAsync(next.Digest.ToString(), offset, cancel);
            buffers.Return(next.Buffer);
            return;
        }

        // A later chunk of the same content may have claimed it first: then it is encoded here.
        int length = next.EncodedLength > 0 ? next.EncodedLength
            : DataBlob.Encode(next.Buffer.Raw.AsSpan(0, next.Length), next.Buffer.Encoded, compress: true, crypt);
        count += new UploadCount(next.Length, next.Length, length, 1, 1);
        await upload.AddAsync(next.Digest.ToString(), offset, next.Length, next.Buffer.Encoded.AsMemory(0, length),
            () => buffers.Return(next.Buffer), cancel);
    }
}
