// Reads what the update's tools say: the lines of holdfast-slots, the properties of RAUC's service as busctl prints them (one JSON object a line), and the
// JSON of `rauc info`. Pure; what does not fit is an InvalidDataException that says which tool spoke.
using System.Text.Json;
using System.Text.RegularExpressions;
using Holdfast.Contracts.Updates;

namespace Holdfast.Agent.Updates;

/// <summary>The readers.</summary>
public static partial class UpdateReader
{
    private const int TextCharsMax = 500;

    /// <summary>Two lines: slot, version or <c>-</c>, state, and <c>runs</c> and <c>next</c> where they hold.</summary>
    public static IReadOnlyList<Slot> Slots(string said)
    {
        var slots = new List<Slot>();
        foreach (var line in said.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words is not [("A" or "B") and var name, var version, ("none" or "trial" or "good" or "bad") and var state, .. var more]
                || more.Any(word => word is not ("runs" or "next")) || (version != "-" && !IsVersion(version)) || slots.Any(slot => slot.Name == name))
            {
                throw new InvalidDataException("holdfast-slots said what nobody understands");
            }

            slots.Add(new Slot(name, version == "-" ? null : version, state, more.Contains("runs"), more.Contains("next")));
        }

        return slots.Count == 2 && slots.Count(slot => slot.Runs) == 1 && slots.Count(slot => slot.IsNext) == 1 ? slots
            : throw new InvalidDataException("holdfast-slots did not tell of two slots");
    }

    /// <summary>Operation (<c>s</c>), LastError (<c>s</c>) and Progress (<c>(isi)</c>: percent, what, depth), in this order.</summary>
    public static (bool IsInstalling, string? LastError, int Percent, string? Doing) Progress(string said)
    {
        var lines = said.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        try
        {
            if (lines.Length == 3)
            {
                using var operation = JsonDocument.Parse(lines[0]);
                using var error = JsonDocument.Parse(lines[1]);
                using var progress = JsonDocument.Parse(lines[2]);
                var parts = Data(progress, JsonValueKind.Array);
                if (parts.GetArrayLength() == 3 && parts[0].TryGetInt32(out var percent) && parts[1].ValueKind == JsonValueKind.String)
                {
                    return (Data(operation, JsonValueKind.String).GetString() == "installing", Text(Data(error, JsonValueKind.String)),
                        Math.Clamp(percent, 0, 100), Text(parts[1]));
                }
            }
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // Said below.
        }

        throw new InvalidDataException("RAUC's service said what nobody understands");
    }

    /// <summary>The members of a bundle's manifest.</summary>
    public static BundleFacts Bundle(string said)
    {
        try
        {
            using var json = JsonDocument.Parse(said);
            if (json.RootElement.ValueKind == JsonValueKind.Object
                && Member("version") is { } version && Member("compatible") is { } compatible && Member("hash") is { } hash
                && IsVersion(version) && HashPattern().IsMatch(hash) && compatible.Length <= TextCharsMax)
            {
                return new BundleFacts(version, compatible, Member("build"), hash);
            }

            string? Member(string name) =>
                json.RootElement.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? Text(value) : null;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // Said below.
        }

        throw new InvalidDataException("the bundle does not say which version it is");
    }

    /// <summary>The last line of a tool's complaints, for people.</summary>
    public static string Reason(string errors)
    {
        var line = errors.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).LastOrDefault() ?? "it did not say why";
        return line.Length <= TextCharsMax ? line : line[..TextCharsMax];
    }

    /// <summary>A version as it may stand in names of files and partitions (a GPT label holds 36 characters).</summary>
    internal static bool IsVersion(string text) => VersionPattern().IsMatch(text);

    private static JsonElement Data(JsonDocument json, JsonValueKind kind) =>
        json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.TryGetProperty("data", out var data) && data.ValueKind == kind
            ? data : throw new InvalidOperationException("no data");

    private static string? Text(JsonElement element) =>
        element.GetString() is { Length: > 0 } text ? text.Length <= TextCharsMax ? text : text[..TextCharsMax] : null;

    [GeneratedRegex(@"\A[0-9][0-9A-Za-z.~-]{0,25}\z", RegexOptions.CultureInvariant)]
    private static partial Regex VersionPattern();

    [GeneratedRegex(@"\A[0-9a-f]{64}\z", RegexOptions.CultureInvariant)]
    internal static partial Regex HashPattern();
}
