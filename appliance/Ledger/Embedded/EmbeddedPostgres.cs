// A private PostgreSQL for the ledger: made on first start, run on a unix socket only, watched and started again when
// it dies, stopped cleanly and within a bound. After a kill -9 of its parent the orphan is found and adopted, or
// stopped first.
using System.Diagnostics;
using Npgsql;

namespace Holdfast.Ledger;

/// <summary>The private server of one appliance. Start it, use <see cref="ConnectionString"/>, dispose of it
/// last.</summary>
public sealed class EmbeddedPostgres : IAsyncDisposable
{
    internal const string AdminName = "holdfast_admin";
    private const string DatabaseName = "postgres";
    private const int Interrupt = 2;  // fast shutdown
    private const int Quit = 3;       // immediate shutdown
    private const int Kill = 9;
    private const int Continue = 18;
    private const long MostLogBytes = 8 << 20;
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(120);
    private static readonly TimeSpan FastStopLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(3);

    private readonly ClusterFolder folder;
    private readonly PostgresBinaries binaries;
    private readonly Action<string> log;
    private readonly TimeProvider clock;
    private readonly FileStream folderLock;
    private readonly (uint User, uint Group)? account = ClusterFolder.UnprivilegedAccount();
    private readonly CancellationTokenSource stop = new();
    private string socketFolder = "";
    private Process process = null!;
    private Task watching = Task.CompletedTask;
    private int isDisposed;

    private EmbeddedPostgres(
        ClusterFolder folder, PostgresBinaries binaries, FileStream folderLock, Action<string> log, TimeProvider clock)
    {
        this.folder = folder;
        this.binaries = binaries;
        this.folderLock = folderLock;
        this.log = log;
        this.clock = clock;
    }

    /// <summary>For the service: a role that may select and insert, nothing else. Stays the same across
    /// restarts.</summary>
    public string ConnectionString { get; private set; } = "";

    /// <summary>For schema changes, and for tests that tamper: a superuser.</summary>
    public string AdminConnectionString { get; private set; } = "";

    /// <summary>Process id of the postmaster.</summary>
    public int ProcessId => process.Id;

    /// <summary>True if the server was found running and taken over.</summary>
    public bool WasAdopted { get; private set; }

    /// <summary>How often the server was started again after it died.</summary>
    public int Restarts { get; private set; }

