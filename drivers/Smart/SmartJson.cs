// Reads `smartctl --json -x` (smartmontools 7.4, hardware-interfaces section 4) of ATA, SAS and NVMe disks into one report. Counters may exceed 64 bits and
// are then as many as fit; raw values that pack several counters are cut to the one that is meant.
using System.Globalization;
using System.Text.Json;
using Holdfast.Contracts.Disks;

namespace Holdfast.Smart;

/// <summary>The reader.</summary>
public static class SmartJson
{
    private const int ListMax = 64;

    /// <summary>The report of a disk. Unlike other tools, smartctl ends with a status other than 0 on many healthy disks: its bits are facts.</summary>
    /// <exception cref="InvalidDataException">No JSON of smartctl.</exception>
    public static SmartReport Read(string diskId, string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 32 });
            return Report(diskId, document.RootElement);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw new InvalidDataException("smartctl's JSON can't be read: " + error.Message);
        }
    }

    private static SmartReport Report(string diskId, JsonElement root)
    {
        var exit = (int)(Number(root, "smartctl", "exit_status") ?? 0);
        if ((exit & 3) != 0)
        {
            return SmartReport.Nothing(diskId, Message(root) ?? ((exit & 1) != 0 ? "smartctl did not understand"
                : "the disk could not be opened, or it sleeps"));
        }

        var nvme = Part(root, "nvme_smart_health_information_log");
        var attributes = Attributes(root);
        long? Raw(int id) => attributes.Find(one => one.Id == id) is { } found ? Leading(found.Raw) : null;
        var scsiErrors = new[] { "read", "write", "verify" }
            .Select(kind => Number(root, "scsi_error_counter_log", kind, "total_uncorrected_errors")).OfType<long>().ToList();
        return new SmartReport(diskId, Text(root, "device", "protocol"), Text(root, "model_name") ?? Text(root, "scsi_model_name"), Text(root, "serial_number"),
            Text(root, "firmware_version"), Flag(root, "smart_status", "passed"), exit,
            Int(Number(root, "temperature", "current")),
                Int(Number(root, "temperature", "drive_trip") ?? Number(root, "nvme_composite_temperature_threshold", "critical")),
            Number(root, "power_on_time", "hours"),
            Int(Number(root, "endurance_used", "current_percent") ?? Number(nvme, "percentage_used") ?? Number(root,
                "scsi_percentage_used_endurance_indicator")),
            Raw(5) ?? Number(root, "scsi_grown_defect_list"),
            Raw(187) ?? (scsiErrors.Count > 0 ? scsiErrors.Sum() : Number(nvme, "media_errors")),
            Raw(188) & 0xffff, Raw(197), Raw(198), Raw(199), Number(nvme, "unsafe_shutdowns") ?? Raw(192),
            Int(Number(nvme, "critical_warning")), Int(Number(nvme, "available_spare")), Int(Number(nvme, "available_spare_threshold")),
            Remaining(root), attributes, SelfTests(root), null);
    }

    private static string? Message(JsonElement root) =>
        Part(root, "smartctl") is { ValueKind: JsonValueKind.Object } tool && tool.TryGetProperty("messages", out var messages)
        && messages.ValueKind == JsonValueKind.Array && messages.GetArrayLength() > 0 ? Text(messages[0], "string") : null;

    private static List<SmartAttribute> Attributes(JsonElement root) => Rows(Part(root, "ata_smart_attributes"), "table").Select(row => new SmartAttribute(
        (int)(Number(row, "id") ?? 0), Text(row, "name") ?? "", (int)(Number(row, "value") ?? 0), (int)(Number(row, "worst") ?? 0),
            (int)(Number(row, "thresh") ?? 0),
        Text(row, "raw", "string") ?? "", Text(row, "when_failed") ?? "", Text(row, "flags", "string")?.Trim() ?? "")).Take(256).ToList();

    private static List<SmartSelfTest> SelfTests(JsonElement root)
    {
        var tests = new List<SmartSelfTest>();
        foreach (var log in new[] { "extended", "standard" })
        {
            if (tests.Count == 0)
            {
                tests.AddRange(Rows(Part(Part(root, "ata_smart_self_test_log"), log), "table").Select(row => new SmartSelfTest(
                    Text(row, "type", "string") ?? "", Text(row, "status", "string") ?? "", Flag(row, "status", "passed"),
                        Number(row, "lifetime_hours") ?? 0)));
            }
        }

        tests.AddRange(Rows(Part(root, "nvme_self_test_log"), "table").Select(row => new SmartSelfTest(
            Text(row, "self_test_code", "string") ?? "", Text(row, "self_test_result", "string") ?? "",
            Number(row, "self_test_result", "value") is { } value ? value == 0 ? true : value is 5 or 6 or 7 ? false : null : null,
                Number(row, "power_on_hours") ?? 0)));
        for (var i = 0; i < 20 && root.TryGetProperty("scsi_self_test_" + i.ToString(CultureInfo.InvariantCulture), out var row); i++)
        {
            var value = Number(row, "result", "value");
            tests.Add(new SmartSelfTest(Text(row, "code", "string") ?? "", Text(row, "result", "string") ?? "",
                value == 0 ? true : value is >= 3 and <= 7 ? false : null, Number(row, "power_on_time", "hours") ?? 0));
        }

        return [.. tests.Take(ListMax)];
    }

    private static int? Remaining(JsonElement root) =>
        Int(Number(root, "ata_smart_data", "self_test", "status", "remaining_percent")
            ?? (Number(root, "nvme_self_test_log", "current_self_test_operation", "value") > 0
                ? 100 - (Number(root, "nvme_self_test_log", "current_self_test_completion_percent") ?? 0) : null));

    private static IEnumerable<JsonElement> Rows(JsonElement of, string name) =>
        of.ValueKind == JsonValueKind.Object && of.TryGetProperty(name, out var rows) && rows.ValueKind == JsonValueKind.Array
            ? rows.EnumerateArray().Where(row => row.ValueKind == JsonValueKind.Object) : [];

    private static JsonElement Part(JsonElement of, params ReadOnlySpan<string> path)
    {
        foreach (var name in path)
        {
            if (of.ValueKind != JsonValueKind.Object || !of.TryGetProperty(name, out of))
            {
                return default;
            }
        }

        return of;
    }

    private static string? Text(JsonElement of, params ReadOnlySpan<string> path) =>
        Part(of, path) is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;

    private static bool? Flag(JsonElement of, params ReadOnlySpan<string> path) => Part(of, path).ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => null,
    };

    private static long? Number(JsonElement of, params ReadOnlySpan<string> path) => Part(of, path) is { ValueKind: JsonValueKind.Number } number
        ? decimal.TryParse(number.GetRawText(), NumberStyles.Float, CultureInfo.InvariantCulture, out var value) ? (long)Math.Min(value, long.MaxValue) : long
            .MaxValue
        : null;

    private static int? Int(long? number) => number is { } value ? (int)Math.Clamp(value, int.MinValue, int.MaxValue) : null;

    /// <summary>The number that a raw value begins with: "8 (0 1)", "31h+02m".</summary>
    private static long? Leading(string raw)
    {
        var digits = raw.TakeWhile(char.IsAsciiDigit).Count();
        return digits > 0 && long.TryParse(raw.AsSpan(0, digits), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
    }
}
