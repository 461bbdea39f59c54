// A PostgreSQL of somebody else's, as a site has one: TCP, passwords, a plain role that owns one database. Started from the installed programs in a folder
// of its own, as an unprivileged user when we are root.
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Holdfast.Ledger;
using Npgsql;

namespace Holdfast.Tests.Wire;

internal sealed class PasswordServer : IAsyncDisposable
{
    private const string Secret = "a-password-of-the-site's";
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(120);

    private readonly string folder = Directory.CreateTempSubdirectory("holdfast-site-").FullName;
    private readonly string programs = PostgresBinaries.Find().Folder;
    private readonly int port = FreePort();
    private Process? server;

    /// <summary>The role that the appliance is given.</summary>
    public string ConnectionString => Connection("holdfast", "ledger");

    public static async Task<PasswordServer> StartAsync()
    {
        var site = new PasswordServer();
        try
        {
            await site.MakeAsync();
            await site.RunAsync();
            await site.SqlAsync($"CREATE ROLE holdfast LOGIN NOSUPERUSER PASSWORD '{Secret.Replace("'", "''")}'");
            await site.SqlAsync("CREATE DATABASE ledger OWNER holdfast ENCODING 'UTF8' TEMPLATE template0");
            return site;
        }
        catch
        {
            await site.DisposeAsync();
            throw;
        }
    }

    /// <summary>Stops it at once, as a crash would.</summary>
    public async Task KillAsync()
    {
        Signals.Send(server!.Id, Signals.Quit);
        await server.WaitForExitAsync();
    }

    /// <summary>Starts it (again) and waits until it answers.</summary>
    public async Task RunAsync()
    {
        server = Start("postgres", "-D", Path.Combine(folder, "data"), "-p", $"{port}", "-c", "listen_addresses=127.0.0.1",
            "-c", "unix_socket_directories=", "-c", "log_min_messages=fatal");
        for (var started = Stopwatch.GetTimestamp(); ;)
        {
            try
            {
                await SqlAsync("SELECT 1");
                return;
            }
            catch (NpgsqlException) when (!server.HasExited && Stopwatch.GetElapsedTime(started) < StartLimit)
            {
                await Task.Delay(100);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (server is { HasExited: false })
        {
            await KillAsync();
        }

        server?.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private string Connection(string role, string database) => new NpgsqlConnectionStringBuilder
    {
        Host = "127.0.0.1", Port = port, Username = role, Password = Secret, Database = database,
    }.ConnectionString;

    private async Task MakeAsync()
    {
        var password = Path.Combine(folder, "password");
        await File.WriteAllTextAsync(password, Secret);
        File.SetUnixFileMode(password, (UnixFileMode)0b100_100_100);
        Directory.CreateDirectory(Path.Combine(folder, "data"));
        if (Environment.IsPrivilegedProcess)
        {
            File.SetUnixFileMode(folder, (UnixFileMode)0b111_101_101);
            using var giving = Process.Start("chown", ["postgres", Path.Combine(folder, "data")]);
            await giving.WaitForExitAsync();
        }

        using var making = Start("initdb", "-D", Path.Combine(folder, "data"), "-U", "site", "--locale=C", "-E", "UTF8",
            "--auth=scram-sha-256", $"--pwfile={password}", "--no-sync");
        await making.WaitForExitAsync();
        if (making.ExitCode != 0)
        {
            throw new InvalidOperationException($"initdb ended with {making.ExitCode}");
        }
    }

    private Process Start(string program, params string[] arguments)
    {
        string[] command = [Path.Combine(programs, program), .. arguments];
        var start = Environment.IsPrivilegedProcess
            ? new ProcessStartInfo("setpriv", ["--reuid=postgres", "--regid=postgres", "--clear-groups", "--", .. command])
            : new ProcessStartInfo(command[0], command[1..]);
        (start.WorkingDirectory, start.RedirectStandardOutput, start.UseShellExecute) = ("/", true, false);
        var process = Process.Start(start)!;
        process.OutputDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        return process;
    }

    private async Task SqlAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(Connection("site", "postgres") + ";Pooling=false;Timeout=10");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
