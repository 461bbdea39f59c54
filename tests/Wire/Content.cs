// What the tests back up: disk images made from a seed, their chunks as clients encode them, and whole backups and restores over the client side of Wire.
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text.Json;
using Holdfast.Storage;
using Holdfast.Wire;
using Xunit;

namespace Holdfast.Tests.Wire;

/// <summary>A chunk: its data's digest and size, and the encoded blob.</summary>
internal sealed record Piece(string Digest, int SizeBytes, byte[] Blob)
{
    public static Piece Of(ReadOnlySpan<byte> data, CryptConfig? crypt = null) =>
        new((crypt?.ComputeDigest(data) ?? Storage.Digest.Of(data)).ToString(), data.Length, DataBlob.Encode(data, true, crypt));

    /// <summary>Different for every seed, quick to make, small once compressed.</summary>
    public static byte[] Data(int seed, int sizeBytes)
    {
        var data = new byte[sizeBytes];
        new Random(seed).NextBytes(data.AsSpan(0, Math.Min(sizeBytes, 2000)));
        return data;
    }

    public static Piece Make(int seed, int sizeBytes) => Of(Data(seed, sizeBytes));
}

/// <summary>A disk image in fixed chunks of 4 MiB.</summary>
internal sealed record Image(byte[] Bytes, IReadOnlyList<Piece> Pieces)
{
    public const int ChunkBytes = 4 * 1024 * 1024;

    public string Csum => FixedCsum(Pieces.Select(piece => piece.Digest));

    /// <summary>Each seed makes one chunk; the last one has its own size.</summary>
    public static Image Make(int lastBytes, params int[] seeds) => Make(null, lastBytes, seeds);

    public static Image Make(CryptConfig? crypt, int lastBytes, params int[] seeds)
    {
        var parts = seeds.Select((seed, i) => Piece.Data(seed, i == seeds.Length - 1 ? lastBytes : ChunkBytes)).ToList();
        return new Image([.. parts.SelectMany(part => part)], [.. parts.Select(part => Piece.Of(part, crypt))]);
    }

    public static string FixedCsum(IEnumerable<string> digests) =>
        Convert.ToHexStringLower(SHA256.HashData([.. digests.SelectMany(Convert.FromHexString)]));

    public static string DynamicCsum(IEnumerable<Piece> pieces)
    {
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> end = stackalloc byte[8];
        var position = 0L;
        foreach (var piece in pieces)
        {
            position += piece.SizeBytes;
            BinaryPrimitives.WriteInt64LittleEndian(end, position);
            sha.AppendData(end);
            sha.AppendData(Convert.FromHexString(piece.Digest));
        }

        return Convert.ToHexStringLower(sha.GetHashAndReset());
    }
}

/// <summary>Backups and restores of an image and a configuration, as QEMU makes them.</summary>
internal static class Backups
{
    public const string ImageName = "drive-scsi0.img.fidx";
    public const string ConfName = "qemu-server.conf.blob";
    public const string ManifestName = "index.json.blob";
    public static readonly byte[] Conf = "cores: 2\nmemory: 2048\nname: web01\n"u8.ToArray();
    private static int ids;

    /// <summary>A group that nobody else uses.</summary>
    public static SessionTarget NewTarget(long time = 1_700_000_000, string? ns = null, string type = "vm") =>
        new("main", type, $"t{Interlocked.Increment(ref ids)}", time) { Namespace = ns };

    public static SnapshotName Name(SessionTarget target) =>
        SnapshotName.Create(BackupGroup.Parse(target.BackupType + "/" + target.BackupId), target.BackupTimeS);

    public static string Stream(SessionTarget target) => $"group:{target.Store}:{target.Namespace}:{target.BackupType}/{target.BackupId}";

    /// <summary>Folder of the snapshot below the datastore.</summary>
    public static string Folder(Daemon daemon, SessionTarget target) => Path.Combine(
        daemon.Store, string.Join('/', (target.Namespace ?? "").Split('/', StringSplitOptions.RemoveEmptyEntries).Select(part => "ns/" + part)),
        Name(target).ToString());

    public static string ChunkPath(Daemon daemon, string digest) => Path.Combine(daemon.Store, ".chunks", digest[..4], digest);

    public static async Task RunAsync(PbsClient client, SessionTarget target, Image image, CryptConfig? crypt = null)
    {
        await using var writer = await client.StartBackupAsync(target);
        await UploadAsync(writer, target, image, crypt);
        await writer.FinishAsync();
    }

