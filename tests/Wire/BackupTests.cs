// The main job over the wire: what goes in comes out bit for bit, plain and encrypted, fixed and dynamic, whole and incremental.
using Holdfast.Storage;
using Holdfast.Wire;
using Xunit;

namespace Holdfast.Tests.Wire;

public sealed class BackupTests(Appliance appliance) : IClassFixture<Appliance>
{
    [Fact]
    public async Task An_image_and_a_configuration_come_back_bit_for_bit()
    {
        var target = Backups.NewTarget();
        var image = Image.Make(12_345, 1, 2, 3);
        await Backups.RunAsync(appliance.Client, target, image);
        await Backups.AssertRestoresAsync(appliance.Client, target, image);
        Assert.Equal([target.BackupTimeS], await Backups.ListedAsync(appliance.Client, target));
    }

    [Fact]
    public async Task An_encrypted_backup_comes_back_and_its_chunks_are_stored_untouched()
    {
        using var crypt = new CryptConfig(Enumerable.Range(1, 32).Select(i => (byte)i).ToArray());
        var target = Backups.NewTarget();
        var image = Image.Make(crypt, 5_000, 11, 12);
        await Backups.RunAsync(appliance.Client, target, image, crypt);
        await Backups.AssertRestoresAsync(appliance.Client, target, image, crypt);
        foreach (var piece in image.Pieces)
        {
            var stored = await File.ReadAllBytesAsync(Backups.ChunkPath(appliance.Daemon, piece.Digest));
            Assert.Equal(piece.Blob[12..], stored[12..]);
        }

        var item = (await appliance.Client.GetAsync("admin/datastore/main/snapshots", $"backup-type=vm&backup-id={target.BackupId}"))
            .GetProperty("data")[0];
        Assert.Equal("encrypt", item.GetProperty("files")[1].GetProperty("crypt-mode").GetString());
    }

    [Fact]
    public async Task An_incremental_backup_sends_only_what_changed()
    {
        var first = Backups.NewTarget();
        var before = Image.Make(7_000, 21, 22, 23);
        await Backups.RunAsync(appliance.Client, first, before);

        var second = first with { BackupTimeS = first.BackupTimeS + 60 };
        var after = Image.Make(7_000, 21, 24, 23);
        await using (var writer = await appliance.Client.StartBackupAsync(second))
        {
            Assert.Equal(first.BackupTimeS, await writer.PreviousBackupTimeAsync());
            var manifest = Manifest.FromBlob(await writer.PreviousAsync(Backups.ManifestName), "previous");
            Assert.Equal(before.Csum, manifest.Find(Backups.ImageName)!.Csum.ToString());
            await writer.PreviousAsync(Backups.ImageName);
            var wid = await writer.CreateFixedIndexAsync(Backups.ImageName, after.Bytes.Length, before.Csum);
            await writer.UploadChunkAsync(IndexKind.Fixed, wid, after.Pieces[1].Digest, Image.ChunkBytes, after.Pieces[1].Blob);
            await writer.AppendAsync(IndexKind.Fixed, wid, [after.Pieces[1].Digest], [Image.ChunkBytes]);
            // QEMU says only the dirty bytes: the size is not looked at.
            await writer.CloseIndexAsync(IndexKind.Fixed, wid, 1, Image.ChunkBytes, after.Csum);
            await FinishAsync(writer, second, after);
        }

        await Backups.AssertRestoresAsync(appliance.Client, second, after);
        await Backups.AssertRestoresAsync(appliance.Client, first, before);
        var told = await LedgerView.ReadAsync(appliance.Daemon, Backups.Stream(second));
        var archive = told.Last(one => one.Type == "ArchiveFinished" && one.Text("filename") == Backups.ImageName);
        Assert.Equal((3, 1, 2), (archive.Number("chunk-count"), archive.Number("new-chunks"), archive.Number("reused-chunks")));
        Assert.Equal((Image.ChunkBytes, Image.ChunkBytes + 7_000L), (archive.Number("new-bytes"), archive.Number("reused-bytes")));
    }

    [Fact]
    public async Task An_incremental_backup_without_a_dirty_chunk_is_whole()
    {
        var first = Backups.NewTarget();
        var image = Image.Make(9_000, 31, 32);
        await Backups.RunAsync(appliance.Client, first, image);
        var second = first with { BackupTimeS = first.BackupTimeS + 60 };
        await using (var writer = await appliance.Client.StartBackupAsync(second))
        {
            var wid = await writer.CreateFixedIndexAsync(Backups.ImageName, image.Bytes.Length, image.Csum);
            await writer.CloseIndexAsync(IndexKind.Fixed, wid, 0, 0, image.Csum);
            await FinishAsync(writer, second, image);
        }

        await Backups.AssertRestoresAsync(appliance.Client, second, image);
    }

