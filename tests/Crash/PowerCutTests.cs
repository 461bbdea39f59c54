// Power cuts by seed over the product's own write path (reliability: F2): at every call of a script, with many shapes of what the disk kept. Settings by
// environment: POINTS (how many), SEED (of the first script), REPLAY=script:cut:disk (one point again). A failure is one line that replays.
using System.Diagnostics;
using Holdfast.Features.Snapshots;
using Holdfast.Features.Verify;
using Holdfast.Ledger;
using Holdfast.Storage;
using Xunit;
using Xunit.Abstractions;

namespace Holdfast.Tests.Crash;

public sealed class PowerCutTests(ITestOutputHelper output)
{
    private const int DisksPerCut = 8;

    [Fact]
    public async Task W2_W3_W4_W5_W6_A_power_cut_at_any_call_loses_nothing_that_was_answered()
    {
        if (Environment.GetEnvironmentVariable("REPLAY") is { Length: > 0 } replay)
        {
            var parts = replay.Split(':').Select(int.Parse).ToArray();
            var loss = await CutAsync(parts[0], parts[1], [parts[2]], disk => disk);
            Assert.True(loss.Loss is null, loss.Loss);
            return;
        }

        var (points, seed) = (Setting("POINTS", 2_000), Setting("SEED", 1));
        var watch = Stopwatch.StartNew();
        var (done, cuts, scripts, failure, kept) = await RunAsync(points, seed, disk => disk);
        output.WriteLine($"{done} points ({scripts} scripts, {cuts} cuts, {kept} disks with a snapshot whose finish was not answered), "
            + $"{done / watch.Elapsed.TotalSeconds:F0} points/s");
        Console.WriteLine($"power cuts: {done} points, {scripts} scripts, {cuts} cuts, {done / watch.Elapsed.TotalSeconds:F0} points/s, "
            + (failure is null ? "0 losses" : "FAILED"));
        Assert.True(failure is null, failure);
        Assert.True(kept > 0, "no cut fell between the manifest and the answer: the script is too kind");
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task Canary_a_sync_that_is_left_out_is_caught(bool skipSyncAll, bool skipSyncFolder)
    {
        var (done, _, _, failure, _) = await RunAsync(4_000, 1, disk => new LyingVolume(disk, skipSyncAll, skipSyncFolder));
        output.WriteLine($"caught after {done} points: {failure}");
        Assert.NotNull(failure);
    }

    private static async Task<(int Points, int Cuts, int Scripts, string? Failure, int Kept)> RunAsync(
        int points, int firstScript, Func<SimulatedVolume, Volume> volumeOf)
    {
        var (done, cuts, kept, script) = (0, 0, 0, firstScript);
        for (; done < points; script++)
        {
            for (var cut = 1; done < points; cut++)
            {
                var disks = Enumerable.Range(0, DisksPerCut).Select(i => unchecked(script * 7919 + cut * 31 + i)).ToArray();
                var (loss, ran, unanswered) = await CutAsync(script, cut, disks, volumeOf);
                done += disks.Length;
                kept += unanswered;
                cuts++;
                if (loss is not null)
                {
                    return (done, cuts, script - firstScript + 1, loss, kept);
                }

                if (ran)
                {
                    break;
                }
            }
        }

        return (done, cuts, script - firstScript, null, kept);
    }

    /// <summary>Runs a script, cuts it at one call, and looks at what several disks kept.</summary>
    /// <returns>A loss as a line that replays; whether the script ran to its end; disks that kept more than was answered.</returns>
    private static async Task<(string? Loss, bool RanToEnd, int Unanswered)> CutAsync(
        int script, int cut, int[] disks, Func<SimulatedVolume, Volume> volumeOf)
    {
        var disk = new SimulatedVolume();
        await using var appliance = await SimulatedAppliance.StartAsync(volumeOf(disk), new MemoryLedger(TimeProvider.System));
        long? committed = null;
        var run = new BackupScript(script, appliance, () => committed is not null);
        await run.PrepareAsync();
        var cutAt = disk.Calls + cut;
        disk.Fault = call =>
        {
            if (call.Number < cutAt)
            {
                return 0;
            }

            committed ??= appliance.Ledger.Head.Position;
            throw new SimulatedPowerCutException();
        };
        await run.RunAsync();
        var ranToEnd = committed is null;
        var upTo = committed ??= appliance.Ledger.Head.Position;
        var unanswered = 0;
        foreach (var seed in disks)
        {
            try
            {
                unanswered += await RecoverAsync(disk.Crash(seed), await SimulatedAppliance.CopyAsync(appliance.Ledger, upTo), run, seed);
            }
            catch (Exception error) when (error is LossException or StorageException or SimulatedPowerCutException or InvalidOperationException)
            {
                return ($"REPLAY={script}:{cut}:{seed} make crash   # {error.Message}", ranToEnd, unanswered);
            }
        }

        return (null, ranToEnd, unanswered);
    }

    /// <summary>Starts on what is left, and asks the four oracles; then goes on working, and the power goes once more.</summary>
    private static async Task<int> RecoverAsync(SimulatedVolume disk, MemoryLedger ledger, BackupScript run, int seed)
    {
        var unanswered = 0;
        await using (var after = await SimulatedAppliance.StartAsync(disk, ledger))
        {
            unanswered = await Oracles.AskAsync(after, run.Promises);
            if (seed % 4 == 2)
            {
                await Oracles.AssertOnlyGarbageIsCollectedAsync(after, run.Promises);
            }

            if (seed % 4 == 0)
            {
                // The same chunks come again: what the cut tore may not be taken for good.
                var again = new BackupScript(seed, after, () => false);
                await again.AgainAsync();
                foreach (var promise in run.Promises)
                {
                    again.Promises.Add(promise);
                }

                var later = disk.Crash(seed + 1);
                await using var third = await SimulatedAppliance.StartAsync(later, await SimulatedAppliance.CopyAsync(ledger, ledger.Head.Position));
                await Oracles.AskAsync(third, again.Promises);
            }
        }

        return unanswered;
    }

    private static int Setting(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), out var value) ? value : otherwise;
}

