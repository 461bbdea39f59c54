// QEMU's own control channel (docs/interop/qmp-spec): JSON lines over a unix socket. Commands one after the other; events in between are passed over.
using System.Net.Sockets;
using System.Text.Json;

namespace Holdfast.Tests.Hil;

internal sealed class Qmp : IAsyncDisposable
{
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(60);

    private readonly Socket socket;
    private readonly StreamReader reader;
    private readonly StreamWriter writer;

    private Qmp(Socket socket)
    {
        this.socket = socket;
        var stream = new NetworkStream(socket);
        (reader, writer) = (new StreamReader(stream), new StreamWriter(stream) { AutoFlush = true, NewLine = "\n" });
    }

    public static async Task<Qmp> ConnectAsync(string path)
    {
        for (var attempt = 0; ; attempt++)
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path));
                var qmp = new Qmp(socket);
                await qmp.reader.ReadLineAsync(); // the greeting
                await qmp.DoAsync("qmp_capabilities");
                return qmp;
            }
            catch (SocketException) when (attempt < 100)
            {
                socket.Dispose();
                await Task.Delay(100);
            }
        }
    }

    /// <summary>Does a command and returns what it returns.</summary>
    public async Task<JsonElement> DoAsync(string command, object? arguments = null)
    {
        using var limit = new CancellationTokenSource(Within);
        await writer.WriteLineAsync(JsonSerializer.Serialize(new { execute = command, arguments = arguments ?? new { } }));
        while (await reader.ReadLineAsync(limit.Token) is { } line)
        {
            var answer = JsonDocument.Parse(line).RootElement;
            if (answer.TryGetProperty("return", out var value))
            {
                return value;
            }

            if (answer.TryGetProperty("error", out var error))
            {
                throw new InvalidOperationException($"{command}: {error}");
            }
        }

        throw new EndOfStreamException($"QEMU ended during {command}");
    }

    public ValueTask DisposeAsync()
    {
        socket.Dispose();
        return ValueTask.CompletedTask;
    }
}