    [Fact]
    public async Task A_base_with_another_checksum_is_refused_with_both()
    {
        var first = Backups.NewTarget();
        var image = Image.Make(9_000, 41, 42);
        await Backups.RunAsync(appliance.Client, first, image);
        var wrong = new string('a', 64);
        await using var session = await RawSession.OpenAsync(appliance, first with { BackupTimeS = first.BackupTimeS + 60 });
        await session.RefusedAsync($"expected csum ({wrong}) doesn't match last backup's ({image.Csum}), cannot do incremental backup",
            "POST", $"/fixed_index?archive-name={Backups.ImageName}&size={image.Bytes.Length}&reuse-csum={wrong}");
    }

    [Fact]
    public async Task A_base_that_failed_its_verification_is_no_base()
    {
        var first = Backups.NewTarget();
        var image = Image.Make(9_000, 51);
        await using (var writer = await appliance.Client.StartBackupAsync(first))
        {
            var conf = DataBlob.Encode(Backups.Conf);
            await writer.UploadBlobAsync(Backups.ConfName, conf);
            var wid = await writer.CreateFixedIndexAsync(Backups.ImageName, image.Bytes.Length);
            await writer.UploadChunkAsync(IndexKind.Fixed, wid, image.Pieces[0].Digest, 9_000, image.Pieces[0].Blob);
            await writer.AppendAsync(IndexKind.Fixed, wid, [image.Pieces[0].Digest], [0]);
            await writer.CloseIndexAsync(IndexKind.Fixed, wid, 1, 9_000, image.Csum);
            var manifest = Backups.Manifest(first, image, conf);
            using var state = System.Text.Json.JsonDocument.Parse(
                """{"state":"failed","upid":"UPID:pbs:000003A1:00000F2B:00000004:66352000:verificationjob:main:root@pam:"}""");
            manifest.SetUnprotected("verify_state", state.RootElement);
            await writer.UploadBlobAsync(Backups.ManifestName, manifest.ToBlob());
            await writer.FinishAsync();
        }

        await using var session = await RawSession.OpenAsync(appliance, first with { BackupTimeS = first.BackupTimeS + 60 });
        Assert.Equal("null", (await session.OkAsync("GET", "/previous_backup_time")).Data.GetRawText());
        await session.RefusedAsync("no valid previous backup", "GET", "/previous?archive-name=" + Backups.ImageName);
    }

    [Fact]
    public async Task Two_dynamic_archives_grow_interleaved()
    {
        var target = Backups.NewTarget(type: "ct");
        Piece[] first = [Piece.Make(61, 70_000), Piece.Make(62, 80_001), Piece.Make(63, 3)];
        Piece[] second = [Piece.Make(64, 50_000), Piece.Make(61, 70_000)];
        await using (var writer = await appliance.Client.StartBackupAsync(target))
        {
            var a = await writer.CreateDynamicIndexAsync("root.pxar.didx");
            var b = await writer.CreateDynamicIndexAsync("catalog.pcat1.didx");
            Assert.Equal((1, 2), (a, b));
            await UploadAsync(writer, a, first[0], 0);
            await UploadAsync(writer, b, second[0], 0);
            await UploadAsync(writer, a, first[1], 70_000);
            // Known to the session from the other writer: no upload.
            await writer.AppendAsync(IndexKind.Dynamic, b, [second[1].Digest], [50_000]);
            await UploadAsync(writer, a, first[2], 150_001);
            await writer.CloseIndexAsync(IndexKind.Dynamic, b, 2, 120_000, Image.DynamicCsum(second));
            await writer.CloseIndexAsync(IndexKind.Dynamic, a, 3, 150_004, Image.DynamicCsum(first));
            var manifest = new Manifest(Backups.Name(target));
            manifest.Add(new ManifestFile("root.pxar.didx", CryptMode.None, 150_004, Digest.Parse(Image.DynamicCsum(first))));
            manifest.Add(new ManifestFile("catalog.pcat1.didx", CryptMode.None, 120_000, Digest.Parse(Image.DynamicCsum(second))));
            await writer.UploadBlobAsync(Backups.ManifestName, manifest.ToBlob());
            await writer.FinishAsync();
        }

        await using var reader = await appliance.Client.StartReaderAsync(target);
        var index = await reader.DownloadAsync("root.pxar.didx", 1 << 20);
        Assert.Equal(4096 + 3 * 40, index.Length);
        for (var i = 0; i < first.Length; i++)
        {
            Assert.Equal(first[i].Digest, Convert.ToHexStringLower(index.AsSpan(4096 + i * 40 + 8, 32)));
            var data = DataBlob.DecodeToArray(await reader.ChunkAsync(first[i].Digest), 1 << 20, null, "chunk");
            Assert.Equal(first[i].Digest, Digest.Of(data).ToString());
        }
    }

