// Moving a group to another namespace of the same datastore: renames only, no byte is copied.
namespace Holdfast.Storage;

public sealed partial class Datastore
{
    /// <summary>Moves a group's snapshots, and its notes unless the target has some, into the same group of another
    /// namespace, durable on return. Interrupted anywhere it leaves every snapshot whole in one of the two places,
    /// and can be called again. Returns how many folders were moved.</summary>
    /// <param name="owner">Owner of the group there, if it is new.</param>
    /// <exception cref="RefusedException">The target namespace does not exist.</exception>
    /// <exception cref="VolumeException">NotEmpty: the target has a snapshot of the same time.</exception>
    public int MoveGroup(BackupNamespace from, BackupGroup group, BackupNamespace to, string owner)
    {
        RequireWritable();
        RequireNamespace(to);
        var (source, target) = (from.PathOf(group.ToString()), to.PathOf(group.ToString()));
        if (from == to || !GroupExists(from, group))
        {
            return 0;
        }

        CreateGroup(to, group, owner);
        Volume.SyncFolder(to.Folder);
        Volume.SyncFolder(to.PathOf(group.TypeName));
        Volume.SyncFolder(target);
        var moved = 0;
        foreach (var snapshot in ListSnapshots(from, group))
        {
            var name = snapshot.Name.TimeText;
            // A garbage collection that has searched the new place already must look again.
            using (Moves.Begin(target + "/" + name))
            {
                Volume.Rename(source + "/" + name, target + "/" + name);
            }

            moved++;
        }

        if (Volume.TryStat(source + "/notes", out _) && !Volume.TryStat(target + "/notes", out _))
        {
            Volume.Rename(source + "/notes", target + "/notes");
        }

        // Where a snapshot has gone must be durable before the place where it was is cleared.
        Volume.SyncFolder(target);
        Volume.SyncFolder(source);
        RemoveGroupIfEmpty(from, group);
        return moved;
    }
}
