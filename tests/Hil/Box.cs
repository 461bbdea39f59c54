// A box in a virtual machine: the image as it is flashed, a blank disk as large as people's, firmware or a direct kernel, disks for a pool, doors on loopback
// only. The key for SSH comes in as a systemd credential: nothing for tests is in the image. Software emulation unless HIL_ACCEL says otherwise. A box that is
// to be healthy at once comes from a saved machine (Box.Saved.cs).
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Holdfast.Tests.Hil;

/// <summary>One box and its disks; it may be started and killed many times.</summary>
internal sealed partial class Box : IAsyncDisposable
{
    private static readonly TimeSpan BootWithin = TimeSpan.FromMinutes(8);

    private readonly string folder;
    private readonly int sshPort = FreePort();
    private readonly bool firmware;
    private readonly int[] diskMib;
    private bool logsWrites;
    private Process? qemu;

    private Box(string folder, bool firmware, int[] diskMib) => (this.folder, this.firmware, this.diskMib) = (folder, firmware, diskMib);

    /// <summary>Where the service's port is on this machine.</summary>
    public int Port { get; } = FreePort();

    /// <summary>From power on to the service saying that it is healthy, of the last start.</summary>
    public TimeSpan BootTook { get; private set; }

    public Qmp Qmp { get; private set; } = null!;

    private string At(string name) => Path.Combine(folder, name);

    /// <summary>A box on a fresh copy of the image.</summary>
    /// <param name="firmware">Start by UEFI and boot loader, as hardware does; else by the image's own kernel, which is quicker.</param>
    /// <param name="diskMib">Size of each disk for a pool, in the order NVMe, SATA, SCSI, SCSI, ...</param>
    public static async Task<Box> MakeAsync(bool firmware, params int[] diskMib)
    {
        var box = new Box(Directory.CreateTempSubdirectory("holdfast-hil-").FullName, firmware, diskMib);
        await box.MakeDisksAsync();
        return box;
    }

    private async Task MakeDisksAsync()
    {
        await Shell.RunAsync("qemu-img", ["create", "-q", "-f", "qcow2", "-b", Rig.Image, "-F", "qcow2", At("disk.qcow2"), "16G"], Rig.Short);
        await Shell.RunAsync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", At("id")], Rig.Short);
        File.Copy(Rig.FirmwareVariables, At("vars.fd"));
        for (var i = 0; i < diskMib.Length; i++)
        {
            await Shell.RunAsync("qemu-img", ["create", "-q", "-f", "qcow2", At($"pool{i}.qcow2"), $"{diskMib[i]}M"], Rig.Short);
        }
    }

    /// <summary>Starts it and waits until the service is healthy.</summary>
    public async Task StartAsync()
    {
        var started = Stopwatch.GetTimestamp();
        await RunAsync(Arguments());
        await HealthyAsync();
        BootTook = Stopwatch.GetElapsedTime(started);
    }

    private async Task RunAsync(IEnumerable<string> arguments)
    {
        qemu = Process.Start(new ProcessStartInfo("qemu-system-x86_64", [.. arguments]) { RedirectStandardError = true })
            ?? throw new InvalidOperationException("QEMU does not start");
        Qmp = await Qmp.ConnectAsync(At("qmp"));
    }

    private async Task HealthyAsync()
    {
        using var http = new HttpClient(new SocketsHttpHandler
        {
            UseProxy = false, SslOptions = { RemoteCertificateValidationCallback = (_, _, _, _) => true },
        }) { Timeout = TimeSpan.FromSeconds(3) };
        var health = new Uri($"https://127.0.0.1:{Port}/healthz");
        await UntilAsync("the service is healthy", () => IsHealthyAsync(http, health), BootWithin, TimeSpan.FromMilliseconds(500));
    }

    /// <summary>Waits until something holds, while the box may start again by itself.</summary>
    public async Task UntilAsync(string what, Func<Task<bool>> holds, TimeSpan within, TimeSpan between)
    {
        var started = Stopwatch.GetTimestamp();
        while (!await holds())
        {
            if (qemu!.HasExited || Stopwatch.GetElapsedTime(started) > within)
            {
                throw new InvalidOperationException($"not after {Stopwatch.GetElapsedTime(started).TotalSeconds:0} s: {what}. {SerialTail()}");
            }

            await Task.Delay(between);
        }
    }

