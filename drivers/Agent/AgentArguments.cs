// The few options of holdfast-agent. All of them are set by its unit; a wrong one stops the start with its name.
using System.Globalization;

namespace Holdfast.Agent;

/// <summary>Parsed options.</summary>
public sealed record AgentArguments(string SocketPath, IReadOnlySet<uint> AllowedUids, string PamService, string? PamFolder)
{
    public const string Help = """
        holdfast-agent: the privileged half of a Holdfast appliance

          --socket PATH       unix socket to listen on (default: /run/holdfast/agent.sock)
          --allow-uid N       user that may ask, besides root; may be repeated
          --allow-user NAME   the same by name, as /etc/passwd has it
          --pam-service NAME  PAM service that decides about passwords (default: holdfast)
          --pam-folder DIR    folder with that service's file instead of the system's
        """;

    /// <summary>Null if help was asked for.</summary>
    /// <param name="passwd">Where <c>--allow-user</c> looks names up, passwd(5).</param>
    /// <exception cref="ArgumentException">An option that does not exist, or one without a fitting value.</exception>
    public static AgentArguments? Parse(string[] args, string passwd = "/etc/passwd")
    {
        var parsed = new AgentArguments("/run/holdfast/agent.sock", new HashSet<uint>(), "holdfast", null);
        for (var i = 0; i < args.Length; i++)
        {
            switch (args[i])
            {
                case "--help" or "-h":
                    return null;
                case "--socket":
                    parsed = parsed with { SocketPath = Path.GetFullPath(Value(args, ref i)) };
                    break;
                case "--allow-uid":
                    parsed = parsed with { AllowedUids = new HashSet<uint>(parsed.AllowedUids) { Uid(Value(args, ref i)) } };
                    break;
                case "--allow-user":
                    parsed = parsed with { AllowedUids = new HashSet<uint>(parsed.AllowedUids) { UidOf(Value(args, ref i), passwd) } };
                    break;
                case "--pam-service":
                    var name = Value(args, ref i);
                    parsed = name.AsSpan().ContainsAnyExcept(NameChars)
                        ? throw new ArgumentException($"--pam-service '{name}' is no name of a PAM service")
                        : parsed with { PamService = name };
                    break;
                case "--pam-folder":
                    parsed = parsed with { PamFolder = Path.GetFullPath(Value(args, ref i)) };
                    break;
                default:
                    throw new ArgumentException($"unknown option '{args[i]}' (--help lists them)");
            }
        }

        return parsed;
    }

    private static readonly System.Buffers.SearchValues<char> NameChars =
        System.Buffers.SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");

    private static string Value(string[] args, ref int i) =>
        i + 1 < args.Length ? args[++i] : throw new ArgumentException($"option '{args[i]}' needs a value");

    private static uint Uid(string text) => uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var uid)
        ? uid
        : throw new ArgumentException($"--allow-uid needs a number, not '{text}'");

    private static uint UidOf(string name, string passwd) =>
        File.ReadLines(passwd).Select(line => line.Split(':')).FirstOrDefault(parts => parts.Length >= 4 && parts[0] == name) is { } account
            ? Uid(account[2])
            : throw new ArgumentException($"--allow-user: {passwd} has no user '{name}'");
}
