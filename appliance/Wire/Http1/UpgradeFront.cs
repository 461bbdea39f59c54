// Watches the request heads of a keep-alive connection. Ordinary requests go to Kestrel's HTTP/1 engine; an upgrade
// request is put to the gate, and if it is accepted the same connection goes on under Kestrel's HTTP/2 engine, on the
// original transport, with no copy in between. A session that was accepted is ended exactly once.
using System.Buffers;
using System.IO.Pipelines;
using System.Net.Security;
using System.Text;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Logging;

namespace Holdfast.Wire;

internal sealed class UpgradeFront(IUpgradeGate gate, PbsListenerOptions options)
{
    // Each engine run leaves a few hundred bytes on the connection until it closes.
    private const int MaxRunsPerConnection = 64;
    private static readonly byte[] Preface = [.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8];

    public async Task OnConnectionAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        IDuplexPipe transport = connection.Transport;
        try
        {
            for (int run = 1; run <= MaxRunsPerConnection; run++)
            {
                FeedEnd end = await RunHttp1Async(connection, transport, next);
                if (end is FeedEnd.Bad bad)
                {
                    await AnswerAsync(transport.Output, bad.Status, bad.Text, close: true);
                    return;
                }

                if (end is not FeedEnd.Upgrade upgrade
                    || !await DecideAsync(connection, transport, upgrade, next, run == MaxRunsPerConnection))
                {
                    return;
                }
            }
        }
        catch (Exception error) when (error is OperationCanceledException or IOException
            || connection.ConnectionClosed.IsCancellationRequested)
        {
            options.Log.LogDebug("connection of {Peer} ended: {Reason}", Peer(connection), error.Message);
        }
    }

    private async Task<FeedEnd> RunHttp1Async(
        ConnectionContext connection, IDuplexPipe transport, ConnectionDelegate next)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(connection.ConnectionClosed);
        var pump = new HeadPump(transport.Input, options);
        var pipe = new FrontPipe(pump.Output, transport.Output);
        connection.Transport = pipe;
        Task<FeedEnd> feeding = pump.RunAsync(stop.Token);
        try
        {
            await next(connection);
        }
        finally
        {
            connection.Transport = transport;
            await pump.Output.CompleteAsync();
            await stop.CancelAsync();
        }

        FeedEnd end = await feeding;
        return pipe.ReadToEnd ? end : new FeedEnd.Over();
    }

    /// <summary>True where the connection goes on with ordinary requests.</summary>
    private async Task<bool> DecideAsync(
        ConnectionContext connection, IDuplexPipe transport, FeedEnd.Upgrade upgrade, ConnectionDelegate next,
        bool last)
    {
        if (upgrade.Head.Target.Length > ApiPath.MaxLength)
        {
            await AnswerAsync(transport.Output, 414, "", close: true);
            return false;
        }

        bool close = last || upgrade.Head.IsHttp10
            || upgrade.Head.Header("Connection")?.Contains("close", StringComparison.OrdinalIgnoreCase) == true;
        switch (await AskAsync(connection, upgrade))
        {
            case UpgradeDecision.Accept accept:
                await RunSessionAsync(connection, transport, accept, next);
                return false;
            case UpgradeDecision.Refuse refuse:
                if (refuse.Delay > TimeSpan.Zero)
                {
                    await Task.Delay(refuse.Delay, options.Clock, connection.ConnectionClosed);
                }

                await AnswerAsync(transport.Output, refuse.Status, refuse.Text, close);
                return !close;
            default:
                return false;
        }
    }

    private async Task<UpgradeDecision> AskAsync(ConnectionContext connection, FeedEnd.Upgrade upgrade)
    {
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach ((string name, _) in upgrade.Head.Headers)
        {
            if (!headers.ContainsKey(name))
            {
                headers.Add(name, upgrade.Head.Header(name)!);
            }
        }

        var request = new UpgradeRequest(upgrade.Path, upgrade.Query, headers, Peer(connection));
        try
        {
            return await gate.DecideAsync(request, connection.ConnectionClosed);
        }
        catch (ApiException refusal)
        {
            return new UpgradeDecision.Refuse(refusal.Status, refusal.Message);
        }
        catch (Exception error) when (!connection.ConnectionClosed.IsCancellationRequested)
        {
            options.Log.LogError(error, "deciding about a {Path} session failed unexpectedly", upgrade.Path);
            return new UpgradeDecision.Refuse(500, "internal error");
        }
    }

    private async Task RunSessionAsync(
        ConnectionContext connection, IDuplexPipe transport, UpgradeDecision.Accept accept, ConnectionDelegate next)
    {
        Exception? failure = null;
        try
        {
            accept.Session.Attach(connection.Abort);
            connection.Features.Set(new SessionConnection(accept.Session, Peer(connection), options.Log));
            connection.Features.Set<ITlsApplicationProtocolFeature>(new Http2Chosen());
            string head = $"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n"
                + $"upgrade: {accept.Protocol}\r\n\r\n";
            await transport.Output.WriteAsync(Encoding.Latin1.GetBytes(head), connection.ConnectionClosed);
            if (await HasPrefaceAsync(connection, transport.Input))
            {
                await RunHttp2Async(connection, next);
            }
        }
        catch (Exception error)
        {
            failure = error; // the session is told; the connection has ended either way
        }

        try
        {
            await accept.Session.EndAsync(failure);
        }
        catch (Exception error)
        {
            options.Log.LogError(error, "ending a session failed unexpectedly");
        }
    }

    // Seldom, after a flood of resets, Kestrel's HTTP/2 engine doesn't end although its connection and every call have. What the
    // session holds (a group's lease) must not hang on that: it gets its end, and the engine loses its transport.
    private async Task RunHttp2Async(ConnectionContext connection, ConnectionDelegate next)
    {
        Task engine = next(connection);
        Task closed = Task.Delay(Timeout.InfiniteTimeSpan, options.Clock, connection.ConnectionClosed);
        if (await Task.WhenAny(engine, closed) == closed
            && await Task.WhenAny(engine, Task.Delay(options.EngineGrace, options.Clock)) != engine)
        {
            options.Log.LogWarning("the HTTP/2 engine of {Peer} did not end with its connection", Peer(connection));
            _ = engine.ContinueWith(
                late => options.Log.LogDebug("a late end: {Reason}", late.Exception?.InnerException?.Message),
                CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            throw new IOException("the connection was cut");
        }

        await engine;
    }

    // Kestrel would wait for the preface as long as for a request on an idle connection; here that is without limit.
    private async Task<bool> HasPrefaceAsync(ConnectionContext connection, PipeReader input)
    {
        using var limit = new Deadline(options.HeadTimeout, options.Clock, connection.ConnectionClosed);
        while (true)
        {
            ReadResult result = await input.ReadAsync(limit.Token);
            ReadOnlySequence<byte> start = result.Buffer.Slice(0, Math.Min(result.Buffer.Length, Preface.Length));
            bool matches = Preface.AsSpan(0, (int)start.Length).SequenceEqual(start.ToArray());
            bool whole = start.Length == Preface.Length;
            input.AdvanceTo(result.Buffer.Start, whole ? result.Buffer.Start : result.Buffer.End);
            if (!matches || whole || result.IsCompleted)
            {
                return matches && whole;
            }
        }
    }

    private static async Task AnswerAsync(PipeWriter output, int status, string text, bool close)
    {
        byte[] body = Encoding.UTF8.GetBytes(text);
        string type = text.Length == 0 ? "" : "Content-Type: application/json;charset=UTF-8\r\n";
        string head = $"HTTP/1.1 {status} {ReasonPhrases.GetReasonPhrase(status)}\r\n{type}"
            + $"Content-Length: {body.Length}\r\n{(close ? "Connection: close\r\n" : "")}\r\n";
        await output.WriteAsync((byte[])[.. Encoding.Latin1.GetBytes(head), .. body]);
    }

    private static string Peer(ConnectionContext connection) => PeerAddress.Text(connection.RemoteEndPoint);

    private sealed class Http2Chosen : ITlsApplicationProtocolFeature
    {
        public ReadOnlyMemory<byte> ApplicationProtocol => SslApplicationProtocol.Http2.Protocol;
    }
}
