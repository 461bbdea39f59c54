// Where the logs of tasks lie: `XX/UPID` below a folder of the appliance, XX being two digits of the task's number, so that no folder grows large.
// A log is not evidence (the ledger is) and is not synced.
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Features.Tasks;

/// <summary>Logs on a volume.</summary>
public sealed class TaskLogs(Volume volume, TimeProvider clock)
{
    private const int OwnerOnly = 0x180; // 0600: task logs name users and machines
    private const int FolderMode = 0x1C0;
    private const int FileNameMax = 255;

    /// <summary>A new log for this task. Never fails: a log that can't be made swallows its lines.</summary>
    public TaskLog Create(Upid upid)
    {
        try
        {
            var path = PathOf(upid);
            var folder = path[..path.IndexOf('/')];
            if (!volume.TryStat(folder, out _))
            {
                MakeFolder(folder);
            }

            return new TaskLog(volume.Open(path, FileUse.Create, OwnerOnly), clock);
        }
        catch (StorageException)
        {
            return new TaskLog(null, clock);
        }
    }

    /// <summary>The file of a log, or null if there is none (any more).</summary>
    public ReadableFile? Open(Upid upid)
    {
        try
        {
            return volume.Open(PathOf(upid), FileUse.Read);
        }
        catch (VolumeException)
        {
            return null;
        }
    }

    /// <summary>Removes the logs of tasks that are no longer listed.</summary>
    /// <param name="isRunning">Tasks of this process, listed or not yet.</param>
    /// <returns>How many were removed.</returns>
    public int RemoveUnlisted(TasksState state, Func<string, bool> isRunning)
    {
        var kept = state.Ended.Concat(state.Running.Values).Select(task => task.Parts).OfType<Upid>().Select(PathOf).ToHashSet(StringComparer.Ordinal);
        var removed = 0;
        foreach (var folder in EntriesOf("").Where(entry => entry.Kind == EntryKind.Folder))
        {
            foreach (var file in EntriesOf(folder.Name))
            {
                var path = folder.Name + "/" + file.Name;
                if (file.Kind == EntryKind.File && !kept.Contains(path) && !isRunning(file.Name) && TryUnlink(path))
                {
                    removed++;
                }
            }
        }

        return removed;
    }

    private List<VolumeEntry> EntriesOf(string folder)
    {
        try
        {
            return volume.List(folder);
        }
        catch (VolumeException)
        {
            return [];
        }
    }

    private bool TryUnlink(string path)
    {
        try
        {
            volume.Unlink(path);
            return true;
        }
        catch (VolumeException)
        {
            return false; // It is gone, or can't be removed: neither matters to anybody.
        }
    }

    /// <summary>Folder and file name; the UPID's text has no slash. One too long for a file name stands there by its hash.</summary>
    private static string PathOf(Upid upid)
    {
        var name = upid.ToString();
        if (name.Length > FileNameMax)
        {
            name = "long-" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)));
        }

        return (upid.TaskId & 0xff).ToString("X2", CultureInfo.InvariantCulture) + "/" + name;
    }

    private void MakeFolder(string folder)
    {
        try
        {
            volume.MakeFolder(folder, FolderMode);
        }
        catch (VolumeException error) when (error.Error == VolumeError.Exists)
        {
            // Another task was quicker.
        }
    }
}
