// One verification job: snapshot after snapshot, the five checks (reference 3.9). Chunks are read by several threads in the order of their inodes, so that a
// disk moves as little as it can; each chunk is read once in a job, however many snapshots name it. What is found bad is read a second time before it is
// called so. Nothing is changed on the disk.
using System.Globalization;

namespace Holdfast.Storage;

/// <summary>Verifies snapshots of one datastore. One call at a time.</summary>
/// <param name="readThreads">Threads that may read at the same time.</param>
/// <param name="verifyThreads">Threads that decompress and hash, and read when they may.</param>
public sealed class VerifyJob(Datastore store, int readThreads, int verifyThreads, TimeProvider clock) : IDisposable
{
    /// <summary>Threads that read, and threads that check, unless somebody says otherwise: a disk likes several requests at a time, also on a machine
    /// with two cores.</summary>
    public const int DefaultThreads = 4;

    /// <summary>Most threads that may be asked for (reference 4.2).</summary>
    public const int ThreadsMax = 32;

    /// <summary>References of an index that are sorted and read together: 3 MiB of memory, 256 GiB of data.</summary>
    private const int WindowEntries = 65_536;

    /// <summary>Chunks that are remembered as good, at about 55 bytes each: 32 TiB of 4 MiB chunks. Beyond, the memory starts anew, and chunks are
    /// read again.</summary>
    private const int RememberedMax = 8_000_000;

    private const uint Encrypted = uint.MaxValue;

    private readonly VerifyThreads threads = new(Math.Clamp(verifyThreads, 1, ThreadsMax));
    private readonly SemaphoreSlim readers = new(Math.Clamp(readThreads, 1, ThreadsMax));
    private readonly Dictionary<Digest, uint> good = [];
    private readonly Dictionary<Digest, BadChunk> bad = [];
    private readonly Dictionary<Digest, string> unreadable = [];

    /// <summary>Verifies one snapshot, which the caller holds against removal.</summary>
    /// <param name="say">Takes lines for the log, indented.</param>
    public async Task<SnapshotVerdict> VerifyAsync(
        BackupNamespace ns, SnapshotName name, Action<string> say, CancellationToken cancel)
    {
        var verdict = new SnapshotVerdict(say);
        var folder = new SnapshotFolder(store, ns, name);
        Manifest? manifest = null;
        await threads.RunAsync(1, _ => manifest = LoadManifest(folder, verdict), cancel).ConfigureAwait(false);
        foreach (var file in manifest?.Files ?? [])
        {
            say("  check " + file.Name);
            if (file.Kind == ArchiveKind.Blob)
            {
                await threads.RunAsync(1, _ => BlobVerification.Check(folder, file, verdict), cancel).ConfigureAwait(false);
            }
            else
            {
                await CheckIndexAsync(folder, file, verdict, cancel).ConfigureAwait(false);
            }
        }

        return verdict;
    }

    public void Dispose()
    {
        threads.Dispose();
        readers.Dispose();
    }

    /// <summary>Was it read in this job, and found good?</summary>
    public bool IsGood(Digest digest) => good.ContainsKey(digest);

    /// <summary>A corrupt chunk is good again (uploaded anew, or set right): it is read again when it is named again.</summary>
    public void Forget(in Digest digest) => bad.Remove(digest);

