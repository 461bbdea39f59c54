// Many at once: a thousand idle connections and 64 uploading sessions stay within a gigabyte.
using System.Net.Security;
using System.Net.Sockets;
using Holdfast.Wire;
using Xunit;

namespace Holdfast.Tests.Wire;

public sealed class LoadTests
{
    private const int Idle = 1000;
    private const int Sessions = 64;

    [Fact]
    public async Task A_thousand_idle_connections_and_64_uploading_sessions_fit_into_a_gigabyte()
    {
        await using var daemon = await Daemon.StartAsync();
        var idle = new List<SslStream>();
        try
        {
            while (idle.Count < Idle)
            {
                idle.AddRange(await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => ConnectAsync(daemon.Port))));
            }

            var noise = new byte[Image.ChunkBytes];
            new Random(901).NextBytes(noise);
            var piece = Piece.Of(noise);
            var targets = Enumerable.Range(0, Sessions).Select(_ => Backups.NewTarget()).ToList();
            await Task.WhenAll(targets.Select(target => UploadAsync(daemon.Client, target, piece)));
            var peak = daemon.PeakMemoryMib();
            Assert.True(peak < 1024, $"{peak} MiB");

            // The idle ones are alive and served.
            await idle[500].WriteAsync("GET /api2/json/ping HTTP/1.1\r\nhost: x\r\n\r\n"u8.ToArray());
            var answer = new byte[15];
            await idle[500].ReadExactlyAsync(answer);
            Assert.Equal("HTTP/1.1 200 OK"u8.ToArray(), answer);
            var listed = (await daemon.Client.GetAsync("admin/datastore/main/snapshots")).GetProperty("data").GetArrayLength();
            Assert.Equal(Sessions, listed);
        }
        finally
        {
            foreach (var stream in idle)
            {
                await stream.DisposeAsync();
            }
        }
    }

    /// <summary>Four sessions with more uploads at once than there is memory for: those that wait for memory must not keep the bytes of those that have it
    /// from arriving. (With windows that one stream could fill, all of them once waited for each other for ever.)</summary>
    [Fact]
    public async Task Uploads_that_wait_for_memory_do_not_block_those_that_have_it()
    {
        await using var daemon = await Daemon.StartAsync("Backup:MegaBytesInFlight=64");
        var noise = new byte[Image.ChunkBytes];
        new Random(902).NextBytes(noise);
        var piece = Piece.Of(noise);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(async _ =>
        {
            await using var writer = await daemon.Client.StartBackupAsync(Backups.NewTarget());
            var wid = await writer.CreateFixedIndexAsync(Backups.ImageName, Image.ChunkBytes);
            await Task.WhenAll(Enumerable.Range(0, 24).Select(_ => writer.UploadChunkAsync(IndexKind.Fixed, wid, piece.Digest, piece.SizeBytes, piece.Blob)));
        })).WaitAsync(TimeSpan.FromMinutes(3));
    }

    /// <summary>Three copies of one chunk at once, so that the bytes cross the wire and the disk stays small.</summary>
    private static async Task UploadAsync(PbsClient client, SessionTarget target, Piece piece)
    {
        await using var writer = await client.StartBackupAsync(target);
        var wid = await writer.CreateFixedIndexAsync(Backups.ImageName, 3L * Image.ChunkBytes);
        await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => writer.UploadChunkAsync(IndexKind.Fixed, wid, piece.Digest, piece.SizeBytes, piece.Blob)));
        string[] digests = [piece.Digest, piece.Digest, piece.Digest];
        await writer.AppendAsync(IndexKind.Fixed, wid, digests, [0, Image.ChunkBytes, 2L * Image.ChunkBytes]);
        await writer.CloseIndexAsync(IndexKind.Fixed, wid, 3, 3L * Image.ChunkBytes, Image.FixedCsum(digests));
        var manifest = new Storage.Manifest(Backups.Name(target));
        manifest.Add(new Storage.ManifestFile(
            Backups.ImageName, Storage.CryptMode.None, 3L * Image.ChunkBytes, Storage.Digest.Parse(Image.FixedCsum(digests))));
        await writer.UploadBlobAsync(Backups.ManifestName, manifest.ToBlob());
        await writer.FinishAsync();
    }

    private static async Task<SslStream> ConnectAsync(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync("127.0.0.1", port);
        var stream = new SslStream(new NetworkStream(socket, ownsSocket: true));
        await stream.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = "localhost", RemoteCertificateValidationCallback = (_, _, _, _) => true,
        });
        return stream;
    }
}
