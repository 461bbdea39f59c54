// The rules inside a backup session (pbs-protocol.md 2.2), each with PBS's own text: what may be appended, uploaded, closed and finished, and what not.
using Holdfast.Storage;
using Holdfast.Wire;
using Xunit;

namespace Holdfast.Tests.Wire;

public sealed class SessionRuleTests(Appliance appliance) : IClassFixture<Appliance>
{
    private static readonly string Nobody = new('e', 64);

    [Fact]
    public async Task W1_An_append_of_a_digest_that_was_not_uploaded_is_refused()
    {
        await using var session = await FixedAsync(Backups.NewTarget(), 2 * Image.ChunkBytes);
        await session.OkAsync("POST", "/dynamic_index?archive-name=root.pxar.didx");
        await AppendRefusedAsync($"no such chunk {Nobody}", session, "fixed", 1, Nobody, 0);
        await AppendRefusedAsync($"no such chunk {Nobody}", session, "dynamic", 2, Nobody, 0);

        // That the datastore has it, of another session, gives no right to it.
        var piece = Piece.Make(101, Image.ChunkBytes);
        await using (var other = await FixedAsync(Backups.NewTarget(), Image.ChunkBytes))
        {
            Assert.Equal(200, (await other.UploadAsync("fixed", 1, piece)).Status);
            Assert.True(File.Exists(Backups.ChunkPath(appliance.Daemon, piece.Digest)));
        }

        await AppendRefusedAsync($"no such chunk {piece.Digest}", session, "fixed", 1, piece.Digest, 0);
    }

    [Fact]
    public async Task W1_A_chunk_is_complete_under_its_final_name_before_it_may_be_appended()
    {
        await using var session = await FixedAsync(Backups.NewTarget(), Image.ChunkBytes);
        var piece = Piece.Make(102, Image.ChunkBytes);
        Assert.Equal(200, (await session.UploadAsync("fixed", 1, piece)).Status);
        var stored = await File.ReadAllBytesAsync(Backups.ChunkPath(appliance.Daemon, piece.Digest));
        Assert.Null(DataBlob.Check(stored, out _));
        Assert.Equal(piece.Digest, Digest.Of(DataBlob.DecodeToArray(stored, Image.ChunkBytes, null, "chunk")).ToString());
    }

    [Fact]
    public async Task Uploads_that_are_not_what_they_say_are_refused_and_not_kept()
    {
        await using var session = await FixedAsync(Backups.NewTarget(), 2 * Image.ChunkBytes);
        var piece = Piece.Make(103, Image.ChunkBytes);
        var other = Piece.Make(104, Image.ChunkBytes);
        string Path(string digest, int size, int encoded) => $"/fixed_chunk?wid=1&digest={digest}&size={size}&encoded-size={encoded}";
        await session.RefusedAsync("detected chunk with wrong digest.", "POST", Path(other.Digest, piece.SizeBytes, piece.Blob.Length), piece.Blob);
        await session.RefusedAsync($"detected chunk with wrong length ({piece.SizeBytes - 1} != more than {piece.SizeBytes - 1})",
            "POST", Path(piece.Digest, piece.SizeBytes - 1, piece.Blob.Length), piece.Blob);
        await session.RefusedAsync($"detected chunk with wrong length (5000000 != {piece.SizeBytes})",
            "POST", Path(piece.Digest, 5_000_000, piece.Blob.Length), piece.Blob);
        await session.RefusedAsync("uploaded chunk has unexpected size.", "POST", Path(piece.Digest, piece.SizeBytes, piece.Blob.Length + 1), piece.Blob);
        await session.RefusedAsync("uploaded chunk is larger than announced.", "POST", Path(piece.Digest, piece.SizeBytes, piece.Blob.Length - 1), piece.Blob);
        var noMagic = (byte[])piece.Blob.Clone();
        noMagic[0] ^= 0xff;
        await session.RefusedAsync(DataBlob.WrongMagicText, "POST", Path(piece.Digest, piece.SizeBytes, piece.Blob.Length), noMagic);
        Assert.False(File.Exists(Backups.ChunkPath(appliance.Daemon, piece.Digest)));
        Assert.False(File.Exists(Backups.ChunkPath(appliance.Daemon, other.Digest)));

        // A chunk's CRC as sent is not looked at: the right one is stored.
        var noCrc = (byte[])piece.Blob.Clone();
        noCrc.AsSpan(8, 4).Clear();
        await session.OkAsync("POST", Path(piece.Digest, piece.SizeBytes, noCrc.Length), noCrc);
        Assert.Null(DataBlob.Check(await File.ReadAllBytesAsync(Backups.ChunkPath(appliance.Daemon, piece.Digest)), out _));
    }

