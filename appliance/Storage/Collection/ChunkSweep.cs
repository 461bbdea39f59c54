// Lists the chunk folders, names only, and tells garbage from what is marked or held. Files that are looked at more closely are garbage, chunks of running
// sessions, and a small part of the rest whose size is not known yet.
using System.Buffers;
using System.Text;

namespace Holdfast.Storage;

/// <summary>A file to be removed.</summary>
/// <param name="Inode">Place by which the file system keeps it: removed in that order, neighbours are changed together.</param>
/// <param name="FileName">Null: the chunk itself; else a file beside it.</param>
internal readonly record struct Garbage(Digest Digest, long SizeBytes, ulong Inode, string? FileName)
{
    public bool IsBad => FileName is not null && ChunkSweep.IsBadName(Encoding.ASCII.GetBytes(FileName));
}

/// <summary>One walk over the chunk folders, in pieces.</summary>
internal sealed class ChunkSweep(Datastore store, CollectionOptions options, int[] prefixes, bool[] measure)
{
    private const int Claim = 32;
    private const int ListingsMax = 3;

    private readonly Lock gate = new();
    private List<Garbage> garbage = [];
    private int next;
    private int percent = -1;
    private long chunks;
    private long shownChunks;

    public long PendingChunks { get; private set; }

    public long PendingBytes { get; private set; }

    public long StillBad { get; private set; }

    /// <summary>"DIGEST.0.bad" to "DIGEST.9.bad".</summary>
    public static bool IsBadName(ReadOnlySpan<byte> name) =>
        name.Length == (Digest.Size * 2) + 6 && name[64] == '.' && name[65] is >= (byte)'0' and <= (byte)'9' && name[66..].SequenceEqual(".bad"u8);

    /// <summary>Goes on with the folders of the range until enough garbage is found; empty: there is none left.</summary>
    public async Task<List<Garbage>> FindAsync(ChunkMarks marks, PrefixRange range, CancellationToken cancel)
    {
        garbage = [];
        while (garbage.Count == 0 && next < prefixes.Length && range.Contains(prefixes[next]))
        {
            await OnThreads.RunAsync(options.Threads, token =>
            {
                var folder = new FolderListing(this, marks);
                while (TryClaim(range, out var first, out var end))
                {
                    token.ThrowIfCancellationRequested();
                    for (var i = first; i < end; i++)
                    {
                        folder.Look(prefixes[i], measure[i]);
                    }

                    Progress(end);
                }
            }, cancel).ConfigureAwait(false);
        }

        return garbage;
    }

    private bool TryClaim(PrefixRange range, out int first, out int end)
    {
        lock (gate)
        {
            first = end = next;
            while (garbage.Count < options.BatchMax && end < prefixes.Length && end - first < Claim && range.Contains(prefixes[end]))
            {
                end++;
            }

            next = end;
            return end > first;
        }
    }

    private void Progress(int done)
    {
        lock (gate)
        {
            var now = (int)(done * 100L / prefixes.Length);
            if (now > percent && chunks > shownChunks)
            {
                (percent, shownChunks) = (now, chunks);
                options.Say($"processed {percent}% ({chunks} chunks)");
            }
        }
    }

    private void Found(List<Garbage> found, int count, int pending, long pendingBytes, int bad)
    {
        lock (gate)
        {
            garbage.AddRange(found);
            chunks += count;
            PendingChunks += pending;
            PendingBytes += pendingBytes;
            StillBad += bad;
        }
    }

    /// <summary>One thread's view of one folder after the other.</summary>
    private sealed class FolderListing
    {
        private readonly ChunkSweep of;
        private readonly ChunkMarks marks;
        private readonly NameTaker take;
        private readonly List<Digest> unmarked = [];
        private readonly List<Digest> live = [];
        private readonly List<(Digest Digest, string Name, bool IsBad)> beside = [];
        private readonly List<Garbage> found = [];
        private int prefix;
        private bool isMeasured;
        private int count;

        public FolderListing(ChunkSweep of, ChunkMarks marks) => (this.of, this.marks, take) = (of, marks, Take);

