// One entry of a pxar archive as a reader found it: what it is, and where its parts lie.
namespace Holdfast.Storage;

/// <summary>An entry. Offsets count from the start of the archive.</summary>
public sealed class PxarEntry
{
    /// <summary>One path component; empty for the root.</summary>
    public required ReadOnlyMemory<byte> Name { get; init; }

    public required PxarKind Kind { get; init; }

    public required PxarMetadata Metadata { get; init; }

    /// <summary>Start of the name item; of the entry itself for the root.</summary>
    public required long ItemStart { get; init; }

    /// <summary>Start of the entry after the name.</summary>
    public required long EntryStart { get; init; }

    /// <summary>Where what comes after this entry's own items starts: the next entry, or the first child of a folder.</summary>
    public required long Next { get; init; }

    /// <summary>Start of the first byte of a file's content; in a split archive the start of the payload item in the payload stream.</summary>
    public long ContentStart { get; init; }

    /// <summary>Length of a file's content.</summary>
    public long SizeBytes { get; init; }

    /// <summary>The content lies in the payload stream.</summary>
    public bool IsSplit { get; init; }

    /// <summary>Target of a symbolic link; path inside the archive of what a hard link links to.</summary>
    public ReadOnlyMemory<byte> Target { get; init; }

    /// <summary>Name item of the file that a hard link links to.</summary>
    public long LinkedItem { get; init; }

    public ulong DeviceMajor { get; init; }

    public ulong DeviceMinor { get; init; }
}