    [Fact]
    public async Task Parameters_out_of_bounds_are_refused_before_anything_is_read()
    {
        await using var session = await FixedAsync(Backups.NewTarget(), Image.ChunkBytes);
        foreach (var query in (string[])["wid=0", "wid=257", "digest=xyz", "size=0", "size=16777217", "encoded-size=12", "encoded-size=16777261"])
        {
            var name = query[..query.IndexOf('=')];
            string[] good = ["wid=1", "digest=" + Nobody, "size=1", "encoded-size=13"];
            var path = "/fixed_chunk?" + string.Join('&', good.Select(part => part.StartsWith(name + "=", StringComparison.Ordinal) ? query : part));
            var answer = await session.SendAsync("POST", path, new byte[13]);
            Assert.Equal(400, answer.Status);
            Assert.StartsWith($"parameter verification failed - '{name}'", answer.Text);
        }
    }

    [Fact]
    public async Task Only_one_chunk_of_an_image_may_be_short()
    {
        await using var session = await FixedAsync(Backups.NewTarget(), Image.ChunkBytes + 10);
        Assert.Equal(200, (await session.UploadAsync("fixed", 1, Piece.Make(105, 10))).Status);
        var second = await session.UploadAsync("fixed", 1, Piece.Make(106, 11));
        Assert.Equal(400, second.Status);
        Assert.Equal("fixed writer '1' - detected multiple end chunks (chunk size too small)", second.Text);
        var large = await session.UploadAsync("fixed", 1, Piece.Make(107, Image.ChunkBytes + 1));
        Assert.Equal(400, large.Status);
        Assert.Contains("got large chunk", large.Text);
    }

    [Fact]
    public async Task Appends_must_fit_the_archive()
    {
        await using var session = await FixedAsync(Backups.NewTarget(), Image.ChunkBytes + 10);
        await session.OkAsync("POST", "/dynamic_index?archive-name=root.pxar.didx");
        var full = Piece.Make(108, Image.ChunkBytes);
        await session.UploadAsync("fixed", 1, full);
        await session.UploadAsync("dynamic", 2, Piece.Make(109, 500));
        foreach (var offset in (long[])[1, 4095, Image.ChunkBytes, long.MaxValue - 3, 1L << 40])
        {
            Assert.Equal(400, (await session.AppendAsync("fixed", 1, [full.Digest], [offset])).Status);
        }

        await AppendRefusedAsync("dynamic writer 'root.pxar.didx' append chunk failed - got strange chunk offset (0 != 7)",
            session, "dynamic", 2, Piece.Make(109, 500).Digest, 7);
        Assert.Equal(400, (await session.AppendAsync("fixed", 1, [full.Digest, full.Digest], [0])).Status);
        Assert.Equal(400, (await session.AppendAsync("fixed", 1, [full.Digest], [-1])).Status);
        await AppendRefusedAsync("fixed writer '2' not registered", session, "fixed", 2, full.Digest, 0);
        await AppendRefusedAsync("dynamic writer '1' not registered", session, "dynamic", 1, full.Digest, 0);
        await AppendRefusedAsync("fixed writer '200' not registered", session, "fixed", 200, full.Digest, 0);
        var unknown = await session.UploadAsync("fixed", 200, full);
        Assert.Equal((400, "fixed writer '200' not registered"), (unknown.Status, unknown.Text));
    }

    [Fact]
    public async Task W1_An_index_closes_only_with_its_true_count_size_and_checksum()
    {
        var image = Image.Make(10, 111, 112);
        await using var session = await FixedAsync(Backups.NewTarget(), image.Bytes.Length);
        await session.OkAsync("POST", "/dynamic_index?archive-name=root.pxar.didx");
        await session.UploadAsync("fixed", 1, image.Pieces[0]);
        await session.UploadAsync("fixed", 1, image.Pieces[1]);
        await session.AppendAsync("fixed", 1, [image.Pieces[0].Digest], [0]);
        await CloseRefusedAsync(session, "fixed", 1, 2, image.Bytes.Length, image.Csum, "received wrong number of chunk (1 != 2)");
        await CloseRefusedAsync(session, "fixed", 1, 1, image.Bytes.Length, image.Csum, "unexpected chunk count (2 != 1)");
        await session.AppendAsync("fixed", 1, [image.Pieces[1].Digest], [Image.ChunkBytes]);
        await CloseRefusedAsync(session, "fixed", 1, 2, 5, image.Csum, $"unexpected file size ({image.Bytes.Length} != 5)");
        await CloseRefusedAsync(session, "fixed", 1, 2, image.Bytes.Length, Nobody, "got unexpected checksum");
        await session.RefusedAsync("fixed writer '1' already closed",
            "POST", $"/fixed_close?wid=1&chunk-count=2&size={image.Bytes.Length}&csum={image.Csum}");

        var empty = await session.SendAsync("POST", $"/dynamic_close?wid=2&chunk-count=0&size=0&csum={Image.DynamicCsum([])}");
        Assert.Equal(400, empty.Status);
        Assert.StartsWith("parameter verification failed", empty.Text);
        await session.AppendAsync("dynamic", 2, [image.Pieces[1].Digest], [0]);
        await CloseRefusedAsync(session, "dynamic", 2, 2, 10, Nobody, "unexpected chunk count (1 != 2)");
        await CloseRefusedAsync(session, "dynamic", 2, 1, 11, Nobody, "unexpected file size (10 != 11)");
        await CloseRefusedAsync(session, "dynamic", 2, 1, 10, Nobody, "got unexpected checksum");
    }

