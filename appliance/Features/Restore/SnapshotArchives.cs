// The archives of one snapshot, open for a call of the API: right, owner and lease checked, encrypted ones refused, each index proven to be the one that the
// ledger knows. Memory is bounded by the few chunks that an open archive keeps.
using Holdfast.Features.Access;
using Holdfast.Features.Datastores;
using Holdfast.Features.Snapshots;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Features.Restore;

/// <summary>Opens snapshots for calls that look into their archives.</summary>
public sealed class SnapshotArchives(Permissions permissions, DatastoreRegistry stores, Func<SnapshotsState> snapshots, Leases leases)
{
    /// <summary>Parameters that name a snapshot.</summary>
    public static readonly ParameterSchema Parameters = new(
        PbsSchema.Store(), PbsSchema.Namespace(), PbsSchema.BackupType(), PbsSchema.BackupId(), PbsSchema.BackupTime());

    /// <summary>Datastore.Read on the namespace, or Datastore.Backup and owner of the group.</summary>
    /// <exception cref="ApiException">Refused, or there is no such snapshot.</exception>
    public OpenSnapshot Open(ApiCall call)
    {
        var parameters = call.Parameters;
        var key = new GroupKey(
            parameters.Text("store"), parameters.OptionalText("ns") ?? "", parameters.Text("backup-type"), parameters.Text("backup-id"));
        var group = snapshots().Find(key);
        var caller = call.CallerAs<Caller>();
        if (permissions.RequireFullOrOwner(caller, key.AclPath, Privileges.DatastoreRead, Privileges.DatastoreBackup, group?.Owner) is { } refusal)
        {
            throw new ApiException(refusal.Status, refusal.Text);
        }

        var store = stores.Find(key.Store, out var problem) ?? throw new ApiException(problem);
        if (group is null || !group.Snapshots.TryGetValue(parameters.Integer("backup-time"), out var snapshot) || snapshot.Missing)
        {
            throw new ApiException("ENOENT: No such file or directory");
        }

        var lease = leases.TryShare(key, snapshot.BackupTime)
            ?? throw new ApiException($"unable to acquire lock on snapshot '{key.SnapshotPath(snapshot.BackupTime)}' - it is being removed");
        return new OpenSnapshot(key, snapshot, store, caller, lease);
    }
}

/// <summary>A snapshot that nobody removes while it is open.</summary>
public sealed class OpenSnapshot(GroupKey key, Snapshot snapshot, OpenDatastore store, Caller caller, IDisposable lease) : IDisposable
{
    private readonly List<IDisposable> open = [lease];
    private readonly HashSet<Digest> suspects = [];

    public GroupKey Key => key;

    public Snapshot Snapshot => snapshot;

    public OpenDatastore Store => store;

    public Caller Caller => caller;

    /// <summary>Chunks that were not what they should be.</summary>
    public IReadOnlyCollection<Digest> Suspects => suspects;

    /// <summary>The snapshot's folder.</summary>
    public SnapshotFolder Folder => store.Bytes.OpenSnapshot(key.Namespace, key.At(snapshot.BackupTime));

    /// <exception cref="ApiException">The file is encrypted: nothing here can read it.</exception>
    public void RequirePlain(string name)
    {
        if (snapshot.Content.Files.Any(file => file.Filename == name && file.CryptMode == "encrypt"))
        {
            throw new ApiException($"cannot decode '{name}' - is encrypted");
        }
    }

    /// <summary>The stream of an index, every chunk checked as it is read.</summary>
    public ReadableFile OpenStream(string name)
    {
        RequirePlain(name);
        IndexReader index;
        try
        {
            index = Folder.OpenIndex(name);
        }
        catch (VolumeException error) when (error.Error == VolumeError.NotFound)
        {
            throw new ApiException($"unable to read dynamic index '\"{key.SnapshotPath(snapshot.BackupTime)}/{name}\"' - "
                + $"Unable to open dynamic index \"{name}\" - No such file or directory (os error 2)");
        }

        var file = new ChunkedFile(index, Load);
        open.Add(file);
        SnapshotContents.CheckIndex(index, snapshot.Content, name);
        return file;
    }

    /// <summary>An archive of a folder by the name of any of its files.</summary>
    /// <param name="withPayload">False if only names and metadata are wanted.</param>
    public PxarArchive OpenArchive(string name, bool withPayload)
    {
        RequirePlain(name);
        var (archive, payload) = FilesOf(name);
        return PxarArchive.Open(OpenStream(archive), payload is null || !withPayload ? null : OpenStream(payload));
    }

    public void Dispose()
    {
        for (var i = open.Count - 1; i >= 0; i--)
        {
            open[i].Dispose();
        }
    }

    private void Load(IndexEntry entry, Span<byte> target)
    {
        try
        {
            store.Bytes.Chunks.ReadData(entry.Digest, target, null);
        }
        catch (CorruptDataException)
        {
            suspects.Add(entry.Digest);
            throw;
        }
    }

    /// <summary>`root.pxar.didx` is itself, or the two halves of a split archive; each half stands for both.</summary>
    private (string Archive, string? Payload) FilesOf(string name)
    {
        bool Has(string file) => snapshot.Content.Files.Any(one => one.Filename == file);
        foreach (var ending in new[] { ".mpxar.didx", ".ppxar.didx", ".pxar.didx" })
        {
            var stem = name.EndsWith(ending, StringComparison.Ordinal) ? name[..^ending.Length] : null;
            if (stem is not null && !(ending == ".pxar.didx" && Has(name)) && Has(stem + ".mpxar.didx"))
            {
                return (stem + ".mpxar.didx", stem + ".ppxar.didx");
            }
        }

        return Has(name) && name.EndsWith(".didx", StringComparison.Ordinal) ? (name, null) : throw new ApiException("archive not found in manifest");
    }
}
