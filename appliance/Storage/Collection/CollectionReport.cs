// What a collection is told, what it asks before it removes anything, and what it says at its end.
namespace Holdfast.Storage;

/// <summary>How a collection works.</summary>
public sealed record CollectionOptions
{
    /// <summary>Threads that mark, list and remove.</summary>
    public int Threads { get; init; } = 2;

    /// <summary>Most memory for the marks: 128 MiB know 14 million chunks exactly and a hundred million well enough.</summary>
    public long MarkBytesMax { get; init; } = 128 * 1024 * 1024;

    /// <summary>Most garbage that is found before it is removed; 40 bytes each.</summary>
    public int BatchMax { get; init; } = 256 * 1024;

    /// <summary>With less space than this nothing is set aside first.</summary>
    public long SetAsideAboveBytes { get; init; } = 64 * 1024 * 1024;

    /// <summary>Most chunks of before our time whose size is learnt in one run.</summary>
    public int MeasureMax { get; init; } = 16 * 1024;

    /// <summary>After so many runs that trusted what was known, one looks at everything again.</summary>
    public int TrustedRunsMax { get; init; } = 30;

    /// <summary>Only find out: everything is looked at, nothing is removed, and the report's removals are what would have been.</summary>
    public bool IsForecast { get; init; }

    /// <summary>Chunks of which it is asked whether anybody needs them still: see <see cref="CollectionReport.Unneeded"/>.</summary>
    public IReadOnlyCollection<Digest> Watched { get; init; } = [];

    /// <summary>Holds every base of a running backup until disposed, also when the backup ends before.</summary>
    public Func<IDisposable>? HoldBases { get; init; }

    /// <summary>Takes lines for people.</summary>
    public Action<string> Say { get; init; } = static _ => { };

    /// <summary>Takes warnings.</summary>
    public Action<string> Warn { get; init; } = static _ => { };
}

/// <summary>Garbage that is about to be removed: what the ledger is told first.</summary>
/// <param name="Number">Batches of one run count from 1.</param>
/// <param name="BadChunks">Chunks set aside as corrupt that nobody refers to, or that were healed.</param>
/// <param name="Leftovers">Files of inserts that did not come to their end.</param>
/// <param name="SizeBytes">Of all of these.</param>
public sealed record GarbageBatch(int Number, long Chunks, long BadChunks, long Leftovers, long SizeBytes);

/// <summary>How much of the store a collection had to look at.</summary>
public enum CollectionKind
{
    /// <summary>Everything.</summary>
    Full,

    /// <summary>Only what is new: no index had gone since the last time.</summary>
    Grown,

    /// <summary>Nothing had changed.</summary>
    Unchanged,
}

/// <summary>What a collection found and did. Fields that PBS has too mean the same (reference 3.8).</summary>
public sealed record CollectionReport
{
    public CollectionKind Kind { get; init; }

    public long IndexFiles { get; init; }

    /// <summary>Sum of the streams' lengths in all indexes.</summary>
    public long IndexDataBytes { get; init; }

    /// <summary>Entries of all indexes, and the different chunks among them.</summary>
    public long References { get; init; }

    public long ReferencedChunks { get; init; }

    public long DiskChunks { get; init; }

    public long DiskBytes { get; init; }

    /// <summary>Chunks whose size was really measured; fewer than there are: <see cref="DiskBytes"/> is an estimate.</summary>
    public long MeasuredChunks { get; init; }

    public bool IsDiskBytesExact { get; init; }

    public long RemovedChunks { get; init; }

    /// <summary>Lengths of all files removed: chunks, bad ones, leftovers.</summary>
    public long RemovedBytes { get; init; }

    public long RemovedBad { get; init; }

    public long StillBad { get; init; }

    public long RemovedLeftovers { get; init; }

    /// <summary>In no index, but a running session relies on them.</summary>
    public long PendingChunks { get; init; }

    public long PendingBytes { get; init; }

    /// <summary>Set aside and put back, because an index turned up that names them.</summary>
    public long PutBack { get; init; }

    /// <summary>Named by an index and not there.</summary>
    public long MissingChunks { get; init; }

    /// <summary>Those of <see cref="CollectionOptions.Watched"/> that no index names, no session relies on, and that are not there. Empty if the
    /// collection had not to look at everything.</summary>
    public IReadOnlyList<Digest> Unneeded { get; init; } = [];
}
