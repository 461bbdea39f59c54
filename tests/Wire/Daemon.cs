// A real holdfastd as a child process on a port of its own, with a data folder of its own. Whatever happens in a test, disposing leaves no process and
// no folder behind.
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Holdfast.Wire;

namespace Holdfast.Tests.Wire;

internal sealed partial class Daemon : IAsyncDisposable
{
    public const string Admin = "admin@pbs";
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(180);
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(60);

    private readonly string[] settings;
    private readonly IReadOnlyDictionary<string, string> environment;
    private readonly ConcurrentQueue<string> output = new();
    private Process process = null!;
    private PbsClient? client;
    private HttpDoor? door;

    private Daemon(string data, string[] settings, IReadOnlyDictionary<string, string> environment)
    {
        Data = data;
        this.settings = settings;
        this.environment = environment;
    }

    public string Data { get; }

    public int Port { get; private set; }

    public string Fingerprint { get; private set; } = "";

    public string Password { get; set; } = "";

    public int ProcessId => process.Id;

    public bool HasExited => process.HasExited;

    /// <summary>All lines that it has written.</summary>
    public string Output => string.Join('\n', output);

    /// <summary>Folder of the first datastore.</summary>
    public string Store => Path.Combine(Data, "datastores", "main");

    /// <summary>The admin's client, logged in once.</summary>
    public PbsClient Client => client ?? throw new InvalidOperationException("not started");

    /// <summary>HTTP/1.1 by hand, as the admin or as anybody.</summary>
    public HttpDoor Door => door ?? throw new InvalidOperationException("not started");

    /// <summary>Starts on a fresh data folder.</summary>
    /// <param name="settings">Each <c>Key=Value</c>.</param>
    public static Task<Daemon> StartAsync(params string[] settings) => StartAsync(new Dictionary<string, string>(), settings);

    /// <summary>The same, with variables of its own in its environment.</summary>
    public static async Task<Daemon> StartAsync(IReadOnlyDictionary<string, string> environment, params string[] settings)
    {
        var daemon = new Daemon(NewFolder(), settings, environment);
        try
        {
            await daemon.StartAgainAsync();
            return daemon;
        }
        catch
        {
            await daemon.DisposeAsync();
            throw;
        }
    }

    /// <summary>A data folder in memory where there is plenty, else where temporary files go: each daemon makes 65536 chunk folders and a database, and what a
    /// disk makes of many such at once is waiting. Nothing that is tested with a daemon hangs on the disk below.</summary>
    private static string NewFolder()
    {
        const string memory = "/dev/shm";
        const long plentyBytes = 6L << 30;
        return Directory.Exists(memory) && new DriveInfo(memory).AvailableFreeSpace > plentyBytes && AvailableMemoryBytes() > plentyBytes
            ? Directory.CreateDirectory(Path.Combine(memory, "holdfast-e2e-" + Path.GetRandomFileName()),
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute).FullName
            : Directory.CreateTempSubdirectory("holdfast-e2e-").FullName;
    }

