// Names of a folder straight from the kernel, many at a time and without a string for each: what a sweep over a million chunks is made of.
using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Holdfast.Storage;

public sealed unsafe partial class DiskVolume
{
    private const int NamesBytes = 64 * 1024;

    /// <summary>Where the name begins in a directory entry: after inode, offset, length and type.</summary>
    private const int NameOffset = 19;

    [ThreadStatic]
    private static byte[]? names;

    protected override void ForEachNameCore(string path, NameTaker take)
    {
        // A taker that reads another folder finds the buffer taken and gets one of its own.
        var buffer = names ?? GC.AllocateUninitializedArray<byte>(NamesBytes, pinned: true);
        names = null;
        using var fd = OpenFd(path, LibC.DirectoryFlag | LibC.NoFollowFlag, 0, "list");
        fixed (byte* target = buffer)
        {
            while (true)
            {
                var count = LibC.GetDents(fd, target, NamesBytes);
                if (count < 0)
                {
                    throw Error("list", path, Marshal.GetLastPInvokeError());
                }

                if (count == 0)
                {
                    break;
                }

                TakeNames(path, buffer.AsSpan(0, (int)count), take);
            }
        }

        names = buffer;
    }

    private void TakeNames(string path, ReadOnlySpan<byte> entries, NameTaker take)
    {
        while (!entries.IsEmpty)
        {
            var length = BinaryPrimitives.ReadUInt16LittleEndian(entries[16..]);
            var name = entries[NameOffset..length];
            name = name[..name.IndexOf((byte)0)];
            if (!name.SequenceEqual("."u8) && !name.SequenceEqual(".."u8))
            {
                var type = entries[18];
                take(name, type == 8 ? EntryKind.File : KindOf(type, path, type == 0 ? System.Text.Encoding.UTF8.GetString(name) : ""));
            }

            entries = entries[length..];
        }
    }
}
