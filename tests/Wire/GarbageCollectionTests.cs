// Garbage collection of a running appliance: beside a running backup, told in the ledger before and after, its status as PBS's.
using System.Text.Json;
using Holdfast.Storage;
using Holdfast.Wire;
using Xunit;

namespace Holdfast.Tests.Wire;

/// <summary>On an appliance of its own: others leave garbage and damage indexes, and a collection that can't read an index removes nothing.</summary>
public sealed class GarbageCollectionTests : IAsyncLifetime
{
    private Daemon appliance = null!;

    public async Task InitializeAsync() => appliance = await Daemon.StartAsync();

    public async Task DisposeAsync() => await appliance.DisposeAsync();

    [Fact]
    public async Task Forgotten_chunks_go_those_of_a_running_backup_stay_and_all_is_told()
    {
        var never = (await appliance.Client.GetAsync("admin/datastore/main/gc")).GetProperty("data");
        Assert.Equal(JsonValueKind.Null, never.GetProperty("upid").ValueKind);
        Assert.False(never.TryGetProperty("cache-stats", out _));
        var (gone, kept) = (Backups.NewTarget(), Backups.NewTarget());
        var image = Image.Make(8_000, 501, 502, 503);
        await Backups.RunAsync(appliance.Client, gone, image);
        await Backups.RunAsync(appliance.Client, kept, Image.Make(8_000, 601));
        await appliance.Client.DeleteAsync("admin/datastore/main/snapshots",
            $"backup-type={gone.BackupType}&backup-id={gone.BackupId}&backup-time={gone.BackupTimeS}");

        // A backup that has uploaded one of the forgotten chunks and is not finished yet.
        var running = Backups.NewTarget();
        var next = Image.Make(9_000, 501, 777);
        await using (var writer = await appliance.Client.StartBackupAsync(running))
        {
            var wid = await writer.CreateFixedIndexAsync(Backups.ImageName, next.Bytes.Length);
            await writer.UploadChunkAsync(IndexKind.Fixed, wid, next.Pieces[0].Digest, Image.ChunkBytes, next.Pieces[0].Blob);
            var upid = await CollectAsync();
            var status = (await appliance.Client.GetAsync("admin/datastore/main/gc")).GetProperty("data");
            Assert.Equal(upid, status.GetProperty("upid").GetString());
            Assert.Equal("OK", status.GetProperty("last-run-state").GetString());
            Assert.Equal((1, 2), (status.GetProperty("pending-chunks").GetInt64(), status.GetProperty("removed-chunks").GetInt64()));
            Assert.True(File.Exists(Backups.ChunkPath(appliance, next.Pieces[0].Digest)));
            Assert.False(File.Exists(Backups.ChunkPath(appliance, image.Pieces[1].Digest)));
        }

        // It ended without finish: the next run needs no day of grace.
        await LedgerView.WaitAsync(appliance, events => events.Exists(one => one.Type == "BackupAborted"));
        await CollectAsync();
        Assert.False(File.Exists(Backups.ChunkPath(appliance, next.Pieces[0].Digest)));
        var verbose = (await appliance.Client.GetAsync("admin/datastore/main/status", "verbose=1")).GetProperty("data").GetProperty("gc-status");
        Assert.Equal(1, verbose.GetProperty("removed-chunks").GetInt64());
        Assert.Equal("main", (await appliance.Client.GetAsync("admin/gc")).GetProperty("data")[0].GetProperty("store").GetString());
        await Backups.AssertRestoresAsync(appliance.Client, kept, Image.Make(8_000, 601));
        Assert.False(Directory.Exists(Path.Combine(appliance.Store, ChunkStore.TrashFolder)));

        var told = (await LedgerView.ReadAsync(appliance, "gc:main")).ConvertAll(one => one.Type);
        Assert.Equal(["GarbageCollectionStarted", "GarbageCollectionMarked", "GarbageCollectionFinished"], told.Take(3));
    }

    private async Task<string> CollectAsync()
    {
        var upid = (await appliance.Client.PostAsync("admin/datastore/main/gc")).GetProperty("data").GetString()!;
        for (var i = 0; i < 600; i++)
        {
            var status = (await appliance.Client.GetAsync($"nodes/localhost/tasks/{Uri.EscapeDataString(upid)}/status")).GetProperty("data");
            if (status.GetProperty("status").GetString() == "stopped")
            {
                Assert.Equal("OK", status.GetProperty("exitstatus").GetString());
                return upid;
            }

            await Task.Delay(100);
        }

        throw new TimeoutException("the collection did not end");
    }
}