    [Fact]
    public async Task Archives_and_blobs_have_their_extensions_and_stay_in_their_folder()
    {
        await using var session = await RawSession.OpenAsync(appliance, Backups.NewTarget());
        await session.RefusedAsync("wrong archive extension: 'disk.didx'", "POST", "/fixed_index?archive-name=disk.didx&size=1");
        await session.RefusedAsync("wrong archive extension: 'disk.fidx'", "POST", "/dynamic_index?archive-name=disk.fidx");
        await session.RefusedAsync("wrong archive extension: 'disk.blob'", "POST", "/dynamic_index?archive-name=disk.blob");
        var blob = DataBlob.Encode(Backups.Conf);
        await session.RefusedAsync("wrong blob file extension: 'qemu-server.conf'", "POST",
            $"/blob?file-name=qemu-server.conf&encoded-size={blob.Length}", blob);
        foreach (var name in (string[])["..%2Fx.blob", "%2Fetc%2Fx.blob", "a%2Fb.blob", ".hidden.blob", "a%00.blob", ""])
        {
            Assert.Equal(400, (await session.SendAsync("POST", $"/blob?file-name={name}&encoded-size={blob.Length}", blob)).Status);
        }
    }

    [Fact]
    public async Task A_blob_must_be_whole()
    {
        var target = Backups.NewTarget();
        await using var session = await RawSession.OpenAsync(appliance, target);
        var blob = DataBlob.Encode(Backups.Conf);
        var flipped = (byte[])blob.Clone();
        flipped[^1] ^= 1;
        var noMagic = (byte[])blob.Clone();
        noMagic[3] ^= 0x40;
        var path = $"/blob?file-name={Backups.ConfName}&encoded-size=";
        await session.RefusedAsync(DataBlob.WrongCrcText, "POST", path + blob.Length, flipped);
        await session.RefusedAsync(DataBlob.WrongMagicText, "POST", path + blob.Length, noMagic);
        await session.RefusedAsync($"got blob with unexpected length ({blob.Length + 1} != {blob.Length})", "POST", path + (blob.Length + 1), blob);
        var longer = await session.SendAsync("POST", path + (blob.Length - 1), blob);
        Assert.Equal(400, longer.Status);
        Assert.StartsWith($"got blob with unexpected length ({blob.Length - 1} != ", longer.Text);
        Assert.False(File.Exists(Path.Combine(Backups.Folder(appliance.Daemon, target), Backups.ConfName)));

        // Sent again, the later one counts.
        await session.OkAsync("POST", path + blob.Length, blob);
        var second = DataBlob.Encode("cores: 4\n"u8);
        await session.OkAsync("POST", path + second.Length, second);
        Assert.Equal(second, await File.ReadAllBytesAsync(Path.Combine(Backups.Folder(appliance.Daemon, target), Backups.ConfName)));
    }

    [Fact]
    public async Task A_session_has_at_most_256_writers()
    {
        await using var session = await RawSession.OpenAsync(appliance, Backups.NewTarget());
        for (var i = 1; i <= 256; i++)
        {
            Assert.Equal(i, (await session.OkAsync("POST", $"/dynamic_index?archive-name=a{i}.didx")).Data.GetInt32());
        }

        var refused = await session.SendAsync("POST", "/dynamic_index?archive-name=a257.didx");
        Assert.Equal((400, "too many index writers (at most 256)"), (refused.Status, refused.Text));
    }

