// The bulk readers' own way to the server, against a server that sends what it likes: messages cut anywhere, refusals, nonsense, an early end.
using System.Buffers.Binary;
using System.Net.Sockets;
using Holdfast.Ledger;
using Npgsql;
using Xunit;

namespace Holdfast.Tests.Unit;

public sealed class SocketCopyTests : IDisposable
{
    private static readonly byte[] Welcome = [.. Message('R', 0, 0, 0, 0), .. Message('S', "a\0b\0"u8), .. Message('Z', (byte)'I')];
    private static readonly byte[] Start = Message('H', 1, 0, 0);
    private static readonly byte[] End = [.. Message('c'), .. Message('C', "COPY 2\0"u8), .. Message('Z', (byte)'I')];

    private readonly string folder = Directory.CreateTempSubdirectory("holdfast-test-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(100_000)]
    public async Task Rows_come_whole_however_the_messages_are_cut(int pieceBytes)
    {
        var row = Enumerable.Range(0, pieceBytes == 1 ? 300 : 300_000).Select(i => (byte)i).ToArray();
        byte[] sent = [.. Message('d', row), .. Message('d'), .. Message('N', "Mwait\0\0"u8), .. Message('d', row.AsSpan(5)), .. End];
        var got = await ReadAsync([.. Start, .. sent], pieceBytes, 64 << 10);
        Assert.Equal([.. row, .. row.AsSpan(5)], got);
    }

    [Fact]
    public async Task A_small_buffer_is_filled_again_and_again()
    {
        byte[] sent = [.. Start, .. Message('d', 1, 2, 3, 4, 5), .. Message('d', 6), .. Message('d', 7, 8), .. End];
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8], await ReadAsync(sent, 1000, 2));
    }

    [Fact]
    public async Task What_the_server_says_is_what_the_reader_says()
    {
        byte[] refusal = Message('E', "SERROR\0C42501\0Mpermission denied\0\0"u8);
        foreach (var sent in (byte[][])[refusal, [.. Start, .. refusal], [.. Start, .. Message('d', 1), .. refusal]])
        {
            var fault = await Assert.ThrowsAsync<LedgerUnavailableException>(() => ReadAsync(sent, 1000, 1000));
            Assert.Contains("permission denied", fault.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task An_early_end_is_not_taken_for_the_end()
    {
        byte[] all = [.. Start, .. Message('d', 1, 2, 3)];
        for (var length = 0; length <= all.Length; length++)
        {
            await Assert.ThrowsAsync<LedgerUnavailableException>(() => ReadAsync(all[..length], 1000, 1000));
        }
    }

    [Fact]
    public async Task Nonsense_is_refused_within_bounds()
    {
        byte[] tooLong = [(byte)'S', 0x7F, 0xFF, 0xFF, 0xFF];
        byte[] negative = [(byte)'d', 0, 0, 0, 3];
        foreach (var sent in (byte[][])[tooLong, negative, Message('Z', (byte)'I'), Message('d', 1), [.. Start, .. tooLong]])
        {
            await Assert.ThrowsAsync<InvalidDataException>(() => ReadAsync(sent, 1000, 1000));
        }
    }

    [Fact]
    public async Task A_server_that_asks_for_a_password_is_left_to_the_driver()
    {
        Assert.Null(SocketCopy.TryStart(new NpgsqlConnectionStringBuilder("Host=db.example;Username=a"), "x"));
        using var serving = Serve(Message('R', 0, 0, 0, 10), 1000, out var settings);
        Assert.Null(await Task.Run(() => SocketCopy.TryStart(settings, "x")));
    }

    [Fact]
    public void Nobody_there_is_the_ledger_away()
    {
        var settings = new NpgsqlConnectionStringBuilder { Host = folder, Username = "a" };
        Assert.Throws<LedgerUnavailableException>(() => SocketCopy.TryStart(settings, "x"));
    }

    private async Task<byte[]> ReadAsync(byte[] afterQuery, int pieceBytes, int bufferBytes)
    {
        using var serving = Serve([.. Welcome, .. afterQuery], pieceBytes, out var settings);
        return await Task.Run(() =>
        {
            using var copy = SocketCopy.TryStart(settings, "COPY x TO STDOUT")!;
            var buffer = new byte[bufferBytes];
            var all = new List<byte>();
            for (int got; (got = copy.Read(buffer)) > 0;)
            {
                all.AddRange(buffer.AsSpan(0, got));
            }
            return all.ToArray();
        });
    }

    /// <summary>Sends this to the first who connects, in pieces, and closes.</summary>
    private Socket Serve(byte[] answer, int pieceBytes, out NpgsqlConnectionStringBuilder settings)
    {
        var path = Path.Combine(folder, ".s.PGSQL.1");
        File.Delete(path);
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        settings = new NpgsqlConnectionStringBuilder { Host = folder, Port = 1, Username = "a", Database = "b" };
        _ = Task.Run(async () =>
        {
            using var peer = await listener.AcceptAsync();
            for (var at = 0; at < answer.Length; at += pieceBytes)
            {
                await peer.SendAsync(answer.AsMemory(at, Math.Min(pieceBytes, answer.Length - at)));
            }
            peer.Shutdown(SocketShutdown.Send);
            while (await peer.ReceiveAsync(new byte[1000]) > 0)
            {
                // Until the reader has gone: what it sent must not turn the close into a reset.
            }
        });
        return listener;
    }

    private static byte[] Message(char kind, params ReadOnlySpan<byte> body)
    {
        var message = new byte[5 + body.Length];
        message[0] = (byte)kind;
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(1), 4 + body.Length);
        body.CopyTo(message.AsSpan(5));
        return message;
    }
}
