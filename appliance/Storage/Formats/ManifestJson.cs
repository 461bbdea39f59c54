// JSON of the manifest both ways: a strict, bounded parser; the canonical text that is signed; the pretty text that is
// stored. The canonical one is written by hand, as every byte of it counts.
using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Holdfast.Storage;

internal static class ManifestJson
{
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 32 };

    private static readonly JsonWriterOptions PrettyOptions = new()
    {
        Indented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        NewLine = "\n",
    };

    private static readonly JsonWriterOptions CompactOptions = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static Manifest Parse(ReadOnlyMemory<byte> json, string subject)
    {
        if (json.Length > Manifest.MaxJsonSize)
        {
            throw new CorruptDataException(subject, "manifest is too large");
        }

        // The JSON reader lets broken UTF-8 inside texts pass until somebody asks for the text.
        if (!System.Text.Unicode.Utf8.IsValid(json.Span))
        {
            throw new CorruptDataException(subject, "manifest is not UTF-8");
        }

        try
        {
            using var document = JsonDocument.Parse(json, Strict);
            var manifest = Read(document.RootElement, subject);

            // Writing it once proves that later rewrites can not fail on a text that only reading let pass.
            _ = Pretty(manifest);
            return manifest;
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException or FormatException
            or ArgumentException or KeyNotFoundException or RefusedException)
        {
            // JsonElement's own complaints: broken text, wrong kind, number out of range, lone surrogate.
            throw new CorruptDataException(subject, "unable to parse manifest", fault);
        }
    }

    public static byte[] Pretty(Manifest manifest)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var writer = new Utf8JsonWriter(buffer, PrettyOptions))
        {
            writer.WriteStartObject();
            WriteProtected(writer, manifest);
            if (manifest.Signature is { } signature)
            {
                writer.WriteString("signature", signature);
            }
            else
            {
                writer.WriteNull("signature");
            }

            writer.WriteStartObject("unprotected");
            foreach (var (name, value) in manifest.Unprotected.OrderBy(m => m.Key, StringComparer.Ordinal))
            {
                writer.WritePropertyName(name);
                value.WriteTo(writer);
            }

            writer.WriteEndObject();
            writer.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Sorted keys, no whitespace, without signature and unprotected. Names are SAFE_ID and need no escapes,
    /// so the compact writer gives exactly the canonical form.</summary>
    public static byte[] Canonical(Manifest manifest)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var writer = new Utf8JsonWriter(buffer, CompactOptions))
        {
            writer.WriteStartObject();
            WriteProtected(writer, manifest);
            writer.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    public static JsonElement Element(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, CompactOptions))
        {
            write(writer);
        }

        using var document = JsonDocument.Parse(buffer.WrittenMemory);
        return document.RootElement.Clone();
    }

    public static string? Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;

    /// <summary>A whole number, 0 if it is missing or something else: for statistics only.</summary>
    public static long Number(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number
            && value.TryGetInt64(out var number)
                ? number
                : 0;

    private static Manifest Read(JsonElement root, string subject)
    {
        var typeName = root.GetProperty("backup-type").GetString() ?? "";
        if (!BackupGroup.TryParseType(typeName, out var type))
        {
            throw new CorruptDataException(subject, "manifest has an unknown backup type");
        }

        var group = BackupGroup.Create(type, root.GetProperty("backup-id").GetString() ?? "");
        var manifest = new Manifest(SnapshotName.Create(group, root.GetProperty("backup-time").GetInt64()));
        var list = root.GetProperty("files");
        if (list.GetArrayLength() > Manifest.MaxFiles)
        {
            throw new CorruptDataException(subject, "manifest lists too many files");
        }

        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var item in list.EnumerateArray())
        {
            var file = ReadFile(item, subject);
            if (!names.Add(file.Name))
            {
                throw new CorruptDataException(subject, "manifest lists a file twice");
            }

            manifest.AddChecked(file);
        }

        ReadRest(root, manifest);
        return manifest;
    }

    private static void ReadRest(JsonElement root, Manifest manifest)
    {
        if (root.TryGetProperty("signature", out var signature) && signature.ValueKind != JsonValueKind.Null)
        {
            manifest.Signature = signature.GetString();
        }

        if (root.TryGetProperty("unprotected", out var free) && free.ValueKind != JsonValueKind.Null)
        {
            foreach (var member in free.EnumerateObject())
            {
                manifest.SetUnprotected(member.Name, member.Value);
            }
        }
    }

    private static ManifestFile ReadFile(JsonElement item, string subject)
    {
        var name = item.GetProperty("filename").GetString() ?? "";
        if (!SafeId.TryArchiveKind(name, out _))
        {
            throw new CorruptDataException(subject, "manifest names an illegal file");
        }

        // Clients before 0.8 wrote no crypt-mode.
        var mode = item.TryGetProperty("crypt-mode", out var modeElement) ? modeElement.GetString() : "none";
        var crypt = mode switch
        {
            "none" => CryptMode.None,
            "encrypt" => CryptMode.Encrypt,
            "sign-only" => CryptMode.SignOnly,
            _ => throw new CorruptDataException(subject, "manifest has an unknown crypt mode"),
        };
        var size = item.GetProperty("size").GetInt64();
        var csum = Digest.Parse(item.GetProperty("csum").GetString());
        return size >= 0
            ? new ManifestFile(name, crypt, size, csum)
            : throw new CorruptDataException(subject, "manifest has a negative size");
    }

    private static void WriteProtected(Utf8JsonWriter writer, Manifest manifest)
    {
        writer.WriteString("backup-id", manifest.Snapshot.Group.Id);
        writer.WriteNumber("backup-time", manifest.Snapshot.Time);
        writer.WriteString("backup-type", manifest.Snapshot.Group.TypeName);
        writer.WriteStartArray("files");
        foreach (var file in manifest.Files)
        {
            writer.WriteStartObject();
            writer.WriteString("crypt-mode", file.CryptModeText);
            writer.WriteString("csum", file.Csum.ToString());
            writer.WriteString("filename", file.Name);
            writer.WriteNumber("size", file.SizeBytes);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }
}
