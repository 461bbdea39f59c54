// The chunks of a datastore: one file each under .chunks, named by digest. Insert follows PBS's rules for what may
// replace what (reference 3.6); per-digest stripes instead of one lock; temporary file and rename, so that a final name
// never holds half a chunk while the machine runs. Durable only after Datastore.MakeDurable.
using System.Buffers;
using System.Globalization;

namespace Holdfast.Storage;

/// <summary>Chunk files. Safe for several threads.</summary>
public sealed partial class ChunkStore
{
    public const string Folder = ".chunks";

    private const int StripeCount = 1024;

    private readonly Volume volume;
    private volatile SyncLevel syncLevel;
    private readonly Lock[] stripes = new Lock[StripeCount];
    private readonly SuspectChunks suspects;

    internal ChunkStore(Volume volume, SyncLevel syncLevel, SuspectChunks suspects)
    {
        (this.volume, this.syncLevel, this.suspects) = (volume, syncLevel, suspects);
        for (var i = 0; i < stripes.Length; i++)
        {
            stripes[i] = new Lock();
        }
    }

    /// <summary>Who relies on chunks that no index names yet.</summary>
    public ChunkHolders Holders { get; } = new();

    internal ChunkUsage Usage { get; } = new();

    /// <summary>How far each chunk is made durable by itself.</summary>
    internal SyncLevel SyncLevel
    {
        get => syncLevel;
        set => syncLevel = value;
    }

    /// <summary>".chunks/abcd/abcd...": where a chunk lies in the datastore.</summary>
    public static string PathOf(in Digest digest) => string.Create(Folder.Length + 6 + 64, digest, FillPath);

    /// <summary>".chunks/abcd".</summary>
    public static string FolderOf(int prefix) => $"{Folder}/{prefix:x4}";

    /// <summary>Stores a checked raw blob (its CRC must be right, see <see cref="ChunkUpload.Check"/>).</summary>
    /// <exception cref="RefusedException">Not a blob, or an encrypted one that would take the place of
    /// another.</exception>
    /// <exception cref="VolumeException">Disk full, device error ...; nothing half is left under the name.</exception>
    /// <param name="mistrusted">The chunk was found corrupt or missing once: what has its name counts only after it was read and found good.</param>
    /// <param name="holder">Who will have an index name it, and is registered with <see cref="Holders"/>. Without one a collection that is to begin may
    /// take the chunk away again.</param>
    public InsertResult Insert(in Digest digest, ReadOnlySpan<byte> raw, bool mistrusted = false, IChunkHolder? holder = null)
    {
        if (DataBlob.Parse(raw, out var header) is { } fault)
        {
            throw new RefusedException(fault);
        }

        var path = PathOf(digest);
        lock (StripeOf(digest))
        {
            // Held before it is looked for: a collection that comes for this chunk asks under the same lock.
            holder?.Hold(digest);
            Holders.Note(digest);
            var outcome = InsertOutcome.New;
            if (volume.TryStat(path, out var old))
            {
                outcome = mistrusted && Verify(digest).Fault != ChunkFault.None ? InsertOutcome.Healed : Judge(path, digest, old, raw, header);
                if (outcome == InsertOutcome.Duplicate && volume.Touch(path))
                {
                    return new InsertResult(outcome, old.SizeBytes);
                }
            }

            WriteCounted(path, digest, raw, outcome == InsertOutcome.New, old.SizeBytes);
            suspects.Trust(digest);
            return new InsertResult(outcome, raw.Length);
        }
    }

    /// <summary>True if a chunk file of that name exists and is long enough to be one.</summary>
    public bool Contains(in Digest digest) => TryGetSize(digest, out var size) && size > DataBlob.PlainHeaderSize;

    /// <summary>Size of the chunk file in bytes.</summary>
    public bool TryGetSize(in Digest digest, out long sizeBytes)
    {
        var found = volume.TryStat(PathOf(digest), out var stat) && stat.Kind == EntryKind.File;
        sizeBytes = stat.SizeBytes;
        return found;
    }

    /// <summary>Sets the access time to now; false if there is no such chunk.</summary>
    public bool Touch(in Digest digest) => volume.Touch(PathOf(digest));

    /// <summary>Opens a chunk file for reading.</summary>
    /// <exception cref="VolumeException">NotFound, IoError ...</exception>
    public VolumeFile Open(in Digest digest) => volume.Open(PathOf(digest), FileUse.Read);

    /// <summary>Reads the raw blob as it is on disk and returns its length; nothing is checked but the bound.</summary>
    /// <param name="buffer">At least <see cref="DataBlob.MaxRawChunkSize"/> bytes fit any chunk.</param>
    /// <exception cref="CorruptDataException">It is missing or longer than the buffer.</exception>
    public int ReadRaw(in Digest digest, Span<byte> buffer)
    {
        try
        {
            var path = PathOf(digest);
            _ = volume.TryStat(path, out var stat);
            return volume.ReadWhole(path, buffer, stat.SizeBytes);
        }
        catch (VolumeException fault) when (fault.Error == VolumeError.NotFound)
        {
            throw new CorruptDataException(Describe(digest), "chunk is missing", fault);
        }
    }

