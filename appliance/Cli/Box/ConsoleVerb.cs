// `holdfast console`: the screen of the box on its first terminal or a serial line. It runs as root there, so whoever stands in front of the box may do what
// its menu has; over the network nobody gets to it.
using System.CommandLine;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Text.Json;
using Holdfast.Wire;

namespace Holdfast.Cli;

internal static class ConsoleVerb
{
    public static Command Command(Surroundings surroundings)
    {
        var data = new Option<string?>("--data") { Description = "Data folder of the appliance (default: HOLDFAST_DATA, else ./data)." };
        var plain = new Option<bool>("--plain") { Description = "No control characters and no QR code: for a serial line." };
        var answer = new Option<string?>("--answer") { Description = "File with the line of what became of an answer file." };
        var command = new Command("console", "The screen of the box, with a menu; on the box, as root.") { data, plain, answer };
        Examples.Of(command, "holdfast console --data /state/holdfast", "holdfast console --data /state/holdfast --plain");
        command.SetAction((parsed, cancel) => new ConsoleRun(
            surroundings, LedgerPlace.Of(parsed.GetValue(data)), parsed.GetValue(plain), parsed.GetValue(answer), cancel).RunAsync());
        return command;
    }
}

/// <summary>One run on a terminal.</summary>
internal sealed class ConsoleRun(Surroundings surroundings, LedgerPlace place, bool plain, string? answerPath, CancellationToken cancel)
{
    private const int DefaultWidth = 80;
    private const int DefaultHeight = 24;
    private static readonly TimeSpan Refresh = TimeSpan.FromSeconds(20);
    private readonly ConsoleInput input = new(Console.OpenStandardInput());

    public async Task<int> RunAsync()
    {
        IReadOnlyList<string>? shown = null;
        while (true)
        {
            ConsoleFacts facts = await FactsAsync();
            IReadOnlyList<string> screen = ConsoleScreen.Render(facts, Width);
            if (shown is null || !screen.SequenceEqual(shown))
            {
                Show(screen);
                shown = screen;
            }

            (bool came, string? key) = await input.LineWithinAsync(Refresh, surroundings.Clock, cancel);
            if (!came)
            {
                continue;
            }

            if (key is null)
            {
                return 0;
            }

            shown = null;
            try
            {
                await DoAsync(key, facts);
            }
            catch (Exception error) when (error is FailedException or PbsException or IOException or SocketException or UnauthorizedAccessException)
            {
                await SayAsync("not done: " + error.Message);
            }
        }
    }

    private static int Width => Console.IsOutputRedirected || Console.WindowWidth < 40 ? DefaultWidth : Console.WindowWidth;

    private static int Height => Console.IsOutputRedirected || Console.WindowHeight < 10 ? DefaultHeight : Console.WindowHeight;

    private void Show(IReadOnlyList<string> lines)
    {
        // Home and clear; a plain line only gets more of them.
        Console.Write(plain ? "\n" : "\u001b[H\u001b[2J");
        Console.Write(string.Join('\n', lines) + "\n> ");
    }

    private async Task DoAsync(string key, ConsoleFacts facts)
    {
        switch (key)
        {
            case "":
                break;
            case "1":
                await NetworkAsync();
                break;
            case "2":
                await TimeAsync();
                break;
            case "3":
                await PasswordAsync();
                break;
            case "4":
                await SayAsync("written: " + await SupportBundleVerb.MakeAsync(place, Path.GetTempPath(), surroundings.Clock, cancel));
                break;
            case "5":
                await AlarmsAsync();
                break;
            case "6":
                await SayAsync(plain ? "no QR code on a plain line"
                    : ConsoleScreen.Qr(facts, Width, Height - 2) is { } code ? "\n" + string.Join('\n', code)
                    : "no address yet, or the screen is too small for it");
                break;
            case "7" or "8":
                await PowerAsync(key == "7" ? "reboot" : "shutdown");
                break;
            case "9":
                await ResetAsync();
                break;
            default:
                await SayAsync($"there is no '{key}' in the menu");
                break;
        }
    }

    private async Task<ConsoleFacts> FactsAsync()
    {
        (bool healthy, string health) = await HealthVerb.AskAsync(place, cancel);
        string version = Text("/usr/share/holdfast/version") ?? typeof(ConsoleRun).Assembly.GetName().Version?.ToString(3) ?? "";
        return new ConsoleFacts(
            Environment.MachineName, version, Addresses(), place.Settings.Port, File.Exists(place.At("tls/cert.pem")) ? LocalBox.Fingerprint(place) : null,
            healthy ? "healthy" : health, Text(place.At("initial-admin-password")), answerPath is null ? null : Text(answerPath))
        {
            IsDevelopment = File.Exists("/usr/share/holdfast/development-image"),
        };
    }

