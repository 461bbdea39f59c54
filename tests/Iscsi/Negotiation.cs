// What two sides of a session agree on: text keys, each with its rule (RFC 7143, 13). What we announce for ourselves stands here.
using System.Globalization;
using System.Text;

namespace Holdfast.Tests.Iscsi;

/// <summary>The agreement so far; as RFC 7143 has it before anybody said anything.</summary>
internal sealed class Negotiation
{
    /// <summary>Longest data segment that we take.</summary>
    public const int ReceiveMaxBytes = 256 * 1024;

    private const int KeysMax = 64;
    private const int BurstMaxBytes = 256 * 1024;
    private const int NumberMax = (1 << 24) - 1;

    public string InitiatorName { get; private set; } = "";

    public string TargetName { get; private set; } = "";

    public bool IsDiscovery { get; private set; }

    public Digests Digests { get; private set; }

    /// <summary>Longest data segment that the initiator takes.</summary>
    public int SendMaxBytes { get; private set; } = 8192;

    public int MaxBurstBytes { get; private set; } = BurstMaxBytes;

    public int FirstBurstBytes { get; private set; } = 65536;

    public bool InitialR2T { get; private set; } = true;

    public bool ImmediateData { get; private set; } = true;

    /// <summary>The initiator insists on a way to log in that we don't have.</summary>
    public bool IsAuthRefused { get; private set; }

    /// <summary>Keys and values, each ended by NUL.</summary>
    /// <exception cref="IscsiException">Something else.</exception>
    public static IReadOnlyList<(string Key, string Value)> Parse(ReadOnlySpan<byte> text)
    {
        var found = new List<(string, string)>();
        foreach (var pair in Encoding.UTF8.GetString(text).Split('\0', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            if (equals is < 1 or > 63 || found.Count >= KeysMax)
            {
                throw new IscsiException("keys and values are written KEY=VALUE");
            }

            found.Add((pair[..equals], pair[(equals + 1)..]));
        }

        return found;
    }

    public static byte[] Write(IEnumerable<(string Key, string Value)> pairs) =>
        Encoding.UTF8.GetBytes(string.Concat(pairs.Select(pair => $"{pair.Key}={pair.Value}\0")));

    /// <summary>Takes what the initiator offers; says what to answer.</summary>
    /// <exception cref="IscsiException">A value that its key can't have.</exception>
    public IReadOnlyList<(string Key, string Value)> Take(IReadOnlyList<(string Key, string Value)> offered)
    {
        var answers = new List<(string, string)>();
        foreach (var (key, value) in offered)
        {
            if (Answer(key, value) is { } answer)
            {
                answers.Add((key, answer));
            }
        }

        return answers;
    }

    /// <summary>Null: the key is said, not negotiated.</summary>
    private string? Answer(string key, string value)
    {
        switch (key)
        {
            case "InitiatorName":
                InitiatorName = value;
                return null;
            case "TargetName":
                TargetName = value;
                return null;
            case "SessionType":
                IsDiscovery = value == "Discovery";
                return null;
            case "InitiatorAlias":
                return null;
            case "AuthMethod":
                IsAuthRefused = !value.Split(',').Contains("None");
                return IsAuthRefused ? "Reject" : "None";
            case "HeaderDigest":
                return Choose(value, chosen => Digests = Digests with { Header = chosen });
            case "DataDigest":
                return Choose(value, chosen => Digests = Digests with { Data = chosen });
            case "MaxRecvDataSegmentLength":
                SendMaxBytes = Number(value, 512);
                return null;
            case "MaxBurstLength":
                return Text(MaxBurstBytes = Math.Min(Number(value, 512), BurstMaxBytes));
            case "FirstBurstLength":
                return Text(FirstBurstBytes = Math.Min(Number(value, 512), 65536));
            case "InitialR2T":
                return Yes(InitialR2T = Flag(value));
            case "ImmediateData":
                return Yes(ImmediateData = Flag(value));
            case "MaxConnections" or "MaxOutstandingR2T":
                _ = Number(value, 1);
                return "1";
            case "DefaultTime2Wait":
                return Text(Number(value, 0));
            case "DefaultTime2Retain" or "ErrorRecoveryLevel":
                _ = Number(value, 0);
                return "0";
            case "DataPDUInOrder" or "DataSequenceInOrder":
                return "Yes";
            case "IFMarker" or "OFMarker":
                return "No";
            default:
                return "NotUnderstood";
        }
    }

    /// <summary>The initiator's first choice among what we have.</summary>
    private static string Choose(string offered, Action<bool> chosen)
    {
        var choice = offered.Split(',').FirstOrDefault(one => one is "None" or "CRC32C");
        chosen(choice == "CRC32C");
        return choice ?? "Reject";
    }

    private static int Number(string text, int least) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= NumberMax ? number
            : throw new IscsiException($"'{text}' is no number from {least} to {NumberMax}");

    private static bool Flag(string text) => text is "Yes" or "No" ? text == "Yes" : throw new IscsiException($"'{text}' is neither Yes nor No");

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Yes(bool flag) => flag ? "Yes" : "No";
}
