// Changing what the server may change in a manifest (notes, verify state): prepared in memory, decided in the ledger, then put in place on disk (write order
// W5). One change of a snapshot's manifest at a time; the signed members keep their values.
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Ledger;
using Holdfast.Storage;

namespace Holdfast.Features.Snapshots;

/// <summary>Rewrites the unprotected part of manifests.</summary>
public sealed class ManifestUpdate(Leases leases, Recorder recorder)
{
    /// <summary>As long as PBS waits for a manifest's lock.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Changes the manifest of a finished snapshot. The caller holds a lease on the snapshot (a shared one will do), so that nobody removes it meanwhile.
    /// </summary>
    /// <param name="change">What changes in it.</param>
    /// <param name="decided">The event that tells of it, made with the size in bytes that the manifest's file will have.</param>
    /// <param name="settle">False for who tells by one <see cref="GroupSettled"/> of its own that a whole row of changes is on disk.</param>
    /// <exception cref="StorageException">The manifest can't be read or written; PBS's text.</exception>
    /// <exception cref="LedgerUnavailableException">Nothing was changed.</exception>
    public async Task RunAsync(
        OpenDatastore store, GroupKey key, long backupTime, Action<Manifest> change, Func<long, NewEvent> decided, bool settle = true)
    {
        using var turn = await leases.LockManifestAsync(key, backupTime, Patience).ConfigureAwait(false)
            ?? throw new RefusedException("unable to acquire manifest lock");
        var folder = store.Bytes.OpenSnapshot(key.Namespace, key.At(backupTime));
        var manifest = folder.ReadManifest();
        change(manifest);
        var blob = manifest.ToBlob();
        var told = decided(blob.Length);
        await recorder.DecideAsync(key.Stream, ExpectedVersion.Any, [told], default, CancellationToken.None).ConfigureAwait(false);
        folder.PublishManifest(blob);
        if (settle)
        {
            await recorder.NoteUnlessAwayAsync(key.Stream,
                new GroupSettled(key.Store, key.Ns, key.BackupType, key.BackupId, [backupTime], Group: false), told.Metadata).ConfigureAwait(false);
        }
    }
}
