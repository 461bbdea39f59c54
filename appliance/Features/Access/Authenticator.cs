// From the headers of a request to a caller: a ticket cookie (with CSRF token for whatever changes something) or an API token (pbs-protocol.md 1.6).
// Answers only yes or no; a refusal never says why.
using Holdfast.Wire;

namespace Holdfast.Features.Access;

/// <summary>Checks who sends a request.</summary>
public sealed class Authenticator(
    Func<AccessState> access, CredentialStore credentials, TicketSigner tickets, RefusedLogins refused, TimeProvider clock)
{
    /// <summary>The caller, or null if the credentials are missing, wrong, expired, or of somebody disabled.</summary>
    public Caller? Authenticate(string method, string? cookie, string? authorization, string? csrfToken, string source)
    {
        switch (Credentials.Read(cookie, authorization, csrfToken))
        {
            case Credentials.ByTicket byTicket:
                return ByTicket(method, byTicket, source);
            case Credentials.ByToken byToken:
                return ByToken(byToken, source);
            default:
                return null;
        }
    }

    /// <summary>The same for an exchange, as the router asks it.</summary>
    public ValueTask<object?> AuthenticateAsync(Exchange exchange) => ValueTask.FromResult<object?>(Authenticate(
        exchange.Method, exchange.Header("Cookie"), exchange.Header("Authorization"), exchange.Header("CSRFPreventionToken"),
        exchange.RemoteAddress));

    private Caller? ByTicket(string method, Credentials.ByTicket sent, string source)
    {
        if (tickets.Verify(sent.Ticket, out var user) != TicketState.Valid || !IsActive(user.ToString()))
        {
            return null;
        }

        return method == "GET" || tickets.VerifyCsrf(sent.CsrfToken, user) ? new Caller(user.ToString(), source) : null;
    }

    private Caller? ByToken(Credentials.ByToken sent, string source)
    {
        var id = sent.TokenId.ToString();
        if (credentials.Matches(id, sent.Secret) && IsActive(id))
        {
            return new Caller(id, source);
        }

        refused.Add(id, source, clock.GetUtcNow().ToUnixTimeSeconds());
        return null;
    }

    private bool IsActive(string authId) => access().IsActive(authId, clock.GetUtcNow().ToUnixTimeSeconds());
}
