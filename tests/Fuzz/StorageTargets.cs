// Blobs, indexes, manifest, key file and the names that become paths.
using System.Buffers.Binary;
using System.Text;
using Holdfast.Storage;

namespace Holdfast.Tests.Fuzz;

internal static class StorageTargets
{
    private const int DecodeBytes = 64 * 1024;

    [ThreadStatic]
    private static byte[]? target;

    public static IEnumerable<FuzzTarget> All() => [.. Blobs(), .. Indexes(), .. Documents(), Names()];

    private static IEnumerable<FuzzTarget> Blobs()
    {
        yield return new(nameof(SystemUnderTest.BlobCheck), [typeof(DataBlob)], Seeds.Blobs(), CheckBlob)
        {
            Repair = RepairCrc, AllocationBase = 512, AllocationPerByte = 0,
        };
        yield return new(nameof(SystemUnderTest.BlobDecode), [typeof(DataBlob)], Seeds.Blobs(), DecodeBlob)
        {
            Repair = RepairCrc, Refusals = [typeof(CorruptDataException), typeof(KeyRequiredException)], AllocationPerByte = 0,
        };
        byte[][] frames = [.. Seeds.Blobs().Select(b => b[12..]), DataBlob.Encode(new byte[DecodeBytes + 1])[12..]];
        yield return new(nameof(SystemUnderTest.SealedBlobDecode), [typeof(DataBlob)], frames, DecodeBlob)
        {
            Repair = Seal, Refusals = [typeof(CorruptDataException), typeof(KeyRequiredException)], AllocationPerByte = 0,
        };
        yield return new(nameof(SystemUnderTest.ChunkUpload), [typeof(ChunkUpload)], Seeds.Blobs(), Upload)
        {
            AllocationPerByte = 0,
        };
    }

    private static IEnumerable<FuzzTarget> Indexes()
    {
        const long Chunk = IndexReader.FixedChunkSize;
        yield return new(
            nameof(SystemUnderTest.FixedIndex), [typeof(IndexReader), typeof(FixedIndexReader)],
            [Seeds.FixedIndex(Chunk, Chunk), Seeds.FixedIndex((3 * Chunk) - 512, Chunk), Seeds.FixedIndex(700, 512), .. Seeds.Golden(".fidx", 2)],
            Index)
        {
            Refusals = [typeof(CorruptDataException)], AllocationBase = 72 * 1024, AllocationPerByte = 2,
        };
        yield return new(
            nameof(SystemUnderTest.DynamicIndex), [typeof(IndexReader), typeof(DynamicIndexReader)],
            [Seeds.DynamicIndex(), Seeds.DynamicIndex(1), Seeds.DynamicIndex(100, 5000, 5001, 9_000_000), .. Seeds.Golden(".didx", 2)],
            Index)
        {
            Refusals = [typeof(CorruptDataException)], AllocationBase = 72 * 1024, AllocationPerByte = 2,
        };
    }

    private static IEnumerable<FuzzTarget> Documents()
    {
        var manifest = Encoding.UTF8.GetBytes(Seeds.ManifestText);
        yield return new(
            nameof(SystemUnderTest.ManifestBlob), [typeof(Manifest)], [DataBlob.Encode(manifest), .. Seeds.Golden("index.json.blob", 3)],
            bytes => ManifestGood(Manifest.FromBlob(bytes, "m")))
        {
            // The bound of the text is rented whole, once in a while anew.
            Repair = RepairCrc, Refusals = [typeof(CorruptDataException), typeof(KeyRequiredException)], AllocationBase = 2 * Manifest.MaxJsonSize,
        };
        yield return new(
            nameof(SystemUnderTest.ManifestJson), [typeof(Manifest)], [manifest], bytes => ManifestGood(Manifest.FromJson(bytes, "m")))
        {
            IsText = true, Refusals = [typeof(CorruptDataException)], AllocationBase = 64 * 1024, AllocationPerByte = 200,
        };
        const string Times = """
            "created":"2024-01-01T00:00:00+00:00","modified":"2024-01-01T00:00:00.5Z"
            """;
        var wrapped = Convert.ToBase64String(new byte[64]);
        byte[][] keys =
        [
            Seeds.GoldenKey(),
            .. Seeds.Texts(
                $$$"""{"kdf":{"Scrypt":{"n":65536,"r":8,"p":1,"salt":"AAAA"}},{{{Times}}},"data":"{{{wrapped}}}","hint":"h\u00fc"}""",
                $$$"""{"kdf":{"PBKDF2":{"iter":65535,"salt":"AAAA"}},{{{Times}}},"data":"{{{wrapped}}}","fingerprint":"aa"}""",
                $$$"""{"kdf":null,{{{Times}}},"data":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=","fingerprint":null}"""),
        ];
        yield return new(nameof(SystemUnderTest.KeyFile), [typeof(KeyFile)], keys, Key)
        {
            IsText = true, Refusals = [typeof(CorruptDataException)], AllocationBase = 32 * 1024,
        };
    }