/// <summary>Something that was promised is not so.</summary>
internal sealed class LossException(string message) : Exception(message);

/// <summary>The four oracles of a crash (docs/write-order.md).</summary>
internal static class Oracles
{
    /// <summary>Asks all four; returns how many snapshots are there whose finish was asked but not answered.</summary>
    public static async Task<int> AskAsync(SimulatedAppliance appliance, IReadOnlyList<Promise> promises)
    {
        var unanswered = 0;
        foreach (var promise in promises)
        {
            var listed = appliance.IsListed(promise.Group, promise.Time);
            if (promise.Finished && !promise.ForgetAsked && !listed)
            {
                throw new LossException($"{Name(promise)} was acknowledged and is not there");
            }

            if (listed && (!promise.FinishAsked || promise.Forgotten))
            {
                throw new LossException($"{Name(promise)} is listed, though it was {(promise.Forgotten ? "forgotten" : "never finished")}");
            }

            if (listed)
            {
                AssertRestores(appliance.Store, promise);
                unanswered += promise.Finished ? 0 : 1;
            }
        }

        var known = promises.Select(Name).ToHashSet();
        var stranger = appliance.Folds.Snapshots.State.InStore("main")
            .SelectMany(group => group.Snapshots.Values, (group, one) => group.Key.SnapshotPath(one.BackupTime))
            .FirstOrDefault(name => !known.Contains(name));
        if (stranger is not null)
        {
            throw new LossException($"{stranger} is listed and nobody made it");
        }

        AssertChunksAreSound(appliance.Store);
        await AssertNothingWasCalledBadAsync(appliance.Ledger);
        var chain = await ChainVerifier.VerifyAsync(appliance.Ledger);
        if (!chain.IsGood)
        {
            throw new LossException(chain.ToString());
        }

        foreach (var fold in await appliance.Folds.Set.RebuildAndCompareAsync())
        {
            if (!fold.IsEqual)
            {
                throw new LossException($"fold {fold.Name} differs from its rebuild");
            }
        }

        return unanswered;
    }

