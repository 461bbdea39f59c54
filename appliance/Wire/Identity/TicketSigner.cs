// Tickets and CSRF tokens (pbs-protocol 1.6), signed with HMAC-SHA256 under the appliance's key. A ticket proves only
// that this box issued it to that user at that time; whether the user still exists is the caller's question.
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Holdfast.Wire;

/// <summary>What <see cref="TicketSigner"/> found out about a ticket.</summary>
public enum TicketState
{
    Valid,
    /// <summary>Wrong shape, wrong signature or not ours.</summary>
    Invalid,
    /// <summary>Signed by us, but older than its lifetime.</summary>
    Expired,
}

/// <summary>Makes and checks tickets `PBS:DATA:HEXTIME::SIGNATURE` and CSRF tokens `HEXTIME:MAC`.
/// Thread-safe.</summary>
public sealed class TicketSigner
{
    public const int LifetimeS = 7200;
    public const int SkewS = 300;
    public const int MaxLength = 4096;
    private const string Prefix = "PBS";
    private readonly byte[] _key;
    private readonly TimeProvider _clock;

    /// <param name="key">At least 32 secret bytes; kept as a copy.</param>
    public TicketSigner(ReadOnlySpan<byte> key, TimeProvider clock)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(key.Length, 32);
        _key = key.ToArray();
        _clock = clock;
    }

    /// <summary>A session ticket of a user.</summary>
    public string Issue(UserId user) => IssueData(user.ToString(), null);

    /// <summary>Any data (`!tfa!` + JSON for the second factor); <paramref name="bound"/> is signed but not
    /// shown.</summary>
    public string IssueData(string data, string? bound)
    {
        string head = $"{Prefix}:{EscapeData(data)}:{HexTime(_clock.GetUtcNow().ToUnixTimeSeconds())}";
        return $"{head}::{Sign("ticket", head, bound)}";
    }

    /// <summary>Checks a session ticket. A partial (`!tfa!`) ticket is no session.</summary>
    public TicketState Verify(string ticket, out UserId user)
    {
        TicketState state = VerifyData(ticket, null, -SkewS, LifetimeS, out string data);
        return UserId.TryParse(data, out user) ? state : TicketState.Invalid;
    }

    /// <summary>Checks any ticket; its age must lie in [minAgeS, maxAgeS] (a partial ticket: -60..600).</summary>
    public TicketState VerifyData(string ticket, string? bound, int minAgeS, int maxAgeS, out string data)
    {
        data = "";
        int mark = ticket.Length > MaxLength ? -1 : ticket.LastIndexOf("::", StringComparison.Ordinal);
        if (mark < 0)
        {
            return TicketState.Invalid;
        }

        string head = ticket[..mark];
        string[] fields = head.Split(':');
        if (fields.Length != 3 || fields[0] != Prefix || !TryHexTime(fields[2], out long issued)
            || !Same(ticket[(mark + 2)..], Sign("ticket", head, bound)))
        {
            return TicketState.Invalid;
        }

        data = Percent.Decode(fields[1]) ?? "";
        long age = _clock.GetUtcNow().ToUnixTimeSeconds() - issued;
        return age < minAgeS ? TicketState.Invalid : age > maxAgeS ? TicketState.Expired : TicketState.Valid;
    }

    /// <summary>Seconds since the epoch at which a well-formed ticket says it was issued; not checked.</summary>
    public static long? IssuedAt(string ticket)
    {
        int mark = ticket.LastIndexOf("::", StringComparison.Ordinal);
        return mark >= 8 && TryHexTime(ticket[(mark - 8)..mark], out long issued) ? issued : null;
    }

    /// <summary>The token that a browser or client sends back with every request that changes something.</summary>
    public string IssueCsrf(UserId user)
    {
        string time = HexTime(_clock.GetUtcNow().ToUnixTimeSeconds());
        return $"{time}:{Sign("csrf", time, user.ToString())}";
    }

    public bool VerifyCsrf(string? token, UserId user)
    {
        int colon = token?.IndexOf(':') ?? -1;
        if (token is null || colon != 8 || token.Length > 128 || !TryHexTime(token[..8], out long issued)
            || !Same(token[9..], Sign("csrf", token[..8], user.ToString())))
        {
            return false;
        }

        long age = _clock.GetUtcNow().ToUnixTimeSeconds() - issued;
        return age is >= -SkewS and <= LifetimeS;
    }

    // The purpose keeps a ticket's signature from passing as a CSRF token and the other way round.
    private string Sign(string purpose, string head, string? bound)
    {
        string text = bound is null ? $"{purpose}\n{head}" : $"{purpose}\n{head}:{bound}";
        return Convert.ToBase64String(HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes(text))).TrimEnd('=');
    }

    private static bool Same(string given, string expected) => CryptographicOperations.FixedTimeEquals(
        Encoding.UTF8.GetBytes(given), Encoding.UTF8.GetBytes(expected));

    private static string HexTime(long seconds) => seconds.ToString("X8", CultureInfo.InvariantCulture);

    private static bool TryHexTime(string text, out long seconds)
    {
        seconds = 0;
        return text.Length == 8 && text.AsSpan().IndexOfAnyInRange('a', 'f') < 0
            && long.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out seconds);
    }

    // Only controls and the separator are escaped (and the escape itself, so that the text reads back exactly).
    private static string EscapeData(string data)
    {
        var text = new StringBuilder(data.Length);
        foreach (char c in data)
        {
            if (c is ':' or '%' || char.IsControl(c))
            {
                foreach (byte b in Encoding.UTF8.GetBytes([c]))
                {
                    text.Append(CultureInfo.InvariantCulture, $"%{b:X2}");
                }
            }
            else
            {
                text.Append(c);
            }
        }

        return text.ToString();
    }
}
