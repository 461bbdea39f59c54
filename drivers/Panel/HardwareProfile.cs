// Which output of a machine is which light of its panel: a hardware profile, JSON (hardware/profiles). Read strictly: what is not known, not there or out of
// range is a problem with its place, and a profile with problems is not used.
using System.Text.Json;

namespace Holdfast.Panel;

/// <summary>One thing that can be switched.</summary>
/// <param name="Led">Name in <c>/sys/class/leds</c>; null = a GPIO line.</param>
/// <param name="Chip">Label of the GPIO chip: numbers of chips change.</param>
/// <param name="Line">Its line.</param>
public sealed record ProfileOutput(string? Led, string? Chip, int Line, bool IsActiveLow)
{
    public override string ToString() => Led is null ? $"gpio {Chip}:{Line}" : $"led {Led}";
}

/// <summary>A display on I2C: characters behind an expander, or dots.</summary>
/// <param name="Kind"><c>hd44780-pcf8574</c>, <c>ssd1306</c>.</param>
/// <param name="Bus">Name of the I2C adapter, as <c>/sys/bus/i2c/devices/*/name</c> has it, or <c>i2c-N</c>.</param>
public sealed record ProfileDisplay(string Kind, string Bus, int Address, int Columns, int Rows)
{
    public const string Oled = "ssd1306";
}

