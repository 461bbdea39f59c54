// libzstd and libcrypto, as far as blobs need them.
using System.Runtime.InteropServices;

namespace Holdfast.Storage;

internal static unsafe partial class NativeCodec
{
    public const int GcmSetIvLength = 0x9;
    public const int GcmGetTag = 0x10;
    public const int GcmSetTag = 0x11;

    /// <summary>ZSTD_error_dstSize_tooSmall, a stable code.</summary>
    public const int ZstdTargetTooSmall = 70;

    private const string Zstd = "libzstd.so.1";
    private const string Crypto = "libcrypto.so.3";

    /// <summary>ZSTD_inBuffer and ZSTD_outBuffer.</summary>
    public struct ZstdBuffer
    {
        public byte* Data;
        public nuint Size;
        public nuint Position;
    }

    [LibraryImport(Zstd, EntryPoint = "ZSTD_createCCtx")]
    public static partial nint ZstdCreateCompress();

    [LibraryImport(Zstd, EntryPoint = "ZSTD_freeCCtx")]
    public static partial nuint ZstdFreeCompress(nint context);

    [LibraryImport(Zstd, EntryPoint = "ZSTD_createDCtx")]
    public static partial nint ZstdCreateDecompress();

    [LibraryImport(Zstd, EntryPoint = "ZSTD_freeDCtx")]
    public static partial nuint ZstdFreeDecompress(nint context);

    [LibraryImport(Zstd, EntryPoint = "ZSTD_compressCCtx")]
    public static partial nuint ZstdCompress(
        nint context, byte* target, nuint capacity, byte* source, nuint length, int level);

    [LibraryImport(Zstd, EntryPoint = "ZSTD_decompressDCtx")]
    public static partial nuint ZstdDecompress(nint context, byte* target, nuint capacity, byte* source, nuint length);

    [LibraryImport(Zstd, EntryPoint = "ZSTD_compressStream2")]
    public static partial nuint ZstdCompressStream(nint context, ZstdBuffer* target, ZstdBuffer* source, int mode);

    [LibraryImport(Zstd, EntryPoint = "ZSTD_isError")]
    public static partial uint ZstdIsError(nuint code);

    [LibraryImport(Zstd, EntryPoint = "ZSTD_getErrorCode")]
    public static partial int ZstdErrorCode(nuint code);

    [LibraryImport(Zstd, EntryPoint = "ZSTD_findFrameCompressedSize")]
    public static partial nuint ZstdFrameSize(byte* source, nuint length);

    [LibraryImport(Crypto, EntryPoint = "EVP_CIPHER_CTX_new")]
    public static partial nint CipherNew();

    [LibraryImport(Crypto, EntryPoint = "EVP_CIPHER_CTX_free")]
    public static partial void CipherFree(nint context);

    [LibraryImport(Crypto, EntryPoint = "EVP_aes_256_gcm")]
    public static partial nint Aes256Gcm();

    [LibraryImport(Crypto, EntryPoint = "EVP_CipherInit_ex")]
    public static partial int CipherInit(nint context, nint cipher, nint engine, byte* key, byte* iv, int encrypt);

    [LibraryImport(Crypto, EntryPoint = "EVP_CIPHER_CTX_ctrl")]
    public static partial int CipherControl(nint context, int command, int argument, byte* pointer);

    [LibraryImport(Crypto, EntryPoint = "EVP_CipherUpdate")]
    public static partial int CipherUpdate(nint context, byte* target, int* written, byte* source, int length);

    [LibraryImport(Crypto, EntryPoint = "EVP_CipherFinal_ex")]
    public static partial int CipherFinal(nint context, byte* target, int* written);

    [LibraryImport(Crypto, EntryPoint = "ERR_clear_error")]
    public static partial void ClearErrors();

    [LibraryImport(Crypto, EntryPoint = "EVP_PBE_scrypt")]
    public static partial int Scrypt(
        byte* password, nuint passwordLength, byte* salt, nuint saltLength, ulong n, ulong r, ulong p, ulong maxMemory,
        byte* key, nuint keyLength);
}