    /// <summary>Makes the cluster if there is none, starts it or adopts an orphan, brings the schema up to
    /// date.</summary>
    /// <param name="folder">Folder of the cluster, e.g. <c>DATA/ledger</c>; made if missing.</param>
    /// <param name="log">Takes lines for people.</param>
    /// <param name="binariesFolder">Folder of postgres and initdb; null = find the newest.</param>
    /// <param name="clock">Measures waits.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    /// <exception cref="EmbeddedPostgresException">Can't be made or started; the text says why and what to
    /// do.</exception>
    /// <exception cref="LedgerSchemaException">The schema is newer than this program.</exception>
    public static async Task<EmbeddedPostgres> StartAsync(
        string folder, Action<string>? log = null, string? binariesFolder = null, TimeProvider? clock = null,
        CancellationToken cancellationToken = default)
    {
        var cluster = new ClusterFolder(folder);
        var binaries = PostgresBinaries.Find(binariesFolder, cluster.IsMade ? cluster.Major : null);
        var server = new EmbeddedPostgres(
            cluster, binaries, cluster.TakeLock(), log ?? (_ => { }), clock ?? TimeProvider.System);
        try
        {
            await server.PrepareAsync(cancellationToken).ConfigureAwait(false);
            await server.RunAsync(cancellationToken).ConfigureAwait(false);
            await LedgerSchema.EnsureAsync(server.AdminConnectionString, server.log, cancellationToken)
                .ConfigureAwait(false);
            await server.AllowLoginAsync(cancellationToken).ConfigureAwait(false);
            server.watching = Task.Run(server.WatchAsync, CancellationToken.None);
            return server;
        }
        catch
        {
            await server.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Connection string of a server that another process runs on this folder (read-only uses: export,
    /// verify); null if none runs.</summary>
    public static string? FindRunning(string folder)
    {
        var cluster = new ClusterFolder(folder);
        return cluster.IsMade && cluster.FindServer() is not null
            ? Settings(cluster.SocketFolder(), LedgerSchema.RoleName)
            : null;
    }

    /// <summary>Stops the server: fast shutdown, after 30 s an immediate one (it recovers at the next start), at last a
    /// kill.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref isDisposed, 1) != 0)
        {
            return;
        }
        await stop.CancelAsync().ConfigureAwait(false);
        await watching.ConfigureAwait(false);
        if (process is not null)
        {
            await StopAsync(process).ConfigureAwait(false);
            process.Dispose();
            folder.RemoveSocketFolder();
        }
        await folderLock.DisposeAsync().ConfigureAwait(false);
        stop.Dispose();
    }

    /// <summary>Lets go of the server and the folder without stopping it: what a kill -9 of this process leaves
    /// behind.</summary>
    internal async Task AbandonAsync()
    {
        if (Interlocked.Exchange(ref isDisposed, 1) == 0)
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await watching.ConfigureAwait(false);
            await folderLock.DisposeAsync().ConfigureAwait(false);
        }
    }

    private static string Settings(string socketFolder, string user) => new NpgsqlConnectionStringBuilder
    {
        Host = socketFolder,
        Port = 5432,
        Database = DatabaseName,
        Username = user,
        GssEncryptionMode = GssEncryptionMode.Disable,
        SslMode = SslMode.Disable,
    }.ConnectionString;

    private async Task PrepareAsync(CancellationToken token)
    {
        if (folder.IsMade && folder.Major != binaries.Major)
        {
            throw new EmbeddedPostgresException(
                $"the ledger in {folder.Root} was made by PostgreSQL {folder.Major}, installed is {binaries.Major}: "
                    + "with version "
                + $"{folder.Major} installed run 'holdfast ledger export FILE', move {folder.Cluster} aside, and "
                + "with version "
                + $"{binaries.Major} run 'holdfast ledger import FILE' (the chain is kept)");
        }
        if (!folder.IsMade)
        {
            // Made aside and renamed when complete: a kill in the middle leaves nothing that looks like a cluster.
            var aside = folder.Cluster + ".new";
            if (Directory.Exists(aside))
            {
                Directory.Delete(aside, recursive: true);
            }
            ClusterFolder.MakeFolder(aside, account);
            await ClusterProcess.InitialiseAsync(binaries, folder, aside, account, token).ConfigureAwait(false);
            if (Directory.Exists(folder.Cluster))
            {
                Directory.Delete(folder.Cluster); // only ever empty here; anything else is refused by the system
            }
            Directory.Move(aside, folder.Cluster);
            LedgerFiles.SyncFolder(folder.Root);
        }
        folder.Own(account);
    }

    private async Task RunAsync(CancellationToken token)
    {
        if (folder.FindServer() is { } orphan)
        {
            Use(folder.SocketFolder());
            var found = Process.GetProcessById(orphan);
            if (await AnswersAsync(AnswerLimit, null, token).ConfigureAwait(false))
            {
                log($"ledger: adopted the running PostgreSQL (process {orphan})");
                process = found;
                WasAdopted = true;
                return;
            }
            log($"ledger: a PostgreSQL of before (process {orphan}) does not answer and is stopped");
            await StopAsync(found).ConfigureAwait(false);
            found.Dispose();
        }
        await StartServerAsync(token).ConfigureAwait(false);
    }

    private void Use(string socket)
    {
        socketFolder = socket;
        ConnectionString = Settings(socket, LedgerSchema.RoleName);
        AdminConnectionString = Settings(socket, AdminName);
    }

    private async Task StartServerAsync(CancellationToken token)
    {
        folder.TrimLog(MostLogBytes);
        if (socketFolder.Length == 0 || !Directory.Exists(socketFolder))
        {
            Use(folder.MakeSocketFolder(account));
        }
        var before = process;
        process = ClusterProcess.StartServer(binaries, folder, socketFolder, account);
        before?.Dispose();
        if (!await AnswersAsync(StartLimit, process, token).ConfigureAwait(false))
        {
            throw new EmbeddedPostgresException($"PostgreSQL did not start: {folder.LogTail()}");
        }
    }

    /// <summary>Asks until the server answers, the process ends, or the limit is over.</summary>
    private async Task<bool> AnswersAsync(TimeSpan limit, Process? started, CancellationToken token)
    {
        var settings = new NpgsqlConnectionStringBuilder(AdminConnectionString)
        {
            Pooling = false,
            Timeout = 2,
            CommandTimeout = 2,
        };
        var begin = clock.GetTimestamp();
        while (clock.GetElapsedTime(begin) < limit && started?.HasExited != true)
        {
            try
            {
                var connection = new NpgsqlConnection(settings.ConnectionString);
                await using var closing = connection.ConfigureAwait(false);
                await connection.OpenAsync(token).ConfigureAwait(false);
                return true;
            }
            catch (NpgsqlException)
            {
                // Not yet: no socket, or still in recovery. The limit ends it.
            }
            await Task.Delay(TimeSpan.FromMilliseconds(20), clock, token).ConfigureAwait(false);
        }
        return false;
    }

    private async Task AllowLoginAsync(CancellationToken token)
    {
        var settings = new NpgsqlConnectionStringBuilder(AdminConnectionString) { Pooling = false };
        var connection = new NpgsqlConnection(settings.ConnectionString);
        await using var closing = connection.ConfigureAwait(false);
        await connection.OpenAsync(token).ConfigureAwait(false);
        var command = new NpgsqlCommand($"ALTER ROLE {LedgerSchema.RoleName} LOGIN", connection);
        await using var disposing = command.ConfigureAwait(false);
        await command.ExecuteNonQueryAsync(token).ConfigureAwait(false);
    }

    /// <summary>Starts the server again whenever it ends, with growing pauses, until we stop.</summary>
    private async Task WatchAsync()
    {
        var pause = TimeSpan.FromMilliseconds(100);
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await WaitForEndAsync().ConfigureAwait(false);
                log($"ledger: PostgreSQL ended and is started again: {folder.LogTail()}");
                Restarts++;
                await StartServerAsync(stop.Token).ConfigureAwait(false);
                pause = TimeSpan.FromMilliseconds(100);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (Exception e) when (e is EmbeddedPostgresException or IOException or UnauthorizedAccessException
                or System.ComponentModel.Win32Exception)
            {
                log($"ledger: PostgreSQL could not be started again: {e.Message}");
                pause = pause < TimeSpan.FromSeconds(15) ? pause * 2 : pause;
                await Task.Delay(pause, clock, stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task WaitForEndAsync()
    {
        while (true)
        {
            try
            {
                await process.WaitForExitAsync(stop.Token).WaitAsync(TimeSpan.FromMinutes(1), clock)
                    .ConfigureAwait(false);
                return;
            }
            catch (TimeoutException)
            {
                folder.TrimLog(MostLogBytes);
            }
        }
    }

    private async Task StopAsync(Process server)
    {
        foreach (var (signal, limit) in ((int, TimeSpan)[])[
            (Interrupt, FastStopLimit), (Quit, TimeSpan.FromSeconds(5)), (Kill, TimeSpan.FromSeconds(5))])
        {
            if (server.HasExited || !ClusterFolder.Signal(server.Id, signal))
            {
                return;
            }
            ClusterFolder.Signal(server.Id, Continue); // a stopped process takes no other signal
            using var bound = new CancellationTokenSource(limit, clock);
            try
            {
                await server.WaitForExitAsync(bound.Token).ConfigureAwait(false);
                return;
            }
            catch (OperationCanceledException)
            {
                log($"ledger: PostgreSQL did not stop on signal {signal} within {limit.TotalSeconds:0} s");
            }
        }
    }
}
