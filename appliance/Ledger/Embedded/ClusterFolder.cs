// The folder of the private cluster and what lies in it: cluster/ (PostgreSQL's data), socket/, server.log, lock,
// owner, socket-folder (where the socket lies when the path here is too long for one). All of it 0700.
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Holdfast.Ledger;

internal sealed partial class ClusterFolder
{
    private const int LongestSocketPath = 107; // sun_path is 108 bytes with its NUL, unix(7)
    private const string SocketName = "/.s.PGSQL.5432";
    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    public ClusterFolder(string folder)
    {
        Root = Path.GetFullPath(folder).TrimEnd('/');
        Cluster = Path.Combine(Root, "cluster");
        Log = Path.Combine(Root, "server.log");
    }

    /// <summary>Absolute, without a slash at the end.</summary>
    public string Root { get; }

    /// <summary>PostgreSQL's data directory.</summary>
    public string Cluster { get; }

    /// <summary>What PostgreSQL prints.</summary>
    public string Log { get; }

    /// <summary>True once the cluster was made completely.</summary>
    public bool IsMade => File.Exists(Path.Combine(Cluster, "PG_VERSION"));

    /// <summary>Major version that made the cluster.</summary>
    public int Major => int.TryParse(
        File.ReadAllText(Path.Combine(Cluster, "PG_VERSION")).Trim(), NumberStyles.None, CultureInfo.InvariantCulture,
        out var major) ? major : -1;

    /// <summary>User and group that run PostgreSQL: ourselves, or an unprivileged account if we are root.</summary>
    public static (uint User, uint Group)? UnprivilegedAccount()
    {
        if (GetEffectiveUser() != 0)
        {
            return null;
        }
        var accounts = File.ReadLines("/etc/passwd").Select(l => l.Split(':')).Where(p => p.Length >= 4).ToList();
        foreach (var name in (string[])["postgres", "holdfast", "nobody"])
        {
            var account = accounts.FirstOrDefault(p => p[0] == name);
            if (account is not null
                && uint.TryParse(account[2], NumberStyles.None, CultureInfo.InvariantCulture, out var user)
                && uint.TryParse(account[3], NumberStyles.None, CultureInfo.InvariantCulture, out var group)
                && user != 0)
            {
                return (user, group);
            }
        }
        return (65534, 65534);
    }