/// <summary>A profile.</summary>
/// <param name="Lights">Indicator, then colour, then output.</param>
public sealed record HardwareProfile(
    string Name, IReadOnlyDictionary<string, IReadOnlyDictionary<string, ProfileOutput>> Lights, ProfileOutput? Buzzer, ProfileOutput? Button,
        ProfileDisplay? Display)
{
    private const int BytesMax = 256 * 1024;
    private static readonly string[] Colors = ["green", "amber", "red", "blue"];
    private static readonly string[] Members = ["$schema", "name", "comment", "lights", "buzzer", "button", "display"];

    /// <summary>Reads a profile, or says everything that is wrong with it.</summary>
    public static HardwareProfile? Read(string json, out IReadOnlyList<string> problems)
    {
        var found = new List<string>();
        problems = found;
        if (json.Length > BytesMax)
        {
            found.Add($"longer than {BytesMax} characters");
            return null;
        }

        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 8, CommentHandling = JsonCommentHandling.Skip,
                AllowTrailingCommas = true });
            var profile = new Reading(found).Profile(document.RootElement);
            return found.Count == 0 ? profile : null;
        }
        catch (JsonException error)
        {
            found.Add("no JSON: " + error.Message);
            return null;
        }
    }

    /// <summary>One reading, with what is wrong.</summary>
    private sealed class Reading(List<string> problems)
    {
        public HardwareProfile Profile(JsonElement root)
        {
            if (root.ValueKind != JsonValueKind.Object)
            {
                problems.Add("not an object");
                return new HardwareProfile("", new Dictionary<string, IReadOnlyDictionary<string, ProfileOutput>>(), null, null, null);
            }

            Only(root, "", Members);
            var name = Text(root, "name", "", 64) ?? "";
            var lights = new Dictionary<string, IReadOnlyDictionary<string, ProfileOutput>>();
            foreach (var light in Objects(root, "lights"))
            {
                if (!IsIndicator(light.Name))
                {
                    problems.Add($"lights.{light.Name}: no indicator of that name (power, health, activity, attention, network, tape, disk1 ...)");
                }

                lights[light.Name] = Objects(root.GetProperty("lights"), light.Name).ToDictionary(color => color.Name, color =>
                {
                    if (!Colors.Contains(color.Name))
                    {
                        problems.Add($"lights.{light.Name}.{color.Name}: no colour ({string.Join(", ", Colors)})");
                    }

                    return Output(color.Value, $"lights.{light.Name}.{color.Name}");
                });
            }

            return new HardwareProfile(name, lights, Optional(root, "buzzer"), Optional(root, "button"), Display(root));
        }

        private static bool IsIndicator(string name) => name is "power" or "health" or "activity" or "attention" or "network" or "tape"
            || (name.StartsWith("disk", StringComparison.Ordinal) && int.TryParse(name.AsSpan(4), out var slot) && slot is > 0 and <= 120);

        private ProfileOutput? Optional(JsonElement root, string member) => root.TryGetProperty(member, out var value) ? Output(value, member) : null;

        private ProfileOutput Output(JsonElement value, string place)
        {
            if (value.ValueKind != JsonValueKind.Object)
            {
                problems.Add($"{place}: an object with 'led', or with 'chip' and 'line', is wanted");
                return new ProfileOutput(null, null, 0, false);
            }

            Only(value, place + ".", ["led", "chip", "line", "active-low"]);
            var (led, chip) = (Text(value, "led", place + ".", 64, optional: true), Text(value, "chip", place + ".", 64, optional: true));
            if ((led is null) == (chip is null))
            {
                problems.Add($"{place}: either 'led', or 'chip' and 'line'");
            }

            if (led is not null && (led.Contains('/') || led is "." or ".."))
            {
                problems.Add($"{place}.led: a name of /sys/class/leds is wanted");
            }

            return new ProfileOutput(led, chip, chip is null ? 0 : Number(value, "line", place + ".", 0, 1023), Flag(value, "active-low", place + "."));
        }

        private ProfileDisplay? Display(JsonElement root)
        {
            if (!root.TryGetProperty("display", out var value))
            {
                return null;
            }

            if (value.ValueKind != JsonValueKind.Object)
            {
                problems.Add("display: an object is wanted");
                return null;
            }

            Only(value, "display.", ["kind", "bus", "address", "columns", "rows"]);
            var kind = Text(value, "kind", "display.", 32) ?? "";
            if (kind is not ("hd44780-pcf8574" or ProfileDisplay.Oled))
            {
                problems.Add($"display.kind: '{kind}' is not known (hd44780-pcf8574, {ProfileDisplay.Oled})");
            }

            var display = new ProfileDisplay(kind, Text(value, "bus", "display.", 64) ?? "", Number(value, "address", "display.", 0x20, 0x3f),
                Number(value, "columns", "display.", 8, 40), Number(value, "rows", "display.", 1, 8));
            if (kind == ProfileDisplay.Oled ? display is not { Columns: OledDisplay.Columns, Rows: 4 or 8 } : display.Rows > 4)
            {
                problems.Add($"display: a {kind} has {(kind == ProfileDisplay.Oled ? $"{OledDisplay.Columns} columns and 4 or 8 rows" : "up to 4 rows")}");
            }

            return display;
        }

        private IEnumerable<JsonProperty> Objects(JsonElement of, string member)
        {
            if (!of.TryGetProperty(member, out var value) || value.ValueKind != JsonValueKind.Object)
            {
                problems.Add($"{member}: an object is wanted");
                return [];
            }

            return value.EnumerateObject().Take(256);
        }

        private void Only(JsonElement of, string place, string[] known)
        {
            foreach (var member in of.EnumerateObject().Where(member => !known.Contains(member.Name)))
            {
                problems.Add($"{place}{member.Name}: not known here ({string.Join(", ", known)})");
            }
        }

        private string? Text(JsonElement of, string member, string place, int charsMax, bool optional = false)
        {
            if (!of.TryGetProperty(member, out var value))
            {
                if (!optional)
                {
                    problems.Add($"{place}{member}: missing");
                }

                return null;
            }

            if (value.ValueKind != JsonValueKind.String || value.GetString() is not { Length: > 0 } text || text.Length > charsMax)
            {
                problems.Add($"{place}{member}: a text of at most {charsMax} characters is wanted");
                return "";
            }

            return text;
        }

        private int Number(JsonElement of, string member, string place, int min, int max)
        {
            if (of.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number >= min
                && number <= max)
            {
                return number;
            }

            problems.Add($"{place}{member}: a number from {min} to {max} is wanted");
            return min;
        }

        private bool Flag(JsonElement of, string member, string place)
        {
            if (!of.TryGetProperty(member, out var value))
            {
                return false;
            }

            if (value.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
            {
                problems.Add($"{place}{member}: true or false is wanted");
            }

            return value.ValueKind == JsonValueKind.True;
        }
    }
}
