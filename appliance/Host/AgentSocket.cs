// The privileged agent at the other end of its unix socket. A connection carries one request; nothing is kept open but watches. Whatever goes wrong on the
// way is "away": the caller can't tell what became of the request, and says so.
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Holdfast.Contracts.Agent;
using Holdfast.Features.Agent;

namespace Holdfast.Host;

/// <summary>Asks over the socket at <paramref name="socketPath"/>.</summary>
public sealed class AgentSocket(string socketPath) : IAgent
{
    public bool IsThere => File.Exists(socketPath);

    public async Task<AgentAnswer> AskAsync(AgentRequest request, TimeSpan within, CancellationToken cancel = default)
    {
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        bound.CancelAfter(within);
        try
        {
            await using var stream = await SendAsync(request, bound.Token).ConfigureAwait(false);
            return await AgentFrame.ReadAnswerAsync(stream, bound.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new AgentAwayException($"the agent did not answer within {within.TotalSeconds:0.#} s");
        }
        catch (Exception error) when (IsAway(error))
        {
            throw new AgentAwayException($"no agent at {socketPath}: {error.Message}");
        }
    }

    public async IAsyncEnumerable<AgentAnswer> WatchAsync(AgentRequest request, [EnumeratorCancellation] CancellationToken cancel)
    {
        NetworkStream stream;
        try
        {
            stream = await SendAsync(request, cancel).ConfigureAwait(false);
        }
        catch (Exception error) when (IsAway(error))
        {
            throw new AgentAwayException($"no agent at {socketPath}: {error.Message}");
        }

        await using (stream.ConfigureAwait(false))
        {
            while (true)
            {
                AgentAnswer answer;
                try
                {
                    answer = await AgentFrame.ReadAnswerAsync(stream, cancel).ConfigureAwait(false);
                }
                catch (Exception error) when (IsAway(error))
                {
                    throw new AgentAwayException($"the agent's watch ended: {error.Message}");
                }

                yield return answer;
            }
        }
    }

    private static bool IsAway(Exception error) =>
        error is SocketException or IOException or InvalidDataException or ArgumentException or UnauthorizedAccessException;

    private async Task<NetworkStream> SendAsync(AgentRequest request, CancellationToken cancel)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), cancel).ConfigureAwait(false);
            var stream = new NetworkStream(socket, ownsSocket: true);
            await AgentFrame.WriteAsync(stream, request, cancel).ConfigureAwait(false);
            return stream;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
