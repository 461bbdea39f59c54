// Namespaces and groups of a datastore: folders, owner and notes.
using System.Text;

namespace Holdfast.Storage;

public sealed partial class Datastore
{
    public const int MaxNotesSize = 1024 * 1024;

    private const int MaxOwnerSize = 512;

    public bool NamespaceExists(BackupNamespace ns) =>
        ns.IsRoot || (Volume.TryStat(ns.Folder, out var stat) && stat.Kind == EntryKind.Folder);

    /// <summary>Makes a namespace below an existing one, durable on return. False if it was there.</summary>
    /// <exception cref="RefusedException">The parent is missing, the name too long or the depth too great.</exception>
    public bool CreateNamespace(BackupNamespace ns)
    {
        RequireWritable();
        if (ns.IsRoot || ns.Name.Length > BackupNamespace.MaxComponentLength)
        {
            throw new RefusedException("invalid namespace name");
        }

        RequireNamespace(ns.Parent);
        var made = AtomicFile.MakeFolder(Volume, ns.Parent.PathOf("ns"));
        made |= AtomicFile.MakeFolder(Volume, ns.Folder);
        Volume.SyncFolder(ns.Parent.Folder);
        Volume.SyncFolder(ns.Parent.PathOf("ns"));
        return made;
    }

    /// <summary>The parent and all below it down to that many levels, parents first, sorted.</summary>
    public List<BackupNamespace> ListNamespaces(BackupNamespace parent, int maxDepth = BackupNamespace.MaxDepth)
    {
        RequireNamespace(parent);
        var result = new List<BackupNamespace> { parent };
        var level = new List<BackupNamespace> { parent };
        for (var depth = 0; depth < maxDepth && level.Count > 0; depth++)
        {
            var next = new List<BackupNamespace>();
            foreach (var ns in level.Where(n => n.Depth < BackupNamespace.MaxDepth))
            {
                foreach (var entry in ListOrEmpty(ns.PathOf("ns")))
                {
                    var text = ns.IsRoot ? entry.Name : ns.Text + "/" + entry.Name;
                    if (entry.Kind == EntryKind.Folder && BackupNamespace.TryParse(text, out var child)
                        && child.Parent == ns)
                    {
                        next.Add(child);
                    }
                }
            }

            result.AddRange(next);
            level = next;
        }

        result.Sort(static (a, b) => string.CompareOrdinal(a.Text, b.Text));
        return result;
    }

    /// <summary>Removes an empty namespace. False if it still holds something.</summary>
    public bool RemoveNamespace(BackupNamespace ns)
    {
        RequireWritable();
        RequireNamespace(ns);
        if (ns.IsRoot || ListGroups(ns).Count > 0 || ListNamespaces(ns, 1).Count > 1)
        {
            return false;
        }

        foreach (var name in new[] { "ns", "vm", "ct", "host" })
        {
            RemoveFolderIfEmpty(ns.PathOf(name));
        }

        var removed = RemoveFolderIfEmpty(ns.Folder);
        Volume.SyncFolder(ns.Parent.PathOf("ns"));
        return removed;
    }

    /// <summary>The groups directly in a namespace, sorted by type and id.</summary>
    public List<BackupGroup> ListGroups(BackupNamespace ns)
    {
        RequireNamespace(ns);
        var result = new List<BackupGroup>();
        foreach (var type in Enum.GetValues<BackupType>())
        {
            foreach (var entry in ListOrEmpty(ns.PathOf(BackupGroup.NameOf(type))))
            {
                if (entry.Kind == EntryKind.Folder && BackupGroup.TryCreate(type, entry.Name, out var group))
                {
                    result.Add(group!);
                }
            }
        }

        result.Sort();
        return result;
    }

    public bool GroupExists(BackupNamespace ns, BackupGroup group) =>
        Volume.TryStat(ns.PathOf(group.ToString()), out var stat) && stat.Kind == EntryKind.Folder;

    /// <summary>Makes the group with that owner unless it has one, and returns the owner it has. Durable by
    /// <see cref="MakeDurable"/>.</summary>
    /// <param name="owner">Auth id, one line of at most 512 bytes.</param>
    public string CreateGroup(BackupNamespace ns, BackupGroup group, string owner)
    {
        RequireWritable();
        RequireNamespace(ns);
        var path = ns.PathOf(group.ToString());
        AtomicFile.MakeFolder(Volume, ns.PathOf(group.TypeName));
        AtomicFile.MakeFolder(Volume, path);
        if (GetOwner(ns, group) is { } present)
        {
            return present;
        }

        WriteOwner(path, owner, syncFolder: false);
        return owner;
    }

