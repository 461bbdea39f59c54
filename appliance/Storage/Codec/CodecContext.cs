// The native contexts that one worker needs to encode, decode and hash blobs: zstd both ways, AES-256-GCM, a SHA-256
// and scratch memory outside the managed heap. They come from a small pool and go back to it, so that a chunk costs
// no allocation after warm-up. One thread at a time uses a context.
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Holdfast.Storage;

/// <summary>What came of decompressing into a bounded buffer.</summary>
internal enum ZstdOutcome
{
    Ok,
    TargetTooSmall,
    Broken,
}

internal sealed unsafe class CodecContext : IDisposable
{
    private const int CompressionLevel = 1;

    /// <summary>Frames that need a larger window than stock readers grant (128 MiB) are refused.</summary>
    private const int MaxWindowLog = 27;

    /// <summary>Scratch above this is given back when the context returns to the pool.</summary>
    private const int KeptScratchBytes = (16 * 1024 * 1024) + 64;

    private static readonly CodecContext?[] Pool = new CodecContext?[Math.Max(4, Environment.ProcessorCount * 2)];

    private readonly IncrementalHash sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly nint compress;
    private readonly nint decompress;
    private readonly nint cipher;
    private byte* scratch;
    private int scratchBytes;

    private CodecContext()
    {
        compress = NativeCodec.ZstdCreateCompress();
        decompress = NativeCodec.ZstdCreateDecompress();
        cipher = NativeCodec.CipherNew();
        if (compress == 0 || decompress == 0 || cipher == 0)
        {
            throw new InvalidOperationException("no memory for codec contexts");
        }

        Require(NativeCodec.CipherInit(cipher, NativeCodec.Aes256Gcm(), 0, null, null, 1));
        Require(NativeCodec.CipherControl(cipher, NativeCodec.GcmSetIvLength, 16, null));
    }

    ~CodecContext() => Free();

    /// <summary>A context of the pool or a new one; <see cref="Return"/> it in a finally.</summary>
    public static CodecContext Rent()
    {
        for (var i = 0; i < Pool.Length; i++)
        {
            if (Pool[i] != null && Interlocked.Exchange(ref Pool[i], null) is { } context)
            {
                return context;
            }
        }

        return new CodecContext();
    }

    public void Return()
    {
        if (scratchBytes > KeptScratchBytes)
        {
            FreeScratch();
        }

        for (var i = 0; i < Pool.Length; i++)
        {
            if (Pool[i] == null && Interlocked.CompareExchange(ref Pool[i], this, null) == null)
            {
                return;
            }
        }

        Dispose();
    }

