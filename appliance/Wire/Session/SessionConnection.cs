// The session of a connection, kept among its features: every HTTP/2 request of the connection finds it here.
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Holdfast.Wire;

internal sealed class SessionConnection(IUpgradedSession session, string peer, ILogger log)
{
    public async Task HandleAsync(HttpContext context)
    {
        try
        {
            await session.HandleAsync(new KestrelExchange(context));
        }
        catch (Exception error) when (context.RequestAborted.IsCancellationRequested)
        {
            log.LogDebug("a call from {Peer} ended with its stream: {Reason}", peer, error.Message);
        }
    }
}