    [Fact]
    public async Task Fixed_chunks_may_come_in_any_order_and_a_slot_twice()
    {
        var target = Backups.NewTarget();
        var image = Image.Make(100, 71, 72, 73, 74);
        var digests = image.Pieces.Select(piece => piece.Digest).ToArray();
        await using (var session = await RawSession.OpenAsync(appliance, target))
        {
            await session.OkAsync("POST", $"/fixed_index?archive-name={Backups.ImageName}&size={image.Bytes.Length}");
            foreach (var piece in image.Pieces.Reverse())
            {
                Assert.Equal(piece.Digest, (await session.UploadAsync("fixed", 1, piece)).Data.GetString());
            }

            Assert.Equal(200, (await session.AppendAsync("fixed", 1, [digests[3], digests[1]], [3L * Image.ChunkBytes, Image.ChunkBytes])).Status);
            Assert.Equal(200, (await session.AppendAsync("fixed", 1, [digests[2], digests[0]], [2L * Image.ChunkBytes, 0])).Status);
            await session.OkAsync("POST", $"/fixed_close?wid=1&chunk-count=4&size={image.Bytes.Length}&csum={image.Csum}");
            var conf = DataBlob.Encode(Backups.Conf);
            await session.BlobAsync(Backups.ConfName, conf);
            await session.BlobAsync(Backups.ManifestName, Backups.Manifest(target, image, conf).ToBlob());
            await session.OkAsync("POST", "/finish");
        }

        await Backups.AssertRestoresAsync(appliance.Client, target, image);
    }

    [Fact]
    public async Task The_zero_chunk_has_the_digest_and_the_index_the_checksum_that_every_PBS_knows()
    {
        var target = Backups.NewTarget();
        var zeros = Piece.Of(new byte[Image.ChunkBytes]);
        Assert.Equal("bb9f8df61474d25e71fa00722318cd387396ca1736605e1248821cc0de3d3af8", zeros.Digest);
        await using var session = await RawSession.OpenAsync(appliance, target);
        await session.OkAsync("POST", $"/fixed_index?archive-name={Backups.ImageName}&size={Image.ChunkBytes}");
        // QEMU raises it always, whether it needs it or not.
        Assert.Equal(200, (await session.UploadAsync("fixed", 1, zeros)).Status);
        Assert.Equal(200, (await session.UploadAsync("fixed", 1, zeros)).Status);
        Assert.Equal(200, (await session.AppendAsync("fixed", 1, [zeros.Digest], [0])).Status);
        await session.OkAsync("POST", $"/fixed_close?wid=1&chunk-count=1&size={Image.ChunkBytes}"
            + "&csum=c7e946d101855255d919ef0c70718633adf77d3dfb3adeeecf5d0cb4e951be58");
    }

    [Fact]
    public async Task An_image_of_unknown_size_grows_with_its_appends()
    {
        var target = Backups.NewTarget();
        var image = Image.Make(100, 81, 82);
        await using var session = await RawSession.OpenAsync(appliance, target);
        await session.OkAsync("POST", $"/fixed_index?archive-name={Backups.ImageName}");
        foreach (var piece in image.Pieces)
        {
            await session.UploadAsync("fixed", 1, piece);
        }

        Assert.Equal(200, (await session.AppendAsync("fixed", 1, [.. image.Pieces.Select(piece => piece.Digest)], [0, Image.ChunkBytes])).Status);
        await session.OkAsync("POST", $"/fixed_close?wid=1&chunk-count=2&size={image.Bytes.Length}&csum={image.Csum}");
    }

    private static async Task UploadAsync(BackupWriter writer, int wid, Piece piece, long offset)
    {
        await writer.UploadChunkAsync(IndexKind.Dynamic, wid, piece.Digest, piece.SizeBytes, piece.Blob);
        await writer.AppendAsync(IndexKind.Dynamic, wid, [piece.Digest], [offset]);
    }

    private static async Task FinishAsync(BackupWriter writer, SessionTarget target, Image image)
    {
        var conf = DataBlob.Encode(Backups.Conf);
        await writer.UploadBlobAsync(Backups.ConfName, conf);
        await writer.UploadBlobAsync(Backups.ManifestName, Backups.Manifest(target, image, conf).ToBlob());
        await writer.FinishAsync();
    }
}