    [Fact]
    public async Task W3_Finish_too_early_says_what_is_missing_and_the_session_goes_on()
    {
        var target = Backups.NewTarget();
        var image = Image.Make(10, 121);
        await using (var session = await RawSession.OpenAsync(appliance, target))
        {
            await session.RefusedAsync("backup does not contain valid files (file count == 0)", "POST", "/finish");
            await session.OkAsync("POST", $"/fixed_index?archive-name={Backups.ImageName}&size=10");
            await session.RefusedAsync("found open index writer - unable to finish backup", "POST", "/finish");
            await session.UploadAsync("fixed", 1, image.Pieces[0]);
            await session.AppendAsync("fixed", 1, [image.Pieces[0].Digest], [0]);
            await session.OkAsync("POST", $"/fixed_close?wid=1&chunk-count=1&size=10&csum={image.Csum}");
            var noManifest = await session.SendAsync("POST", "/finish");
            Assert.Equal(400, noManifest.Status);
            Assert.StartsWith("unable to update manifest blob - ", noManifest.Text);

            var conf = DataBlob.Encode(Backups.Conf);
            await session.BlobAsync(Backups.ConfName, conf);
            var foreign = Backups.Manifest(target with { BackupId = "other" }, image, conf).ToBlob();
            await session.BlobAsync(Backups.ManifestName, foreign);
            Assert.StartsWith("unable to update manifest blob - ", (await session.SendAsync("POST", "/finish")).Text);
            await session.BlobAsync(Backups.ManifestName, Backups.Manifest(target, image, conf).ToBlob());
            Assert.False(File.Exists(Path.Combine(Backups.Folder(appliance.Daemon, target), Backups.ManifestName)), "the manifest is the last file");
            Assert.Empty(await Backups.ListedAsync(appliance.Client, target));
            Assert.Equal("null", (await session.OkAsync("POST", "/finish")).Data.GetRawText());
        }

        await Backups.AssertRestoresAsync(appliance.Client, target, image);
    }

    [Fact]
    public async Task After_finish_nothing_is_taken_any_more()
    {
        var target = Backups.NewTarget();
        var image = Image.Make(10, 131);
        await using var session = await RawSession.OpenAsync(appliance, target);
        await session.OkAsync("POST", $"/fixed_index?archive-name={Backups.ImageName}&size=10");
        await session.UploadAsync("fixed", 1, image.Pieces[0]);
        await session.AppendAsync("fixed", 1, [image.Pieces[0].Digest], [0]);
        await session.OkAsync("POST", $"/fixed_close?wid=1&chunk-count=1&size=10&csum={image.Csum}");
        var conf = DataBlob.Encode(Backups.Conf);
        await session.BlobAsync(Backups.ConfName, conf);
        await session.BlobAsync(Backups.ManifestName, Backups.Manifest(target, image, conf).ToBlob());
        await session.OkAsync("POST", "/finish");
        const string over = "backup already marked as finished.";
        await session.RefusedAsync(over, "POST", "/finish");
        await session.RefusedAsync(over, "POST", "/dynamic_index?archive-name=late.didx");
        Answer[] late =
        [
            await session.BlobAsync(Backups.ConfName, conf), await session.UploadAsync("fixed", 1, image.Pieces[0]),
            await session.AppendAsync("fixed", 1, [image.Pieces[0].Digest], [0]),
            await session.SendAsync("POST", $"/fixed_close?wid=1&chunk-count=1&size=10&csum={image.Csum}"),
        ];
        Assert.All(late, answer => Assert.Equal((400, over), (answer.Status, answer.Text)));
        Assert.Single(await LedgerView.ReadAsync(appliance.Daemon, Backups.Stream(target)), told => told.Type == "BackupFinished");
    }

    [Fact]
    public async Task A_call_that_does_not_exist_and_a_method_that_does_not_fit_are_404()
    {
        await using var session = await RawSession.OpenAsync(appliance, Backups.NewTarget());
        Assert.Equal(404, (await session.SendAsync("GET", "/nothing")).Status);
        Assert.Equal(404, (await session.SendAsync("GET", "/finish")).Status);
        Assert.Equal(400, (await session.SendAsync("POST", "/finish?unknown=1")).Status);
        Assert.Equal(200, (await session.SendAsync("GET", "/")).Status);
        Assert.Equal(200, (await session.SendAsync("POST", "/speedtest", new byte[3_000_000])).Status);
    }

    private async Task<RawSession> FixedAsync(SessionTarget target, long sizeBytes)
    {
        var session = await RawSession.OpenAsync(appliance, target);
        await session.OkAsync("POST", $"/fixed_index?archive-name={Backups.ImageName}&size={sizeBytes}");
        return session;
    }

    private static async Task AppendRefusedAsync(string text, RawSession session, string kind, int wid, string digest, long offset)
    {
        var answer = await session.AppendAsync(kind, wid, [digest], [offset]);
        Assert.Equal((400, text), (answer.Status, answer.Text));
    }

    private static Task CloseRefusedAsync(RawSession session, string kind, int wid, long count, long size, string csum, string why) =>
        session.RefusedAsync($"{kind} writer '{(kind == "fixed" ? Backups.ImageName : "root.pxar.didx")}' close failed - {why}",
            "POST", $"/{kind}_close?wid={wid}&chunk-count={count}&size={size}&csum={csum}");
}
