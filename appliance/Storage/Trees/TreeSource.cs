// Opening what a walk through a tree comes to: things vanish, may not be read, or lie on a server that forgot them. Each is told and left out; a backup of a
// living system goes on. Trouble with the device ends it.
namespace Holdfast.Storage;

/// <summary>What a backup of a tree takes and leaves out.</summary>
public sealed class TreeOptions
{
    /// <summary>Rules of the user, in front of those of .pxarexclude files.</summary>
    public PathRules Rules { get; init; } = new();

    /// <summary>Goes into every file system below, except those that the kernel makes up.</summary>
    public bool AllFileSystems { get; init; }

    /// <summary>Folders whose file systems are taken as well as the root's.</summary>
    public IReadOnlyList<string> IncludedMounts { get; init; } = [];

    /// <summary>Entries of the folders that are open at a time, as PBS counts them.</summary>
    public int MaxEntries { get; init; } = 1024 * 1024;

    /// <summary>What was left out or is not as it was: path and reason. Called by several threads.</summary>
    public Action<string> Tell { get; init; } = static _ => { };
}

internal static class TreeSource
{
    /// <summary>Opens a child; null if it can't be had, which is told.</summary>
    public static TreeNode? TryOpen(TreeNode folder, byte[] name, TreeNode.Use use, Action<byte[], string> tell)
    {
        try
        {
            return folder.Open(name, use);
        }
        catch (VolumeException fault) when (Reason(fault) is { } reason)
        {
            tell(name, reason);
            return null;
        }
    }

    /// <summary>Why an entry is left out; null for a fault that ends the backup.</summary>
    public static string? Reason(VolumeException fault) => fault.Errno switch
    {
        LibC.Enoent => "vanished while the folder was read: left out",
        LibC.Eacces => "access denied: left out",
        LibC.Estale => "stale file handle: left out",
        LibC.Eloop or 6 or 20 => "became something else while the folder was read: left out", // ENXIO, ENOTDIR
        _ => null,
    };
}
