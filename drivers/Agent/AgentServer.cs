// The agent's door: a unix socket that only known users may use, one request a connection, a few at a time, each with a limit of time. It decides nothing: it
// checks who asks and what for, does the verb, and answers.
using System.Net.Sockets;
using Holdfast.Contracts.Agent;

namespace Holdfast.Agent;

/// <summary>What an agent may be asked, by whom, and how.</summary>
/// <param name="SocketPath">Where it listens; a left-over socket there is replaced.</param>
/// <param name="AllowedUids">Users that may ask. Root is always one of them.</param>
/// <param name="Verbs">All it can do, besides saying so.</param>
/// <param name="Say">Takes a line for the journal; never given anything secret.</param>
public sealed record AgentOptions(string SocketPath, IReadOnlySet<uint> AllowedUids, IReadOnlyList<AgentVerb> Verbs, Action<string> Say)
{
    /// <summary>How long a request may take, the reading of it included, if its verb says nothing else.</summary>
    public TimeSpan RequestWithin { get; init; } = TimeSpan.FromSeconds(20);
}

/// <summary>Answers requests until it is disposed.</summary>
public sealed class AgentServer : IAsyncDisposable
{
    private const int RequestsAtOnceMax = 16;

    /// <summary>Watches last for ever and take no place from requests.</summary>
    private const int WatchesAtOnceMax = 16;

    private readonly AgentOptions options;
    private readonly Dictionary<Type, AgentVerb> verbs;
    private readonly Socket listener;
    private readonly CancellationTokenSource stop = new();
    private readonly SemaphoreSlim requests = new(RequestsAtOnceMax);
    private readonly SemaphoreSlim watches = new(WatchesAtOnceMax);
    private readonly Task accepting;

    /// <summary>Listens from now on.</summary>
    /// <exception cref="SocketException">The path can't be bound.</exception>
    public AgentServer(AgentOptions options)
    {
        this.options = options;
        verbs = options.Verbs.Append(AgentVerb.Of<ListVerbs>((_, _) => Task.FromResult<AgentAnswer>(
            new KnownVerbs([.. verbs!.Values.Select(verb => verb.Name).Order(StringComparer.Ordinal)])))).ToDictionary(verb => verb.Request);
        File.Delete(options.SocketPath);
        listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(options.SocketPath));

        // Everybody may knock; the kernel says who it is, and only then is anything read.
        File.SetUnixFileMode(options.SocketPath, (UnixFileMode)0b110_110_110);
        listener.Listen(RequestsAtOnceMax);
        accepting = AcceptAsync();
    }

    /// <summary>Asks itself by its own door. False if no answer comes within ten seconds: then nobody else gets one either.</summary>
    public async Task<bool> IsAnsweringAsync()
    {
        using var bound = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(options.SocketPath), bound.Token).ConfigureAwait(false);
            await using var stream = new NetworkStream(socket);
            await AgentFrame.WriteAsync(stream, new ListVerbs(), bound.Token).ConfigureAwait(false);
            return await AgentFrame.ReadAnswerAsync(stream, bound.Token).ConfigureAwait(false) is KnownVerbs;
        }
        catch (Exception error) when (error is IOException or SocketException or OperationCanceledException or InvalidDataException)
        {
            return false;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync().ConfigureAwait(false);
        listener.Dispose();
        await accepting.ConfigureAwait(false);
        File.Delete(options.SocketPath);
        stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await requests.WaitAsync(stop.Token).ConfigureAwait(false);
                var connection = await listener.AcceptAsync(stop.Token).ConfigureAwait(false);
                _ = Task.Run(() => ServeAsync(connection));
            }
            catch (Exception error) when (error is OperationCanceledException or ObjectDisposedException or SocketException)
            {
                if (!stop.IsCancellationRequested)
                {
                    options.Say($"a connection was not accepted: {error.Message}");
                    requests.Release();
                }
            }
        }
    }

    private async Task ServeAsync(Socket connection)
    {
        var place = requests;
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(stop.Token);
        bound.CancelAfter(options.RequestWithin);
        try
        {
            using (connection)
            {
                var peer = PeerCredentials.Of(connection);
                if (peer.Uid != 0 && !options.AllowedUids.Contains(peer.Uid))
                {
                    options.Say($"refused process {peer.Pid} of user {peer.Uid}: not one of those who may ask");
                    return;
                }

                await using var stream = new NetworkStream(connection);
                var (verb, request) = await ReadAsync(stream, bound.Token).ConfigureAwait(false);
                if (verb is null)
                {
                    return;
                }

                if (verb.Watches)
                {
                    if (!watches.Wait(0, CancellationToken.None))
                    {
                        await AgentFrame.WriteAsync(stream, new AgentRefusal($"{WatchesAtOnceMax} watches are open"), bound.Token).ConfigureAwait(false);
                        return;
                    }

                    place = watches;
                    requests.Release();
                }

                bound.CancelAfter(verb.Watches ? Timeout.InfiniteTimeSpan : verb.Within ?? options.RequestWithin);
                await AnswerAsync(stream, verb, request!, bound).ConfigureAwait(false);
            }
        }
        catch (Exception error) when (error is IOException or SocketException or OperationCanceledException or EndOfStreamException)
        {
            options.Say($"a request came to nothing: {error.Message}");
        }
        finally
        {
            place.Release();
        }
    }

    /// <summary>The request and its verb; none if it was refused.</summary>
    private async Task<(AgentVerb? Verb, AgentRequest? Request)> ReadAsync(Stream stream, CancellationToken cancel)
    {
        string refusal;
        try
        {
            var request = await AgentFrame.ReadRequestAsync(stream, cancel).ConfigureAwait(false);
            if (verbs.TryGetValue(request.GetType(), out var verb))
            {
                return (verb, request);
            }

            refusal = "unknown verb";
        }
        catch (InvalidDataException error)
        {
            refusal = error.Message;
        }

        await AgentFrame.WriteAsync(stream, new AgentRefusal(refusal), cancel).ConfigureAwait(false);
        return default;
    }

    private async Task AnswerAsync(NetworkStream stream, AgentVerb verb, AgentRequest request, CancellationTokenSource bound)
    {
        var hungUp = verb.Watches ? HangUpAsync(stream, bound) : Task.CompletedTask;
        try
        {
            await foreach (var answer in verb.Answers(request, bound.Token).ConfigureAwait(false))
            {
                await AgentFrame.WriteAsync(stream, answer, bound.Token).ConfigureAwait(false);
            }
        }
        catch (Exception error) when (error is VerbRefusedException or IOException or InvalidDataException or UnauthorizedAccessException)
        {
            options.Say($"{verb.Name}: {error.Message}");
            await AgentFrame.WriteAsync(stream, new AgentRefusal(error.Message), bound.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (verb.Watches)
        {
            // The peer has hung up, or the agent stops: the usual end of a watch.
        }
        finally
        {
            await bound.CancelAsync().ConfigureAwait(false);
            await hungUp.ConfigureAwait(false);
        }
    }

    /// <summary>Cancels when the peer closes its end, or says anything more.</summary>
    private static async Task HangUpAsync(NetworkStream stream, CancellationTokenSource bound)
    {
        try
        {
            _ = await stream.ReadAsync(new byte[1], bound.Token).ConfigureAwait(false);
        }
        catch (Exception error) when (error is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // That is a hang-up as well.
        }

        await bound.CancelAsync().ConfigureAwait(false);
    }
}
