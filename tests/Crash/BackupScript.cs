// A small life of a datastore, made from a seed and cut anywhere. Even seeds: backups whole and incremental, sessions that share chunks, one that is aborted, a
// snapshot forgotten. Odd seeds: upkeep, in any order and beside a running backup: prune, garbage collection, verification, snapshots and groups forgotten.
// Keeps account of what was answered, which is what must survive.
using System.Text.Json;
using Holdfast.Features.Snapshots;
using Holdfast.Storage;
using Holdfast.Tests.Wire;
using Holdfast.Wire;

namespace Holdfast.Tests.Crash;

/// <summary>What is known of a snapshot from its client's side.</summary>
internal sealed class Promise(GroupKey group, long time)
{
    public GroupKey Group => group;

    public long Time => time;

    /// <summary>Content of its archives by name.</summary>
    public Dictionary<string, byte[]> Archives { get; } = [];

    /// <summary>Digests of all chunks that its indexes name.</summary>
    public HashSet<string> Chunks { get; } = [];

    /// <summary>The client asked to finish: from now on it may be there.</summary>
    public bool FinishAsked { get; set; }

    /// <summary>The client was told that it is finished: it must be there.</summary>
    public bool Finished { get; set; }

    public bool ForgetAsked { get; set; }

    /// <summary>The client was told that it is gone: it must not come back.</summary>
    public bool Forgotten { get; set; }
}

internal sealed class BackupScript(int seed, SimulatedAppliance appliance, Func<bool> isCut)
{
    private const int Pool = 12;
    private static readonly byte[][] Data = [.. Enumerable.Range(0, Pool).Select(i => Noise(i, 300 + i * 700))];
    private static readonly Piece[] Pieces = [.. Data.Select(data => Piece.Of(data))];
    private readonly Random random = new(seed);

    public List<Promise> Promises { get; } = [];

    private static GroupKey Machine => new("main", "", "vm", "1");

    private static GroupKey Other => new("main", "", "ct", "2");

    private bool IsUpkeep => seed % 2 != 0;

    /// <summary>The part that is never cut: backups, acknowledged.</summary>
    public async Task PrepareAsync()
    {
        await BackupAsync(Machine, 1_700_000_000, end: true);
        for (var i = 1; IsUpkeep && i < 4; i++)
        {
            await BackupAsync(i % 2 == 0 ? Other : Machine, 1_700_000_000 + i, end: true);
        }
    }

    /// <summary>The part that is cut; ends early once it was.</summary>
    public Task RunAsync() => IsUpkeep ? KeepUpAsync() : BackUpAsync();

    /// <summary>After a recovery: the same data once more, in a group of its own.</summary>
    public Task AgainAsync() => BackupAsync(new GroupKey("main", "", "host", "again"), 1_800_000_000, end: true);

    private async Task BackUpAsync()
    {
        var (group, other) = (Machine, Other);
        var shared = random.Next(3) == 0 ? await BeginAsync(other, 1_700_000_010) : null;
        if (shared is { } begun)
        {
            // Its chunks are on disk, nobody has synced them, and the next backup finds them there.
            await UploadAsync(begun.Session, begun.Promise);
        }

        await BackupAsync(group, 1_700_000_100, end: true);
        if (shared is { } open)
        {
            await (random.Next(2) == 0 ? FinishAsync(open.Session, open.Promise) : Task.CompletedTask);
            await EndAsync(open.Session);
        }

        if (random.Next(3) == 0)
        {
            await ForgetAsync(Promises[0]);
        }

        await BackupAsync(group, 1_700_000_200, end: random.Next(4) != 0);
    }

    /// <summary>Four works of upkeep, the last of them a collection, beside a backup that has begun and ends somewhere among them.</summary>
    private async Task KeepUpAsync()
    {
        var beside = random.Next(2) == 0 ? await BeginAsync(Machine, 1_700_000_100) : null;
        if (beside is { } begun)
        {
            await UploadAsync(begun.Session, begun.Promise);
        }

        var endsBefore = random.Next(4);
        for (var i = 0; i < 4; i++)
        {
            if (beside is { } open && i == endsBefore)
            {
                await (random.Next(3) > 0 ? FinishAsync(open.Session, open.Promise) : Task.CompletedTask);
                await EndAsync(open.Session);
            }

            await (i == 3 ? CollectAsync() : random.Next(6) switch
            {
                0 or 1 => PruneAsync(1 + random.Next(2)),
                2 => CollectAsync(),
                3 => VerifyAsync(),
                4 => ForgetAsync(Promises[random.Next(4)]),
                _ => ForgetGroupAsync(Other),
            });
        }
    }