    private static string? Text(string path)
    {
        try
        {
            return File.Exists(path) && new FileInfo(path).Length < 8192 ? File.ReadAllText(path).Trim().ReplaceLineEndings(" ") : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static List<string> Addresses() =>
    [
        .. NetworkInterface.GetAllNetworkInterfaces().Where(one => one.NetworkInterfaceType != NetworkInterfaceType.Loopback)
            .SelectMany(one => one.GetIPProperties().UnicastAddresses).Select(one => one.Address)
            .Where(address => !address.IsIPv6LinkLocal).OrderBy(address => address.AddressFamily).Select(address => address.ToString()),
    ];

    private Task<LocalBox> BoxAsync() => LocalBox.ConnectAsync(place, surroundings.Clock, cancel);

    private async Task NetworkAsync()
    {
        await using LocalBox box = await BoxAsync();
        JsonElement ports = await box.GetAsync("nodes/localhost/network", cancel);
        foreach (JsonElement port in ports.EnumerateArray())
        {
            string cidr = port.TryGetProperty("cidr", out JsonElement text) ? text.GetString()! : "no address";
            Console.WriteLine(Tables.Printable($"  {port.GetProperty("iface").GetString()}: {port.GetProperty("method").GetString()}, {cidr}"));
        }

        if (await AskAsync("interface to change (nothing: none)") is not { Length: > 0 } name
            || await AskAsync("address with length, such as 192.0.2.7/24, or 'dhcp'") is not { Length: > 0 } address)
        {
            return;
        }

        var settings = new Parameters().Set("method", address == "dhcp" ? "dhcp" : "static");
        if (address != "dhcp")
        {
            settings.Set("cidr", address).Set("gateway", await AskAsync("gateway (nothing: none)") is { Length: > 0 } gateway ? gateway : null);
        }

        await box.PutAsync("nodes/localhost/network/" + Uri.EscapeDataString(name), settings, cancel);
        JsonElement change = await box.PutAsync("nodes/localhost/network", new Parameters().Set("confirm-within", 120), cancel);
        Console.WriteLine("It is in use. Try to reach the box; without 'yes' within two minutes all is as before.");
        if (await AskAsync("keep it? (yes)") == "yes")
        {
            await box.PostAsync("nodes/localhost/network-change", new Parameters().Set("change", change.GetString()), cancel);
            await SayAsync("it stays");
        }
        else
        {
            await SayAsync("it is taken back");
        }
    }

    private async Task TimeAsync()
    {
        await using LocalBox box = await BoxAsync();
        JsonElement time = await box.GetAsync("nodes/localhost/time", cancel);
        string now = Storage.SnapshotName.FormatTime(time.GetProperty("time").GetInt64());
        Console.WriteLine(Tables.Printable($"  {now}, zone {time.GetProperty("timezone").GetString()}"));
        if (await AskAsync("time zone, such as Europe/Vienna (nothing: as it is)") is { Length: > 0 } zone)
        {
            await box.PutAsync("nodes/localhost/time", new Parameters().Set("timezone", zone), cancel);
        }

        if (await AskAsync("time servers, with spaces between (nothing: as they are)") is { Length: > 0 } servers)
        {
            await box.PutAsync("nodes/localhost/time-servers",
                new Parameters().Set("server", servers.Split(' ', StringSplitOptions.RemoveEmptyEntries)), cancel);
        }
    }

    private async Task PasswordAsync()
    {
        string user = await AskAsync("user (nothing: admin@pbs)") is { Length: > 0 } given ? given : "admin@pbs";
        string password = Terminal.ReadSecret("new password: ");
        if (password != Terminal.ReadSecret("once more: "))
        {
            await SayAsync("the two are not the same: nothing was changed");
            return;
        }

        await using LocalBox box = await BoxAsync();
        await box.PutAsync("access/password", new Parameters().Set("userid", user).Set("password", password), cancel);
        await SayAsync($"{user} has a new password");
    }

    private async Task AlarmsAsync()
    {
        await using LocalBox box = await BoxAsync();
        JsonElement alarms = await box.GetAsync("nodes/localhost/alarms", cancel);
        foreach (JsonElement alarm in alarms.EnumerateArray().Take(Height - 4))
        {
            Console.WriteLine(Tables.Printable($"  {alarm.GetProperty("kind").GetString()}: {alarm.GetProperty("subject").GetString()}"));
        }

        await SayAsync($"{alarms.GetArrayLength()} alarms");
    }

    private async Task PowerAsync(string command)
    {
        if (await AskAsync($"{command}: type 'yes'") == "yes")
        {
            await using LocalBox box = await BoxAsync();
            await box.PostAsync("nodes/localhost/status", new Parameters().Set("command", command), cancel);
            await SayAsync("it comes");
        }
    }

    private async Task ResetAsync()
    {
        const string Words = Features.Box.BoxEndpoints.ResetWords;
        Console.WriteLine("Accounts, settings, ledger, keys, and the datastores on the boot disk are lost. Data pools are not touched. The box restarts.");
        if (await AskAsync($"type '{Words}'") != Words)
        {
            await SayAsync("nothing was changed");
            return;
        }

        await using LocalBox box = await BoxAsync();
        await box.PostAsync("nodes/localhost/factory-reset", new Parameters().Set("confirm", Words), cancel);
        await SayAsync("the box restarts and forgets");
    }

    private async Task<string> AskAsync(string what)
    {
        Console.Write(what + ": ");
        return await input.LineAsync() ?? "";
    }

    private async Task SayAsync(string text)
    {
        Console.WriteLine(string.Join('\n', text.Split('\n').Select(Tables.Printable)));
        await AskAsync("Enter goes on");
    }
}