    /// <summary>The next call opens a new connection: after a start from within the old one leads nowhere.</summary>
    public Task ForgetConnectionAsync() => EndSshAsync();

    /// <summary>Runs a script on the box as root.</summary>
    public async Task<string> InsideAsync(string script, TimeSpan? within = null) =>
        await Shell.RunAsync("ssh", Ssh(script), within ?? TimeSpan.FromMinutes(3));

    /// <summary>A verb of `holdfast ledger` on the box, next to its service.</summary>
    public Task<string> LedgerAsync(params string[] arguments) =>
        InsideAsync($"runuser -u holdfast -- holdfast ledger {string.Join(' ', arguments)} --data /state/holdfast");

    /// <summary>Puts a file of this machine on the box.</summary>
    public async Task CopyInAsync(string path, string to) =>
        await Shell.RunAsync("sh", ["-c", "file=$1; shift; exec ssh \"$@\" < \"$file\"", "sh", path, .. Ssh($"cat > {to}")], TimeSpan.FromMinutes(3));

    private string[] Ssh(string script) =>
    [
        "-q", "-i", At("id"), "-p", sshPort.ToString(CultureInfo.InvariantCulture), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
        "-o", "ConnectTimeout=30", "-o", "ControlMaster=auto", "-o", $"ControlPath={At("cm")}", "-o", "ControlPersist=600", "root@127.0.0.1", script,
    ];

    /// <summary>Our own client on this machine, against the box.</summary>
    /// <param name="store">The datastore.</param>
    public Task<Said> ClientAsync(string store, string password, string fingerprint, params string[] arguments) =>
        Shell.TryAsync(Rig.Client, arguments, TimeSpan.FromMinutes(8), new Dictionary<string, string>
        {
            ["PBS_REPOSITORY"] = $"admin@pbs@127.0.0.1:{Port}:{store}", ["PBS_PASSWORD"] = password, ["PBS_FINGERPRINT"] = fingerprint,
        });

    /// <summary>What an admin reads off the console: first password and fingerprint.</summary>
    public async Task<(string Password, string Fingerprint)> CredentialsAsync()
    {
        var password = (await InsideAsync("cat /state/holdfast/initial-admin-password")).Trim();
        var fingerprint = (await InsideAsync("openssl x509 -in /state/holdfast/tls/cert.pem -noout -fingerprint -sha256")).Trim().Split('=')[1];
        return (password, fingerprint);
    }

    /// <summary>Pulls the power: what the machine had not written is gone, as far as a process can take it along.</summary>
    public async Task CutPowerAsync()
    {
        if (qemu is { HasExited: false } running)
        {
            _ = Kill(running.Id, 9);
            await running.WaitForExitAsync();
        }

        await EndSshAsync();
    }

