// The file list of a backup, catalog.pcat1 (reference 3.12): names, sizes and times of everything in its archives, folder by folder, children in front.
using System.Buffers;

namespace Holdfast.Storage;

/// <summary>Kinds of entries; the values are the bytes in the file and the letters of the API.</summary>
public enum CatalogKind : byte
{
    Folder = (byte)'d',
    File = (byte)'f',
    Symlink = (byte)'l',
    HardLink = (byte)'h',
    BlockDevice = (byte)'b',
    CharDevice = (byte)'c',
    Fifo = (byte)'p',
    Socket = (byte)'s',
}

/// <summary>Numbers, magic and bounds.</summary>
public static class CatalogFormat
{
    /// <summary>File name of the catalog in a snapshot.</summary>
    public const string ArchiveName = "catalog.pcat1.didx";

    /// <summary>Names are shorter than this.</summary>
    public const int MaxNameBytes = 4096;

    /// <summary>Largest block of one folder: some ten million names.</summary>
    public const int MaxBlockBytes = 512 * 1024 * 1024;

    internal static ReadOnlySpan<byte> Magic => [0x91, 0xfd, 0x60, 0xf9, 0xc4, 0x67, 0x58, 0xd5];

    /// <summary>Kind of an entry of a pxar archive.</summary>
    public static CatalogKind KindOf(PxarKind kind) => kind switch
    {
        PxarKind.Folder => CatalogKind.Folder,
        PxarKind.File => CatalogKind.File,
        PxarKind.Symlink => CatalogKind.Symlink,
        PxarKind.HardLink => CatalogKind.HardLink,
        PxarKind.BlockDevice => CatalogKind.BlockDevice,
        PxarKind.CharDevice => CatalogKind.CharDevice,
        PxarKind.Fifo => CatalogKind.Fifo,
        _ => CatalogKind.Socket,
    };

    /// <summary>Seven bits a byte, least first.</summary>
    public static void WriteUnsigned(IBufferWriter<byte> output, ulong value)
    {
        var span = output.GetSpan(10);
        var length = 0;
        while (value >= 0x80)
        {
            span[length++] = (byte)(value | 0x80);
            value >>= 7;
        }

        span[length++] = (byte)value;
        output.Advance(length);
    }

    /// <summary>As unsigned; a negative one as its magnitude with bit 7 set in all bytes, and a zero byte behind.</summary>
    public static void WriteSigned(IBufferWriter<byte> output, long value)
    {
        if (value >= 0)
        {
            WriteUnsigned(output, (ulong)value);
            return;
        }

        var span = output.GetSpan(11);
        var length = 0;
        for (var magnitude = (ulong)-(value + 1) + 1; magnitude > 0; magnitude >>= 7)
        {
            span[length++] = (byte)(magnitude | 0x80);
        }

        span[length++] = 0;
        output.Advance(length);
    }

    /// <summary>Takes a number off the front; false if it is cut short or too large.</summary>
    public static bool TryReadUnsigned(ref ReadOnlySpan<byte> data, out ulong value)
    {
        value = 0;
        for (var i = 0; i < 10 && i < data.Length; i++)
        {
            var bits = (ulong)(data[i] & 0x7f);
            if (i == 9 && bits > 1)
            {
                return false;
            }

            value |= bits << (7 * i);
            if (data[i] < 0x80)
            {
                data = data[(i + 1)..];
                return true;
            }
        }

        return false;
    }

    /// <summary>As <see cref="TryReadUnsigned"/>, signed.</summary>
    public static bool TryReadSigned(ref ReadOnlySpan<byte> data, out long value)
    {
        value = 0;
        ulong magnitude = 0;
        for (var i = 0; i < 11 && i < data.Length; i++)
        {
            if (i > 0 && data[i] == 0)
            {
                // A zero byte behind continued ones: negative.
                data = data[(i + 1)..];
                value = unchecked(-(long)magnitude);
                return magnitude <= 1UL << 63;
            }

            var bits = (ulong)(data[i] & 0x7f);
            if (i >= 9 && bits > 1)
            {
                return false;
            }

            magnitude |= i < 10 ? bits << (7 * i) : 0;
            if (data[i] < 0x80)
            {
                data = data[(i + 1)..];
                value = (long)magnitude;
                return magnitude <= long.MaxValue;
            }
        }

        return false;
    }
}
