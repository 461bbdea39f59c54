// A misbehaving middleman between a client and PostgreSQL's socket: passes bytes on until it is told to cut, then drops
// the connection either before the next request gets through, or after the server answered it but before the client
// hears.
using System.Net.Sockets;

namespace Holdfast.Tests.Unit;

internal enum Cut
{
    None,
    BeforeTheServerHears,
    BeforeTheClientHears,
}

internal sealed class CuttingProxy : IAsyncDisposable
{
    private readonly Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly string target;
    private readonly CancellationTokenSource stop = new();
    private readonly Task accepting;
    private int cut;

    public CuttingProxy(string folder, string targetFolder)
    {
        target = Path.Combine(targetFolder, ".s.PGSQL.5432");
        listener.Bind(new UnixDomainSocketEndPoint(Path.Combine(folder, ".s.PGSQL.5432")));
        listener.Listen(16);
        accepting = AcceptAsync();
    }

    /// <summary>Connections that were cut.</summary>
    public int Cuts { get; private set; }

    /// <summary>Cuts once, at the next request.</summary>
    public void CutNext(Cut how) => Volatile.Write(ref cut, (int)how);

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        listener.Dispose();
        await accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            var client = await listener.AcceptAsync(stop.Token);
            var server = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await server.ConnectAsync(new UnixDomainSocketEndPoint(target), stop.Token);
            _ = PassAsync(client, server, Cut.BeforeTheServerHears);
            _ = PassAsync(server, client, Cut.BeforeTheClientHears);
        }
    }

    private async Task PassAsync(Socket from, Socket to, Cut mine)
    {
        var buffer = new byte[64 << 10];
        try
        {
            int read;
            while ((read = await from.ReceiveAsync(buffer, stop.Token)) > 0)
            {
                if (Interlocked.CompareExchange(ref cut, 0, (int)mine) == (int)mine)
                {
                    Cuts++;
                    break;
                }
                for (var sent = 0; sent < read;)
                {
                    sent += await to.SendAsync(buffer.AsMemory(sent, read - sent), stop.Token);
                }
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // The other direction ended first; both ends are closed below.
        }
        from.Dispose();
        to.Dispose();
    }
}
