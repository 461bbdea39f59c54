// The parameters an API call accepts, and the reading of a call's path, query, form or JSON into checked values
// (pbs-protocol 1.3). Every fault of a call is collected, worded as PBS words it; nothing here throws on bad input.
using System.Text.Json;

namespace Holdfast.Wire;

/// <summary>One thing wrong with one parameter.</summary>
public readonly record struct ParameterFault(string Name, string Reason);

/// <summary>An ordered set of parameters. <see cref="Open"/> lets unknown ones pass, as text or JSON.</summary>
public sealed class ParameterSchema
{
    public static readonly ParameterSchema Empty = new();
    private readonly Dictionary<string, Parameter> _byName;

    public ParameterSchema(params Parameter[] parameters)
    {
        Parameters = parameters;
        _byName = parameters.ToDictionary(p => p.Name, StringComparer.Ordinal);
    }

    public IReadOnlyList<Parameter> Parameters { get; }

    public bool Open { get; init; }

    /// <summary>A schema with more parameters.</summary>
    public ParameterSchema With(params Parameter[] more) => new([.. Parameters, .. more]) { Open = Open };

    /// <summary>Reads `key=value` pairs (already percent-decoded), as from a query, a form and the path
    /// together.</summary>
    public ApiParameters ReadText(IEnumerable<KeyValuePair<string, string>> pairs)
    {
        var result = new ApiParameters();
        foreach ((string key, string text) in pairs)
        {
            AddText(result, key, text);
        }

        // As PBS: what is missing is told only once the rest is right (of a JSON body both are told).
        if (result.Faults.Count == 0)
        {
            AddMissing(result, "parameter is missing and it is not optional.");
        }

        return result;
    }

    /// <summary>
    /// Reads a JSON object plus the parameters of the path. The body must be an object. What it says of a parameter of the path counts for
    /// nothing, whatever it is: so does PBS, and Terraform's provider sends names in both places.
    /// </summary>
    public ApiParameters ReadJson(JsonElement body, IReadOnlyCollection<KeyValuePair<string, string>> pathPairs)
    {
        var result = new ApiParameters();
        foreach ((string key, string text) in pathPairs)
        {
            AddText(result, key, text);
        }

        foreach (JsonProperty property in body.EnumerateObject())
        {
            if (!pathPairs.Any(pair => pair.Key == property.Name))
            {
                AddJson(result, property);
            }
        }

        AddMissing(result, "property is missing and it is not optional");
        return result;
    }

    /// <summary>Splits a query or form into decoded pairs, leaving out `_dc`; null where it isn't UTF-8.</summary>
    public static List<KeyValuePair<string, string>>? Split(string query)
    {
        var pairs = new List<KeyValuePair<string, string>>();
        foreach (Range range in query.AsSpan().Split('&'))
        {
            string part = query[range];
            if (part.Length == 0)
            {
                continue;
            }

            int equals = part.IndexOf('=');
            string? key = Percent.DecodeForm(equals < 0 ? part : part[..equals]);
            string? value = equals < 0 ? "" : Percent.DecodeForm(part[(equals + 1)..]);
            if (key is null || value is null)
            {
                return null;
            }

            if (key != "_dc")
            {
                pairs.Add(new(key, value));
            }
        }

        return pairs;
    }

    private void AddText(ApiParameters result, string key, string text)
    {
        if (!_byName.TryGetValue(key, out Parameter? parameter))
        {
            if (Open)
            {
                result.Set(key, text);
                return;
            }

            result.Fault(key, "schema does not allow additional properties.");
            return;
        }

        if (parameter.Type == ParameterType.List)
        {
            AddListText(result, parameter, text);
            return;
        }

        if (result.WasSeen(key))
        {
            result.Fault(key, "duplicate parameter.");
            return;
        }

        string? reason = parameter.ReadText(text, out object value);
        Keep(result, key, value, reason);
    }

    private static void AddListText(ApiParameters result, Parameter parameter, string text)
    {
        List<object> list = result.ListOf(parameter.Name);
        string? reason = (parameter.Items ?? Parameter.Text("")).ReadText(text, out object value);
        if (reason is not null)
        {
            result.Fault($"{parameter.Name}/[{list.Count}]", reason);
        }

        list.Add(value);
    }

    private void AddJson(ApiParameters result, JsonProperty property)
    {
        if (!_byName.TryGetValue(property.Name, out Parameter? parameter))
        {
            if (Open)
            {
                result.Set(property.Name, property.Value.Clone());
                return;
            }

            result.Fault(property.Name, "schema does not allow additional properties");
            return;
        }

        if (result.WasSeen(property.Name))
        {
            result.Fault(property.Name, "duplicate parameter.");
            return;
        }

        if (parameter.Type == ParameterType.List)
        {
            AddListJson(result, parameter, property.Value);
            return;
        }

        string? reason = ReadValue(parameter, property.Value, out object value);
        Keep(result, property.Name, value, reason);
    }

    private static void AddListJson(ApiParameters result, Parameter parameter, JsonElement array)
    {
        List<object> list = result.ListOf(parameter.Name);
        if (array.ValueKind != JsonValueKind.Array)
        {
            result.Fault(parameter.Name, "Expected array - got scalar value.");
            return;
        }

        Parameter items = parameter.Items ?? Parameter.Text("");
        foreach (JsonElement element in array.EnumerateArray())
        {
            string? reason = ReadValue(items, element, out object value);
            if (reason is not null)
            {
                result.Fault($"{parameter.Name}/[{list.Count}]", reason);
            }

            list.Add(value);
        }
    }

    private static string? ReadValue(Parameter parameter, JsonElement json, out object value)
    {
        value = "";
        switch (parameter.Type)
        {
            case ParameterType.Integer:
                if (json.ValueKind != JsonValueKind.Number || !json.TryGetInt64(out long number)
                    || json.GetRawText().AsSpan().ContainsAny('.', 'e', 'E'))
                {
                    return "Expected integer value.";
                }

                value = number;
                return parameter.RefuseInteger(number);
            case ParameterType.Boolean:
                value = json.ValueKind == JsonValueKind.True;
                return json.ValueKind is JsonValueKind.True or JsonValueKind.False ? null : "Expected boolean value.";
            default:
                if (json.ValueKind != JsonValueKind.String || !TryString(json, out string text))
                {
                    return "Expected string value.";
                }

                value = text;
                return parameter.RefuseText(text);
        }
    }

    private static bool TryString(JsonElement json, out string text)
    {
        try
        {
            text = json.GetString() ?? "";
            return true;
        }
        catch (InvalidOperationException)
        {
            text = ""; // an escaped lone surrogate: no text
            return false;
        }
    }

    private static void Keep(ApiParameters result, string key, object value, string? reason)
    {
        result.Set(key, value);
        if (reason is not null)
        {
            result.Fault(key, reason);
        }
    }

    private void AddMissing(ApiParameters result, string reason)
    {
        foreach (Parameter parameter in Parameters)
        {
            if (!parameter.Optional && !result.WasSeen(parameter.Name))
            {
                result.Fault(parameter.Name, reason);
            }
        }
    }
}
