// Starts PostgreSQL's programs on the cluster: in a session of their own (a Ctrl-C or TERM to our process group does
// not reach them), as an unprivileged user when we are root, and with the folders handed over as open descriptors - so
// that a data folder below a 0700 folder of root's, or with a very long path, works as well.
using System.Diagnostics;
using System.Globalization;

namespace Holdfast.Ledger;

internal static class ClusterProcess
{
    // $1 data folder, $2 socket folder or "", $3 log, $4 user:group or "", then the command. The shell opens what only
    // we may open (as root, before the user changes), and the program gets to it by descriptor.
    private const string Script = """
        umask 077; cd / && exec 9<"$1" </dev/null >>"$3" 2>&1 || exit 97
        [ -z "$2" ] || exec 8<"$2" || exit 97
        who=$4; shift 4
        [ -z "$who" ] || set -- setpriv --reuid="${who%:*}" --regid="${who#*:}" --clear-groups -- "$@"
        exec "$@"
        """;

    private static readonly string[] Settings =
    [
        "listen_addresses=", "unix_socket_directories=/proc/self/fd/8", "unix_socket_permissions=0700", "port=5432",
        "fsync=on", "synchronous_commit=on", "full_page_writes=on", "shared_buffers=64MB", "max_connections=20",
        "min_wal_size=64MB", "max_wal_size=256MB", "wal_level=minimal", "max_wal_senders=0", "jit=off",
        "huge_pages=off",
        "logging_collector=off", "log_destination=stderr", "log_min_messages=warning", "log_timezone=UTC",
        "checkpoint_timeout=5min", "idle_session_timeout=0",
    ];

    /// <summary>Makes the cluster in an empty folder and waits for it.</summary>
    /// <exception cref="EmbeddedPostgresException">initdb failed; the text has its last lines.</exception>
    public static async Task InitialiseAsync(
        PostgresBinaries binaries, ClusterFolder folder, string target, (uint User, uint Group)? account,
            CancellationToken token)
    {
        using var process = Start(folder, target, "", account,
        [
            Path.Combine(binaries.Folder, "initdb"), "-D", "/proc/self/fd/9", "-U", EmbeddedPostgres.AdminName, "-E",
            "UTF8",
            "--locale=C", "--data-checksums", "--auth=trust", "--no-instructions",
        ]);
        await process.WaitForExitAsync(token).ConfigureAwait(false);
        if (process.ExitCode != 0)
        {
            throw new EmbeddedPostgresException($"initdb failed ({process.ExitCode}): {folder.LogTail()}");
        }
    }

    /// <summary>Starts the server; it is ready when it answers.</summary>
    public static Process StartServer(
        PostgresBinaries binaries, ClusterFolder folder, string socketFolder, (uint User, uint Group)? account)
    {
        List<string> command = [Path.Combine(binaries.Folder, "postgres"), "-D", "/proc/self/fd/9"];
        foreach (var setting in Settings)
        {
            command.Add("-c");
            command.Add(setting);
        }
        return Start(folder, folder.Cluster, socketFolder, account, command);
    }

    private static Process Start(
        ClusterFolder folder, string data, string socketFolder, (uint User, uint Group)? account,
            IEnumerable<string> command)
    {
        var start = new ProcessStartInfo("setsid") { WorkingDirectory = "/", UseShellExecute = false };
        var who = account is { } a ? string.Create(CultureInfo.InvariantCulture, $"{a.User}:{a.Group}") : "";
        foreach (var argument in (string[])["sh", "-c", Script, "sh", data, socketFolder, folder.Log, who, .. command])
        {
            start.ArgumentList.Add(argument);
        }
        // The server needs nothing of our environment, and what is secret there must not be found in its.
        start.Environment.Clear();
        start.Environment["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin";
        start.Environment["LC_ALL"] = "C";
        start.Environment["TZ"] = "UTC";
        return Process.Start(start)!;
    }
}