    private async Task PruneAsync(int keepLast)
    {
        var finished = Promises.Where(one => one.FinishAsked).GroupBy(one => one.Group)
            .SelectMany(group => group.OrderByDescending(one => one.Time).Skip(keepLast));
        await GoAsync([.. finished], async () => await appliance.RunAsync($"/admin/datastore/main/prune-datastore?keep-last={keepLast}") == "OK");
    }

    private Task ForgetGroupAsync(GroupKey group) => GoAsync(
        [.. Promises.Where(one => one.Group == group)],
        async () => (await appliance.CallAsync("DELETE",
            $"/admin/datastore/main/groups?backup-type={group.BackupType}&backup-id={group.BackupId}")).Status == 200);

    private Task ForgetAsync(Promise promise) => GoAsync([promise], async () => (await appliance.CallAsync("DELETE",
        "/admin/datastore/main/snapshots"
        + $"?backup-type={promise.Group.BackupType}&backup-id={promise.Group.BackupId}&backup-time={promise.Time}")).Status == 200);

    /// <summary>Something by which these may go; gone are those that a listing after a good answer does not show.</summary>
    private async Task GoAsync(List<Promise> these, Func<Task<bool>> work)
    {
        if (isCut())
        {
            return;
        }

        these.ForEach(promise => promise.ForgetAsked = true);
        if (!await work())
        {
            return;
        }

        var gone = these.Where(promise => promise.Finished && !appliance.IsListed(promise.Group, promise.Time)).ToList();
        if (!isCut())
        {
            gone.ForEach(promise => promise.Forgotten = true);
        }
    }

    private Task CollectAsync() => UpkeepAsync("/admin/datastore/main/gc");

    private Task VerifyAsync() => UpkeepAsync($"/admin/datastore/main/verify?ignore-verified={random.Next(2)}");

    /// <summary>A work that must go well, whatever runs beside it.</summary>
    private async Task UpkeepAsync(string path)
    {
        if (isCut())
        {
            return;
        }

        var status = await appliance.RunAsync(path);
        if (status != "OK" && !isCut())
        {
            throw new InvalidOperationException($"seed {seed}: {path}: {status}");
        }
    }

    private async Task BackupAsync(GroupKey group, long time, bool end)
    {
        if (await BeginAsync(group, time) is not { } begun)
        {
            return;
        }

        await UploadAsync(begun.Session, begun.Promise);
        if (end)
        {
            await FinishAsync(begun.Session, begun.Promise);
        }

        await EndAsync(begun.Session);
    }

    private async Task<(IUpgradedSession Session, Promise Promise)?> BeginAsync(GroupKey group, long time)
    {
        if (isCut())
        {
            return null;
        }

        var promise = new Promise(group, time);
        Promises.Add(promise);
        try
        {
            return (await appliance.OpenSessionAsync(group, time), promise);
        }
        catch (Exception) when (isCut())
        {
            // The power went while it opened.
            return null;
        }
    }

    private async Task UploadAsync(IUpgradedSession session, Promise promise)
    {
        var manifest = new Manifest(SnapshotName.Parse(promise.Group.SnapshotPath(promise.Time)));
        var chunks = Enumerable.Range(0, 1 + random.Next(5)).Select(_ => random.Next(Pool)).ToArray();
        await DynamicAsync(session, promise, manifest, chunks);
        await FixedAsync(session, promise, manifest, random.Next(Pool));
        var conf = Noise(seed + 1000, 400);
        var blob = DataBlob.Encode(conf);
        await CallAsync(session, "POST", $"/blob?file-name=vm.conf.blob&encoded-size={blob.Length}", blob);
        promise.Archives["vm.conf.blob"] = conf;
        manifest.Add(new ManifestFile("vm.conf.blob", CryptMode.None, blob.Length, Digest.Of(blob)));
        var index = manifest.ToBlob();
        await CallAsync(session, "POST", $"/blob?file-name=index.json.blob&encoded-size={index.Length}", index);
    }