    private static long AvailableMemoryBytes() => 1024 * long.Parse(
        File.ReadLines("/proc/meminfo").First(line => line.StartsWith("MemAvailable:", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]);

    /// <summary>Runs it where it is expected to refuse its start.</summary>
    public static async Task<(int ExitCode, string Text)> RefusedAsync(string data, params string[] arguments)
    {
        using var refused = Run(["--data", data, "--port", "0", "--listen", "127.0.0.1", .. arguments], new Dictionary<string, string>());
        var (text, errors) = (refused.StandardOutput.ReadToEndAsync(), refused.StandardError.ReadToEndAsync());
        try
        {
            using var limit = new CancellationTokenSource(StartLimit);
            await refused.WaitForExitAsync(limit.Token);
            return (refused.ExitCode, await text + await errors);
        }
        finally
        {
            if (!refused.HasExited)
            {
                refused.Kill();
            }
        }
    }

    /// <summary>Starts (again) on the same data folder and waits for its announcement.</summary>
    public async Task StartAgainAsync()
    {
        await Launch().WaitAsync(StartLimit);
        var initial = Path.Combine(Data, "initial-admin-password");
        Password = File.Exists(initial) ? (await File.ReadAllTextAsync(initial)).Trim() : Password;
        door?.Dispose();
        door = new HttpDoor(Port);
        if (client is not null)
        {
            await client.DisposeAsync();
        }

        client = await ConnectAsync(Admin, Password);
    }

    /// <summary>Starts, and kills it after that time, wherever it is then.</summary>
    public async Task StartAndKillAsync(TimeSpan after)
    {
        var ready = Launch();
        await Task.Delay(after);
        await KillAsync();
        await ready.ContinueWith(_ => { }, TaskScheduler.Default);
    }

    private Task Launch()
    {
        output.Clear();
        var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        process = Run(
            ["--data", Data, "--port", "0", "--listen", "127.0.0.1", .. settings.SelectMany(s => (string[])["--set", s])], environment);
        process.EnableRaisingEvents = true;
        process.Exited += (_, _) => ready.TrySetException(new InvalidOperationException("holdfastd ended: " + Output));
        process.OutputDataReceived += (_, line) => Take(line.Data, ready);
        process.ErrorDataReceived += (_, line) => Take(line.Data, ready);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return ready.Task;
    }

    /// <summary>A client of its own, logged in.</summary>
    public Task<PbsClient> ConnectAsync(string authId, string secret) => PbsClient.ConnectAsync(
        new PbsClientOptions("127.0.0.1", Port, AuthId.Parse(authId))
        {
            // A machine under test may be slow to accept.
            Secret = secret, Fingerprint = Fingerprint, ConnectTimeout = TimeSpan.FromSeconds(60),
        });

    /// <summary>TERM, and waits for the end.</summary>
    public async Task<int> StopAsync()
    {
        Signals.Send(process.Id, Signals.Term);
        using var limit = new CancellationTokenSource(StopLimit);
        await process.WaitForExitAsync(limit.Token);
        return process.ExitCode;
    }

    /// <summary>KILL: its PostgreSQL is left behind, as after a crash.</summary>
    public async Task KillAsync()
    {
        Signals.Send(process.Id, Signals.Kill);
        await process.WaitForExitAsync();
    }

    /// <summary>Process id of its PostgreSQL, or 0.</summary>
    public int PostmasterId()
    {
        var file = Path.Combine(Data, "ledger", "cluster", "postmaster.pid");
        try
        {
            return int.Parse(File.ReadLines(file).First());
        }
        catch (Exception error) when (error is IOException or FormatException or InvalidOperationException)
        {
            return 0;
        }
    }

    /// <summary>Highest resident memory so far, MiB.</summary>
    public long PeakMemoryMib() => long.Parse(
        File.ReadLines($"/proc/{process.Id}/status").First(line => line.StartsWith("VmHWM:", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]) / 1024;

    public async ValueTask DisposeAsync()
    {
        if (client is not null)
        {
            await client.DisposeAsync();
        }

        door?.Dispose();
        if (!process.HasExited)
        {
            try
            {
                await StopAsync();
            }
            catch (OperationCanceledException)
            {
                process.Kill();
                await process.WaitForExitAsync();
            }
        }

        if (PostmasterId() is > 1 and var postmaster && Signals.IsAlive(postmaster))
        {
            Signals.Send(postmaster, Signals.Continue);
            Signals.Send(postmaster, Signals.Quit);
            for (var i = 0; i < 100 && Signals.IsAlive(postmaster); i++)
            {
                await Task.Delay(50);
            }
        }

        process.Dispose();
        await RemoveDataAsync();
    }

    private async Task RemoveDataAsync()
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                Directory.Delete(Data, recursive: true);
                return;
            }
            catch (IOException) when (attempt < 10)
            {
                // PostgreSQL's last process may still be writing its goodbye.
                await Task.Delay(200);
            }
        }
    }

    private static Process Run(string[] arguments, IReadOnlyDictionary<string, string> environment)
    {
        var start = new ProcessStartInfo(Program(), arguments)
        {
            RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false,
        };
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("HOLDFAST_", StringComparison.Ordinal)).ToList())
        {
            start.Environment.Remove(name);
        }

        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        return Process.Start(start)!;
    }

    /// <summary>Path of one of our programs: the published one, or the one beside the tests.</summary>
    public static string Program(string name = "holdfastd")
    {
        var published = Path.Combine(Environment.GetEnvironmentVariable("HOLDFAST_OUT") ?? "", name);
        return Path.IsPathRooted(published) && File.Exists(published) ? published : Path.Combine(AppContext.BaseDirectory, name);
    }

    private void Take(string? line, TaskCompletionSource ready)
    {
        if (line is null)
        {
            return;
        }

        output.Enqueue(line);
        if (ReadyLine().Match(line) is { Success: true } at)
        {
            Port = int.Parse(at.Groups[1].Value);
        }

        if (line.StartsWith("certificate fingerprint:", StringComparison.Ordinal))
        {
            Fingerprint = line[24..].Trim();
        }

        if (line.StartsWith("add to Proxmox VE", StringComparison.Ordinal))
        {
            ready.TrySetResult();
        }
    }

    [GeneratedRegex(@"^holdfastd is ready: https://127\.0\.0\.1:(\d+)$")]
    private static partial Regex ReadyLine();
}

/// <summary>Signals to processes that a test has started.</summary>
internal static partial class Signals
{
    public const int Quit = 3;
    public const int Kill = 9;
    public const int Term = 15;
    public const int Continue = 18;
    public const int Stop = 19;

    public static void Send(int process, int signal) => _ = Deliver(process, signal);

    public static bool IsAlive(int process) => Deliver(process, 0) == 0;

    /// <summary>The process and all its children.</summary>
    public static List<int> Family(int process)
    {
        List<int> family = [process];
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            try
            {
                if (int.TryParse(Path.GetFileName(folder), out var id)
                    && File.ReadAllText(folder + "/stat") is var stat
                    && int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1]) == process)
                {
                    family.Add(id);
                }
            }
            catch (IOException)
            {
                // It ended while we looked.
            }
        }

        return family;
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Deliver(int process, int signal);
}
