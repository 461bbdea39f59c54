// Rot on disk: whatever bit of a stored snapshot is flipped, it is never served as good. What the server can check it refuses; what only a key can check,
// the client catches.
using Holdfast.Storage;
using Holdfast.Wire;
using Xunit;

namespace Holdfast.Tests.Wire;

public sealed class BitFlipTests(Appliance appliance) : IClassFixture<Appliance>
{
    [Fact]
    public async Task A_flipped_bit_in_a_plain_snapshot_is_refused_by_the_server()
    {
        var target = Backups.NewTarget();
        var image = Image.Make(100, 701, 702);
        await Backups.RunAsync(appliance.Client, target, image);
        var folder = Backups.Folder(appliance.Daemon, target);
        string[] files = [.. image.Pieces.Select(piece => Backups.ChunkPath(appliance.Daemon, piece.Digest)),
            Path.Combine(folder, Backups.ConfName), Path.Combine(folder, Backups.ManifestName)];
        foreach (var file in files)
        {
            foreach (var bit in Bits(file, 0))
            {
                var error = await FlippedAsync(file, bit, target);
                Assert.True(error is PbsException, $"{Path.GetFileName(file)} bit {bit}: {error?.Message ?? "served as good"}");
            }
        }
    }

    [Fact]
    public async Task A_flipped_bit_in_an_index_is_refused_by_the_server()
    {
        var target = Backups.NewTarget();
        var image = Image.Make(100, 711, 712);
        await Backups.RunAsync(appliance.Client, target, image);
        var file = Path.Combine(Backups.Folder(appliance.Daemon, target), Backups.ImageName);
        // Header: magic 0-7, uuid 8-23 and ctime 24-31 (which mean nothing to anybody), csum 32-63, size 64-71, chunk size 72-79; digests from 4096 on.
        foreach (var at in (int[])[0, 7, 32, 63, 64, 65, 66, 67, 71, 72, 74, 79, 4096, 4127, 4128, 4159])
        {
            for (var bit = at * 8L; bit < at * 8 + 8; bit += 3)
            {
                var error = await FlippedAsync(file, bit, target);
                Assert.True(error is PbsException, $"byte {at}, bit {bit % 8}: {error?.Message ?? "served as good"}");
            }
        }
    }

    [Fact]
    public async Task A_flipped_bit_in_a_dynamic_index_is_refused_by_the_server()
    {
        var target = Backups.NewTarget(type: "ct");
        var pieces = new[] { Piece.Make(721, 5_000), Piece.Make(722, 6_000) };
        await using (var writer = await appliance.Client.StartBackupAsync(target))
        {
            var wid = await writer.CreateDynamicIndexAsync("root.pxar.didx");
            foreach (var (piece, offset) in pieces.Zip([0L, 5_000L]))
            {
                await writer.UploadChunkAsync(IndexKind.Dynamic, wid, piece.Digest, piece.SizeBytes, piece.Blob);
                await writer.AppendAsync(IndexKind.Dynamic, wid, [piece.Digest], [offset]);
            }

            await writer.CloseIndexAsync(IndexKind.Dynamic, wid, 2, 11_000, Image.DynamicCsum(pieces));
            var manifest = new Manifest(Backups.Name(target));
            manifest.Add(new ManifestFile("root.pxar.didx", CryptMode.None, 11_000, Digest.Parse(Image.DynamicCsum(pieces))));
            await writer.UploadBlobAsync(Backups.ManifestName, manifest.ToBlob());
            await writer.FinishAsync();
        }

        var file = Path.Combine(Backups.Folder(appliance.Daemon, target), "root.pxar.didx");
        foreach (var at in (int[])[0, 7, 32, 63, 4096, 4098, 4103, 4104, 4135, 4136, 4143, 4175])
        {
            Flip(file, at * 8L + 2);
            await using (var reader = await appliance.Client.StartReaderAsync(target))
            {
                await Assert.ThrowsAsync<PbsException>(() => reader.DownloadAsync("root.pxar.didx", 1 << 20));
            }

            Flip(file, at * 8L + 2);
        }
    }

