// What tests of archives share: archives in memory, and archives as text, entry by entry, for comparing.
using System.Buffers;
using System.Globalization;
using System.Text;
using Holdfast.Storage;

namespace Holdfast.Tests.Unit;

/// <summary>Keeps what an archive or a catalog writes.</summary>
internal sealed class MemoryOutput : IArchiveOutput
{
    private readonly MemoryStream bytes = new();

    public byte[] ToArray() => bytes.ToArray();

    public ValueTask WriteAsync(ReadOnlyMemory<byte> data, CancellationToken cancel)
    {
        bytes.Write(data.Span);
        return ValueTask.CompletedTask;
    }
}

/// <summary>A temporary folder that goes away with names and depths that .NET can't remove.</summary>
internal sealed class TreeFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("holdfast-tree-").FullName;

    public void Dispose()
    {
        using var remove = System.Diagnostics.Process.Start("rm", ["-rf", Path]);
        remove.WaitForExit();
    }
}

internal static class PxarTestKit
{
    public const uint FileMode = FileModes.Regular | 0b110_100_100;
    public const uint FolderMode = FileModes.Folder | 0b111_101_101;

    public static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    public static PxarMetadata Metadata(uint mode) => new() { Mode = mode, Uid = TreeNode.Identity.Uid, Gid = TreeNode.Identity.Gid, MtimeS = 1_700_000_000 };

    public static PxarArchive Open(byte[] archive, byte[]? payload = null) =>
        PxarArchive.Open(new MemoryFile("a.pxar", archive), payload is null ? null : new MemoryFile("a.ppxar", payload));

    /// <summary>An archive written by hand.</summary>
    public static byte[] Write(Action<PxarWriter> content)
    {
        var writer = new PxarWriter(Metadata(FolderMode));
        content(writer);
        writer.EndFolder();
        return writer.Pending.WrittenSpan.ToArray();
    }

    public static void File(PxarWriter writer, string name, string content)
    {
        writer.BeginFile(Utf8(name), Metadata(FileMode), Utf8(content).Length);
        writer.Pending.Write(Utf8(content));
    }

    /// <summary>Archive and catalog of a folder.</summary>
    public static async Task<(byte[] Archive, byte[] Catalog, TreeCount Count)> ArchiveAsync(string folder, TreeOptions? options = null)
    {
        var (archive, lines, catalog) = (new MemoryOutput(), new MemoryOutput(), new CatalogWriter());
        catalog.BeginFolder("root.pxar.didx"u8);
        var count = await new TreeArchiver(archive, catalog, lines, options ?? new TreeOptions()).RunAsync(folder, default);
        catalog.EndFolder();
        catalog.Finish();
        await lines.WriteAsync(catalog.Pending.WrittenMemory, default);
        return (archive.ToArray(), lines.ToArray(), count);
    }

    /// <summary>Restores into a folder; what could not be restored is returned.</summary>
    public static List<string> Extract(PxarArchive archive, string folder, PathRules? only = null, bool replaces = false, bool withOwner = true)
    {
        var problems = new List<string>();
        using var extractor = new TreeExtractor(archive, folder, new ExtractOptions
        {
            Only = only, Replaces = replaces, WithOwner = withOwner && TreeNode.IsPrivileged,
            Tell = text =>
            {
                lock (problems)
                {
                    problems.Add(text);
                }
            },
        }, default);
        extractor.Run();
        return problems;
    }

    /// <summary>Every entry with all that is known of it, a line each; content as its digest.</summary>
    public static List<string> Describe(PxarArchive archive, bool withOwner = true)
    {
        var lines = new List<string> { "/ " + Describe(archive.Root.Metadata, withOwner) };
        var path = new Stack<string>();
        var walk = new PxarWalk(archive, archive.Root);
        for (var step = walk.Next(); step != PxarStep.End; step = walk.Next())
        {
            if (step == PxarStep.FolderEnd)
            {
                path.Pop();
                continue;
            }

            var entry = walk.Current;
            var name = string.Concat(path.Reverse()) + TreeNode.Show(entry.Name.Span);
            lines.Add($"{name} {entry.Kind} {Describe(entry.Metadata, withOwner)} {TreeNode.Show(entry.Target.Span)} "
                + $"{entry.DeviceMajor}:{entry.DeviceMinor} {(entry.Kind == PxarKind.File ? Digest.Of(Content(archive, entry)).ToString() : "")}");
            if (entry.Kind == PxarKind.Folder)
            {
                path.Push(TreeNode.Show(entry.Name.Span) + "/");
            }
        }

        return lines;
    }

    public static byte[] Content(PxarArchive archive, PxarEntry file)
    {
        var (source, start) = archive.Locate(file);
        var content = new byte[file.SizeBytes];
        source.ReadExactly(content, start);
        return content;
    }

    public static string Describe(PxarMetadata metadata, bool withOwner)
    {
        var xattrs = metadata.Xattrs.Select(one => $"{TreeNode.Show(one.Name)}={TreeNode.Show(one.Value)}");
        var acl = metadata.Acl is not { } one ? "" : string.Join(',', [
            .. one.Users.Select(user => $"u{user}"), .. one.Groups.Select(group => $"g{group}"), $"obj{one.GroupObject}", $"{one.Default}",
            .. one.DefaultUsers.Select(user => $"du{user}"), .. one.DefaultGroups.Select(group => $"dg{group}")]);
        var owner = withOwner ? $"{metadata.Uid}:{metadata.Gid}" : "";
        var mtime = string.Create(CultureInfo.InvariantCulture, $"{metadata.MtimeS}.{metadata.MtimeNs:d9}");
        var capabilities = metadata.FileCapabilities is { } caps ? Convert.ToHexString(caps) : "";
        return $"{Convert.ToString((long)metadata.Mode, 8)} {metadata.Flags:x} {owner} {mtime} [{string.Join(' ', xattrs)}] [{acl}] {capabilities} "
            + metadata.ProjectId;
    }
}
