// Reads what a request says about who sends it (pbs-protocol 1.6): a ticket cookie first, then an API token. It only
// parses; whether the secret is right is decided elsewhere, and secrets never appear in ToString.
namespace Holdfast.Wire;

/// <summary>The credentials of one request.</summary>
public abstract record Credentials
{
    private Credentials()
    {
    }

    /// <summary>Nothing usable was sent.</summary>
    public sealed record None : Credentials;

    /// <summary>A ticket by cookie; <see cref="CsrfToken"/> is needed for every method but GET.</summary>
    public sealed record ByTicket(string Ticket, string? CsrfToken) : Credentials
    {
        public override string ToString() => "ticket";
    }

    /// <summary>An API token and its secret.</summary>
    public sealed record ByToken(AuthId TokenId, string Secret) : Credentials
    {
        public override string ToString() => $"token {TokenId}";
    }

    /// <summary>Cookie name that only browsers get.</summary>
    public const string HostCookie = "__Host-PBSAuthCookie";

    /// <summary>Cookie name of the command-line clients and Proxmox VE.</summary>
    public const string PlainCookie = "PBSAuthCookie";

    /// <summary>Reads the three headers; any of them may be null. Several Cookie headers are joined by `; `.</summary>
    public static Credentials Read(string? cookie, string? authorization, string? csrfToken)
    {
        string? ticket = Cookie(cookie, HostCookie) ?? Cookie(cookie, PlainCookie);
        if (ticket is not null)
        {
            return new ByTicket(ticket, csrfToken);
        }

        return ReadToken(authorization) ?? (Credentials)new None();
    }

    /// <summary>The percent-decoded value of a cookie, or null.</summary>
    public static string? Cookie(string? header, string name)
    {
        if (header is null)
        {
            return null;
        }

        foreach (Range range in header.AsSpan().Split(';'))
        {
            ReadOnlySpan<char> part = header.AsSpan()[range].Trim();
            if (part.Length > name.Length && part[name.Length] == '='
                && part.StartsWith(name, StringComparison.Ordinal))
            {
                return Percent.Decode(part[(name.Length + 1)..].ToString());
            }
        }

        return null;
    }

    // The scheme is case-sensitive, its separator `=` or one space; the secret follows the first colon.
    private static ByToken? ReadToken(string? authorization)
    {
        if (authorization is not null && authorization.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase))
        {
            return ReadBearer(authorization["Bearer ".Length..].Trim());
        }

        const string Scheme = "PBSAPIToken";
        if (authorization is null || authorization.Length <= Scheme.Length + 1
            || !authorization.StartsWith(Scheme, StringComparison.Ordinal)
            || authorization[Scheme.Length] is not ('=' or ' '))
        {
            return null;
        }

        string rest = authorization[(Scheme.Length + 1)..];
        int colon = rest.IndexOf(':');
        if (colon < 1 || !AuthId.TryParse(Percent.Decode(rest[..colon]), out AuthId id) || !id.IsToken
            || Percent.Decode(rest[(colon + 1)..]) is not { } secret)
        {
            return null;
        }

        return new ByToken(id, secret);
    }

    /// <summary>What scrapers send: the token and its secret as one text, joined by a colon, or by `=` as Proxmox VE joins them.</summary>
    private static ByToken? ReadBearer(string text)
    {
        int separator = text.AsSpan().IndexOfAny(':', '=');
        return separator > 0 && AuthId.TryParse(text[..separator], out AuthId id) && id.IsToken && Percent.Decode(text[(separator + 1)..]) is { } secret
            ? new ByToken(id, secret)
            : null;
    }
}
