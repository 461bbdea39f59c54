// Takes secrets out of what leaves the box: members of JSON by their names, and in every text what looks like one (keys, tickets, tokens, passwords in settings
// and addresses). What is in doubt goes.
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Holdfast.Cli;

/// <summary>The one way by which texts get into a support bundle.</summary>
/// <param name="known">Secrets that are known by their value, such as the first password.</param>
internal sealed partial class Secrets(IReadOnlyCollection<string> known)
{
    public const string Removed = "(removed)";

    private static readonly string[] Names =
    [
        "password", "passwd", "passphrase", "secret", "private", "ticket", "csrf", "cookie", "authorization", "connectionstring", "credential", "apikey",
        "api-key",
    ];

    /// <summary>The text without secrets.</summary>
    public string Of(string text)
    {
        string clean = known.Where(secret => secret.Length >= 4).Aggregate(text, (left, secret) => left.Replace(secret, Removed, StringComparison.Ordinal));
        clean = PrivateKey().Replace(clean, Removed);
        clean = Ticket().Replace(clean, Removed);
        clean = Token().Replace(clean, "$1" + Removed);
        clean = UserInfo().Replace(clean, "$1" + Removed + "@");
        return Setting().Replace(clean, "$1" + Removed);
    }

    /// <summary>The same for JSON; text that is none is taken as text.</summary>
    public string OfJson(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions
            {
                CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, MaxDepth = 64,
            });
            using var bytes = new MemoryStream();
            using (var writer = new Utf8JsonWriter(bytes, new JsonWriterOptions { Indented = true }))
            {
                Write(writer, document.RootElement);
            }

            return Encoding.UTF8.GetString(bytes.ToArray());
        }
        catch (JsonException)
        {
            return Of(json);
        }
    }

    private void Write(Utf8JsonWriter writer, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                writer.WriteStartObject();
                foreach (JsonProperty member in value.EnumerateObject())
                {
                    writer.WritePropertyName(member.Name);
                    if (IsSecret(member.Name) && member.Value.ValueKind is JsonValueKind.String or JsonValueKind.Number or JsonValueKind.Array)
                    {
                        writer.WriteStringValue(Removed);
                    }
                    else
                    {
                        Write(writer, member.Value);
                    }
                }

                writer.WriteEndObject();
                break;
            case JsonValueKind.Array:
                writer.WriteStartArray();
                foreach (JsonElement item in value.EnumerateArray())
                {
                    Write(writer, item);
                }

                writer.WriteEndArray();
                break;
            case JsonValueKind.String:
                writer.WriteStringValue(Of(value.GetString()!));
                break;
            default:
                value.WriteTo(writer);
                break;
        }
    }

    private static bool IsSecret(string name) => Names.Any(part => name.Contains(part, StringComparison.OrdinalIgnoreCase));

    [GeneratedRegex(@"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\z)", RegexOptions.Singleline | RegexOptions.CultureInvariant)]
    private static partial Regex PrivateKey();

    [GeneratedRegex(@"PBS:[^\s""']{1,512}?::[A-Za-z0-9+/=]{16,}", RegexOptions.CultureInvariant)]
    private static partial Regex Ticket();

    [GeneratedRegex(@"(![A-Za-z0-9_.-]{1,64}[:=\s]\s*|PBSAPIToken[=\s][^\s:]{1,128}:)[0-9A-Za-z-]{16,}", RegexOptions.CultureInvariant)]
    private static partial Regex Token();

    [GeneratedRegex(@"(://[^\s/@:]{1,128}:)[^\s/@]{1,256}@", RegexOptions.CultureInvariant)]
    private static partial Regex UserInfo();

    [GeneratedRegex(@"((?:password|passwd|passphrase|secret|api[-_]?key|csrf\w*|authorization)[""']?\s*(?:[=:]|\bis\b)\s*)"
        + @"(?:""[^""]*""|'[^']*'|(?:(?:Bearer|Basic)\s+)?[^\s;,}]+)", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Setting();
}
