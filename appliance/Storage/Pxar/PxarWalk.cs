// All entries below a folder, depth first, in the order of the archive: what restores, listings and downloads of folders go by. Positions only ascend, so it
// ends whatever the bytes are; the depth is bounded.
namespace Holdfast.Storage;

/// <summary>What a walk came to.</summary>
public enum PxarStep
{
    /// <summary>An entry; a folder's children follow.</summary>
    Entry,

    /// <summary>The innermost folder has ended.</summary>
    FolderEnd,

    /// <summary>The folder that the walk began in has ended.</summary>
    End,
}

/// <summary>A walk through a folder.</summary>
public sealed class PxarWalk(PxarArchive archive, PxarEntry folder)
{
    private long position = folder.Next;
    private int depth;
    private bool isAtEnd;
    private PxarEntry? current;

    /// <summary>The entry that <see cref="Next"/> came to.</summary>
    public PxarEntry Current => current ?? throw new InvalidOperationException("the walk stands at no entry");

    /// <exception cref="CorruptDataException">The archive is damaged here.</exception>
    public PxarStep Next()
    {
        current = null;
        if (isAtEnd)
        {
            return PxarStep.End;
        }

        var (type, size) = archive.Header(position, archive.End);
        if (type == PxarFormat.Goodbye)
        {
            position += size;
            isAtEnd = depth == 0;
            depth--;
            return isAtEnd ? PxarStep.End : PxarStep.FolderEnd;
        }

        current = archive.ReadNamed(position, archive.End);
        position = current.Next;
        if (current.Kind == PxarKind.Folder && ++depth > PxarFormat.MaxDepth)
        {
            throw archive.Corrupt(position, $"folders are nested deeper than {PxarFormat.MaxDepth}");
        }

        return PxarStep.Entry;
    }

}