    /// <summary>Waits until it has switched itself off.</summary>
    public async Task OffAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        await qemu!.WaitForExitAsync(limit.Token);
        await EndSshAsync();
    }

    /// <summary>Asks it to power off, and waits.</summary>
    public async Task PowerOffAsync()
    {
        await Shell.TryAsync("true", [], Rig.Short);
        try
        {
            await InsideAsync("systemctl poweroff", Rig.Short);
        }
        catch (InvalidOperationException)
        {
            // The connection may go before the answer comes.
        }

        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        await qemu!.WaitForExitAsync(limit.Token);
        await EndSshAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await CutPowerAsync();
        Directory.Delete(folder, recursive: true);
    }

    private static async Task<bool> IsHealthyAsync(HttpClient http, Uri health)
    {
        try
        {
            using var answer = await http.GetAsync(health);
            return answer.IsSuccessStatusCode;
        }
        catch (Exception error) when (error is HttpRequestException or TaskCanceledException or IOException)
        {
            return false;
        }
    }

    private static string Device(int i) => i switch
    {
        0 => "nvme,drive=p0,serial=HILNVME0,id=disk0,bus=slot0",
        1 => "ide-hd,drive=p1,bus=sata0.0,serial=HILSATA1,id=disk1",
        _ => $"scsi-hd,drive=p{i},bus=scsi0.0,scsi-id={i},serial=HILSCSI{i},wwn=0x5000c5000000000{i},id=disk{i}",
    };

    /// <param name="hasNvme">QEMU saves no machine with an NVMe disk in it; it is plugged in afterwards.</param>
    private IEnumerable<string> Arguments(bool hasNvme = true)
    {
        var key = File.Exists(At("id.pub")) ? Convert.ToBase64String(File.ReadAllBytes(At("id.pub"))) : "";
        IEnumerable<string> start = firmware
            ? ["-drive", $"if=pflash,format=raw,readonly=on,file={Rig.Firmware}", "-drive", $"if=pflash,format=raw,file={At("vars.fd")}"]
            : ["-kernel", Rig.Kernel, "-initrd", Rig.Initrd, "-append",
               $"root=PARTLABEL=holdfast_{Rig.Version} ro rootfstype=squashfs console=ttyS0 quiet panic=-1 mitigations=off"];
        return
        [
            "-accel", Rig.Accelerator, "-cpu", "max", "-smp", "2", "-m", "3072", "-M", "q35", .. start,
            .. SystemDisk(), "-device", "virtio-blk-pci,drive=d,bootindex=1",
            "-device", "pcie-root-port,id=slot0,chassis=1", "-device", "virtio-scsi-pci,id=scsi0", "-device", "ahci,id=sata0",
            .. diskMib.SelectMany((_, i) => (string[])["-drive", $"if=none,id=p{i},file={At($"pool{i}.qcow2")},format=qcow2,cache=writeback"]),
            .. diskMib.SelectMany((_, i) => i == 0 && !hasNvme ? (string[])[] : ["-device", Device(i)]),
            "-display", "none", "-nodefaults", "-serial", $"file:{At("serial.log")}", "-qmp", $"unix:{At("qmp")},server,nowait",
            "-netdev", $"user,id=n0,restrict=on,hostfwd=tcp:127.0.0.1:{sshPort}-:22,hostfwd=tcp:127.0.0.1:{Port}-:8007",
            "-device", "virtio-net-pci,netdev=n0,romfile=",
            "-smbios", $"type=11,value=io.systemd.credential.binary:ssh.authorized_keys.root={key}",
        ];
    }

    private string[] SystemDisk() => logsWrites
        ?
        [
            "-blockdev", $"driver=qcow2,node-name=system,file.driver=file,file.filename={At("disk.qcow2")}",
            "-blockdev", $"driver=blklogwrites,node-name=d,file=system,log.driver=file,log.filename={At("writes.log")},log-sector-size={WriteLog.SectorBytes}",
        ]
        : ["-drive", $"if=none,id=d,file={At("disk.qcow2")},format=qcow2,cache=writeback"];

    /// <summary>From the next start on, every write and flush of the system disk is logged. For a box that is off.</summary>
    /// <returns>A copy of the disk as it is now, raw, and the log of what happens to it from here on.</returns>
    public async Task<(string Disk, WriteLog Log)> LogWritesAsync()
    {
        await Shell.RunAsync("qemu-img", ["convert", "-f", "qcow2", "-O", "raw", At("disk.qcow2"), At("before.raw")], TimeSpan.FromMinutes(5));
        await OnDiskAsync(At("before.raw"), "start.qcow2");
        await File.WriteAllBytesAsync(At("writes.log"), []);
        logsWrites = true;
        return (At("before.raw"), new WriteLog(At("writes.log")));
    }

    /// <summary>From the next start on, the system disk is a copy of this one, and nothing is logged. For a box that is off.</summary>
    /// <returns>The copy, raw.</returns>
    public async Task<string> OnCopyOfAsync(string disk)
    {
        logsWrites = false;
        await Shell.RunAsync("cp", ["--reflink=auto", "--sparse=always", disk, At("after.raw")], TimeSpan.FromMinutes(5));
        await OnDiskAsync(At("after.raw"), "disk.qcow2");
        return At("after.raw");
    }

    private async Task OnDiskAsync(string raw, string name)
    {
        // What is written from here on goes into a layer of its own: the raw disk stays as it is.
        await Shell.RunAsync("qemu-img", ["create", "-q", "-f", "qcow2", "-b", raw, "-F", "raw", At(name)], Rig.Short);
        File.Move(At(name), At("disk.qcow2"), overwrite: true);
    }

    private string SerialTail()
    {
        var text = File.Exists(At("serial.log")) ? File.ReadAllText(At("serial.log")) : "";
        return text[Math.Max(0, text.Length - 3000)..];
    }

    private Task EndSshAsync() => Shell.TryAsync("ssh", ["-q", "-O", "exit", "-o", $"ControlPath={At("cm")}", "root@127.0.0.1"], Rig.Short);

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
