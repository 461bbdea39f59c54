// holdfast at a terminal (one made by script(1)): the password is asked for and never shown; and without one, an API token does.
using System.Diagnostics;
using System.Text;
using Xunit;

namespace Holdfast.Tests.Wire;

public sealed class TerminalTests(Appliance appliance) : IClassFixture<Appliance>
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(120);

    [Fact]
    public async Task The_password_is_asked_for_at_the_terminal_and_not_shown()
    {
        await Backups.RunAsync(appliance.Client, Backups.NewTarget(), Image.Make(10, 911));
        var (code, text) = await AtTerminalAsync(Daemon.Admin, "snapshots", appliance.Daemon.Password);
        Assert.True(code == 0, text);
        Assert.Contains("vm/", text, StringComparison.Ordinal);
        Assert.DoesNotContain(appliance.Daemon.Password, text, StringComparison.Ordinal);

        (code, text) = await AtTerminalAsync(Daemon.Admin, "snapshots", "wrong\u007fguess");
        Assert.NotEqual(0, code);
        Assert.DoesNotContain("guess", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_api_token_lists_and_a_withdrawn_one_does_not()
    {
        var name = $"cli{Guid.NewGuid():N}"[..12];
        var path = $"access/users/{Daemon.Admin}/token/{name}";
        var made = await appliance.Client.PostAsync(path, new Dictionary<string, object>());
        var secret = made.GetProperty("data").GetProperty("value").GetString()!;
        await appliance.Client.PutAsync("access/acl", $"path=/&role=Admin&auth-id={Uri.EscapeDataString($"{Daemon.Admin}!{name}")}");
        await Backups.RunAsync(appliance.Client, Backups.NewTarget(), Image.Make(10, 912));
        var (code, text) = await RunAsync($"{Daemon.Admin}!{name}", secret, null, Program(), "snapshots");
        Assert.True(code == 0, text);
        Assert.Contains("vm/", text, StringComparison.Ordinal);
        Assert.DoesNotContain(secret, text, StringComparison.Ordinal);

        await appliance.Client.DeleteAsync(path);
        (code, text) = await RunAsync($"{Daemon.Admin}!{name}", secret, null, Program(), "snapshots");
        Assert.NotEqual(0, code);
        Assert.DoesNotContain(secret, text, StringComparison.Ordinal);
    }

    private Task<(int Code, string Text)> AtTerminalAsync(string who, string verb, string typed) =>
        RunAsync(who, null, typed, "script", "-qec", $"{Program()} {verb}", "/dev/null");

    /// <summary>Runs it; once it asks for a password it gets what is typed.</summary>
    private async Task<(int Code, string Text)> RunAsync(string who, string? secret, string? typed, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false,
        };
        start.Environment.Remove("PBS_PASSWORD");
        start.Environment["PBS_REPOSITORY"] = $"{who}@127.0.0.1:{appliance.Daemon.Port}:main";
        start.Environment["PBS_FINGERPRINT"] = appliance.Daemon.Fingerprint;
        if (secret is not null)
        {
            start.Environment["PBS_PASSWORD"] = secret;
        }

        using var process = Process.Start(start)!;
        using var limit = new CancellationTokenSource(Limit);
        try
        {
            var errors = process.StandardError.ReadToEndAsync(limit.Token);
            var text = new StringBuilder();
            var buffer = new char[1024];
            for (int read; (read = await process.StandardOutput.ReadAsync(buffer, limit.Token)) > 0;)
            {
                text.Append(buffer, 0, read);
                if (typed is not null && text.ToString().Contains("password", StringComparison.OrdinalIgnoreCase))
                {
                    await process.StandardInput.WriteAsync($"{typed}\n".AsMemory(), limit.Token);
                    await process.StandardInput.FlushAsync(limit.Token);
                    typed = null;
                }
            }

            await process.WaitForExitAsync(limit.Token);
            Assert.Null(typed);
            return (process.ExitCode, text + await errors);
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill();
            }
        }
    }

    private static string Program()
    {
        var published = Path.Combine(Environment.GetEnvironmentVariable("HOLDFAST_OUT") ?? "", "holdfast");
        return Path.IsPathRooted(published) && File.Exists(published) ? published : Path.Combine(AppContext.BaseDirectory, "holdfast");
    }
}
