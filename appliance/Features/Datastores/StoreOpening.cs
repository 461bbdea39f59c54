// Opens the folder of a datastore with the options that it was configured with: at start, at creation, after an edit.
using Holdfast.Contracts.Nfs;
using Holdfast.Features.Settings;
using Holdfast.Storage;

namespace Holdfast.Features.Datastores;

/// <summary>Opens datastores.</summary>
public sealed class StoreOpening(ApplianceSettings settings, IDatastoreFolders folders, TimeProvider clock)
{
    /// <summary>The folders behind it.</summary>
    public IDatastoreFolders Folders => folders;

    /// <summary>Whether a folder lies on another machine's file system that the box has mounted.</summary>
    public bool IsRemote(string path) => NfsMount.IsBelow(folders.Absolute(path));

    /// <summary>How far each chunk of a store is made durable by itself: the setting of the appliance or the store's own, whichever does more.</summary>
    public SyncLevel LevelOf(StoreTuning tuning) => settings.SyncEveryFile ? SyncLevel.File : tuning.EffectiveSyncLevel;

    /// <summary>Options to open or create a store with.</summary>
    public DatastoreOptions OptionsOf(StoreTuning tuning, Action<int>? created = null) =>
        new() { Clock = clock, SyncLevel = LevelOf(tuning), Created = created };

    /// <summary>Opens what the ledger names.</summary>
    /// <param name="mayMake">A folder without a datastore is made one: that is how the first store comes to be. Where backups have been, such a folder is the
    /// place of a disk that is not mounted, and what is written there would be lost from sight once it is.</param>
    /// <exception cref="RefusedException">There is no datastore.</exception>
    public Datastore Open(DatastoreFacts facts, bool mayMake)
    {
        var volume = folders.Open(facts.Path, out _);
        try
        {
            return !mayMake || volume.TryStat(ChunkStore.Folder, out _)
                ? Datastore.Open(volume, OptionsOf(facts.Tuning))
                : Datastore.Create(volume, OptionsOf(facts.Tuning));
        }
        catch
        {
            volume.Dispose();
            throw;
        }
    }
}
