// What an admin can set: one table of keys with default, meaning and check, read from <DATA>/holdfast.json, the environment and the command line
// (later ones win). A wrong value or an unknown key is refused by its name; nothing is guessed.
using System.Globalization;
using System.Text.Json;

namespace Holdfast.Features.Settings;

/// <summary>A setting that can't be used; the message names the key and where it came from.</summary>
public sealed class SettingsException(string message) : Exception(message);

/// <summary>One key of the configuration.</summary>
/// <param name="Name">As written in the file, sections joined by <c>:</c> (<c>Ledger:ConnectionString</c>); compared without regard to case.</param>
public sealed record SettingKey(string Name, string Default, string Meaning, Func<string, string?> Problem);

/// <summary>All settings of the appliance, checked.</summary>
public sealed class ApplianceSettings
{
    private const int MegaByte = 1024 * 1024;

    /// <summary>Every key there is; docs/operations.md lists the same table.</summary>
    public static readonly IReadOnlyList<SettingKey> Keys =
    [
        new("Data", "data", "Folder of the appliance: ledger, keys, datastores.", NotEmpty),
        new("Listen", "0.0.0.0", "Address to listen on.", Address),
        new("Port", "8007", "TCP port; 0 takes a free one.", text => Number(text, 0, 65535)),
        new("Ledger:ConnectionString", "", "PostgreSQL to use instead of the embedded one.", _ => null),
        new("Ledger:PostgresFolder", "", "Folder with initdb and postgres; empty = the newest installed.", _ => null),
        new("Ledger:CheckpointMinutes", "10", "Minutes between signed checkpoints while there is something new.", text => Number(text, 1, 1440)),
        new("Ledger:PatienceSeconds", "90", "How long a finish waits for a ledger that is away.", text => Number(text, 1, 600)),
        new("Backup:MegaBytesInFlight", "192", "Budget for chunk bytes in memory, all sessions together.", text => Number(text, 64, 65536)),
        new("Backup:SessionsMax", "512", "Backup and reader sessions at once.", text => Number(text, 1, 10000)),
        new("Agent:Socket", "/run/holdfast/agent.sock", "Unix socket of the privileged agent (users of realm pam).", NotEmpty),
        new("Ups:Name", "auto", "Name of the UPS at its server (NUT's upsd); auto = the first there is, if there is one; empty = no UPS.", _ => null),
        new("Ups:Host", "127.0.0.1", "Where upsd runs.", NotEmpty),
        new("Ups:Port", "3493", "Its TCP port.", text => Number(text, 1, 65535)),
        new("Ups:User", "", "User of upsd; empty = no login.", _ => null),
        new("Ups:Password", "", "Its password.", _ => null),
        new("Ups:Tls", "false", "true = speak to upsd only through TLS.", text => text is "true" or "false" ? null : "must be true or false"),
        new("Ups:Fingerprint", "", "SHA-256 of upsd's certificate; empty = one that the machine trusts.", _ => null),
        new("Power:StopBelowSeconds", "300", "Switch off when the battery lasts less long.", text => Number(text, 0, 86400)),
        new("Power:OnBatterySeconds", "0", "Switch off after so long on battery; 0 = no such limit.", text => Number(text, 0, 86400)),
        new("Power:DrainSeconds", "60", "How long running sessions may go on in an ordered stop.", text => Number(text, 0, 3600)),
        new("Datastore:SyncLevel", "filesystem", "filesystem = one sync before a backup is acknowledged; file = also every chunk.",
            text => text is "filesystem" or "file" ? null : "must be filesystem or file"),
    ];

    private readonly Dictionary<string, string> values;

    private ApplianceSettings(Dictionary<string, string> values) => this.values = values;

    public string Data => values["data"];

    public string Listen => values["listen"];

    public int Port => Int("port");

    public string LedgerConnectionString => values["ledger:connectionstring"];

    public string LedgerPostgresFolder => values["ledger:postgresfolder"];

    public TimeSpan CheckpointInterval => TimeSpan.FromMinutes(Int("ledger:checkpointminutes"));

    public TimeSpan LedgerPatience => TimeSpan.FromSeconds(Int("ledger:patienceseconds"));

    public long BytesInFlight => Int("backup:megabytesinflight") * (long)MegaByte;

    public string AgentSocket => values["agent:socket"];

    /// <summary>Null: no UPS.</summary>
    public string? UpsName => Optional("ups:name");

    public string UpsHost => values["ups:host"];

    public int UpsPort => Int("ups:port");

    public string? UpsUser => Optional("ups:user");

    public string? UpsPassword => Optional("ups:password");

    public bool UpsTls => values["ups:tls"] == "true";

    public string? UpsFingerprint => Optional("ups:fingerprint");

    public int StopBelowS => Int("power:stopbelowseconds");

    public int OnBatteryMaxS => Int("power:onbatteryseconds");

    public TimeSpan Drain => TimeSpan.FromSeconds(Int("power:drainseconds"));

    public int SessionsMax => Int("backup:sessionsmax");

    public bool SyncEveryFile => values["datastore:synclevel"] == "file";