    private static FuzzTarget Names() => new(
        nameof(SystemUnderTest.StorageNames),
        [typeof(SnapshotName), typeof(BackupGroup), typeof(BackupNamespace), typeof(SafeId), typeof(Digest), typeof(Volume)],
        Seeds.Texts(
            "vm/100/2024-05-06T07:08:09Z", "host/a.b-c_d/1970-01-01T00:00:01Z", "ct/9/9999-12-31T23:59:59Z", "a/b/c/d/e/f/g", "a",
            "drive-scsi0.img.fidx", "root.pxar.didx", "index.json.blob", "00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff"),
        NamesGood)
    {
        IsText = true, MaxLength = 4096, AllocationBase = 4096, AllocationPerByte = 80,
    };

    private static bool CheckBlob(byte[] bytes)
    {
        var fault = DataBlob.Check(bytes, out var header);
        FuzzTarget.Broken(fault is null && bytes.Length < header.Size, "a blob shorter than its head is good");
        return fault is null;
    }

    private static bool DecodeBlob(byte[] bytes)
    {
        var into = target ??= new byte[DecodeBytes];
        var isGood = DataBlob.Check(bytes, out var header) is null;
        var size = DataBlob.Decode(bytes, into, Seeds.Key, "b");
        FuzzTarget.Broken(!isGood || size > into.Length, "decoded what the check refuses");
        return header.IsEncrypted ? size >= 0 : DataBlob.Decode(bytes, into, null, "b") == size;
    }

    private static bool Upload(byte[] bytes)
    {
        var size = 1 + (bytes.Length == 0 ? 0 : bytes[^1] * 17);
        var isParsed = DataBlob.Parse(bytes, out var header) is null;
        var digest = default(Digest);
        if (isParsed && !header.IsEncrypted && bytes.Length - header.Size <= DecodeBytes)
        {
            // Claims what is true wherever that can be known, so that acceptance is reached as well.
            var into = target ??= new byte[DecodeBytes];
            DataBlob.WriteCrc(bytes, header);
            try
            {
                size = DataBlob.Decode(bytes, into, null, "b");
                digest = Digest.Of(into.AsSpan(0, size));
            }
            catch (CorruptDataException)
            {
                // A broken frame: the claim stays a guess, and the check has to say so.
            }
        }

        var verdict = ChunkUpload.Check(bytes, digest, size);
        FuzzTarget.Broken(verdict.IsAccepted != (verdict.Message.Length == 0), "a refusal without a text");
        FuzzTarget.Broken(verdict.IsAccepted && DataBlob.Check(bytes, out _) is not null, "accepted without a good CRC");
        return verdict.IsAccepted;
    }

    private static bool Index(byte[] bytes)
    {
        using var index = IndexReader.Open(new MemoryFile("i", bytes));
        var (at, total) = (0L, index.TotalSize);
        FuzzTarget.Broken(index.Count > bytes.Length / Digest.Size || total < 0, "more entries than bytes");
        index.ComputeCsum();
        for (var i = 0; i < index.Count; i++)
        {
            var entry = index[i];
            FuzzTarget.Broken(entry.Start != at || entry.SizeBytes is < 1 or > DataBlob.MaxChunkSize, "entries do not join");
            at = entry.End;
            var found = index.Find(entry.Start);
            FuzzTarget.Broken(found < 0 && entry.Start < total, "an offset within the stream is beyond its end");
            FuzzTarget.Broken(
                found >= 0 && (entry.Start < index[found].Start || entry.Start >= index[found].End), "an entry is found that does not hold the byte");
        }

        // Only of entries that are known to join can it be said which one it has to be.
        for (var i = 0; i < index.Count; i++)
        {
            FuzzTarget.Broken(index.Find(index[i].Start) != i || index.Find(index[i].End - 1) != i, "an offset is not found");
        }

        FuzzTarget.Broken(at != total || index.Find(total) != -1 || index.Find(-1) != -1, "entries and size differ");
        return true;
    }

