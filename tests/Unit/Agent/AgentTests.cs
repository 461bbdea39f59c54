// The privileged agent: who may ask, what it takes, and what libpam says through it. PAM itself is real; only its service files lie in a folder of the test.
using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using Holdfast.Agent;
using Holdfast.Agent.Pam;
using Holdfast.Contracts.Agent;
using Xunit;

namespace Holdfast.Tests.Unit.Agent;

public sealed class AgentTests : IDisposable
{
    private const string Password = "correct horse, battery: staple";

    private readonly string folder = Directory.CreateTempSubdirectory("holdfast-agent-").FullName;
    private readonly List<string> said = [];

    public AgentTests()
    {
        // The password is what a program compares with what PAM hands it: the whole way through the conversation is real.
        var check = Path.Combine(folder, "check.sh");
        File.WriteAllText(check, $"#!/bin/sh\nread -r given\n[ \"$given\" = '{Password}' ] && [ \"$PAM_USER\" = root ]\n");
        File.SetUnixFileMode(check, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        File.WriteAllText(Path.Combine(folder, "checks"), $"auth required pam_exec.so quiet expose_authtok {check}\naccount required pam_permit.so\n");
        File.WriteAllText(Path.Combine(folder, "locked"), "auth required pam_permit.so\naccount required pam_deny.so\n");
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task A_right_password_is_right_and_every_other_is_wrong()
    {
        await using var agent = Start("checks");
        Assert.True(await AskAsync("root", Password));
        Assert.False(await AskAsync("root", Password + "x"));
        Assert.False(await AskAsync("root", ""));
        Assert.False(await AskAsync("nobody", Password));
        Assert.All(await Task.WhenAll(Enumerable.Range(0, 20).Select(i => AskAsync("root", i % 2 == 0 ? Password : "no"))).ContinueWith(
            all => all.Result.Select((right, i) => right == (i % 2 == 0))), Assert.True);
    }

    [Fact]
    public async Task An_account_that_may_not_be_used_and_a_service_that_does_not_exist_let_nobody_in()
    {
        await using (Start("locked"))
        {
            Assert.False(await AskAsync("root", Password));
        }

        await using (Start("no-such-service"))
        {
            Assert.False(await AskAsync("root", Password));
        }
    }

    [Fact]
    public async Task What_is_not_on_the_list_is_refused_and_nothing_of_it_is_repeated()
    {
        await using var agent = Start("checks");
        foreach (var request in (string[])
        [
            "{\"verb\":\"run-shell\",\"command\":\"id\"}", "{}", "[]", "null", "{\"verb\":\"check-pam-password\",\"user\":\"secret\"}",
            "{\"verb\":\"check-pam-password\",\"user\":\"ro/ot\",\"password\":\"secret\"}",
            "{\"verb\":\"check-pam-password\",\"user\":\"root\",\"password\":\"secret\\u0000\"}", "\u0001secret",
        ])
        {
            var refusal = Assert.IsType<AgentRefusal>(await SendAsync(Encoding.UTF8.GetBytes(request)));
            Assert.DoesNotContain("secret", refusal.Reason, StringComparison.Ordinal);
        }

        Assert.IsType<KnownVerbs>(await SendAsync("{\"verb\":\"list-verbs\"}"u8.ToArray()));
        Assert.DoesNotContain("secret", string.Concat(said), StringComparison.Ordinal);
        Assert.DoesNotContain("hidden", new CheckPamPassword("root", "hidden").ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_length_that_lies_and_a_peer_that_says_nothing_cost_nothing()
    {
        await using var agent = Start("checks", TimeSpan.FromMilliseconds(300));
        foreach (var length in (int[])[int.MaxValue, -1, 0, AgentFrame.BytesMax + 1])
        {
            using var socket = Connect();
            var head = new byte[4];
            BinaryPrimitives.WriteInt32LittleEndian(head, length);
            await using var stream = new NetworkStream(socket);
            await stream.WriteAsync(head);
            Assert.IsType<AgentRefusal>(await AgentFrame.ReadAnswerAsync(stream, default));
        }

        var silent = Enumerable.Range(0, 30).Select(_ => Connect()).ToList();
        Assert.True(await AskAsync("root", Password)); // the silent ones are cut off, then it is our turn
        silent.ForEach(socket => socket.Dispose());
    }

    [Fact]
    public void The_kernel_says_who_is_at_the_other_end()
    {
        var path = Path.Combine(folder, "who.sock");
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        client.Connect(new UnixDomainSocketEndPoint(path));
        using var accepted = listener.Accept();
        Assert.Equal(Environment.ProcessId, PeerCredentials.Of(accepted).Pid);
    }

    [Theory]
    [InlineData("--socket")]
    [InlineData("--allow-uid", "-1")]
    [InlineData("--allow-user", "nobody-of-this-name")]
    [InlineData("--pam-service", "../evil")]
    [InlineData("--colour", "red")]
    public void A_wrong_option_stops_the_start_with_its_name(params string[] args) =>
        Assert.Contains(args[0], Assert.Throws<ArgumentException>(() => AgentArguments.Parse(args)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_user_may_be_named()
    {
        var passwd = Path.Combine(folder, "passwd");
        File.WriteAllText(passwd, "root:x:0:0::/root:/bin/sh\nholdfast2:x:7:7::/:/bin/sh\nholdfast:x:987:987::/var/lib/holdfast:/usr/sbin/nologin\n");
        Assert.Equal([987u, 5u], AgentArguments.Parse(["--allow-user", "holdfast", "--allow-uid", "5"], passwd)!.AllowedUids.OrderDescending());
    }

    private string SocketPath => Path.Combine(folder, "agent.sock");

    private AgentServer Start(string service, TimeSpan? within = null) => new(
        new AgentOptions(SocketPath, new HashSet<uint> { (uint)GetUid() }, new PamVerbs(new PamPasswords(service, folder)).Verbs, line =>
        {
            lock (said)
            {
                said.Add(line);
            }
        }) { RequestWithin = within ?? TimeSpan.FromSeconds(20) });

    private async Task<bool> AskAsync(string user, string password)
    {
        using var socket = Connect();
        await using var stream = new NetworkStream(socket);
        await AgentFrame.WriteAsync(stream, new CheckPamPassword(user, password), default);
        return ((PamVerdict)await AgentFrame.ReadAnswerAsync(stream, default)).IsRight;
    }

    private async Task<AgentAnswer> SendAsync(byte[] json)
    {
        using var socket = Connect();
        await using var stream = new NetworkStream(socket);
        var head = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(head, json.Length);
        await stream.WriteAsync((byte[])[.. head, .. json]);
        return await AgentFrame.ReadAnswerAsync(stream, default);
    }

    private Socket Connect()
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(SocketPath));
        return socket;
    }

    [System.Runtime.InteropServices.DllImport("libc", EntryPoint = "getuid")]
    private static extern int GetUid();
}