    /// <summary>Merges and checks. The data folder decides which file is read, so it is asked for first.</summary>
    /// <param name="commandLine">Key name to value, as given by options.</param>
    /// <param name="environment">All variables; those named <c>HOLDFAST_…</c> that spell a key count (case and underscores don't).</param>
    /// <param name="readFile">Content of <c>holdfast.json</c> in a data folder, or null if there is none.</param>
    /// <exception cref="SettingsException">A key or value that can't be used.</exception>
    public static ApplianceSettings Load(
        IReadOnlyDictionary<string, string> commandLine, IReadOnlyDictionary<string, string> environment, Func<string, byte[]?> readFile)
    {
        var values = Keys.ToDictionary(key => Normal(key.Name), key => key.Default);
        var origins = new Dictionary<string, string>();
        var fromEnvironment = FromEnvironment(environment);
        Take(values, origins, fromEnvironment.Where(pair => pair.Key == "data"), name => "environment, " + EnvironmentName(name));
        Take(values, origins, commandLine.Where(pair => Normal(pair.Key) == "data"), name => "command line, " + name);

        if (readFile(values["data"]) is { } content)
        {
            var file = FromFile(content);
            file.Remove("data");
            Take(values, origins, file, _ => "holdfast.json");
        }

        Take(values, origins, fromEnvironment, name => "environment, " + EnvironmentName(name));
        Take(values, origins, commandLine, name => "command line, " + name);
        Check(values, origins);
        return new ApplianceSettings(values);
    }

    /// <summary>The environment variable that documentation names for a key: <c>HOLDFAST_LEDGER_CONNECTIONSTRING</c>.</summary>
    public static string EnvironmentName(string key) => "HOLDFAST_" + key.Replace(':', '_').ToUpperInvariant();

    private string? Optional(string name) => values[name].Length > 0 ? values[name] : null;

    private static void Take(
        Dictionary<string, string> values, Dictionary<string, string> origins,
        IEnumerable<KeyValuePair<string, string>> given, Func<string, string> origin)
    {
        foreach (var (name, value) in given)
        {
            var normal = Normal(name);
            if (!values.ContainsKey(normal))
            {
                throw new SettingsException($"unknown setting '{name}' ({origin(name)})");
            }

            values[normal] = value;
            origins[normal] = origin(name);
        }
    }

    private static void Check(Dictionary<string, string> values, Dictionary<string, string> origins)
    {
        foreach (var key in Keys)
        {
            var normal = Normal(key.Name);
            if (key.Problem(values[normal]) is { } problem)
            {
                throw new SettingsException($"setting '{key.Name}' {problem} ({origins.GetValueOrDefault(normal, "default")})");
            }
        }
    }

    private static Dictionary<string, string> FromEnvironment(IReadOnlyDictionary<string, string> environment)
    {
        var byBareName = Keys.ToDictionary(key => Normal(key.Name).Replace(":", "", StringComparison.Ordinal), key => Normal(key.Name));
        var found = new Dictionary<string, string>();
        foreach (var (name, value) in environment)
        {
            if (name.StartsWith("HOLDFAST_", StringComparison.OrdinalIgnoreCase)
                && byBareName.TryGetValue(name[9..].Replace("_", "", StringComparison.Ordinal).ToLowerInvariant(), out var key))
            {
                found[key] = value;
            }
        }

        return found;
    }

    private static Dictionary<string, string> FromFile(byte[] content)
    {
        try
        {
            using var document = JsonDocument.Parse(content, new JsonDocumentOptions
            {
                CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, MaxDepth = 8,
            });
            var found = new Dictionary<string, string>();
            Flatten(document.RootElement, "", found);
            return found;
        }
        catch (JsonException error)
        {
            throw new SettingsException("holdfast.json is not JSON: " + error.Message);
        }
        catch (InvalidOperationException)
        {
            // JsonElement's complaint about a name or text that is no Unicode: bytes that are not UTF-8, a lone surrogate.
            throw new SettingsException("holdfast.json holds text that is not valid Unicode");
        }
    }

    private static void Flatten(JsonElement element, string prefix, Dictionary<string, string> found)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            throw new SettingsException(prefix.Length == 0 ? "holdfast.json must hold an object" : $"setting '{prefix}' must be a value");
        }

        foreach (var member in element.EnumerateObject())
        {
            var name = prefix.Length == 0 ? member.Name : prefix + ":" + member.Name;
            switch (member.Value.ValueKind)
            {
                case JsonValueKind.Object:
                    Flatten(member.Value, name, found);
                    break;
                case JsonValueKind.String:
                    found[Normal(name)] = member.Value.GetString()!;
                    break;
                case JsonValueKind.Number:
                    found[Normal(name)] = member.Value.GetRawText();
                    break;
                default:
                    throw new SettingsException($"setting '{name}' must be a text or a number (holdfast.json)");
            }
        }
    }

    private int Int(string key) => int.Parse(values[key], CultureInfo.InvariantCulture);

    private static string Normal(string name) => name.ToLowerInvariant();

    private static string? NotEmpty(string text) => text.Length > 0 ? null : "must not be empty";

    private static string? Address(string text) =>
        System.Net.IPAddress.TryParse(text, out _) ? null : $"must be an IP address, not '{text}'";

    private static string? Number(string text, int min, int max) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= min && number <= max
            ? null
            : $"must be a number from {min} to {max}, not '{text}'";
}