        public void Look(int folder, bool measured)
        {
            (prefix, isMeasured) = (folder, measured);
            for (var attempt = 1; ; attempt++)
            {
                var before = of.Usage.ChangesOf(prefix);
                List();
                var (pending, pendingBytes, sum) = Judge();
                if (of.Usage.TrySet(prefix, before, count, isMeasured ? sum : null) || attempt == ListingsMax)
                {
                    of.Found(found, count, pending, pendingBytes, JudgeBeside());
                    return;
                }
            }
        }

        private void List()
        {
            unmarked.Clear();
            live.Clear();
            beside.Clear();
            found.Clear();
            count = 0;
            try
            {
                of.Volume.ForEachName(ChunkStore.FolderOf(prefix), take);
            }
            catch (VolumeException fault) when (fault.Error == VolumeError.NotFound)
            {
                // A store that was copied without its empty folders.
            }
        }

        private void Take(ReadOnlySpan<byte> name, EntryKind kind)
        {
            const int digits = Digest.Size * 2;
            if (kind != EntryKind.File || name.Length < digits || !TryParse(name[..digits], out var digest) || digest.Prefix != prefix)
            {
                return;
            }

            if (name.Length == digits)
            {
                count++;
                if (!marks.Contains(digest))
                {
                    unmarked.Add(digest);
                }
                else if (isMeasured)
                {
                    live.Add(digest);
                }

                return;
            }

            var isBad = IsBadName(name);
            if (isBad || (name[digits..].StartsWith(".tmp_"u8) && name.Length < 100))
            {
                beside.Add((digest, Encoding.UTF8.GetString(name), isBad));
            }
        }

        private (int Pending, long PendingBytes, long Sum) Judge()
        {
            var (pending, pendingBytes, sum) = (0, 0L, 0L);
            foreach (var digest in live)
            {
                sum += of.SizeOf(ChunkStore.PathOf(digest)) ?? 0;
            }

            foreach (var digest in unmarked)
            {
                if (!of.Volume.TryStat(ChunkStore.PathOf(digest), out var stat))
                {
                    continue;
                }

                var size = stat.SizeBytes;
                sum += size;
                if (of.Holders.IsHeld(digest))
                {
                    pending++;
                    pendingBytes += size;
                    of.Usage.Remember(digest);
                }
                else
                {
                    found.Add(new Garbage(digest, size, stat.Inode, null));
                }
            }

            return (pending, pendingBytes, sum);
        }

        /// <summary>A bad chunk is kept while it is all there is of a chunk that is needed. Returns how many are.</summary>
        private int JudgeBeside()
        {
            var kept = 0;
            foreach (var (digest, name, isBad) in beside)
            {
                if (of.SizeOf(ChunkStore.FolderOf(prefix) + "/" + name) is not { } size)
                {
                    continue;
                }

                if (isBad && (marks.Contains(digest) || of.Holders.IsHeld(digest)) && of.SizeOf(ChunkStore.PathOf(digest)) is null)
                {
                    kept++;
                    continue;
                }

                of.AddGarbage(new Garbage(digest, size, 0, name));
            }

            return kept;
        }

        /// <summary>Exactly what a chunk's name looks like: lower-case digits only.</summary>
        private static bool TryParse(ReadOnlySpan<byte> name, out Digest digest)
        {
            Span<byte> bytes = stackalloc byte[Digest.Size];
            if (!name.ContainsAnyInRange((byte)'A', (byte)'F') && Convert.FromHexString(name, bytes, out _, out _) == OperationStatus.Done)
            {
                digest = new Digest(bytes);
                return true;
            }

            digest = default;
            return false;
        }
    }

    private ChunkUsage Usage => store.Chunks.Usage;

    private ChunkHolders Holders => store.Chunks.Holders;

    private Volume Volume => store.Volume;

    private void AddGarbage(in Garbage one)
    {
        lock (gate)
        {
            garbage.Add(one);
        }
    }

    private long? SizeOf(string path) => store.Volume.TryStat(path, out var stat) ? stat.SizeBytes : null;
}