    /// <summary>Reads, decodes and checks a chunk: CRC, frame, tag, length and digest.</summary>
    /// <param name="target">Exactly as long as the data must be.</param>
    /// <param name="crypt">Key for encrypted chunks.</param>
    /// <param name="mustBeEncrypted">The manifest says so: a plain chunk is then a forgery.</param>
    /// <exception cref="CorruptDataException">Anything about it is wrong.</exception>
    /// <exception cref="KeyRequiredException">It is encrypted and there is no key.</exception>
    public void ReadData(in Digest digest, Span<byte> target, CryptConfig? crypt, bool mustBeEncrypted = false)
    {
        if (!TryGetSize(digest, out var size))
        {
            throw new CorruptDataException(Describe(digest), "chunk is missing");
        }

        if (size > DataBlob.MaxRawChunkSize)
        {
            throw new CorruptDataException(Describe(digest), "chunk file is larger than allowed");
        }

        var buffer = ArrayPool<byte>.Shared.Rent((int)size);
        try
        {
            var raw = buffer.AsSpan(0, volume.ReadWhole(PathOf(digest), buffer.AsSpan(0, (int)size), size));
            Decode(digest, raw, target, crypt, mustBeEncrypted);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Decodes and checks a raw chunk, wherever it came from; the errors are those of <see cref="ReadData"/>.</summary>
    public static void Decode(
        in Digest digest, ReadOnlySpan<byte> raw, Span<byte> target, CryptConfig? crypt, bool mustBeEncrypted)
    {
        var length = DataBlob.Decode(raw, target, crypt, Describe(digest));
        _ = DataBlob.Parse(raw, out var header);
        if (length != target.Length)
        {
            throw new CorruptDataException(Describe(digest), "chunk has another length than the index says");
        }

        if (mustBeEncrypted && !header.IsEncrypted)
        {
            throw new CorruptDataException(Describe(digest), "chunk of an encrypted archive is not encrypted");
        }

        var actual = header.IsEncrypted ? crypt!.ComputeDigest(target) : Digest.Of(target);
        if (actual != digest)
        {
            throw new CorruptDataException(Describe(digest), "chunk has another digest");
        }
    }

    /// <summary>Numbers of the chunk folders that exist (a PBS store has all, a copied one perhaps not),
    /// sorted.</summary>
    public List<int> ListPrefixes()
    {
        var result = new List<int>();
        foreach (var entry in volume.List(Folder))
        {
            const NumberStyles hex = NumberStyles.AllowHexSpecifier;
            if (entry.Kind == EntryKind.Folder && entry.Name.Length == 4
                && int.TryParse(entry.Name, hex, CultureInfo.InvariantCulture, out var prefix))
            {
                result.Add(prefix);
            }
        }

        result.Sort();
        return result;
    }

    /// <summary>Names of the chunks in one of the 65536 folders; other files there are left out.</summary>
    public List<Digest> List(int prefix)
    {
        var result = new List<Digest>();
        try
        {
            foreach (var entry in volume.List(FolderOf(prefix)))
            {
                if (entry.Kind == EntryKind.File && Digest.TryParse(entry.Name, out var digest)
                    && digest.Prefix == prefix)
                {
                    result.Add(digest);
                }
            }
        }
        catch (VolumeException fault) when (fault.Error == VolumeError.NotFound)
        {
            // A store that PBS or a copy left without its empty folders.
        }

        return result;
    }

    /// <summary>Is it a suspect chunk whose file does not read back? One that reads is trusted from now on.</summary>
    internal bool IsTorn(in Digest digest)
    {
        lock (StripeOf(digest))
        {
            return IsTorn(digest, out _);
        }
    }

    /// <summary>Removes a suspect chunk whose file does not read back; true if it was removed.</summary>
    internal bool RemoveIfTorn(in Digest digest)
    {
        lock (StripeOf(digest))
        {
            if (!IsTorn(digest, out var sizeBytes))
            {
                return false;
            }

            Unlink(PathOf(digest), digest.Prefix, sizeBytes);
            return true;
        }
    }

    private bool IsTorn(in Digest digest, out long sizeBytes)
    {
        var path = PathOf(digest);
        var isSuspect = volume.TryStat(path, out var stat) && suspects.IsSuspect(digest, stat.ModifyTimeNs);
        sizeBytes = stat.SizeBytes;
        if (!isSuspect || CheckFile(path) != null)
        {
            return isSuspect;
        }

        suspects.Trust(digest);
        return false;
    }

    /// <summary>Null if the file reads back with a good CRC, else what is wrong with it.</summary>
    internal string? CheckFile(string path)
    {
        var context = CodecContext.Rent();
        try
        {
            if (!volume.TryStat(path, out var stat)
                || stat.SizeBytes is <= DataBlob.PlainHeaderSize or > DataBlob.MaxRawChunkSize)
            {
                return "chunk file has an impossible size";
            }

            var raw = context.Scratch((int)stat.SizeBytes);
            return DataBlob.Check(raw[..volume.ReadWhole(path, raw, raw.Length)], out _);
        }
        finally
        {
            context.Return();
        }
    }

    private static string Describe(in Digest digest) => "chunk " + digest;

    private static void FillPath(Span<char> target, Digest digest)
    {
        var name = target[(Folder.Length + 6)..];
        digest.Format(name);
        Folder.CopyTo(target);
        target[Folder.Length] = '/';
        name[..4].CopyTo(target[(Folder.Length + 1)..]);
        target[Folder.Length + 5] = '/';
    }

    /// <summary>What to do about a file that has the name already. Duplicate = keep it.</summary>
    private InsertOutcome Judge(
        string path, in Digest digest, VolumeStat old, ReadOnlySpan<byte> raw, BlobHeader header)
    {
        if (old.Kind != EntryKind.File)
        {
            throw new CorruptDataException(Describe(digest), "something that is not a file has the name of the chunk");
        }

        if (old.SizeBytes <= DataBlob.PlainHeaderSize)
        {
            return InsertOutcome.Healed;
        }

        // After a power cut a name may be there without its data; such files are read once before they are trusted.
        if (suspects.IsSuspect(digest, old.ModifyTimeNs))
        {
            if (CheckFile(path) != null)
            {
                return InsertOutcome.Healed;
            }

            suspects.Trust(digest);
        }

        if (header.IsEncrypted)
        {
            return JudgeEncrypted(path, digest, header, old.SizeBytes == raw.Length);
        }

        // Nobody can check what an encrypted upload is named. Kept here, one that came first under the digest of data that others have, too, would be
        // taken for it, and their backups would hold a stranger's bytes. The one at hand was checked against its name.
        if (KindOf(path) is not (BlobKind.Plain or BlobKind.Compressed))
        {
            return InsertOutcome.Healed;
        }

        return old.SizeBytes <= raw.Length ? InsertOutcome.Duplicate : InsertOutcome.Replaced;
    }

    private InsertOutcome JudgeEncrypted(string path, in Digest digest, BlobHeader header, bool isSameSize)
    {
        if (KindOf(path) is not { } kind)
        {
            return InsertOutcome.Healed;
        }

        // The digest of an encrypted chunk depends on the key, so a plain one can not honestly have the same name.
        if (kind is BlobKind.Plain or BlobKind.Compressed)
        {
            throw new RefusedException(
                $"Overwriting unencrypted chunk '{digest}' with encrypted chunk is not allowed!");
        }

        // Two uncompressed encryptions of the same data have one size: one of them must be wrong.
        if (kind == BlobKind.Encrypted && !header.IsCompressed && !isSameSize)
        {
            throw new RefusedException($"Overwriting existing (encrypted) chunk '{digest}' is not allowed!");
        }

        return InsertOutcome.Duplicate;
    }

    /// <summary>What a chunk file says it is; null if it is no blob.</summary>
    private BlobKind? KindOf(string path)
    {
        Span<byte> magic = stackalloc byte[8];
        using var file = volume.Open(path, FileUse.Read);
        file.ReadExactly(magic, 0);
        return DataBlob.TryKind(magic, out var kind) ? kind : null;
    }

    private void Write(string path, in Digest digest, ReadOnlySpan<byte> raw)
    {
        // One name is enough: the stripe keeps others out, and a leftover of a crash is simply truncated.
        var aside = path + ".tmp_hf";
        try
        {
            WriteAside(aside, digest.Prefix, raw);
            volume.Rename(aside, path);
        }
        catch (VolumeException)
        {
            AtomicFile.TryUnlink(volume, aside);
            throw;
        }

        if (syncLevel == SyncLevel.File)
        {
            volume.SyncFolder(FolderOf(digest.Prefix));
        }
    }

    private void WriteAside(string aside, int prefix, ReadOnlySpan<byte> raw)
    {
        var sync = syncLevel == SyncLevel.File;
        try
        {
            volume.WriteWhole(aside, raw, sync);
        }
        catch (VolumeException fault) when (fault.Error == VolumeError.NotFound)
        {
            // Stores copied from elsewhere may lack empty prefix folders.
            if (AtomicFile.MakeFolder(volume, FolderOf(prefix), Datastore.FolderMode) && sync)
            {
                volume.SyncFolder(Folder);
            }

            volume.WriteWhole(aside, raw, sync);
        }
    }
}