    /// <summary>A collection and a verification after the cut: no chunk is left that nobody names, none is gone that somebody needs.</summary>
    public static async Task AssertOnlyGarbageIsCollectedAsync(SimulatedAppliance appliance, IReadOnlyList<Promise> promises)
    {
        foreach (var path in new[] { "/admin/datastore/main/gc", "/admin/datastore/main/verify?ignore-verified=0" })
        {
            if (await appliance.RunAsync(path) is var status && status != "OK")
            {
                throw new LossException($"after the cut: {path}: {status}");
            }
        }

        var listed = promises.Where(promise => appliance.IsListed(promise.Group, promise.Time)).ToList();
        listed.ForEach(promise => AssertRestores(appliance.Store, promise));
        var named = listed.SelectMany(promise => promise.Chunks).ToHashSet();
        var stray = appliance.Store.Chunks.ListPrefixes().SelectMany(appliance.Store.Chunks.List).FirstOrDefault(digest => !named.Contains(digest.ToString()));
        if (stray != default)
        {
            throw new LossException($"chunk {stray} is garbage, and a collection left it");
        }

        await AssertNothingWasCalledBadAsync(appliance.Ledger);
    }

    /// <summary>A power cut damages no chunk that a snapshot names: nobody may say so.</summary>
    private static async Task AssertNothingWasCalledBadAsync(MemoryLedger ledger)
    {
        await foreach (var one in ledger.ReadAsync())
        {
            if (one.Type == ChunkFoundCorrupt.EventType || one.Type == ChunkFoundMissing.EventType || one.Type == SnapshotMissing.EventType)
            {
                throw new LossException($"{one.Type} at {one.Position}");
            }
        }
    }

    private static void AssertRestores(Datastore store, Promise promise)
    {
        var reader = SnapshotReader.Open(store, BackupNamespace.Root, SnapshotName.Parse(Name(promise)));
        if (reader.Manifest.Files.Count != 3)
        {
            throw new LossException($"{Name(promise)}: {reader.Manifest.Files.Count} archives");
        }

        foreach (var file in reader.Manifest.Files)
        {
            byte[] content;
            if (file.Kind == ArchiveKind.Blob)
            {
                content = reader.ReadBlob(file.Name);
            }
            else
            {
                content = new byte[file.SizeBytes];
                using var index = reader.OpenIndex(file.Name);
                for (var i = 0; i < index.Count; i++)
                {
                    var entry = index[i];
                    store.Chunks.ReadData(entry.Digest, content.AsSpan((int)entry.Start, (int)entry.SizeBytes), null);
                }
            }

            if (!content.AsSpan().SequenceEqual(promise.Archives[file.Name]))
            {
                throw new LossException($"{Name(promise)}: {file.Name} has other bytes");
            }
        }
    }

    /// <summary>Once what lay around unsynced has been read back, every chunk that is left is what its name says.</summary>
    private static void AssertChunksAreSound(Datastore store)
    {
        store.RemoveTornChunks(store.FindTornChunks(CancellationToken.None));
        var buffer = new byte[64 * 1024];
        foreach (var prefix in store.Chunks.ListPrefixes())
        {
            foreach (var digest in store.Chunks.List(prefix))
            {
                var raw = buffer.AsSpan(0, store.Chunks.ReadRaw(digest, buffer));
                if (Digest.Of(DataBlob.DecodeToArray(raw, buffer.Length, null, "chunk")) != digest)
                {
                    throw new LossException($"chunk {digest} has other bytes");
                }
            }
        }
    }

    private static string Name(Promise promise) => promise.Group.SnapshotPath(promise.Time);
}
