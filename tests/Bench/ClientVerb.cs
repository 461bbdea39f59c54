// The client's side as a process of its own: backups, restores, idle connections. What it did and took goes to standard
// output as one line of JSON.
using System.Diagnostics;
using System.Net.Security;
using System.Net.Sockets;
using System.Text.Json;
using Holdfast.Wire;

namespace Holdfast.Tests.Bench;

/// <summary>What a client process reports. <paramref name="Bytes"/>: size of what was backed up or restored.</summary>
internal sealed record ClientReport(double WallS, double CpuS, long Bytes, long UploadedBytes);

internal static class ClientVerb
{
    public static async Task<int> RunAsync(string[] args)
    {
        var options = new Arguments(args.AsSpan(1));
        if (args[0] == "hold")
        {
            await HoldAsync(options).ConfigureAwait(false);
            return 0;
        }

        var started = Stopwatch.GetTimestamp();
        var client = await PbsClient.ConnectAsync(Identity()).ConfigureAwait(false);
        await using var closing = client.ConfigureAwait(false);
        var image = new ImageClient(client, Repository().Store, options);
        var (bytes, uploaded) = await (args[0] switch
        {
            "backup" => AllAsync(options, image.BackupAsync),
            "restore" => AllAsync(options, image.RestoreAsync),
            _ => throw new ArgumentException($"no such client verb: {args[0]}"),
        }).ConfigureAwait(false);
        var wallS = Stopwatch.GetElapsedTime(started).TotalSeconds;
        var cpuS = Environment.CpuUsage.TotalTime.TotalSeconds;
        Console.WriteLine(JsonSerializer.Serialize(new ClientReport(wallS, cpuS, bytes, uploaded)));
        return 0;
    }

    private static async Task<(long, long)> AllAsync(Arguments options, Func<int, Task<(long, long)>> one)
    {
        var sessions = (int)options.Number("sessions", 1);
        var done = await Task.WhenAll(Enumerable.Range(0, sessions).Select(i => Task.Run(() => one(i)))).ConfigureAwait(false);
        return (done.Sum(d => d.Item1), done.Sum(d => d.Item2));
    }

    /// <summary>Connections that did their handshake and say nothing, until standard input ends.</summary>
    private static async Task HoldAsync(Arguments options)
    {
        var repository = Repository();
        var held = new List<SslStream>();
        for (var i = 0L; i < options.Number("connections", 1); i++)
        {
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await socket.ConnectAsync(repository.Host, repository.Port).ConfigureAwait(false);
            held.Add(await HandshakeAsync(new NetworkStream(socket, ownsSocket: true)).ConfigureAwait(false));
        }

        Console.WriteLine("held");
        _ = await Console.In.ReadLineAsync().ConfigureAwait(false);
        GC.KeepAlive(held);
    }

    /// <summary>A TLS connection to the server whose fingerprint the environment names.</summary>
    public static async Task<SslStream> HandshakeAsync(Stream below)
    {
        var wanted = Certificates.NormaliseFingerprint(Environment.GetEnvironmentVariable("PBS_FINGERPRINT") ?? "");
        var tls = new SslStream(below, false, (_, certificate, _, _) =>
            certificate is System.Security.Cryptography.X509Certificates.X509Certificate2 leaf
            && Certificates.Fingerprint(leaf) == wanted);
        await tls.AuthenticateAsClientAsync("localhost").ConfigureAwait(false);
        return tls;
    }

    private static PbsRepository Repository() =>
        PbsRepository.TryParse(Environment.GetEnvironmentVariable("PBS_REPOSITORY"), out var repository)
            ? repository!
            : throw new ArgumentException("PBS_REPOSITORY is not set");

    private static PbsClientOptions Identity()
    {
        var repository = Repository();
        return new PbsClientOptions(repository.Host, repository.Port, repository.AuthId!.Value)
        {
            Secret = Environment.GetEnvironmentVariable("PBS_PASSWORD") ?? "",
            Fingerprint = Environment.GetEnvironmentVariable("PBS_FINGERPRINT"),
        };
    }
}
