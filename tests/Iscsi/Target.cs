// An iSCSI target on loopback: names, units behind them, sessions of one connection each. What a session ends for is kept, for tests to ask.
using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Holdfast.Tests.Iscsi;

/// <summary>The target; it serves from its start until it is disposed of.</summary>
internal sealed class Target : IAsyncDisposable
{
    private const int SessionsMax = 32;

    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stop = new();
    private readonly SemaphoreSlim places = new(SessionsMax);
    private readonly ConcurrentDictionary<Task, bool> sessions = [];
    private readonly IReadOnlyDictionary<string, IReadOnlyList<LogicalUnit>> names;
    private readonly Task accepting;

    /// <param name="name">An iSCSI name, <c>iqn.2026-01.test:disk</c>.</param>
    /// <param name="units">By number, from 0.</param>
    public Target(string name, params LogicalUnit[] units)
    {
        names = new Dictionary<string, IReadOnlyList<LogicalUnit>>(StringComparer.Ordinal) { [name] = units };
        listener.Start();
        Port = ((IPEndPoint)listener.LocalEndpoint).Port;
        accepting = AcceptAsync();
    }

    public int Port { get; }

    /// <summary>Why sessions were ended by this side.</summary>
    public ConcurrentQueue<string> Complaints { get; } = [];

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        listener.Stop();
        await accepting;
        await Task.WhenAll(sessions.Keys);
        stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                // Who comes while all places are taken waits for one.
                await places.WaitAsync(stop.Token);
                var session = ServeAsync(await listener.AcceptTcpClientAsync(stop.Token));
                sessions[session] = true;
                _ = session.ContinueWith(
                    ended =>
                    {
                        sessions.TryRemove(ended, out _);
                        places.Release();
                    }, TaskScheduler.Default);
            }
        }
        catch (Exception error) when (error is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // It is stopped.
        }
    }

    private async Task ServeAsync(TcpClient connection)
    {
        using (connection)
        {
            connection.NoDelay = true;
            try
            {
                await new Session(connection.GetStream(), names, string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{Port}")).RunAsync(stop.Token);
            }
            catch (IscsiException error)
            {
                Complaints.Enqueue(error.Message);
            }
            catch (OperationCanceledException) when (!stop.IsCancellationRequested)
            {
                Complaints.Enqueue("silent in the middle of something");
            }
            catch (Exception error) when (error is IOException or OperationCanceledException or EndOfStreamException)
            {
                // The other side is gone, or we are.
            }
        }
    }
}
