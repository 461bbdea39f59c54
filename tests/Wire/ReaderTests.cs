// The reader session, and the lists and single files that clients ask for around it (pbs-protocol.md 2.4, 4.2).
using System.Text.Json;
using Holdfast.Storage;
using Holdfast.Wire;
using Xunit;

namespace Holdfast.Tests.Wire;

public sealed class ReaderTests(Appliance appliance) : IClassFixture<Appliance>
{
    [Fact]
    public async Task A_chunk_is_given_only_after_an_index_that_names_it()
    {
        var target = Backups.NewTarget();
        var image = Image.Make(10, 301, 302);
        await Backups.RunAsync(appliance.Client, target, image);
        await Backups.RunAsync(appliance.Client, Backups.NewTarget(), Image.Make(10, 303));
        await using var session = await RawSession.OpenAsync(appliance, target, "reader");
        var digest = image.Pieces[0].Digest;
        await session.RefusedAsync($"download chunk {digest} not allowed", "GET", "/chunk?digest=" + digest, status: 401);
        await session.OkAsync("GET", "/download?file-name=" + Backups.ImageName);
        Assert.Equal(await File.ReadAllBytesAsync(Backups.ChunkPath(appliance.Daemon, digest)), (await session.OkAsync("GET", "/chunk?digest=" + digest)).Body);
        var foreign = Piece.Make(303, 10).Digest;
        await session.RefusedAsync($"download chunk {foreign} not allowed", "GET", "/chunk?digest=" + foreign, status: 401);
    }

    [Fact]
    public async Task What_is_not_there_is_refused_by_kind()
    {
        var target = Backups.NewTarget();
        await Backups.RunAsync(appliance.Client, target, Image.Make(10, 311));
        await using var session = await RawSession.OpenAsync(appliance, target, "reader");
        var none = await session.SendAsync("GET", "/download?file-name=client.log.blob");
        Assert.Equal((404, "open file \"client.log.blob\" failed - not found"), (none.Status, none.Text));
        Assert.Equal(400, (await session.SendAsync("GET", "/download?file-name=other.img.fidx")).Status);
        Assert.Equal(400, (await session.SendAsync("GET", "/download?file-name=other.pxar.didx")).Status);
        await session.RefusedAsync("unknown archive type", "GET", "/download?file-name=owner");
        foreach (var name in (string[])["..%2F..%2Fowner", "%2Fetc%2Fpasswd", ".protected", "..%2Fx.blob"])
        {
            Assert.Equal(400, (await session.SendAsync("GET", "/download?file-name=" + name)).Status);
        }

        var speed = await session.OkAsync("GET", "/speedtest");
        Assert.Equal((1 << 20, (byte)'A'), (speed.Body.Length, speed.Body[77]));
        var missing = target with { BackupTimeS = 1_600_000_000 };
        var error = await Assert.ThrowsAsync<PbsException>(() => appliance.Client.StartReaderAsync(missing));
        Assert.Equal((400, $"snapshot vm/{target.BackupId}/2020-09-13T12:26:40Z does not exist."), (error.Status, error.Message));
    }

    [Fact]
    public async Task The_client_log_is_taken_once()
    {
        var target = Backups.NewTarget();
        await Backups.RunAsync(appliance.Client, target, Image.Make(10, 321));
        var log = DataBlob.Encode("INFO: backup done\n"u8);
        var query = $"backup-type=vm&backup-id={target.BackupId}&backup-time={target.BackupTimeS}";
        var bad = (byte[])log.Clone();
        bad[^1] ^= 1;
        var broken = await Assert.ThrowsAsync<PbsException>(() => appliance.Client.UploadAsync("admin/datastore/main/upload-backup-log", query, bad));
        Assert.Equal(DataBlob.WrongCrcText, broken.Message);
        await appliance.Client.UploadAsync("admin/datastore/main/upload-backup-log", query, log);
        var twice = await Assert.ThrowsAsync<PbsException>(() => appliance.Client.UploadAsync("admin/datastore/main/upload-backup-log", query, log));
        Assert.Equal((400, "backup already contains a log."), (twice.Status, twice.Message));

        await using var reader = await appliance.Client.StartReaderAsync(target);
        Assert.Equal(log, await reader.DownloadAsync("client.log.blob", 1 << 20));
        var files = (await appliance.Client.GetAsync("admin/datastore/main/files", query)).GetProperty("data");
        Assert.Equal([Backups.ConfName, Backups.ImageName, Backups.ManifestName, "client.log.blob"],
            files.EnumerateArray().Select(file => file.GetProperty("filename").GetString()));
        Assert.Contains(await LedgerView.ReadAsync(appliance.Daemon, Backups.Stream(target)), told => told.Type == "BackupLogUploaded");
    }

