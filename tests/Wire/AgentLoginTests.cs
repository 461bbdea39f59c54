// root@pam comes in through the privileged agent, a process of its own, and through nothing else.
using System.Diagnostics;
using Xunit;

namespace Holdfast.Tests.Wire;

public sealed class AgentLoginTests
{
    private const string Password = "of the system";

    [Fact]
    public async Task Root_logs_in_by_the_systems_password_while_the_agent_is_there()
    {
        var folder = Directory.CreateTempSubdirectory("holdfast-agent-").FullName;
        try
        {
            var check = Path.Combine(folder, "check.sh");
            await File.WriteAllTextAsync(check, $"#!/bin/sh\nread -r given\n[ \"$given\" = '{Password}' ] && [ \"$PAM_USER\" = root ]\n");
            File.SetUnixFileMode(check, UnixFileMode.UserRead | UnixFileMode.UserExecute);
            await File.WriteAllTextAsync(Path.Combine(folder, "checks"),
                $"auth required pam_exec.so quiet expose_authtok {check}\naccount required pam_permit.so\n");
            var socket = Path.Combine(folder, "agent.sock");
            await using var daemon = await Daemon.StartAsync("Agent:Socket=" + socket);

            var without = await daemon.Door.TryLoginAsync("root@pam", Password);
            Assert.Equal(503, without.Status);
            Assert.Contains("holdfast-agent", without.Text, StringComparison.Ordinal);

            using (var agent = await StartAgentAsync(folder, socket))
            {
                var pass = await daemon.Door.LoginAsync("root@pam", Password);
                var users = await daemon.Door.SendAsync("GET", "access/users", headers: pass.Headers);
                Assert.Contains(users.Data.EnumerateArray(), user => user.GetProperty("userid").GetString() == Daemon.Admin);
                var wrong = await daemon.Door.TryLoginAsync("root@pam", "guessed");
                Assert.Equal((401, "permission check failed."), (wrong.Status, wrong.Text));
                agent.Kill();
                await agent.WaitForExitAsync();
                Assert.Equal(200, (await daemon.Door.SendAsync("GET", "version", headers: pass.Headers)).Status);
            }

            Assert.Equal(503, (await daemon.Door.TryLoginAsync("root@pam", Password)).Status);
            Assert.Equal(200, (await daemon.Door.TryLoginAsync(Daemon.Admin, daemon.Password)).Status);
            Assert.DoesNotContain(Password, daemon.Output, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<Process> StartAgentAsync(string folder, string socket)
    {
        var agent = Process.Start(new ProcessStartInfo(Daemon.Program("holdfast-agent"),
            ["--socket", socket, "--pam-service", "checks", "--pam-folder", folder]) { RedirectStandardOutput = true })!;
        Assert.Contains("ready", await agent.StandardOutput.ReadLineAsync(), StringComparison.Ordinal);
        return agent;
    }
}
