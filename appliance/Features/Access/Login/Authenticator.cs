// From the headers of a request to a caller: a ticket cookie (with CSRF token for whatever changes something) or an API token (pbs-protocol.md 1.6).
// Answers only yes or no; a refusal never says why.
using Holdfast.Wire;

namespace Holdfast.Features.Access;

/// <summary>Checks who sends a request.</summary>
public sealed class Authenticator(
    Func<AccessState> access, CredentialStore credentials, TicketSigner tickets, LoginBackoff backoff, RefusedLogins refused, TimeProvider clock)
{
    /// <summary>The caller, or null if the credentials are missing, wrong, expired, or of somebody disabled.</summary>
    public async ValueTask<Caller?> AuthenticateAsync(
        string method, string? cookie, string? authorization, string? csrfToken, string source, CancellationToken cancel)
    {
        var cameAt = Now;
        var sent = Credentials.Read(cookie, authorization, csrfToken);
        var caller = sent switch
        {
            Credentials.ByTicket byTicket => ByTicket(method, byTicket, source),
            Credentials.ByToken byToken => ByToken(byToken, source),
            _ => null,
        };
        if (caller is null)
        {
            // Every refusal is told at the same age at the earliest, whatever was wrong.
            var until = sent is Credentials.ByToken token ? Count(token.TokenId.ToString(), source, cameAt) : cameAt + LoginBackoff.RefusalAfter;
            await WaitUntilAsync(until, cancel).ConfigureAwait(false);
        }

        return caller;
    }

    /// <summary>The same for an exchange, as the router asks it.</summary>
    public async ValueTask<object?> AuthenticateAsync(Exchange exchange) => await AuthenticateAsync(
        exchange.Method, exchange.Header("Cookie"), exchange.Header("Authorization"), exchange.Header("CSRFPreventionToken"),
        exchange.RemoteAddress, exchange.Aborted).ConfigureAwait(false);

    private Caller? ByTicket(string method, Credentials.ByTicket sent, string source)
    {
        if (tickets.Verify(sent.Ticket, out var user) != TicketState.Valid || !IsActive(user.ToString()))
        {
            return null;
        }

        return method == "GET" || tickets.VerifyCsrf(sent.CsrfToken, user) ? new Caller(user.ToString(), source) : null;
    }

    // Always looked at, and at once: a secret of 122 random bits can't be guessed at any speed, and PVE's next call must not wait for another's wrong ones.
    private Caller? ByToken(Credentials.ByToken sent, string source)
    {
        var id = sent.TokenId.ToString();
        return credentials.Matches(id, sent.Secret) && IsActive(id) ? new Caller(id, source) : null;
    }

    // Refusals of one token are told no more often than those of a password.
    private TimeSpan Count(string id, string source, TimeSpan cameAt)
    {
        backoff.Enter(source, id, access().Tokens.ContainsKey(id), cameAt);
        refused.Add(id, source, clock.GetUtcNow().ToUnixTimeSeconds());
        return backoff.RefusalAt(source, id, cameAt);
    }

    private async Task WaitUntilAsync(TimeSpan at, CancellationToken cancel)
    {
        var rest = at - Now;
        if (rest > TimeSpan.Zero)
        {
            await Task.Delay(rest, clock, cancel).ConfigureAwait(false);
        }
    }

    private TimeSpan Now => clock.GetElapsedTime(0, clock.GetTimestamp());

    private bool IsActive(string authId) => access().IsActive(authId, clock.GetUtcNow().ToUnixTimeSeconds());
}
