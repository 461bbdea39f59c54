// How a datastore is opened.
namespace Holdfast.Storage;

/// <summary>Settings and outside sources of a datastore.</summary>
public sealed record DatastoreOptions
{
    public SyncLevel SyncLevel { get; init; } = SyncLevel.FileSystem;

    /// <summary>Clock for the creation time in indexes.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Random bytes for the uuid in indexes.</summary>
    public Action<Memory<byte>> FillRandom { get; init; } =
        static memory => System.Security.Cryptography.RandomNumberGenerator.Fill(memory.Span);

    /// <summary>Make all 65536 chunk folders at creation, as PBS does. Without, they are made on demand.</summary>
    public bool MakeAllChunkFolders { get; init; } = true;

    /// <summary>Told of every percent of the chunk folders made at creation, 1 to 100.</summary>
    public Action<int>? Created { get; init; }
}