    private static bool ManifestGood(Manifest manifest)
    {
        var json = manifest.ToJson();
        var again = Manifest.FromJson(json, "again");
        FuzzTarget.Broken(!again.ToJson().AsSpan().SequenceEqual(json), "a manifest does not read back as it was written");
        _ = (manifest.Notes, manifest.VerifyState, manifest.ChunkUploadStats, manifest.CheckSignature(Seeds.Key));
        foreach (var file in manifest.Files)
        {
            _ = file.Kind;
            FuzzTarget.Broken(!Volume.IsLegalPath(file.Name) || file.Name.Contains('/') || file.SizeBytes < 0, "an archive leaves its folder");
        }

        return true;
    }

    private static bool Key(byte[] bytes)
    {
        var file = KeyFile.Parse(bytes);
        KeyFile.Parse(file.ToJson());
        if (file.Derivation == KeyDerivation.None)
        {
            using var crypt = file.Open(null);
        }

        return true;
    }

    private static bool NamesGood(byte[] bytes)
    {
        var text = Encoding.UTF8.GetString(bytes);
        var isSnapshot = SnapshotName.TryParse(text, out var snapshot);
        FuzzTarget.Broken(isSnapshot && (snapshot!.ToString() != text || !IsInside(text, 3)), "a snapshot is not its own name");
        var isGroup = BackupGroup.TryParse(text, out var group);
        FuzzTarget.Broken(isGroup && (group!.ToString() != text || !IsInside(text, 2)), "a group is not its own name");
        var isNamespace = BackupNamespace.TryParse(text, out var ns);
        FuzzTarget.Broken(isNamespace && (ns.Text != text || ns.Depth > BackupNamespace.MaxDepth
            || (text.Length > 0 && !IsInside(ns.Folder, 2 * ns.Depth))), "a namespace leaves the datastore");
        var isArchive = SafeId.TryArchiveKind(text, out _);
        FuzzTarget.Broken(isArchive && !IsInside(text, 1), "an archive leaves its folder");
        var isDigest = Digest.TryParse(text, out var digest);
        FuzzTarget.Broken(isDigest && !digest.ToString().Equals(text, StringComparison.OrdinalIgnoreCase), "a digest is not its own text");
        FuzzTarget.Broken(Volume.IsLegalPath(text) && (text.StartsWith('/') || text.Split('/').Any(p => p is "." or "..")), "a path climbs");
        return isSnapshot || isGroup || isNamespace || isArchive || isDigest;
    }

    /// <summary>A relative path of that many plain ASCII names.</summary>
    private static bool IsInside(string path, int depth)
    {
        var parts = path.Split('/');
        return parts.Length == depth && Volume.IsLegalPath(path)
            && Array.TrueForAll(parts, p => p.Length is > 0 and <= 240 && p[0] != '.' && p.All(c => char.IsAscii(c) && !char.IsControl(c)));
    }

    private static byte[] RepairCrc(FuzzRandom random, byte[] bytes)
    {
        if (!random.OneIn(3) && DataBlob.Parse(bytes, out var header) is null)
        {
            DataBlob.WriteCrc(bytes, header);
        }

        return bytes;
    }

    /// <summary>The input as the payload of a blob whose CRC and tag are right: plain, zstd, encrypted or both.</summary>
    private static byte[] Seal(FuzzRandom random, byte[] payload)
    {
        var kind = random.Below(4);
        var isEncrypted = kind >= 2;
        var blob = DataBlob.Encode(payload, compress: false, isEncrypted ? Seeds.Key : null);
        if (kind is 1 or 3)
        {
            // The magic is not part of what the tag covers.
            BinaryPrimitives.WriteUInt64BigEndian(blob, isEncrypted ? 0xe6591bbf0bbfd80b : 0x31b958426fb6a37f);
        }

        DataBlob.Parse(blob, out var header);
        DataBlob.WriteCrc(blob, header);
        return blob;
    }
}
