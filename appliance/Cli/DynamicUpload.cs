// A stream of unknown length into a dynamic index: cut where its content says so, hashed and compressed on other threads, decided and sent in order. A chunk
// that the previous snapshot or this session already has is only named.
using System.Buffers.Binary;
using System.Security.Cryptography;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Cli;

/// <summary>One open archive of a session. One writer at a time; dispose it when it ends badly.</summary>
internal sealed class DynamicUpload : IArchiveOutput, IAsyncDisposable
{
    private const int ReadAhead = 3;

    private readonly IndexUpload upload;
    private readonly CryptConfig? crypt;
    private readonly KnownDigests known;
    private readonly ContentChunker chunker;
    private readonly ChunkBuffers buffers;
    private readonly IProgress<long>? progress;
    private readonly IncrementalHash csum = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly Queue<Task<Prepared>> ahead = new(ReadAhead);
    private ChunkBuffer? current;
    private int filled;
    private long position;

    private DynamicUpload(IndexUpload upload, CryptConfig? crypt, KnownDigests known, int averageBytes, int bufferCount, IProgress<long>? progress)
    {
        (this.upload, this.crypt, this.known, this.progress) = (upload, crypt, known, progress);
        chunker = new ContentChunker(averageBytes);
        buffers = new ChunkBuffers(bufferCount, chunker.MaxBytes);
    }

    private readonly record struct Prepared(ChunkBuffer Buffer, int Length, Digest Digest, int EncodedLength);

    /// <summary>What was sent so far.</summary>
    public UploadCount Count { get; private set; }

    /// <summary>Opens the index.</summary>
    public static async Task<DynamicUpload> StartAsync(
        BackupWriter writer, string archive, int averageBytes, int bufferCount, CryptConfig? crypt, KnownDigests known, IProgress<long>? progress,
        CancellationToken cancel)
    {
        int wid = await writer.CreateDynamicIndexAsync(archive, cancel);
        return new DynamicUpload(new IndexUpload(writer, IndexKind.Dynamic, wid), crypt, known, averageBytes, bufferCount, progress);
    }

    public async ValueTask WriteAsync(ReadOnlyMemory<byte> data, CancellationToken cancel)
    {
        while (data.Length > 0)
        {
            current ??= await buffers.TakeAsync(cancel);
            int part = Math.Min(data.Length, current.Raw.Length - filled);
            data.Span[..part].CopyTo(current.Raw.AsSpan(filled));
            int end = chunker.FindEnd(current.Raw.AsSpan(0, filled + part));
            if (end == 0)
            {
                filled += part;
                return;
            }

            data = data[(end - filled)..];
            filled = end;
            await EndChunkAsync(cancel);
        }
    }

    /// <summary>Sends the rest and closes the index.</summary>
    /// <returns>The index checksum and the stream's length, for the manifest.</returns>
    public async Task<(Digest Csum, long SizeBytes)> CloseAsync(CancellationToken cancel)
    {
        if (filled > 0)
        {
            await EndChunkAsync(cancel);
        }

        while (ahead.Count > 0)
        {
            await TakeAsync(await ahead.Dequeue(), cancel);
        }

        var digest = new Digest(csum.GetHashAndReset());
        await upload.CloseAsync(digest.ToString(), position, cancel);
        return (digest, position);
    }

    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(ahead).ContinueWith(
            static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        csum.Dispose();
    }

    private async ValueTask EndChunkAsync(CancellationToken cancel)
    {
        (ChunkBuffer buffer, int length) = (current!, filled);
        (current, filled) = (null, 0);
        ahead.Enqueue(Task.Run(() => Prepare(buffer, length), cancel));
        if (ahead.Count >= ReadAhead)
        {
            await TakeAsync(await ahead.Dequeue(), cancel);
        }
    }

    private Prepared Prepare(ChunkBuffer buffer, int length)
    {
        ReadOnlySpan<byte> raw = buffer.Raw.AsSpan(0, length);
        Digest digest = crypt is null ? Digest.Of(raw) : crypt.ComputeDigest(raw);
        return new Prepared(buffer, length, digest, known.Claim(digest) ? DataBlob.Encode(raw, buffer.Encoded, compress: true, crypt) : 0);
    }

    private async ValueTask TakeAsync(Prepared next, CancellationToken cancel)
    {
        long start = position;
        position += next.Length;
        Note(next.Digest);
        progress?.Report(position);
        if (!known.Send(next.Digest))
        {
            Count += new UploadCount(next.Length, 0, 0, 1, 0);
            await upload.AddKnownAsync(next.Digest.ToString(), start, cancel);
            buffers.Return(next.Buffer);
            return;
        }

        // A later chunk of the same content may have claimed it first: then it is encoded here.
        int length = next.EncodedLength > 0 ? next.EncodedLength
            : DataBlob.Encode(next.Buffer.Raw.AsSpan(0, next.Length), next.Buffer.Encoded, compress: true, crypt);
        Count += new UploadCount(next.Length, next.Length, length, 1, 1);
        await upload.AddAsync(next.Digest.ToString(), start, next.Length, next.Buffer.Encoded.AsMemory(0, length),
            () => buffers.Return(next.Buffer), cancel);
    }

    private void Note(Digest digest)
    {
        Span<byte> entry = stackalloc byte[8 + Digest.Size];
        BinaryPrimitives.WriteInt64LittleEndian(entry, position);
        digest.CopyTo(entry[8..]);
        csum.AppendData(entry);
    }
}