    private async Task DynamicAsync(IUpgradedSession session, Promise promise, Manifest manifest, int[] chunks)
    {
        await CallAsync(session, "POST", "/dynamic_index?archive-name=root.pxar.didx");
        var offset = 0L;
        foreach (var chunk in chunks)
        {
            var piece = Pieces[chunk];
            await CallAsync(session, "POST",
                $"/dynamic_chunk?wid=1&digest={piece.Digest}&size={piece.SizeBytes}&encoded-size={piece.Blob.Length}", piece.Blob);
            await AppendAsync(session, "dynamic", 1, piece.Digest, offset);
            offset += piece.SizeBytes;
        }

        var csum = Image.DynamicCsum(chunks.Select(chunk => Pieces[chunk]));
        await CallAsync(session, "POST", $"/dynamic_close?wid=1&chunk-count={chunks.Length}&size={offset}&csum={csum}");
        promise.Chunks.UnionWith(chunks.Select(chunk => Pieces[chunk].Digest));
        promise.Archives["root.pxar.didx"] = [.. chunks.SelectMany(chunk => Data[chunk])];
        manifest.Add(new ManifestFile("root.pxar.didx", CryptMode.None, offset, Digest.Parse(csum)));
    }

    private async Task FixedAsync(IUpgradedSession session, Promise promise, Manifest manifest, int chunk)
    {
        var piece = Pieces[chunk];
        await CallAsync(session, "POST", $"/fixed_index?archive-name=disk.img.fidx&size={piece.SizeBytes}");
        await CallAsync(session, "POST",
            $"/fixed_chunk?wid=2&digest={piece.Digest}&size={piece.SizeBytes}&encoded-size={piece.Blob.Length}", piece.Blob);
        await AppendAsync(session, "fixed", 2, piece.Digest, 0);
        var csum = Image.FixedCsum([piece.Digest]);
        await CallAsync(session, "POST", $"/fixed_close?wid=2&chunk-count=1&size={piece.SizeBytes}&csum={csum}");
        promise.Chunks.Add(piece.Digest);
        promise.Archives["disk.img.fidx"] = Data[chunk];
        manifest.Add(new ManifestFile("disk.img.fidx", CryptMode.None, piece.SizeBytes, Digest.Parse(csum)));
    }

    private async Task FinishAsync(IUpgradedSession session, Promise promise)
    {
        if (isCut())
        {
            return;
        }

        promise.FinishAsked = true;
        promise.Finished = await CallAsync(session, "POST", "/finish");
    }

    private Task AppendAsync(IUpgradedSession session, string kind, int wid, string digest, long offset) =>
        CallAsync(session, "PUT", $"/{kind}_index", JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, object>
        {
            ["wid"] = wid, ["digest-list"] = new[] { digest }, ["offset-list"] = new[] { offset },
        }), "application/json");

    /// <summary>True if the answer came before the power went; a refusal without a cut is a fault of the script.</summary>
    private async Task<bool> CallAsync(IUpgradedSession session, string method, string path, byte[]? body = null, string? type = null)
    {
        if (isCut())
        {
            return false;
        }

        var exchange = new MemoryExchange(method, path, body ?? [], type);
        await session.HandleAsync(exchange);
        return isCut() ? false
            : exchange.Status == 200 ? true
            : throw new InvalidOperationException($"seed {seed}: {method} {path}: {exchange.Status} {exchange.Text}");
    }

    private async Task EndAsync(IUpgradedSession session)
    {
        try
        {
            await session.EndAsync(null);
        }
        catch (Exception) when (isCut())
        {
            // Nobody is there any more to end it.
        }
    }

    private static byte[] Noise(int seed, int length)
    {
        var data = new byte[length];
        new Random(seed).NextBytes(data);
        return data;
    }
}
