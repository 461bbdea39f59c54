// The few options of holdfastd: every setting can be given, the common ones by their own name.
using System.Collections;
using Holdfast.Features.Settings;

namespace Holdfast.Host;

/// <summary>Parsed options.</summary>
/// <param name="Help">Text to print instead of starting.</param>
public sealed record CommandLine(IReadOnlyDictionary<string, string> Settings, bool AcceptShorterLedger, string? Help)
{
    /// <exception cref="SettingsException">An option that does not exist, or one without its value.</exception>
    public static CommandLine Parse(string[] args)
    {
        var settings = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        var acceptShorter = false;
        for (var i = 0; i < args.Length; i++)
        {
            switch (args[i])
            {
                case "--data" or "--port" or "--listen":
                    settings[args[i][2..]] = Value(args, ref i);
                    break;
                case "--set":
                    var pair = Value(args, ref i);
                    var equals = pair.IndexOf('=');
                    settings[equals > 0 ? pair[..equals] : throw new SettingsException($"--set needs Key=Value, not '{pair}'")] = pair[(equals + 1)..];
                    break;
                case "--accept-shorter-ledger":
                    acceptShorter = true;
                    break;
                case "--help" or "-h":
                    return new CommandLine(settings, acceptShorter, HelpText());
                default:
                    throw new SettingsException($"unknown option '{args[i]}' (--help lists them)");
            }
        }

        return new CommandLine(settings, acceptShorter, null);
    }

    /// <summary>All environment variables.</summary>
    public static IReadOnlyDictionary<string, string> Environment()
    {
        var variables = new Dictionary<string, string>();
        foreach (DictionaryEntry entry in System.Environment.GetEnvironmentVariables())
        {
            variables[(string)entry.Key] = (string?)entry.Value ?? "";
        }

        return variables;
    }

    private static string Value(string[] args, ref int i) =>
        i + 1 < args.Length ? args[++i] : throw new SettingsException($"option '{args[i]}' needs a value");

    private static string HelpText() => string.Join('\n',
    [
        "holdfastd: the Holdfast backup appliance", "",
        "  --data DIR              folder of the appliance (default: data)",
        "  --port N                TCP port (default: 8007)",
        "  --listen ADDRESS        address to listen on (default: 0.0.0.0)",
        "  --set Key=Value         any setting of the table below",
        "  --accept-shorter-ledger start although the ledger ends before its recorded head", "",
        "settings (also in <DATA>/holdfast.json, and as environment variables):",
        .. ApplianceSettings.Keys.Select(key => $"  {key.Name,-26} {ApplianceSettings.EnvironmentName(key.Name),-36} {key.Meaning}"),
    ]);
}