    private static Manifest? LoadManifest(SnapshotFolder folder, SnapshotVerdict verdict)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                var manifest = folder.ReadManifest();
                verdict.Pass(VerifyCheckName.ManifestValid);
                return manifest;
            }
            catch (StorageException fault)
            {
                var isDamage = fault is CorruptDataException { IsShortRead: false };
                if (isDamage && attempt == 1)
                {
                    continue;
                }

                if (isDamage)
                {
                    verdict.Fail(VerifyCheckName.ManifestValid, "manifest load error: " + ((CorruptDataException)fault).Reason);
                }
                else
                {
                    verdict.CouldNotRead(fault.Message);
                }

                return null;
            }
        }
    }

    private async Task CheckIndexAsync(SnapshotFolder folder, ManifestFile file, SnapshotVerdict verdict, CancellationToken cancel)
    {
        IndexReader? index = null;
        await threads.RunAsync(1, _ => index = IndexVerification.Open(folder, file, verdict), cancel).ConfigureAwait(false);
        using var opened = index;
        if (opened is null)
        {
            return;
        }

        var (started, readBefore, decodedBefore, faultsBefore) = (clock.GetTimestamp(), verdict.BytesRead, verdict.BytesDecoded, verdict.Faults);
        try
        {
            for (var start = 0; start < opened.Count; start += WindowEntries)
            {
                await CheckWindowAsync(opened, start, Math.Min(opened.Count, start + WindowEntries), file, verdict, cancel).ConfigureAwait(false);
            }
        }
        catch (StorageException fault)
        {
            // The index was whole a moment ago: its checksum was right.
            verdict.CouldNotRead(fault.Message);
        }

        const double mib = 1024 * 1024;
        var seconds = Math.Max(0.000_001, clock.GetElapsedTime(started).TotalSeconds);
        var (read, decoded) = ((verdict.BytesRead - readBefore) / mib, (verdict.BytesDecoded - decodedBefore) / mib);
        verdict.Note(string.Create(CultureInfo.InvariantCulture,
            $"  verified {read:0.00}/{decoded:0.00} MiB in {seconds:0.00} seconds, speed {read / seconds:0.00}/{decoded / seconds:0.00} MiB/s "
            + $"({verdict.Faults - faultsBefore} errors)"));
    }

    private async Task CheckWindowAsync(
        IndexReader index, int start, int end, ManifestFile file, SnapshotVerdict verdict, CancellationToken cancel)
    {
        if (good.Count + (end - start) > RememberedMax)
        {
            good.Clear();
        }

        await ReadAsync(Unknown(index, start, end), verdict, cancel).ConfigureAwait(false);
        for (var i = start; i < end; i++)
        {
            var entry = index[i];
            verdict.References++;
            if (good.TryGetValue(entry.Digest, out var size))
            {
                verdict.Pass(VerifyCheckName.Exists);
                verdict.Pass(VerifyCheckName.Decodable);
                verdict.Pass(VerifyCheckName.Digest);
                Compare(index, i, entry, file, size, verdict);
            }
            else if (bad.TryGetValue(entry.Digest, out var chunk))
            {
                verdict.Met(chunk);
            }
            else
            {
                verdict.CouldNotRead($"chunk {entry.Digest}: {unreadable[entry.Digest]}");
            }
        }
    }

    /// <summary>Chunks of a part of an index about which this job knows nothing yet, each once.</summary>
    private List<Digest> Unknown(IndexReader index, int start, int end)
    {
        var seen = new HashSet<Digest>();
        var unknown = new List<Digest>();
        for (var i = start; i < end; i++)
        {
            var digest = index[i].Digest;
            if (!good.ContainsKey(digest) && !bad.ContainsKey(digest) && !unreadable.ContainsKey(digest) && seen.Add(digest))
            {
                unknown.Add(digest);
            }
        }

        return unknown;
    }

    private async Task ReadAsync(List<Digest> unknown, SnapshotVerdict verdict, CancellationToken cancel)
    {
        var order = await InDiskOrderAsync(unknown, cancel).ConfigureAwait(false);
        var verdicts = new ChunkVerdict[order.Length];
        await threads.RunAsync(order.Length, i =>
        {
            var digest = order[i];
            verdicts[i] = Look(digest, cancel);

            // What memory or a cable did is not the chunk's fault.
            if (verdicts[i].IsCorrupt)
            {
                verdicts[i] = Look(digest, cancel);
            }
        }, cancel).ConfigureAwait(false);
        for (var i = 0; i < order.Length; i++)
        {
            Remember(order[i], verdicts[i]);
            verdict.ChunksRead++;
            verdict.BytesRead += verdicts[i].RawBytes;
            verdict.BytesDecoded += verdicts[i].IsEncrypted ? verdicts[i].RawBytes : verdicts[i].SizeBytes;
        }
    }

    private async Task<Digest[]> InDiskOrderAsync(List<Digest> unknown, CancellationToken cancel)
    {
        var order = unknown.ToArray();
        var inodes = new ulong[order.Length];
        await threads.RunAsync(order.Length, i => inodes[i] = store.Chunks.InodeOf(order[i]), cancel).ConfigureAwait(false);
        Array.Sort(inodes, order);
        return order;
    }

    private ChunkVerdict Look(in Digest digest, CancellationToken cancel)
    {
        readers.Wait(cancel);
        var reading = true;
        try
        {
            return store.Chunks.Verify(digest, () =>
            {
                reading = false;
                readers.Release();
            });
        }
        finally
        {
            if (reading)
            {
                readers.Release();
            }
        }
    }

    private void Remember(in Digest digest, in ChunkVerdict verdict)
    {
        switch (verdict.Fault)
        {
            case ChunkFault.None:
                good[digest] = verdict.IsEncrypted ? Encrypted : (uint)verdict.SizeBytes;
                break;
            case ChunkFault.Unreadable:
                unreadable[digest] = verdict.Why!;
                break;
            default:
                bad[digest] = new BadChunk(digest, verdict.Fault, verdict.Why!);
                break;
        }
    }

    /// <summary>A good chunk must be what this index and this manifest take it for.</summary>
    private static void Compare(IndexReader index, int i, IndexEntry entry, ManifestFile file, uint size, SnapshotVerdict verdict)
    {
        var (isEncrypted, mustBe) = (size == Encrypted, file.CryptMode == CryptMode.Encrypt);
        if (isEncrypted != mustBe)
        {
            verdict.Fail(VerifyCheckName.IndexConsistent, $"{index.Name}: chunk {entry.Digest} is {(isEncrypted ? "" : "not ")}encrypted, "
                + $"the archive is {file.CryptModeText}");
        }
        else if (!isEncrypted && size != entry.SizeBytes)
        {
            verdict.Fail(VerifyCheckName.IndexConsistent,
                $"{index.Name}: entry {i} takes chunk {entry.Digest} for {entry.SizeBytes} bytes long, it has {size}");
        }
    }
}