    /// <summary>Makes the root folder and takes its lock: one process at a time runs this cluster.</summary>
    /// <exception cref="EmbeddedPostgresException">Another process has it.</exception>
    public FileStream TakeLock()
    {
        Directory.CreateDirectory(Root, Private);
        try
        {
            return new FileStream(
                Path.Combine(Root, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e)
        {
            throw new EmbeddedPostgresException($"the ledger in {Root} is in use by another process", e);
        }
    }

    /// <summary>Gives a folder and all in it to an account. Does nothing if that is recorded as done.</summary>
    public void Own((uint User, uint Group)? account)
    {
        if (account is not { } who)
        {
            return;
        }
        var note = Path.Combine(Root, "owner");
        var text = string.Create(CultureInfo.InvariantCulture, $"{who.User}:{who.Group}\n");
        if (!File.Exists(note) || File.ReadAllText(note) != text)
        {
            GiveTree(Cluster, who);
            File.WriteAllText(note, text);
        }
    }

    /// <summary>Makes an empty private folder that belongs to the account.</summary>
    public static void MakeFolder(string path, (uint User, uint Group)? account)
    {
        Directory.CreateDirectory(path, Private);
        File.SetUnixFileMode(path, Private);
        if (account is { } who)
        {
            Give(path, who);
        }
    }

    /// <summary>Folder for the socket, made: here, or in a short private folder elsewhere whose name is recorded
    /// here.</summary>
    public string MakeSocketFolder((uint User, uint Group)? account)
    {
        RemoveSocketFolder();
        var here = Path.Combine(Root, "socket");
        if (Fits(here))
        {
            MakeFolder(here, account);
            return here;
        }
        // Random and made exclusively with mode 0700: nobody can have put a trap at that name.
        var parent = GetEffectiveUser() == 0 && Directory.Exists("/run") ? "/run" : Path.GetTempPath();
        var made = Path.Combine(parent, $"holdfast-{Convert.ToHexStringLower(
            System.Security.Cryptography.RandomNumberGenerator.GetBytes(8))}");
        if (!Fits(made))
        {
            made = Path.Combine("/tmp", Path.GetFileName(made));
        }
        if (MakeDirectory(Encoding.UTF8.GetBytes(made + "\0"), 0x1C0) != 0)
        {
            throw new EmbeddedPostgresException(
                $"can't make {made} for the socket (errno {Marshal.GetLastPInvokeError()})");
        }
        MakeFolder(made, account);
        File.WriteAllText(Path.Combine(Root, "socket-folder"), made);
        return made;
    }

    /// <summary>Folder of the socket of a running server, as recorded.</summary>
    public string SocketFolder()
    {
        var note = Path.Combine(Root, "socket-folder");
        return File.Exists(note) ? File.ReadAllText(note) : Path.Combine(Root, "socket");
    }

    /// <summary>Removes a short socket folder that was made elsewhere.</summary>
    public void RemoveSocketFolder()
    {
        var note = Path.Combine(Root, "socket-folder");
        if (!File.Exists(note))
        {
            return;
        }
        var folder = File.ReadAllText(note);
        if (Path.GetFileName(folder).StartsWith("holdfast-", StringComparison.Ordinal) && Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
        File.Delete(note);
    }

    /// <summary>Process that runs this cluster by its postmaster.pid, if it is alive and really this one.</summary>
    public int? FindServer()
    {
        var file = Path.Combine(Cluster, "postmaster.pid");
        if (!File.Exists(file)
            || !int.TryParse(
                File.ReadLines(file).FirstOrDefault(), NumberStyles.None, CultureInfo.InvariantCulture, out var pid))
        {
            return null;
        }
        // A pid may have been given to somebody else since: a postmaster's working directory is its data directory, so
        // the same file must lie there (asked this way round because our path may go through symbolic links).
        try
        {
            var there =
                File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/cwd/postmaster.pid"));
            return there == File.ReadAllText(file) ? pid : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // No such process, or not ours: nothing to adopt.
        }
    }

    /// <summary>Last lines of the server's log, for an error text.</summary>
    public string LogTail()
    {
        if (!File.Exists(Log))
        {
            return "";
        }
        using var file = new FileStream(Log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        file.Seek(-Math.Min(file.Length, 2000), SeekOrigin.End);
        using var reader = new StreamReader(file);
        return string.Join(" | ", reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).TakeLast(5));
    }

    /// <summary>Bounds the log: what is above the limit moves to server.log.1. The server appends, so cutting is
    /// safe.</summary>
    public void TrimLog(long mostBytes)
    {
        if (File.Exists(Log) && new FileInfo(Log).Length > mostBytes)
        {
            File.Copy(Log, Log + ".1", overwrite: true);
            using var file = new FileStream(Log, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
            file.SetLength(0);
        }
    }

    /// <summary>Sends a signal; false if there is no such process.</summary>
    public static bool Signal(int pid, int signal) => Kill(pid, signal) == 0;

    private static bool Fits(string folder)
        => Encoding.UTF8.GetByteCount(folder + SocketName + ".lock") <= LongestSocketPath;

    private static void GiveTree(string folder, (uint User, uint Group) who)
    {
        if (!Directory.Exists(folder))
        {
            return;
        }
        Give(folder, who);
        var every = new EnumerationOptions
        {
            RecurseSubdirectories = true,
            AttributesToSkip = FileAttributes.None,
            MaxRecursionDepth = 16,
        };
        foreach (var path in Directory.EnumerateFileSystemEntries(folder, "*", every))
        {
            Give(path, who);
        }
    }

    private static void Give(string path, (uint User, uint Group) who)
    {
        if (ChangeOwner(Encoding.UTF8.GetBytes(path + "\0"), who.User, who.Group) != 0)
        {
            throw new EmbeddedPostgresException(
                $"can't change the owner of {path} (errno {Marshal.GetLastPInvokeError()})");
        }
    }

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint GetEffectiveUser();

    [LibraryImport("libc", EntryPoint = "lchown", SetLastError = true)]
    private static partial int ChangeOwner(byte[] path, uint user, uint group);

    [LibraryImport("libc", EntryPoint = "mkdir", SetLastError = true)]
    private static partial int MakeDirectory(byte[] path, uint mode);

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int pid, int signal);
}
