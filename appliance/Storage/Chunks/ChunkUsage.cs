// How many chunk files each of the 65536 folders holds and how many bytes they have, kept up to date by whoever adds or removes one, so that nobody has to
// look at every file for a sum. Counts come from the names that a sweep reads; sizes of what was there before are learnt a part at a time (see
// docs/garbage-collection.md). Also remembers which chunks were new since the last collection.
namespace Holdfast.Storage;

/// <summary>What is known of the chunks of a datastore without looking. Thread-safe.</summary>
internal sealed class ChunkUsage
{
    /// <summary>New chunks that are remembered by name, at most 8 MiB of them; with more the next collection looks at every name.</summary>
    public const int NewChunksMax = 256 * 1024;

    private const int PageFolders = 256;
    private const long Unknown = -1;

    private readonly Lock gate = new();
    private List<Digest>? added;
    private bool overflowed;
    private readonly FolderUsage[]?[] pages = new FolderUsage[PageFolders][];
    private bool isCounting;

    /// <summary>Before a file of this folder comes or goes.</summary>
    public void Begin(int prefix)
    {
        lock (gate)
        {
            if (isCounting)
            {
                ref var folder = ref Folder(prefix);
                folder.Changes++;
                folder.Busy++;
            }
        }
    }

    /// <summary>After it; nothing may have happened.</summary>
    public void End(int prefix, int countChange, long bytesChange)
    {
        lock (gate)
        {
            if (!isCounting)
            {
                return;
            }

            ref var folder = ref Folder(prefix);
            if (folder.Busy == 0)
            {
                return; // It began before anything was counted.
            }

            folder.Busy--;
            folder.Count += countChange;
            if (folder.SizeBytes != Unknown)
            {
                folder.SizeBytes += bytesChange;
            }
        }
    }

    /// <summary>A chunk that was not there before.</summary>
    public void Remember(in Digest digest)
    {
        lock (gate)
        {
            if (added is null || overflowed)
            {
                return;
            }

            if (added.Count == NewChunksMax)
            {
                (added, overflowed) = ([], true);
                return;
            }

            added.Add(digest);
        }
    }

    /// <summary>Something changed that the list of new chunks does not tell: the next collection looks at everything.</summary>
    public void Doubt()
    {
        lock (gate)
        {
            (added, overflowed) = ([], true);
        }
    }

    /// <summary>Starts to count, and to remember new chunks; gives those remembered since the last call, or null if not all are known.</summary>
    public List<Digest>? Cut()
    {
        lock (gate)
        {
            var since = overflowed ? null : added;
            (added, overflowed) = ([], false);
            isCounting = true;
            return since;
        }
    }

    /// <summary>To be read before a folder is listed and given back with what was found.</summary>
    public int ChangesOf(int prefix)
    {
        lock (gate)
        {
            var folder = Folder(prefix);
            return folder.Busy > 0 ? -1 : folder.Changes;
        }
    }

    /// <summary>A folder was listed. False if somebody changed it meanwhile: the numbers are then taken as they are, without the size.</summary>
    /// <param name="sizeBytes">Null if it was not measured: what is known already stays.</param>
    public bool TrySet(int prefix, int changesBefore, int count, long? sizeBytes)
    {
        lock (gate)
        {
            ref var folder = ref Folder(prefix);
            var isSure = changesBefore == folder.Changes && folder.Busy == 0;
            if (!isSure || folder.Count != count)
            {
                // Another number than expected: somebody else was here, so the sum of sizes is not to be trusted either.
                folder.SizeBytes = Unknown;
            }

            (folder.Count, folder.IsListed) = (count, true);
            if (isSure && sizeBytes is { } measured)
            {
                folder.SizeBytes = measured;
            }

            return isSure;
        }
    }

    /// <summary>Is the size of this folder's chunks still to be learnt?</summary>
    public bool IsUnmeasured(int prefix)
    {
        lock (gate)
        {
            ref readonly var folder = ref Folder(prefix);
            return !folder.IsListed || folder.SizeBytes == Unknown;
        }
    }

    /// <summary>Sums over all folders. With sizes unknown the rest is put at the mean of what is known.</summary>
    /// <returns>Chunks; their bytes; and how many chunks of these were really measured.</returns>
    public (long Chunks, long SizeBytes, long Measured) Total()
    {
        lock (gate)
        {
            long chunks = 0, sum = 0, measured = 0;
            foreach (var page in pages)
            {
                foreach (ref readonly var folder in page.AsSpan())
                {
                    chunks += folder.Count;
                    if (folder.SizeBytes != Unknown)
                    {
                        measured += folder.Count;
                        sum += folder.SizeBytes;
                    }
                }
            }

            var estimate = measured == chunks ? sum : measured == 0 ? 0 : (long)((double)sum / measured * chunks);
            return (chunks, estimate, measured);
        }
    }

    private ref FolderUsage Folder(int prefix)
    {
        var page = pages[prefix / PageFolders] ??= new FolderUsage[PageFolders];
        return ref page[prefix % PageFolders];
    }

    /// <summary>One folder.</summary>
    private struct FolderUsage
    {
        public long SizeBytes;
        public int Count;

        /// <summary>Its names were read once; before, only what came since is known.</summary>
        public bool IsListed;

        /// <summary>Comings and goings so far, and those under way.</summary>
        public int Changes;
        public int Busy;
    }
}
