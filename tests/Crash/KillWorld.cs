// What the client of a daemon that is killed knows: which snapshots it was told are there or gone. And the four oracles, asked of the daemon that comes up
// after it.
using System.Text.Json;
using Holdfast.Storage;
using Holdfast.Tests.Wire;
using Holdfast.Wire;
using Xunit;

namespace Holdfast.Tests.Crash;

/// <summary>A snapshot from its client's side.</summary>
internal sealed class Kept(SessionTarget target, Image image)
{
    public SessionTarget Target => target;

    public Image Image => image;

    public bool FinishAsked { get; set; }

    public bool Finished { get; set; }

    public bool ForgetAsked { get; set; }

    public bool Forgotten { get; set; }
}

internal sealed class KillWorld(Daemon daemon)
{
    private const int LookedAt = 4;

    /// <summary>Far beyond anything but a hang, also on a machine that does ten other things.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);
    private readonly List<Kept> kept = [];
    private int runs;

    /// <summary>Snapshots that were answered and, by a listing, are still there.</summary>
    public IEnumerable<Kept> Acknowledged => kept.Where(one => one.Finished && !one.Forgotten);

    /// <summary>A number that nobody had yet.</summary>
    public int Next() => ++runs;

    /// <summary>A small backup into a group; whatever happens to it, it is kept account of.</summary>
    public async Task<Kept> BackupAsync(string id, int run, params int[] chunks)
    {
        var last = Acknowledged.LastOrDefault(one => one.Target.BackupId == id && !one.ForgetAsked);
        var mine = new Kept(new SessionTarget("main", "vm", id, 1_700_000_000 + run), Image.Make(500, chunks));
        kept.Add(mine);
        using var limit = new CancellationTokenSource(Limit);
        await using var writer = await daemon.Client.StartBackupAsync(mine.Target, limit.Token);
        if (last is not null)
        {
            await writer.PreviousAsync(Backups.ManifestName, limit.Token);
            await writer.PreviousAsync(Backups.ImageName, limit.Token);
        }

        await Backups.UploadAsync(writer, mine.Target, mine.Image).WaitAsync(limit.Token);
        mine.FinishAsked = true;
        await writer.FinishAsync(limit.Token);
        mine.Finished = true;
        return mine;
    }

    /// <summary>Whatever takes these away; once it was answered, they are gone.</summary>
    public static async Task ForgetAsync(IReadOnlyList<Kept> these, Func<Task> call)
    {
        foreach (var one in these)
        {
            one.ForgetAsked = true;
        }

        await call().WaitAsync(Limit);
        foreach (var one in these)
        {
            one.Forgotten = true;
        }
    }

    public async Task DeleteAsync(Kept one) => await daemon.Client.DeleteAsync(
        "admin/datastore/main/snapshots", $"backup-type=vm&backup-id={one.Target.BackupId}&backup-time={one.Target.BackupTimeS}");

    public Task<JsonElement> PostAsync(string path, Dictionary<string, object>? body = null) =>
        daemon.Client.PostAsync("admin/datastore/main/" + path, body).WaitAsync(Limit);

    /// <summary>A task from its start to its good end.</summary>
    public async Task RunTaskAsync(string path, Dictionary<string, object>? body = null)
    {
        var upid = Uri.EscapeDataString((await PostAsync(path, body)).GetProperty("data").GetString()!);
        using var limit = new CancellationTokenSource(Limit);
        while (true)
        {
            var status = (await daemon.Client.GetAsync($"nodes/localhost/tasks/{upid}/status", "", limit.Token)).GetProperty("data");
            if (status.TryGetProperty("exitstatus", out var exit))
            {
                Assert.True(exit.GetString() == "OK", $"{path}: {exit.GetString()}");
                return;
            }

            await Task.Delay(50, limit.Token);
        }
    }

    /// <summary>The oracles: what was answered restores, what was never finished or is gone is not listed, chunks are sound, ledger and folds agree.</summary>
    public async Task AskAsync(KillScript script)
    {
        await SettledAsync();
        var names = (await daemon.Client.GetAsync("admin/datastore/main/snapshots")).GetProperty("data").EnumerateArray()
            .Where(item => item.TryGetProperty("size", out _)) // What has none is under way.
            .Select(item => (item.GetProperty("backup-id").GetString(), item.GetProperty("backup-time").GetInt64())).ToHashSet();
        foreach (var one in kept)
        {
            Take(one, names.Remove((one.Target.BackupId, one.Target.BackupTimeS)));
        }

        Assert.Empty(names);
        var listed = kept.Where(one => one.Finished).ToList();

        foreach (var one in kept.TakeLast(1).Concat(listed.TakeLast(LookedAt)))
        {
            await AssertIsSoundAsync(one);
        }

        if (script.LeavesGarbage)
        {
            await AssertACollectionLeavesOnlyAsync(listed);
        }

        kept.RemoveAll(one => one.Forgotten);
        await AssertLedgerAsync();
    }

