// The rig's target: what a proper initiator gets, what an improper one does not, and a second opinion by QEMU's own (libiscsi).
using System.Diagnostics;
using System.Text;
using Xunit;

namespace Holdfast.Tests.Iscsi;

public sealed class TargetTests : IAsyncLifetime
{
    private const string Name = "iqn.2026-01.test:disk";
    private readonly MemoryStream content = new(new byte[8 << 20]);
    private readonly DiskUnit disk;
    private readonly Target target;

    public TargetTests()
    {
        disk = new DiskUnit(content, "RIG0001");
        target = new Target(Name, disk);
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await target.DisposeAsync();

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public async Task A_disk_says_who_it_is_and_keeps_what_is_written(bool header, bool data)
    {
        using var initiator = await LoginAsync(new Digests(header, data), ("MaxRecvDataSegmentLength", "4096"), ("MaxBurstLength", "16384"));
        Assert.Equal(0u, initiator.LoginStatus);
        Assert.Equal("16384", initiator.Agreed["MaxBurstLength"]);
        Assert.Equal(header ? "CRC32C" : "None", initiator.Agreed["HeaderDigest"]);
        var inquiry = await initiator.DoAsync([0x12, 0, 0, 0, 96, 0], 96);
        Assert.Equal("HOLDFAST" + "RIG DISK".PadRight(16) + "1   ", Encoding.ASCII.GetString(inquiry.Data, 8, 28));
        Assert.Equal((60u, 0x02), (inquiry.Residual, inquiry.Flags & 0x06)); // 36 of 96
        Assert.Equal("RIG0001", Encoding.ASCII.GetString((await initiator.DoAsync([0x12, 1, 0x80, 0, 96, 0], 96)).Data, 4, 7));
        Assert.Equal(0x29, (await initiator.DoAsync(new byte[6])).Sense[12]); // It is new to this session.
        Assert.Equal(0, (await initiator.DoAsync(new byte[6])).Status);

        var written = new byte[80 * 512];
        new Random(1).NextBytes(written);
        Assert.Equal(0, (await initiator.DoAsync(Initiator.Write10(100, 80), (uint)written.Length, written, immediate: 1024)).Status);
        Assert.Equal(written, (await initiator.DoAsync(Initiator.Read10(100, 80), (uint)written.Length)).Data);
        Assert.Equal(written, content.ToArray()[(100 * 512)..(180 * 512)]);
        var more = await initiator.DoAsync(Initiator.Write10(0, 1), 4096, [.. Enumerable.Repeat((byte)1, 4096)]);
        Assert.Equal((0, 3584u, 0x02), (more.Status, more.Residual, more.Flags & 0x06));
        Assert.Equal(512, content.ToArray().AsSpan(0, 4096).IndexOf((byte)0));
        Assert.Equal(0, (await initiator.DoAsync([0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0])).Status);
        Assert.Equal(1, disk.Flushes);
        Assert.Equal([0, 0, 0x3F, 0xFF, 0, 0, 2, 0], (await initiator.DoAsync([0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], 8)).Data);
    }

    [Fact]
    public async Task What_can_not_be_is_refused_with_its_reason()
    {
        using var unknown = await Initiator.LoginAsync(target.Port, "iqn.2026-01.test:nothing");
        Assert.Equal(0x0203u, unknown.LoginStatus);
        using var chap = await LoginAsync(default, ("AuthMethod", "CHAP"));
        Assert.Equal(0x0201u, chap.LoginStatus);
        using var initiator = await LoginAsync(default, ("Odd", "1"));
        Assert.Equal("NotUnderstood", initiator.Agreed["Odd"]);
        await initiator.DoAsync(new byte[6]);
        Assert.Equal((5, 0x20), Failure(await initiator.DoAsync([0xC1, 0, 0, 0, 0, 0])));
        Assert.Equal((5, 0x21), Failure(await initiator.DoAsync(Initiator.Read10(16384, 1), 512)));
        Assert.Equal((5, 0x25), Failure(await initiator.DoAsync(new byte[6], lun: 3)));
        Assert.Equal(0x7F, (await initiator.DoAsync([0x12, 0, 0, 0, 36, 0], 36, lun: 3)).Data[0]);
        var odd = new Pdu(0x1C) { Flags = 0x80, Tag = 99 };
        odd.Header[0] |= 0x40;
        await initiator.SendAsync(odd);
        Assert.Equal(Opcode.Reject, (await initiator.ReadAsync()).Code);
        await initiator.SendAsync(initiator.Command(new byte[6])); // It goes on after all that.
        Assert.Equal(Opcode.Response, (await initiator.ReadAsync()).Code);
        Assert.Empty(target.Complaints);
    }

    [Theory]
    [InlineData("a damaged header")]
    [InlineData("damaged data")]
    [InlineData("a data segment of")]
    [InlineData("where")]
    [InlineData("data that is not what was asked for")]
    [InlineData("less data than was asked for")]
    public async Task An_initiator_that_breaks_the_rules_loses_its_session_and_nobody_else_does(string complaint)
    {
        using var other = await LoginAsync(default);
        using var initiator = await LoginAsync(new Digests(true, true));
        await initiator.DoAsync(new byte[6]);
        var command = initiator.Command(Initiator.Write10(0, 8), 4096, writes: true);
        var bytes = command.ToBytes(initiator.Digests);
        switch (complaint)
        {
            case "a damaged header":
                bytes[40] ^= 1;
                break;
            case "a data segment of":
                bytes[5] = 0xFF;
                break;
            case "where":
                command[24] += 3;
                bytes = command.ToBytes(initiator.Digests);
                break;
        }

        await initiator.Stream.WriteAsync(bytes);
        if (complaint.Contains("data", StringComparison.Ordinal) && !complaint.StartsWith("a data", StringComparison.Ordinal))
        {
            var asked = await initiator.ReadAsync();
            var sent = Initiator.Out(command, asked, new byte[4096]);
            sent[40] += complaint.Contains("what was", StringComparison.Ordinal) ? 512u : 0;
            sent.Data = complaint.StartsWith("less", StringComparison.Ordinal) ? new byte[512] : sent.Data;
            var damaged = sent.ToBytes(initiator.Digests);
            damaged[^1] ^= complaint == "damaged data" ? (byte)1 : (byte)0;
            await initiator.Stream.WriteAsync(damaged);
        }

        await Assert.ThrowsAnyAsync<Exception>(initiator.ReadAsync);
        Assert.Contains(complaint, Assert.Single(target.Complaints), StringComparison.Ordinal);
        await other.DoAsync(new byte[6]);
        Assert.Equal(0, (await other.DoAsync(new byte[6])).Status);
        Assert.True(content.ToArray().AsSpan().IndexOfAnyExcept((byte)0) < 0, "something was written");
    }

    [Fact]
    public async Task A_write_that_is_aborted_in_the_middle_writes_nothing_and_the_session_goes_on()
    {
        using var initiator = await LoginAsync(default);
        await initiator.DoAsync(new byte[6]);
        var command = initiator.Command(Initiator.Write10(0, 8), 4096, writes: true);
        await initiator.SendAsync(command);
        Assert.Equal(Opcode.ReadyToTransfer, (await initiator.ReadAsync()).Code);
        var abort = new Pdu(Opcode.TaskManagement | 0x40) { Flags = 0x81, Tag = 500 };
        abort[20] = command.Tag;
        await initiator.SendAsync(abort);
        var managed = await initiator.ReadAsync();
        Assert.Equal((Opcode.TaskManaged, 0, 500u), (managed.Code, (int)managed.Header[2], managed.Tag));
        Assert.Equal(new byte[4096], (await initiator.DoAsync(Initiator.Read10(0, 8), 4096)).Data);
        await initiator.SendAsync(abort);
        Assert.Equal(1, (await initiator.ReadAsync()).Header[2]); // There is no such task any more.
    }

    [Fact]
    public async Task A_discovery_names_the_target()
    {
        using var initiator = await LoginAsync(default, ("SessionType", "Discovery"));
        var text = new Pdu(Opcode.Text | 0x40) { Flags = 0x80, Tag = 5, Data = Negotiation.Write([("SendTargets", "All")]) };
        text[20] = Pdu.NoTag;
        await initiator.SendAsync(text);
        Assert.Equal([("TargetName", Name), ("TargetAddress", $"127.0.0.1:{target.Port},1")], Negotiation.Parse((await initiator.ReadAsync()).Data));
    }

    [Fact]
    public async Task Noise_ends_a_session_and_never_the_target()
    {
        var random = new Random(20261127);
        for (var i = 0; i < 300; i++)
        {
            using var initiator = await LoginAsync(default);
            var bytes = initiator.Command(Initiator.Write10(0, 1), 512, writes: true).ToBytes(default);
            for (var change = random.Next(1, 12); change > 0; change--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            await initiator.Stream.WriteAsync(bytes);
        }

        using var last = await LoginAsync(default);
        await last.DoAsync(new byte[6]);
        Assert.Equal(0, (await last.DoAsync(new byte[6])).Status);
    }

    [QemuFact]
    public async Task Qemu_writes_and_reads_the_same()
    {
        var folder = Directory.CreateTempSubdirectory("holdfast-iscsi-").FullName;
        try
        {
            var bytes = new byte[8 << 20];
            new Random(3).NextBytes(bytes);
            await File.WriteAllBytesAsync(folder + "/in.raw", bytes);
            var url = $"iscsi://127.0.0.1:{target.Port}/{Name}/0";
            Assert.Equal((0, ""), await RunAsync("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", folder + "/in.raw", url));
            Assert.Equal((0, ""), await RunAsync("qemu-img", "convert", "-f", "raw", "-O", "raw", url, folder + "/out.raw"));
            Assert.Equal(bytes, await File.ReadAllBytesAsync(folder + "/out.raw"));
            Assert.Equal(bytes, content.ToArray());
            Assert.Equal(0, (await RunAsync("qemu-io", "-f", "raw", "-c", "write -P 90 4096 65536", "-c", "flush", "-c", "read -P 90 4096 65536", url)).Status);
            Assert.True(disk.Flushes > 0, "nothing was flushed");
            Assert.Empty(target.Complaints);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private Task<Initiator> LoginAsync(Digests digests, params (string, string)[] more) => Initiator.LoginAsync(target.Port, Name, digests, more);

    private static (int Key, int Code) Failure(Answered answered) => (answered.Sense[2], answered.Sense[12]);

    private static async Task<(int Status, string Errors)> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        await process.WaitForExitAsync(limit.Token);
        await output;
        return (process.ExitCode, (await errors).Trim());
    }
}

/// <summary>Skipped, and said so, where QEMU has no initiator (packages qemu-utils, qemu-block-extra).</summary>
internal sealed class QemuFactAttribute : FactAttribute
{
    public QemuFactAttribute()
    {
        if (!File.Exists("/usr/bin/qemu-img") || !Directory.EnumerateFiles("/usr/lib", "block-iscsi.so", SearchOption.AllDirectories).Any())
        {
            Skip = "QEMU's initiator is not installed (packages qemu-utils, qemu-block-extra)";
        }
    }
}
