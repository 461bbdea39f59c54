// Passwords of realm pam, asked of the privileged agent over its unix socket. An agent that is not there, or does not answer in time, is "no agent": nobody
// is let in and nobody is told that a password was wrong.
using System.Net.Sockets;
using Holdfast.Contracts.Agent;
using Holdfast.Features.Access;
using Microsoft.Extensions.Logging;

namespace Holdfast.Host;

/// <summary>The agent as the realm pam sees it.</summary>
public sealed class AgentPam(string socketPath, ILogger log) : IPamAuthenticator
{
    /// <summary>Clients give up after seven seconds, delays of the login included.</summary>
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(3.5);

    public bool IsThere => File.Exists(socketPath);

    public async ValueTask<PamAnswer> CheckAsync(string user, string password, CancellationToken cancel)
    {
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        bound.CancelAfter(Within);
        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), bound.Token).ConfigureAwait(false);
            await using var stream = new NetworkStream(socket);
            await AgentFrame.WriteAsync(stream, new CheckPamPassword(user, password), bound.Token).ConfigureAwait(false);
            switch (await AgentFrame.ReadAnswerAsync(stream, bound.Token).ConfigureAwait(false))
            {
                case PamVerdict verdict:
                    return verdict.IsRight ? PamAnswer.Right : PamAnswer.Wrong;
                case AgentRefusal refusal:
                    log.LogWarning("the agent refused to check a password: {Reason}", refusal.Reason);
                    return PamAnswer.Wrong;
                default:
                    return PamAnswer.NoAgent;
            }
        }
        catch (Exception error) when (error is SocketException or IOException or InvalidDataException or ArgumentException
            || (error is OperationCanceledException && !cancel.IsCancellationRequested))
        {
            log.LogWarning("no agent at {Socket}: {Problem}", socketPath, error.Message);
            return PamAnswer.NoAgent;
        }
    }
}
