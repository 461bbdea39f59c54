// What a restore of a tree does, and what it came to.
namespace Holdfast.Storage;

/// <summary>Choices of a restore.</summary>
public sealed class ExtractOptions
{
    /// <summary>Null: everything. Else what the rules include, and what lies in an included folder.</summary>
    public PathRules? Only { get; init; }

    /// <summary>What stands in the way is replaced; folders are kept and filled. Nothing is ever written through what was there.</summary>
    public bool Replaces { get; init; }

    /// <summary>Give files to the owner that the archive names.</summary>
    public bool WithOwner { get; init; } = TreeNode.IsPrivileged;

    /// <summary>What could not be restored, or not wholly: path and reason. Called by several threads.</summary>
    public Action<string> Tell { get; init; } = static _ => { };

    /// <summary>Gets the place in the archive that the restore has come to.</summary>
    public IProgress<long>? Progress { get; init; }

    /// <summary>Threads that write files.</summary>
    public int Writers { get; init; } = Math.Clamp(Environment.ProcessorCount, 2, 8);

    /// <summary>Faults after which nothing more can come of a restore: the disk is full, broken or read-only.</summary>
    internal static bool EndsAll(VolumeException fault) => fault.Error is VolumeError.NoSpace or VolumeError.IoError or VolumeError.ReadOnly
        or VolumeError.TooManyFiles;
}

/// <summary>What a restore made.</summary>
public sealed class ExtractCount
{
    private long files;
    private long bytes;

    public long Files => Interlocked.Read(ref files);

    /// <summary>Bytes of content.</summary>
    public long Bytes => Interlocked.Read(ref bytes);

    public long Folders { get; internal set; }

    public long Others { get; internal set; }

    public long HardLinks { get; internal set; }

    internal void AddFile(long sizeBytes)
    {
        Interlocked.Increment(ref files);
        Interlocked.Add(ref bytes, sizeBytes);
    }
}
