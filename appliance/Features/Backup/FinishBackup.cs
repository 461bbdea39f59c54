// finish: the moment of truth. Everything durable, then the manifest, then the event, then the answer (docs/write-order.md, W2 to W4).
using Holdfast.Features.Events;
using Holdfast.Features.Snapshots;
using Holdfast.Features.Verify;
using Holdfast.Ledger;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Features.Backup;

/// <summary>Brings a session to its good end.</summary>
/// <param name="corrupt">Knows the chunks that were found bad; null = none is.</param>
/// <param name="finished">Told of a backup that finished, once its leases are free.</param>
public sealed class FinishBackup(
    Recorder recorder, TimeProvider clock, TimeSpan patience, CorruptChunks? corrupt = null, Action<BackupSession>? finished = null)
{
    /// <summary>Makes the backup durable, publishes its manifest, records it. When this returns, it survives a power cut.</summary>
    /// <exception cref="ApiException">Refused or failed; the session goes on and may be finished again or dropped.</exception>
    public async Task RunAsync(BackupSession session, CancellationToken cancel)
    {
        using var turn = await session.BeginEndingAsync().ConfigureAwait(false);
        if (session.RefuseFinish() is { } refusal)
        {
            throw new ApiException(refusal);
        }

        if (session.Store.Doubtful.Contains(session.Group))
        {
            // An earlier try may have been committed after all: recording it again could tell it twice. Reconciliation decides (W6, W8).
            throw new ApiException(503, LedgerAway.Text);
        }

        if (session.Benchmark)
        {
            // Nothing of a speed test is kept: its end without finish removes it.
            return;
        }

        if (session.Previous is { } previous
            && !session.Store.Bytes.SnapshotExists(session.Group.Namespace, session.Group.At(previous.BackupTime)))
        {
            throw new ApiException($"base snapshot {session.Group.SnapshotPath(previous.BackupTime)} was removed during backup, "
                + "cannot finish as chunks might be missing");
        }

        RequireSound(session);
        var manifest = ReadManifest(session);
        manifest.ChunkUploadStats = session.Uploads;
        var blob = manifest.ToBlob();
        RequireRecordable(EventsOf(session, manifest, blob));

        // Waiting here, before the manifest is in place, keeps the time short in which disk and ledger differ.
        await WaitForLedgerAsync(cancel).ConfigureAwait(false);
        await Task.Run(() => Publish(session, blob), CancellationToken.None).ConfigureAwait(false);
        await RecordAsync(session, manifest, blob).ConfigureAwait(false);

        // From here on it is a backup, whatever else fails: the end of the connection must not take it away again.
        session.TryEnd();
        if (corrupt is not null && session.Healed is { Count: > 0 } healed)
        {
            await corrupt.HealedAsync(session.Group.Store, healed, "uploaded", session.Metadata).ConfigureAwait(false);
        }

        session.Log("backup finished successfully");
        session.Release();
        finished?.Invoke(session);
    }

    /// <summary>A chunk that this backup took over from its base may have been found bad since: a snapshot that names it is lost from the start.</summary>
    private void RequireSound(BackupSession session)
    {
        var store = session.Group.Store;
        if (corrupt?.Known(store) is not { Count: > 0 })
        {
            return;
        }

        var healed = session.Healed;
        foreach (var archive in session.Finished.Where(archive => archive.ChunkCount > 0))
        {
            using var index = session.Folder.OpenIndex(archive.Filename);
            if (IndexSearch.FirstBad(index, digest => corrupt.IsBad(store, digest) && !healed.Contains(digest)) is { } bad)
            {
                throw new ApiException($"chunk {bad} of '{archive.Filename}' was found corrupt or missing during the backup - run it again");
            }
        }
    }

    private static void Publish(BackupSession session, byte[] blob)
    {
        session.Store.Bytes.MakeDurable();
        session.Folder.PublishManifest(blob);
    }

    private async Task WaitForLedgerAsync(CancellationToken cancel)
    {
        var started = clock.GetTimestamp();
        while (!recorder.Ledger.IsAvailable)
        {
            if (clock.GetElapsedTime(started) > patience)
            {
                throw new ApiException(LedgerAway.Text);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100), clock, cancel).ConfigureAwait(false);
        }
    }

    /// <summary>What the ledger would not take is refused before there is a manifest on disk.</summary>
    private static void RequireRecordable(List<NewEvent> events)
    {
        const int slackBytes = 64; // Its duration gets a digit more until it is recorded.
        if (events.Count > LedgerLimits.MaxAppendEvents || events.Exists(one => one.Data.Length > LedgerLimits.MaxDataBytes - slackBytes)
            || events.Sum(one => (long)one.Data.Length) > LedgerLimits.MaxAppendBytes - slackBytes)
        {
            throw new ApiException("unable to update manifest blob - it holds more than can be recorded of a backup");
        }
    }

    private List<NewEvent> EventsOf(BackupSession session, Manifest manifest, byte[] blob)
    {
        var group = session.Group;
        var uploads = session.Uploads;
        var content = SnapshotContents.Of(manifest, blob.Length, isProtected: false);
        var durationMs = (long)clock.GetElapsedTime(session.StartedAt).TotalMilliseconds;
        var finished = new BackupFinished(group.Store, group.Ns, group.BackupType, group.BackupId, session.BackupTime, content,
            uploads.Count, uploads.SizeBytes, uploads.Duplicates, durationMs);
        List<NewEvent> events = [.. session.Finished.Select(archive => Event.Of(archive, session.Metadata)), Event.Of(finished, session.Metadata)];
        if (BackupTimeInFuture.If(group, session.BackupTime, clock.GetUtcNow()) is { } ahead)
        {
            events.Add(Event.Of(ahead, session.Metadata));
        }

        return events;
    }

    private async Task RecordAsync(BackupSession session, Manifest manifest, byte[] blob)
    {
        var (group, events) = (session.Group, EventsOf(session, manifest, blob));
        try
        {
            // The session holds the group's lease: nobody else decides in its stream, so any version is the expected one. The outcome must be
            // known even if the client has gone: no cancellation.
            await recorder.DecideAsync(group.Stream, ExpectedVersion.Any, events, patience, CancellationToken.None).ConfigureAwait(false);
        }
        catch (LedgerUnavailableException)
        {
            // The commit may or may not have happened. The data stays; what it is will be decided with the ledger at hand (W6, W9).
            session.Store.Doubtful.Add(group);
            throw new ApiException(503, LedgerAway.Text);
        }
    }

    private static Manifest ReadManifest(BackupSession session)
    {
        const string problem = "unable to update manifest blob - ";
        if (session.ManifestBlob is not { } blob)
        {
            throw new ApiException(problem + "unable to load blob 'index.json.blob' - No such file or directory (os error 2)");
        }

        try
        {
            var manifest = Manifest.FromBlob(blob, SafeId.ManifestName);
            return manifest.Snapshot.ToString() == session.Group.SnapshotPath(session.BackupTime)
                ? manifest
                : throw new ApiException(problem + $"it names another snapshot ({manifest.Snapshot})");
        }
        catch (StorageException error)
        {
            throw new ApiException(problem + error.Message);
        }
    }
}