    [Fact]
    public async Task Lists_have_the_shapes_that_clients_parse()
    {
        var target = Backups.NewTarget();
        var image = Image.Make(10, 331);
        await Backups.RunAsync(appliance.Client, target, image);
        await Backups.RunAsync(appliance.Client, target with { BackupTimeS = target.BackupTimeS + 1 }, image);
        var item = (await appliance.Client.GetAsync("admin/datastore/main/snapshots", $"backup-type=vm&backup-id={target.BackupId}"))
            .GetProperty("data")[0];
        Assert.Equal(["backup-id", "backup-time", "backup-type", "files", "owner", "protected", "size"],
            item.EnumerateObject().Select(member => member.Name).Order());
        Assert.Equal(JsonValueKind.False, item.GetProperty("protected").ValueKind);
        Assert.Equal(Daemon.Admin, item.GetProperty("owner").GetString());
        var files = item.GetProperty("files").EnumerateArray().ToList();
        var manifestBytes = new FileInfo(Path.Combine(Backups.Folder(appliance.Daemon, target), Backups.ManifestName)).Length;
        Assert.Equal([Backups.ConfName, Backups.ImageName, Backups.ManifestName], files.Select(file => file.GetProperty("filename").GetString()));
        Assert.All(files, file => Assert.Equal("none", file.GetProperty("crypt-mode").GetString()));
        Assert.Equal((10, manifestBytes), (files[1].GetProperty("size").GetInt64(), files[2].GetProperty("size").GetInt64()));
        Assert.Equal(files.Sum(file => file.GetProperty("size").GetInt64()), item.GetProperty("size").GetInt64());

        var group = (await appliance.Client.GetAsync("admin/datastore/main/groups")).GetProperty("data").EnumerateArray()
            .Single(one => one.GetProperty("backup-id").GetString() == target.BackupId);
        Assert.Equal((2, target.BackupTimeS + 1), (group.GetProperty("backup-count").GetInt32(), group.GetProperty("last-backup").GetInt64()));
        Assert.Equal(3, group.GetProperty("files").GetArrayLength());

        var status = (await appliance.Client.GetAsync("admin/datastore/main/status")).GetProperty("data");
        Assert.True(status.GetProperty("total").GetInt64() >= status.GetProperty("avail").GetInt64());
        var stores = (await appliance.Client.GetAsync("admin/datastore")).GetProperty("data");
        Assert.Contains(stores.EnumerateArray(), store => store.GetProperty("store").GetString() == "main");
        var version = (await appliance.Client.GetAsync("version")).GetProperty("data");
        Assert.Matches(@"^\d+\.\d+$", version.GetProperty("version").GetString());
        Assert.True(int.TryParse(version.GetProperty("release").GetString(), out _));
        Assert.True((await appliance.Door.SendAsync("GET", "ping")).Data.GetProperty("pong").GetBoolean());
    }

    [Fact]
    public async Task A_single_file_is_downloaded_as_stored_and_a_missing_one_is_400()
    {
        var target = Backups.NewTarget();
        await Backups.RunAsync(appliance.Client, target, Image.Make(10, 341));
        var query = $"backup-type=vm&backup-id={target.BackupId}&backup-time={target.BackupTimeS}&file-name=";
        foreach (var name in (string[])[Backups.ConfName, Backups.ImageName, Backups.ManifestName])
        {
            using var copy = new MemoryStream();
            await appliance.Client.DownloadAsync("admin/datastore/main/download", query + name, copy);
            Assert.Equal(await File.ReadAllBytesAsync(Path.Combine(Backups.Folder(appliance.Daemon, target), name)), copy.ToArray());
        }

        var missing = await appliance.Door.SendAsync("GET", "admin/datastore/main/download?" + query + "none.blob", headers: appliance.AdminPass.Headers);
        Assert.Equal(400, missing.Status);
        Assert.StartsWith("File open failed: ", missing.Text);
    }

    [Fact]
    public async Task W5_A_forgotten_snapshot_is_told_first_and_gone_then_and_a_read_one_is_held()
    {
        var target = Backups.NewTarget();
        await Backups.RunAsync(appliance.Client, target, Image.Make(10, 351));
        var query = $"backup-type=vm&backup-id={target.BackupId}&backup-time={target.BackupTimeS}";
        await using (await appliance.Client.StartReaderAsync(target))
        {
            var held = await Assert.ThrowsAsync<PbsException>(() => appliance.Client.DeleteAsync("admin/datastore/main/snapshots", query));
            Assert.Contains("it is in use", held.Message);
        }

        for (var i = 0; ; i++)
        {
            try
            {
                await appliance.Client.DeleteAsync("admin/datastore/main/snapshots", query);
                break;
            }
            catch (PbsException held) when (i < 100 && held.Message.Contains("in use"))
            {
                await Task.Delay(100);
            }
        }

        Assert.Empty(await Backups.ListedAsync(appliance.Client, target));
        Assert.False(Directory.Exists(Backups.Folder(appliance.Daemon, target)));
        var told = await LedgerView.ReadAsync(appliance.Daemon, Backups.Stream(target));
        Assert.Equal(["SnapshotForgotten", "SnapshotsRemoved"], told.TakeLast(2).Select(one => one.Type));
    }
}
