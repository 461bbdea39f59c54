// What became of a chunk that was to be stored.
namespace Holdfast.Storage;

/// <summary>Outcome of <see cref="ChunkStore.Insert"/>.</summary>
public enum InsertOutcome
{
    /// <summary>It was not there.</summary>
    New,

    /// <summary>An equal or better one was there; its access time is now.</summary>
    Duplicate,

    /// <summary>It was there in a longer encoding, which was replaced.</summary>
    Replaced,

    /// <summary>What was there was empty, short or damaged, and was replaced.</summary>
    Healed,
}

/// <summary>Outcome, and the size of the chunk file in bytes as it is now.</summary>
public readonly record struct InsertResult(InsertOutcome Outcome, long SizeOnDisk)
{
    public bool IsDuplicate => Outcome == InsertOutcome.Duplicate;
}

/// <summary>When written chunks are flushed.</summary>
public enum SyncLevel
{
    /// <summary>Only by <see cref="Datastore.MakeDurable"/>: one syncfs for all of a backup.</summary>
    FileSystem,

    /// <summary>Each chunk and its folder at once, and by MakeDurable as well.</summary>
    File,
}
