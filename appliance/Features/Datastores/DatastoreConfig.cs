// The configuration of datastores as the API takes and shows it (pbs-protocol.md 4.3): parameters, their checks, an item, and the digest over all.
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Holdfast.Wire;

namespace Holdfast.Features.Datastores;

internal static class DatastoreConfig
{
    public const string Root = "/config/datastore";

    public const string Modified = "detected modified configuration - file changed by other user? Try again.";

    /// <summary>Options of PBS 2 that became jobs; naming one is refused.</summary>
    public static readonly IReadOnlyList<string> LegacyPrune =
        ["keep-daily", "keep-hourly", "keep-last", "keep-monthly", "keep-weekly", "keep-yearly", "prune-schedule"];

    public static readonly Parameter Name = PbsSchema.Store("name");

    public static readonly Parameter Digest = PbsSchema.Digest().AsOptional();

    /// <summary>What POST and PUT have in common.</summary>
    public static readonly Parameter[] Options =
    [
        PbsSchema.Comment(),
        Parameter.Text(StoreOption.GcSchedule) with { Optional = true, MaxLength = CalendarEvent.MaxLength, Check = Schedule },
        Parameter.Boolean(StoreOption.VerifyNew),
        Parameter.Text(StoreOption.NotificationMode) with { Optional = true, Choices = ["legacy-sendmail", "notification-system"] },
        PbsSchema.UserId(StoreOption.NotifyUser) with { Optional = true },
        Parameter.Text(StoreOption.Notify) with { Optional = true, MaxLength = 256, Format = PbsSchema.IsOneLine },
        Parameter.Text(StoreOption.Tuning) with { Optional = true, MaxLength = 1024, Format = PbsSchema.IsOneLine },
        Parameter.Text(StoreOption.MaintenanceMode) with { Optional = true, MaxLength = 1024, Format = PbsSchema.IsOneLine },
        Parameter.Boolean(StoreOption.PruneByReceiveTime), Parameter.Boolean(StoreOption.GcIgnoreBackupWindow),
        Parameter.Text(StoreOption.Thresholds) with { Optional = true, MaxLength = 64, Check = SpaceThresholds.Refuse },
        Parameter.Integer(StoreOption.ReserveMiB) with { Optional = true, Minimum = 0, Maximum = 1L << 30 },
        .. LegacyPrune.Select(name => name == "prune-schedule"
            ? Parameter.Text(name) with { Optional = true, MaxLength = 256 }
            : Parameter.Integer(name) with { Optional = true, Minimum = 1 }),
    ];

    /// <summary>The first legacy option that was given, as PBS refuses it; null if none was.</summary>
    public static ApiResult? RefuseLegacy(ApiParameters given) =>
        LegacyPrune.FirstOrDefault(given.Has) is { } legacy
            ? ApiResult.BadParameter(legacy, "datastore prune settings have been replaced by prune jobs")
            : null;

    /// <summary>The options that were given, as text.</summary>
    public static SortedDictionary<string, string> Given(ApiParameters given)
    {
        var options = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var option in StoreOption.All)
        {
            var text = StoreOption.IsSwitch(option) ? given.OptionalFlag(option) is { } flag ? (flag ? "true" : "false") : null
                : StoreOption.IsNumber(option) ? given.OptionalInteger(option)?.ToString(System.Globalization.CultureInfo.InvariantCulture)
                : given.OptionalText(option)?.Trim();
            if (text is not null && (option != StoreOption.Comment || text.Length > 0))
            {
                options[option] = text;
            }
        }

        // As PBS writes it: the type without its key.
        if (options.TryGetValue(StoreOption.MaintenanceMode, out var mode) && MaintenanceMode.Parse(mode, out _) is { } parsed)
        {
            options[StoreOption.MaintenanceMode] = parsed.ToString();
        }

        return options;
    }

    public static bool IsStale(ApiParameters given, DatastoresState state) =>
        given.OptionalText("digest") is { } known && !known.Equals(DigestOf(state), StringComparison.OrdinalIgnoreCase);

    /// <summary>Changes whenever the configuration of any datastore does.</summary>
    public static string DigestOf(DatastoresState state)
    {
        var text = new StringBuilder();
        foreach (var store in state.Stores.Values)
        {
            text.Append("datastore: ").Append(store.Name).Append("\n\tpath ").Append(store.Path).Append('\n');
            foreach (var (name, value) in store.Options)
            {
                text.Append('\t').Append(name).Append(' ').Append(value).Append('\n');
            }
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    public static void Write(Utf8JsonWriter json, DatastoreFacts store, string path)
    {
        json.WriteStartObject();
        foreach (var option in StoreOption.All.Append("name").Append("path").Order(StringComparer.Ordinal))
        {
            if (option is "name" or "path")
            {
                json.WriteString(option, option == "name" ? store.Name : path);
            }
            else if (store.Options.TryGetValue(option, out var value))
            {
                WriteOption(json, option, value);
            }
        }

        json.WriteEndObject();
    }

    private static void WriteOption(Utf8JsonWriter json, string option, string value)
    {
        if (StoreOption.IsSwitch(option))
        {
            json.WriteBoolean(option, value == "true");
        }
        else if (StoreOption.IsNumber(option) && long.TryParse(value, System.Globalization.CultureInfo.InvariantCulture, out var number))
        {
            json.WriteNumber(option, number);
        }
        else
        {
            json.WriteString(option, value);
        }
    }

    /// <summary>A calendar event, or <c>after-prune</c>.</summary>
    private static string? Schedule(string text) => text == "after-prune" || CalendarEvent.Parse(text, out var problem) is not null ? null : problem;
}
