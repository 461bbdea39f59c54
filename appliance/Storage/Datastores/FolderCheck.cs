// Whether a folder can carry a datastore, found out by doing it: write, sync, rename, lock, set times, in a probe folder that is gone afterwards. Works
// on any file system, local or NFS; what is wrong is said in words for whoever runs the box.
using System.Globalization;
using System.Text;

namespace Holdfast.Storage;

/// <summary>One thing found out about a folder.</summary>
/// <param name="IsFatal">No datastore can be kept there.</param>
public sealed record FolderFinding(string Text, bool IsFatal);

/// <summary>The check of a folder before it becomes a datastore, or is taken up as one.</summary>
public sealed class FolderCheck(Volume volume, TimeProvider clock)
{
    /// <summary>The probe's folder.</summary>
    public const string ProbeFolder = ".holdfast-probe";

    /// <summary>65536 chunk folders, and room for the first backups.</summary>
    public const long InodesMin = 80_000;

    /// <summary>Below this a warning is given.</summary>
    public const long SpaceLowBytes = 1L << 30;

    private const string A = ProbeFolder + "/a";
    private const string B = ProbeFolder + "/b";

    /// <summary>File systems keep times no finer than this, NFS servers perhaps a second.</summary>
    private static readonly TimeSpan TimesDiffer = TimeSpan.FromMilliseconds(1100);

    private static readonly byte[] First = Encoding.ASCII.GetBytes("holdfast writes this to see whether it stays\n");
    private static readonly byte[] Second = Encoding.ASCII.GetBytes("and this in its place\n");

    private readonly List<FolderFinding> findings = [];

    /// <summary>All checks in order; those that make no sense after an earlier failure are left out.</summary>
    public async Task<IReadOnlyList<FolderFinding>> RunAsync(bool isNew, CancellationToken cancel)
    {
        try
        {
            if (Room(isNew) && Try("writing", Prepare) && Try("syncing", Sync) && Try("renaming", Rename) && Try("locking", Lock))
            {
                Try("names", Names);
                await TimesAsync(cancel).ConfigureAwait(false);
            }
        }
        finally
        {
            CleanUp();
        }

        return findings;
    }

    private bool Room(bool isNew)
    {
        var space = volume.Space();
        if (isNew && space.FreeInodes is { } free && free < InodesMin)
        {
            Fatal(string.Create(CultureInfo.InvariantCulture,
                $"only {free} free inodes: a datastore starts with 65536 folders, and every chunk is a file (at least {InodesMin} are asked for)"));
            return false;
        }

        if (space.AvailableBytes < SpaceLowBytes)
        {
            findings.Add(new($"little space: {space.AvailableBytes >> 20} MiB are free", IsFatal: false));
        }

        return true;
    }

    private void Prepare()
    {
        CleanUp();
        volume.MakeFolder(ProbeFolder);
        using var file = volume.Open(A, FileUse.CreateNew);
        file.Write(First, 0);
        try
        {
            volume.Open(A, FileUse.CreateNew).Dispose();
            Fatal("a file could be made anew although it was there: two writers would overwrite each other");
        }
        catch (VolumeException fault) when (fault.Error == VolumeError.Exists)
        {
            // As it must be.
        }
    }

    private void Sync()
    {
        using (var file = volume.Open(A, FileUse.Write))
        {
            file.Sync();
        }

        volume.SyncFolder(ProbeFolder);
        volume.SyncAll();
        if (!Content(A).SequenceEqual(First))
        {
            Fatal("what was written and synced reads back as something else");
        }
    }

    private void Rename()
    {
        volume.WriteWhole(B, Second, sync: true);
        volume.Rename(B, A);
        if (volume.TryStat(B, out _) || !Content(A).SequenceEqual(Second))
        {
            Fatal("renaming a file over another does not replace it in one step");
        }
    }

    private void Lock()
    {
        foreach (var (path, kind, name) in new[]
                 {
                     (ProbeFolder, LockKind.Flock, "flock on a folder"), (A, LockKind.Flock, "flock"), (A, LockKind.Record, "fcntl"),
                 })
        {
            using var held = volume.TryLock(path, LockMode.Exclusive, kind);
            using var second = held is null ? null : volume.TryLock(path, LockMode.Exclusive, kind);
            if (held is null || second is not null)
            {
                Fatal($"locks don't hold ({name}): two programs could write to the datastore at once. On NFS, mount without 'nolock'");
            }
        }
    }

    private void Names()
    {
        volume.WriteWhole(ProbeFolder + "/Case", First, sync: false);
        if (volume.TryStat(ProbeFolder + "/case", out _))
        {
            Fatal("names that differ only in upper and lower case are one file here: two backup ids could fall together");
        }
    }

    private async Task TimesAsync(CancellationToken cancel)
    {
        var works = false;
        try
        {
            volume.TryStat(A, out var before);
            await Task.Delay(TimesDiffer, clock, cancel).ConfigureAwait(false);
            volume.Touch(A);
            volume.TryStat(A, out var after);
            works = after.AccessTimeNs > before.AccessTimeNs && after.ModifyTimeNs == before.ModifyTimeNs;
        }
        catch (VolumeException)
        {
            // Said below: it is the same to whoever reads it.
        }

        findings.Add(works
            ? new("Access time update check successful.", IsFatal: false)
            : new("access times can't be set here: Holdfast does without them, but the garbage collection of a PBS that takes this folder over would not",
                IsFatal: false));
    }

    private bool Try(string what, Action check)
    {
        try
        {
            check();
        }
        catch (VolumeException fault)
        {
            Fatal(Explain(what, fault));
        }

        return !findings.Exists(finding => finding.IsFatal);
    }

    private static string Explain(string what, VolumeException fault) => fault.Error switch
    {
        VolumeError.AccessDenied =>
            $"{what} is not allowed there: the folder and all in it must belong to the user that holdfastd runs as ({fault.Message})",
        VolumeError.ReadOnly => $"the file system is mounted read-only ({fault.Message})",
        VolumeError.NoSpace => $"the file system is full, or has no inode left ({fault.Message})",
        VolumeError.IoError => $"{what} fails with an I/O error: the device or its connection is at fault ({fault.Message})",
        _ when what == "locking" => $"locks don't work there; on NFS the lock service must run and 'nolock' must not be set ({fault.Message})",
        _ when what == "syncing" => $"the file system can't promise that data is on disk ({fault.Message})",
        _ => $"{what} does not work there ({fault.Message})",
    };

    private byte[] Content(string path)
    {
        var buffer = new byte[256];
        return buffer[..volume.ReadWhole(path, buffer, buffer.Length)];
    }

    private void Fatal(string text) => findings.Add(new(text, IsFatal: true));

    /// <summary>Also what an earlier check left behind when the machine went down in it.</summary>
    private void CleanUp()
    {
        try
        {
            if (!volume.TryStat(ProbeFolder, out _))
            {
                return;
            }

            foreach (var entry in volume.List(ProbeFolder, 100))
            {
                volume.Unlink(ProbeFolder + "/" + entry.Name);
            }

            volume.RemoveFolder(ProbeFolder);
        }
        catch (VolumeException)
        {
            // A probe that can't be removed is the same trouble that the check has told of; the name is hidden and in nobody's way.
        }
    }
}