    /// <summary>Everything but finish.</summary>
    public static async Task UploadAsync(BackupWriter writer, SessionTarget target, Image image, CryptConfig? crypt = null)
    {
        var conf = DataBlob.Encode(Conf, true, crypt);
        await writer.UploadBlobAsync(ConfName, conf);
        var wid = await writer.CreateFixedIndexAsync(ImageName, image.Bytes.Length);
        var upload = new IndexUpload(writer, IndexKind.Fixed, wid);
        for (var i = 0; i < image.Pieces.Count; i++)
        {
            var piece = image.Pieces[i];
            await upload.AddAsync(piece.Digest, (long)i * Image.ChunkBytes, piece.SizeBytes, piece.Blob);
        }

        await upload.CloseAsync(image.Csum, image.Bytes.Length);
        await writer.UploadBlobAsync(ManifestName, Manifest(target, image, conf, crypt).ToBlob());
    }

    public static Manifest Manifest(SessionTarget target, Image image, byte[] confBlob, CryptConfig? crypt = null)
    {
        var mode = crypt is null ? CryptMode.None : CryptMode.Encrypt;
        var manifest = new Manifest(Name(target));
        manifest.Add(new ManifestFile(ConfName, mode, confBlob.Length, Digest.Of(confBlob)));
        manifest.Add(new ManifestFile(ImageName, mode, image.Bytes.Length, Digest.Parse(image.Csum)));
        if (crypt is not null)
        {
            manifest.Sign(crypt);
        }

        return manifest;
    }

    /// <summary>Restores as a careful client does: manifest, then files against it, then chunks against their digests.</summary>
    /// <exception cref="CorruptDataException">The client's own check caught it.</exception>
    /// <exception cref="PbsException">The server refused.</exception>
    public static async Task<(byte[] Image, byte[] Conf)> RestoreAsync(PbsClient client, SessionTarget target, CryptConfig? crypt = null)
    {
        await using var reader = await client.StartReaderAsync(target);
        var manifest = Storage.Manifest.FromBlob(await reader.DownloadAsync(ManifestName, 1 << 20), ManifestName);
        if (crypt is not null && manifest.CheckSignature(crypt) is { } fault)
        {
            throw new CorruptDataException(ManifestName, fault);
        }

        var confBlob = await reader.DownloadAsync(ConfName, 1 << 20);
        Check(manifest, ConfName, confBlob.Length, Digest.Of(confBlob));
        var index = await reader.DownloadAsync(ImageName, 1 << 20);
        var digests = Enumerable.Range(0, (index.Length - 4096) / 32)
            .Select(i => Convert.ToHexStringLower(index.AsSpan(4096 + i * 32, 32))).ToList();
        var size = BinaryPrimitives.ReadInt64LittleEndian(index.AsSpan(64, 8));
        digests = digests[..(int)((size + Image.ChunkBytes - 1) / Image.ChunkBytes)];
        Check(manifest, ImageName, size, Digest.Parse(Image.FixedCsum(digests)));
        var image = new byte[size];
        for (var i = 0; i < digests.Count; i++)
        {
            var raw = await reader.ChunkAsync(digests[i]);
            var data = DataBlob.DecodeToArray(raw, Image.ChunkBytes, crypt, digests[i]);
            var digest = crypt is null ? Digest.Of(data) : crypt.ComputeDigest(data);
            if (digest.ToString() != digests[i])
            {
                throw new CorruptDataException(digests[i], "wrong digest");
            }

            data.CopyTo(image.AsSpan(i * Image.ChunkBytes));
        }

        return (image, DataBlob.DecodeToArray(confBlob, 1 << 20, crypt, ConfName));
    }

    /// <summary>The snapshot is there and is what was backed up.</summary>
    public static async Task AssertRestoresAsync(PbsClient client, SessionTarget target, Image image, CryptConfig? crypt = null)
    {
        var (bytes, conf) = await RestoreAsync(client, target, crypt);
        Assert.True(bytes.AsSpan().SequenceEqual(image.Bytes), "another image");
        Assert.Equal(Conf, conf);
    }

    /// <summary>Backup times of the group's finished snapshots that the server lists; what has no size yet is under way.</summary>
    public static async Task<long[]> ListedAsync(PbsClient client, SessionTarget group)
    {
        var query = $"backup-type={group.BackupType}&backup-id={group.BackupId}"
            + (group.Namespace is { } ns ? "&ns=" + Uri.EscapeDataString(ns) : "");
        var list = (await client.GetAsync("admin/datastore/main/snapshots", query)).GetProperty("data");
        return [.. list.EnumerateArray().Where(item => item.TryGetProperty("size", out _)).Select(item => item.GetProperty("backup-time").GetInt64()).Order()];
    }

    private static void Check(Manifest manifest, string name, long sizeBytes, Digest csum)
    {
        if (manifest.Find(name) is not { } file || file.SizeBytes != sizeBytes || file.Csum != csum)
        {
            throw new CorruptDataException(name, "does not match the manifest");
        }
    }
}
