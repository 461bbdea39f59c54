// Silence is no reason to cut a session, a dead peer is: whoever answers PING may idle for minutes, whoever doesn't frees its group within a minute.
using System.Diagnostics;
using Holdfast.Wire;
using Xunit;

namespace Holdfast.Tests.Wire;

public sealed class DeadPeerTests(Appliance appliance) : IClassFixture<Appliance>
{
    [Fact]
    public async Task A_peer_that_answers_nothing_frees_its_group_within_a_minute()
    {
        var target = Backups.NewTarget();
        await using var peer = await Unit.RawPeer.ConnectAsync(appliance.Daemon.Port);
        var head = $"GET //api2/json/backup?{RawSession.Query(target)} HTTP/1.1\r\nhost: x\r\n"
            + string.Concat(appliance.AdminPass.Headers.Select(header => $"{header.Item1}: {header.Item2}\r\n"))
            + "connection: upgrade\r\nupgrade: proxmox-backup-protocol-v1\r\n\r\n";
        await peer.SendAsync(head);
        Assert.StartsWith("HTTP/1.1 101", (await peer.AnswerAsync()).Head);
        await peer.SendAsync(Unit.RawPeer.Start());
        await peer.SendAsync(Unit.RawPeer.Request(1, "POST", "/dynamic_index?archive-name=a.didx", endStream: true));

        // From here on it neither reads nor writes.
        var watch = Stopwatch.StartNew();
        var next = target with { BackupTimeS = target.BackupTimeS + 1 };
        for (; ; await Task.Delay(500))
        {
            var (session, refusal) = await RawSession.TryOpenAsync(
                appliance.Daemon.Port, "backup", RawSession.Query(next), appliance.AdminPass.Headers);
            if (session is not null)
            {
                await session.DisposeAsync();
                break;
            }

            Assert.StartsWith("unable to acquire lock on backup group", refusal!.Text);
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(75), "the group is still held");
        }

        var told = await LedgerView.ReadAsync(appliance.Daemon, Backups.Stream(target));
        Assert.Equal(["BackupStarted", "BackupAborted"], told.Take(2).Select(one => one.Type));
    }
}

public sealed class SilentPeerTests(Appliance appliance) : IClassFixture<Appliance>
{
    [Fact]
    public async Task A_peer_that_is_silent_but_alive_is_not_cut()
    {
        var target = Backups.NewTarget();
        var image = Image.Make(10, 501);
        await using (var writer = await appliance.Client.StartBackupAsync(target))
        await using (var reader = await ReaderAsync())
        {
            // A first call each: only then does the library start its side of HTTP/2.
            await writer.PreviousBackupTimeAsync();
            await reader.OkAsync("GET", "/speedtest");
            await Task.Delay(TimeSpan.FromSeconds(65));
            await Backups.UploadAsync(writer, target, image);
            await writer.FinishAsync();
            Assert.Equal(1 << 20, (await reader.OkAsync("GET", "/speedtest")).Body.Length);
        }

        await Backups.AssertRestoresAsync(appliance.Client, target, image);
    }

    private async Task<RawSession> ReaderAsync()
    {
        var target = Backups.NewTarget();
        await Backups.RunAsync(appliance.Client, target, Image.Make(10, 502));
        return await RawSession.OpenAsync(appliance, target, "reader");
    }
}
