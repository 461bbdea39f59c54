// A small tree with everything that a backup of files must keep: names of any bytes, links of both kinds, special files, holes, odd modes and times, and,
// as far as the machine lets this user, extended attributes, ACLs, capabilities and devices.
using System.Text;
using Holdfast.Storage;

namespace Holdfast.Tests.Unit;

internal static class SampleTree
{
    public const int HoleBytes = 3 * 1024 * 1024;

    /// <summary>Makes it in an existing empty folder.</summary>
    public static void Make(string folder)
    {
        using var root = TreeNode.OpenFolder(folder);
        File(root, "hello.txt"u8, "hello\n"u8, 0x1a4);
        File(root, [0x66, 0xff, 0xfe, 0x6f], "a name that is no text"u8, 0x180);
        File(root, "new\nline and 'quotes\""u8, ""u8, 0x1ff);
        File(root, "set-user-id"u8, "#!"u8, 0x9ed);
        File(root, "block"u8, Enumerable.Range(0, 64 * 1024).Select(i => (byte)i).ToArray(), 0x124);
        File(root, "large.bin"u8, Noise(5 * 1024 * 1024 + 17), 0x1a4);
        root.MakeSymlink("link"u8, "hello.txt"u8);
        root.MakeSymlink("dangling"u8, "/no/such/../place\xff"u8);
        root.SetMtime("link"u8, -86_400, 123_456_789);
        root.MakeSpecial("pipe"u8, FileModes.Fifo, 0);
        root.MakeSpecial("socket"u8, FileModes.Socket, 0);
        root.SetMode("pipe"u8, 0x1b0);
        using (var holes = root.CreateFile("holes"u8))
        {
            holes.Write("start"u8, 0);
            holes.Write("end"u8, HoleBytes);
            holes.SetLength(2 * HoleBytes);
        }

        root.MakeFolder("sub"u8);
        using (var sub = root.OpenChildFolder("sub"u8))
        {
            File(sub, "inner"u8, "inner"u8, 0x1a4);
            sub.MakeHardLink("hello-again"u8, root, "hello.txt"u8);
            sub.MakeFolder("empty"u8);
            sub.MakeFolder("many"u8);
            using var many = sub.OpenChildFolder("many"u8);
            for (var i = 0; i < 200; i++)
            {
                File(many, Encoding.UTF8.GetBytes($"file-{i:d3}-ü"), Noise(i * 37), 0x1a4);
            }
        }

        root.MakeHardLink("zz-hello"u8, root, "hello.txt"u8);
        Attributes(root);
        Times(root);
    }

    private static byte[] Noise(int length)
    {
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        return bytes;
    }

    private static void File(TreeNode folder, ReadOnlySpan<byte> name, ReadOnlySpan<byte> content, uint mode)
    {
        using var file = folder.CreateFile(name);
        file.Write(content, 0);
        file.SetMode(mode);
        file.SetMtime(1_600_000_000 + content.Length, (uint)name.Length * 1_000_001);
    }

    /// <summary>What this machine or user can't have is left out: the tests compare with what is there.</summary>
    private static void Attributes(TreeNode root)
    {
        Attempt(() =>
        {
            using var file = root.Open("block"u8, TreeNode.Use.Read);
            file.SetXattr("user.comment"u8, "kept"u8);
            file.SetXattr("user.empty"u8, default);
            file.SetXattr("user.bytes"u8, Noise(1500));
        });
        Attempt(() =>
        {
            using var file = root.Open("large.bin"u8, TreeNode.Use.Read);
            file.SetXattr(PosixAcl.AccessName, PosixAcl.Access(
                new PxarAcl { Users = [new AclEntry(12345, 6), new AclEntry(7, 4)], Groups = [new AclEntry(99, 5)], GroupObject = 1 }, 0b110_110_000));
        });
        Attempt(() =>
        {
            using var folder = root.OpenChildFolder("sub"u8);
            folder.SetXattr(PosixAcl.DefaultName, PosixAcl.Default(
                new PxarAcl { Default = new DefaultAcl(7, 5, 0, 7), DefaultUsers = [new AclEntry(1000, 7)] })!);
        });
        Attempt(() =>
        {
            using var file = root.Open("set-user-id"u8, TreeNode.Use.Read);
            file.SetXattr("security.capability"u8, [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        });
        Attempt(() => root.SetOwner("hello.txt"u8, 1234, 5678));
        Attempt(() => root.MakeSpecial("null"u8, FileModes.CharDevice, (1 << 8) | 3));
        Attempt(() => root.MakeSpecial("disk"u8, FileModes.BlockDevice, (259 << 8) | 7));
    }

    private static void Times(TreeNode root)
    {
        using var sub = root.OpenChildFolder("sub"u8);
        foreach (var (name, time) in new[] { ("many", 1_000_000_007L), ("empty", 0L) })
        {
            sub.SetMtime(Encoding.UTF8.GetBytes(name), time, 999_999_999);
        }

        sub.SetMode(0x5ff);
        root.SetMtime("sub"u8, 1_234_567_890, 1);
        root.SetMtime("."u8, 1_500_000_000, 42);
    }

    private static void Attempt(Action step)
    {
        try
        {
            step();
        }
        catch (VolumeException)
        {
            // Not on this machine, or not for this user.
        }
    }
}
