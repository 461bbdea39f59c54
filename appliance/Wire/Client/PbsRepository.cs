// The repository text of PBS clients: `[[auth-id@]host[:port]:]datastore`, IPv6 addresses in brackets.
using System.Globalization;

namespace Holdfast.Wire;

/// <summary>Where a datastore is and as whom to go there. Without an auth id the client's default is
/// `root@pam`.</summary>
public sealed record PbsRepository(AuthId? AuthId, string Host, int Port, string Store)
{
    public const int DefaultPort = 8007;
    public const string DefaultHost = "localhost";
    private const int MaxLength = 512;

    public override string ToString()
    {
        string host = Host.Contains(':') ? $"[{Host}]" : Host;
        return AuthId is null && Host == DefaultHost && Port == DefaultPort ? Store
            : $"{(AuthId is { } id ? id + "@" : "")}{host}{(Port == DefaultPort ? "" : $":{Port}")}:{Store}";
    }

    /// <summary>Parses; false for anything that isn't a repository.</summary>
    public static bool TryParse(string? text, out PbsRepository? repository)
    {
        repository = null;
        if (string.IsNullOrEmpty(text) || text.Length > MaxLength)
        {
            return false;
        }

        int colon = text.LastIndexOf(':');
        string store = text[(colon + 1)..];
        if (!PbsSchema.IsSafeId(store) || store.Length is < 3 or > 32)
        {
            return false;
        }

        string place = colon < 0 ? DefaultHost : text[..colon];
        AuthId? who = null;
        int at = place.LastIndexOf('@');
        if (at >= 0)
        {
            if (!Wire.AuthId.TryParse(place[..at], out AuthId id))
            {
                return false;
            }

            who = id;
            place = place[(at + 1)..];
        }

        if (!TryHost(place, out string host, out int port))
        {
            return false;
        }

        repository = new PbsRepository(who, host, port, store);
        return true;
    }

    private static bool TryHost(string place, out string host, out int port)
    {
        host = place;
        port = DefaultPort;
        string rest = "";
        if (place.StartsWith('['))
        {
            int end = place.IndexOf(']');
            if (end < 0)
            {
                return false;
            }

            host = place[1..end];
            rest = place[(end + 1)..];
            if (Uri.CheckHostName(host) != UriHostNameType.IPv6 || (rest.Length > 0 && rest[0] != ':'))
            {
                return false;
            }
        }
        else if (place.IndexOf(':') is >= 0 and int colon)
        {
            host = place[..colon];
            rest = place[colon..];
        }

        bool goodPort = rest.Length == 0 || (int.TryParse(
            rest.AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out port) && port is > 0 and < 65536);
        return goodPort && Uri.CheckHostName(host) != UriHostNameType.Unknown;
    }
}