    [Fact]
    public async Task A_flipped_bit_of_the_base_is_not_handed_to_an_incremental_backup()
    {
        var target = Backups.NewTarget();
        var image = Image.Make(100, 731, 732);
        await Backups.RunAsync(appliance.Client, target, image);
        var folder = Backups.Folder(appliance.Daemon, target);
        await using var session = await RawSession.OpenAsync(appliance, target with { BackupTimeS = target.BackupTimeS + 1 });
        (string, long)[] flips =
            [(Backups.ImageName, 4100 * 8), (Backups.ImageName, 65 * 8), (Backups.ConfName, 14 * 8), (Backups.ManifestName, 40 * 8)];
        foreach (var (name, bit) in flips)
        {
            Flip(Path.Combine(folder, name), bit);
            var answer = await session.SendAsync("GET", "/previous?archive-name=" + name);
            Flip(Path.Combine(folder, name), bit);
            Assert.True(answer.Status == 400, $"{name} bit {bit}: {answer.Status}");
            var admin = $"backup-type=vm&backup-id={target.BackupId}&backup-time={target.BackupTimeS}&file-name={name}";
            Flip(Path.Combine(folder, name), bit);
            var download = await appliance.Door.SendAsync("GET", "admin/datastore/main/download?" + admin, headers: appliance.AdminPass.Headers);
            Flip(Path.Combine(folder, name), bit);
            Assert.True(download.Status == 400, $"download of {name} bit {bit}: {download.Status}");
        }

        await session.OkAsync("GET", "/previous?archive-name=" + Backups.ImageName);
    }

    [Fact]
    public async Task A_flipped_bit_in_an_encrypted_snapshot_is_caught_by_one_of_the_two()
    {
        using var crypt = new CryptConfig(Enumerable.Range(7, 32).Select(i => (byte)i).ToArray());
        var target = Backups.NewTarget();
        var image = Image.Make(crypt, 100, 741, 742);
        await Backups.RunAsync(appliance.Client, target, image, crypt);
        var folder = Backups.Folder(appliance.Daemon, target);
        var files = image.Pieces.Select(piece => Backups.ChunkPath(appliance.Daemon, piece.Digest)).Append(Path.Combine(folder, Backups.ConfName));
        foreach (var file in files)
        {
            // 8-11 CRC, 12-27 IV, 28-43 tag, then the payload.
            foreach (var bit in Bits(file, 0).Concat([13 * 8L, 27 * 8, 28 * 8, 43 * 8]))
            {
                Assert.NotNull(await FlippedAsync(file, bit, target, crypt));
            }
        }
    }

    /// <summary>Every byte of the head's first 16, and some behind.</summary>
    private static IEnumerable<long> Bits(string file, int seed)
    {
        var length = new FileInfo(file).Length;
        var random = new Random(seed);
        return Enumerable.Range(0, 14).Select(at => at * 8L + random.Next(8))
            .Concat(Enumerable.Range(0, 6).Select(_ => random.NextInt64(14 * 8, length * 8))).Append(length * 8 - 1);
    }

    /// <summary>The error that a restore met with the bit flipped; null = it was served as good.</summary>
    private async Task<Exception?> FlippedAsync(string file, long bit, SessionTarget target, CryptConfig? crypt = null)
    {
        Flip(file, bit);
        Exception? met = null;
        try
        {
            await Backups.RestoreAsync(appliance.Client, target, crypt);
        }
        catch (Exception error) when (error is PbsException or StorageException)
        {
            met = error;
        }

        if (met is PbsException && file.Contains(ChunkStore.Folder, StringComparison.Ordinal))
        {
            await TakeBackAsync(file);
        }

        Flip(file, bit);
        return met;
    }

    /// <summary>A chunk that a restore could not use is set aside once its session has ended; here it is needed again.</summary>
    private static async Task TakeBackAsync(string file)
    {
        for (var i = 0; !File.Exists(file + ".0.bad"); i++)
        {
            Assert.True(i < 600, $"{Path.GetFileName(file)} was not set aside");
            await Task.Delay(100);
        }

        File.Move(file + ".0.bad", file);
    }

    private static void Flip(string path, long bit)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite);
        file.Position = bit / 8;
        var old = file.ReadByte();
        file.Position = bit / 8;
        file.WriteByte((byte)(old ^ (1 << (int)(bit % 8))));
    }
}