    public void Dispose()
    {
        Free();
        sha.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Native memory of at least that many bytes, valid until the next call or <see cref="Return"/>.</summary>
    public Span<byte> Scratch(int sizeBytes)
    {
        if (scratchBytes < sizeBytes)
        {
            FreeScratch();
            scratch = (byte*)NativeMemory.Alloc((nuint)sizeBytes);
            scratchBytes = sizeBytes;
        }

        return new Span<byte>(scratch, sizeBytes);
    }

    /// <summary>SHA-256 over both parts, one after the other.</summary>
    public Digest Hash(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second)
    {
        sha.AppendData(first);
        sha.AppendData(second);
        Span<byte> hash = stackalloc byte[Digest.Size];
        sha.GetHashAndReset(hash);
        return new Digest(hash);
    }

    /// <summary>One zstd frame of level 1; -1 if it does not fit the target.</summary>
    public int Compress(ReadOnlySpan<byte> source, Span<byte> target)
    {
        fixed (byte* from = source, to = target)
        {
            var result = NativeCodec.ZstdCompress(
                compress, to, (nuint)target.Length, from, (nuint)source.Length, CompressionLevel);
            if (NativeCodec.ZstdIsError(result) == 0)
            {
                return (int)result;
            }

            return NativeCodec.ZstdErrorCode(result) == NativeCodec.ZstdTargetTooSmall
                ? -1
                : throw new InvalidOperationException("zstd compression failed");
        }
    }

    /// <summary>All frames of the source, never more than the target holds.</summary>
    public ZstdOutcome Decompress(ReadOnlySpan<byte> source, Span<byte> target, out int written)
    {
        written = 0;
        if (!WindowsAreModest(source))
        {
            return ZstdOutcome.Broken;
        }

        // A target of no bytes still needs an address that zstd may look at.
        byte nothing;
        fixed (byte* from = source, to = target)
        {
            var result = NativeCodec.ZstdDecompress(
                decompress, to == null ? &nothing : to, (nuint)target.Length, from, (nuint)source.Length);
            if (NativeCodec.ZstdIsError(result) == 0)
            {
                written = (int)result;
                return ZstdOutcome.Ok;
            }

            return NativeCodec.ZstdErrorCode(result) == NativeCodec.ZstdTargetTooSmall
                ? ZstdOutcome.TargetTooSmall
                : ZstdOutcome.Broken;
        }
    }

    /// <summary>AES-256-GCM with a 16-byte IV and no associated data. Target and source have one length.</summary>
    public void Encrypt(
        ReadOnlySpan<byte> key, ReadOnlySpan<byte> iv, ReadOnlySpan<byte> source, Span<byte> target, Span<byte> tag)
    {
        Run(key, iv, source, target, encrypt: true);
        fixed (byte* tagPointer = tag)
        {
            int written;
            byte rest;
            Require(NativeCodec.CipherFinal(cipher, &rest, &written));
            Require(NativeCodec.CipherControl(cipher, NativeCodec.GcmGetTag, 16, tagPointer));
        }
    }

    /// <summary>False if the tag does not fit: wrong key or changed data. The target is then cleared.</summary>
    public bool Decrypt(
        ReadOnlySpan<byte> key, ReadOnlySpan<byte> iv, ReadOnlySpan<byte> tag, ReadOnlySpan<byte> source,
        Span<byte> target)
    {
        Run(key, iv, source, target, encrypt: false);
        fixed (byte* tagPointer = tag)
        {
            int written;
            byte rest;
            Require(NativeCodec.CipherControl(cipher, NativeCodec.GcmSetTag, 16, tagPointer));
            if (NativeCodec.CipherFinal(cipher, &rest, &written) == 1)
            {
                return true;
            }
        }

        // libcrypto queues the failure per thread; nobody else must find it there.
        NativeCodec.ClearErrors();
        target[..source.Length].Clear();
        return false;
    }

    private static void Require(int result)
    {
        if (result != 1)
        {
            NativeCodec.ClearErrors();
            throw new InvalidOperationException("libcrypto refused an AES-256-GCM call");
        }
    }

    /// <summary>
    /// Looks at the window descriptor of every frame (RFC 8878, 3.1.1.1): decoding into one buffer needs no window,
    /// but what stock readers would refuse is not stored either. Formats of before zstd 1.0 have no such bound, and their
    /// decoders, which many builds of libzstd still carry, never see foreign bytes.
    /// </summary>
    private static bool WindowsAreModest(ReadOnlySpan<byte> source)
    {
        while (source.Length >= 6)
        {
            var magic = BinaryPrimitives.ReadUInt32LittleEndian(source);
            var standard = magic == 0xFD2FB528;
            if (!standard && (magic & 0xFFFFFFF0) != 0x184D2A50)
            {
                return false; // neither a frame nor one to be skipped
            }

            var hasWindow = standard && (source[4] & 0x20) == 0;
            if (hasWindow && (source[5] >> 3) + 10 > MaxWindowLog)
            {
                return false;
            }

            nuint size;
            fixed (byte* frame = source)
            {
                size = NativeCodec.ZstdFrameSize(frame, (nuint)source.Length);
            }

            if (NativeCodec.ZstdIsError(size) != 0 || size > (nuint)source.Length)
            {
                return true; // broken: decompression says so
            }

            source = source[(int)size..];
        }

        return true;
    }

    private void Run(
        ReadOnlySpan<byte> key, ReadOnlySpan<byte> iv, ReadOnlySpan<byte> source, Span<byte> target, bool encrypt)
    {
        if (key.Length != 32 || iv.Length != 16 || target.Length < source.Length)
        {
            throw new ArgumentException("wrong key, IV or target length");
        }

        fixed (byte* keyPointer = key, ivPointer = iv, from = source, to = target)
        {
            int written;
            Require(NativeCodec.CipherInit(cipher, 0, 0, keyPointer, ivPointer, encrypt ? 1 : 0));
            if (source.Length > 0)
            {
                Require(NativeCodec.CipherUpdate(cipher, to, &written, from, source.Length));
            }
        }
    }

    private void FreeScratch()
    {
        NativeMemory.Free(scratch);
        scratch = null;
        scratchBytes = 0;
    }

    private void Free()
    {
        _ = NativeCodec.ZstdFreeCompress(compress);
        _ = NativeCodec.ZstdFreeDecompress(decompress);
        NativeCodec.CipherFree(cipher);
        FreeScratch();
    }
}