    /// <summary>Auth id of the owner; null if the group or its owner file is missing.</summary>
    public string? GetOwner(BackupNamespace ns, BackupGroup group)
    {
        var path = ns.PathOf(group.ToString()) + "/owner";
        var text = AtomicFile.TryRead(Volume, path, MaxOwnerSize);
        var owner = text == null ? "" : Encoding.UTF8.GetString(text).TrimEnd('\n');
        return owner.Length == 0 ? null : owner;
    }

    /// <summary>Gives an existing group another owner, durable on return.</summary>
    public void SetOwner(BackupNamespace ns, BackupGroup group, string owner)
    {
        RequireGroup(ns, group);
        WriteOwner(ns.PathOf(group.ToString()), owner, syncFolder: true);
    }

    /// <summary>Notes of a group, "" if there are none.</summary>
    public string GetGroupNotes(BackupNamespace ns, BackupGroup group)
    {
        RequireGroup(ns, group);
        var text = AtomicFile.TryRead(Volume, ns.PathOf(group.ToString()) + "/notes", MaxNotesSize);
        return text == null ? "" : Encoding.UTF8.GetString(text);
    }

    /// <summary>Replaces the notes of a group, durable on return.</summary>
    public void SetGroupNotes(BackupNamespace ns, BackupGroup group, string notes)
    {
        RequireWritable();
        RequireGroup(ns, group);
        var content = Encoding.UTF8.GetBytes(notes);
        if (content.Length > MaxNotesSize)
        {
            throw new RefusedException("notes are too long");
        }

        AtomicFile.Replace(Volume, ns.PathOf(group.ToString()) + "/notes", content, syncFolder: true);
    }

    /// <summary>Removes a group that has no snapshot left, with owner and notes. False if it still has one.</summary>
    public bool RemoveGroupIfEmpty(BackupNamespace ns, BackupGroup group)
    {
        RequireWritable();
        var path = ns.PathOf(group.ToString());
        if (ListOrEmpty(path).Exists(e => e.Kind == EntryKind.Folder))
        {
            return false;
        }

        foreach (var entry in ListOrEmpty(path).OrderBy(e => e.Name == "owner"))
        {
            AtomicFile.Unlink(Volume, path + "/" + entry.Name);
        }

        var removed = RemoveFolderIfEmpty(path);
        Volume.SyncFolder(ns.PathOf(group.TypeName));
        return removed;
    }

    /// <summary>flock on the group folder; null if somebody else holds it.</summary>
    public IDisposable? TryLockGroup(BackupNamespace ns, BackupGroup group, LockMode mode = LockMode.Exclusive) =>
        Volume.TryLock(ns.PathOf(group.ToString()), mode);

    internal void RequireNamespace(BackupNamespace ns)
    {
        if (!NamespaceExists(ns))
        {
            throw new RefusedException("namespace not found");
        }
    }

    /// <summary>Entries of a folder; none if it does not exist.</summary>
    internal List<VolumeEntry> ListOrEmpty(string path)
    {
        try
        {
            return Volume.List(path);
        }
        catch (VolumeException fault) when (fault.Error == VolumeError.NotFound)
        {
            return [];
        }
    }

    /// <summary>False if it is not empty or was not there.</summary>
    internal bool RemoveFolderIfEmpty(string path)
    {
        try
        {
            Volume.RemoveFolder(path);
            return true;
        }
        catch (VolumeException fault) when (fault.Error is VolumeError.NotFound or VolumeError.NotEmpty)
        {
            return false;
        }
    }

    private void RequireGroup(BackupNamespace ns, BackupGroup group)
    {
        if (!GroupExists(ns, group))
        {
            throw new RefusedException($"group {group} does not exist.");
        }
    }

    private void WriteOwner(string folder, string owner, bool syncFolder)
    {
        RequireWritable();
        var content = Encoding.UTF8.GetBytes(owner + "\n");
        if (owner.Length == 0 || content.Length > MaxOwnerSize || owner.Any(char.IsControl))
        {
            throw new RefusedException("invalid owner");
        }

        AtomicFile.Replace(Volume, folder + "/owner", content, syncFolder);
    }
}