    private void Take(Kept one, bool isListed)
    {
        var name = Backups.Name(one.Target);
        Assert.True(isListed || !one.Finished || one.ForgetAsked, $"{name} was acknowledged and is not there");
        Assert.True(!isListed || one.FinishAsked, $"{name} is listed, though nobody finished it");
        Assert.True(!isListed || !one.Forgotten, $"{name} is listed, though it was forgotten");
        Assert.True(isListed || !Directory.Exists(Backups.Folder(daemon, one.Target)), $"the folder of {name} is left");
        (one.Finished, one.ForgetAsked, one.Forgotten) = (isListed, false, !isListed);
    }

    /// <summary>What the start goes on with has ended.</summary>
    private async Task SettledAsync()
    {
        for (var i = 0; (await daemon.Client.GetAsync("nodes/localhost/tasks", "running=1")).GetProperty("data").GetArrayLength() > 0; i++)
        {
            Assert.True(i < 600, "after a minute a task still runs");
            await Task.Delay(100);
        }
    }

    private async Task AssertIsSoundAsync(Kept one)
    {
        if (one.Finished)
        {
            await Backups.AssertRestoresAsync(daemon.Client, one.Target, one.Image);
        }

        foreach (var path in one.Image.Pieces.Select(piece => Backups.ChunkPath(daemon, piece.Digest)).Where(File.Exists))
        {
            var raw = await File.ReadAllBytesAsync(path);
            Assert.Null(DataBlob.Check(raw, out _));
            Assert.Equal(Path.GetFileName(path), Digest.Of(DataBlob.DecodeToArray(raw, Image.ChunkBytes, null, path)).ToString());
        }
    }

    /// <summary>Every chunk is named by a snapshot, or goes with the next collection; none that is named goes with it.</summary>
    private async Task AssertACollectionLeavesOnlyAsync(List<Kept> listed)
    {
        await RunTaskAsync("gc");
        var named = listed.SelectMany(one => one.Image.Pieces).Select(piece => piece.Digest).ToHashSet();
        var left = Directory.EnumerateFiles(Path.Combine(daemon.Store, ".chunks"), "*", SearchOption.AllDirectories).Select(Path.GetFileName).ToHashSet();
        Assert.Empty(named.Except(left!));
        Assert.Empty(left.Except(named!));
    }

    private async Task AssertLedgerAsync()
    {
        var told = await LedgerView.ReadAsync(daemon);
        string[] never = ["ChunkFoundCorrupt", "ChunkFoundMissing", "SnapshotMissing"];
        Assert.DoesNotContain(told, one => never.Contains(one.Type));
        var starts = told.Count(one => one.Type == "BackupStarted");
        var ends = told.Count(one => one.Type is "BackupFinished" or "BackupAborted" or "SnapshotDiscovered");
        Assert.Equal(starts, ends);
        Assert.Equal(told.Count(one => one.Type == "PruneDecided"), told.Count(one => one.Type == "PruneFinished"));
        await LedgerView.AssertFoldsEqualTheirRebuildAsync(daemon);
    }
}

/// <summary>Something that a daemon does while it is killed.</summary>
internal sealed record KillScript(string Name, Func<KillWorld, Task> Prepare, Func<KillWorld, Task> Act)
{
    private const int ChunkOfAll = 1;

    public static readonly IReadOnlyList<KillScript> All =
    [
        new("fresh", _ => Task.CompletedTask, world =>
        {
            var run = world.Next();
            return world.BackupAsync($"fresh{run}", run, run * 10, (run * 10) + 1, (run * 10) + 2);
        }),
        new("incremental", _ => Task.CompletedTask, world => BackupAsync(world, "steady")),
        new("prune", world => FillAsync(world, "pruned", 3), async world =>
        {
            var going = Of(world, "pruned").SkipLast(1).ToList();
            var wish = new Dictionary<string, object> { ["backup-type"] = "vm", ["backup-id"] = "pruned", ["keep-last"] = 1 };
            await KillWorld.ForgetAsync(going, () => world.PostAsync("prune", wish));
        }) { LeavesGarbage = true },
        new("forget", world => FillAsync(world, "forgotten", 1), async world =>
        {
            var one = Of(world, "forgotten").First();
            await KillWorld.ForgetAsync([one], () => world.DeleteAsync(one));
        }),
        new("collect", async world =>
        {
            await FillAsync(world, "shrinking", 2);
            var one = Of(world, "shrinking").First();
            await KillWorld.ForgetAsync([one], () => world.DeleteAsync(one));
        }, world => world.RunTaskAsync("gc")) { LeavesGarbage = true },
        new("verify", world => FillAsync(world, "verified", 1), world => world.RunTaskAsync("verify", new Dictionary<string, object>
        {
            ["backup-type"] = "vm", ["backup-id"] = "verified", ["ignore-verified"] = false,
        })),
    ];

    /// <summary>A collection after it must find exactly what nobody names.</summary>
    public bool LeavesGarbage { get; private init; }

    private static Task BackupAsync(KillWorld world, string id)
    {
        var run = world.Next();
        return world.BackupAsync(id, run, ChunkOfAll, run * 10, 3);
    }

    private static async Task FillAsync(KillWorld world, string id, int count)
    {
        while (Of(world, id).Count() < count)
        {
            await BackupAsync(world, id);
        }
    }

    private static IEnumerable<Kept> Of(KillWorld world, string id) => world.Acknowledged.Where(one => one.Target.BackupId == id);
}
