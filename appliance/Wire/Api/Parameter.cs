// One parameter of an API call and the rules its value must keep. The texts of a refusal are PBS's, since people and
// scripts read them.
using System.Globalization;

namespace Holdfast.Wire;

public enum ParameterType
{
    Text,
    Integer,
    Boolean,
    /// <summary>A list of <see cref="Parameter.Items"/>: a JSON array, or the key repeated in a query.</summary>
    List,
}

/// <summary>
/// Name, type and limits. Required unless <see cref="Optional"/>. <see cref="Check"/> returns a refusal text or null
/// and runs last; <see cref="Format"/> stands for PBS's regex.
/// </summary>
public sealed record Parameter(string Name, ParameterType Type)
{
    public bool Optional { get; init; }
    public int? MinLength { get; init; }
    public int? MaxLength { get; init; }
    public long? Minimum { get; init; }
    public long? Maximum { get; init; }
    public IReadOnlyList<string>? Choices { get; init; }
    public Func<string, bool>? Format { get; init; }
    public Func<string, string?>? Check { get; init; }

    /// <summary>The rule of each element of a list (its name is not used).</summary>
    public Parameter? Items { get; init; }

    public static Parameter Text(string name) => new(name, ParameterType.Text);

    public static Parameter Integer(string name) => new(name, ParameterType.Integer);

    public static Parameter Boolean(string name) => new(name, ParameterType.Boolean) { Optional = true };

    public static Parameter List(string name, Parameter items) => new(name, ParameterType.List) { Items = items };

    /// <summary>The same rule, not required.</summary>
    public Parameter AsOptional() => this with { Optional = true };

    /// <summary>Null where the text is allowed, else PBS's reason.</summary>
    public string? RefuseText(string value)
    {
        int length = value.Length;
        if (length < MinLength)
        {
            return $"value must be at least {MinLength} characters long";
        }

        if (length > MaxLength)
        {
            return $"value may only be {MaxLength} characters long";
        }

        if (Choices is not null && !Choices.Contains(value))
        {
            return $"value '{value}' is not defined in the enumeration.";
        }

        return Format is not null && !Format(value) ? "value does not match the regex pattern" : Check?.Invoke(value);
    }

    /// <summary>Null where the number is allowed, else PBS's reason.</summary>
    public string? RefuseInteger(long value)
    {
        if (value < Minimum)
        {
            return string.Create(
                CultureInfo.InvariantCulture, $"value must have a minimum value of {Minimum} (got {value})");
        }

        return value > Maximum
            ? string.Create(CultureInfo.InvariantCulture, $"value must have a maximum value of {Maximum} (got {value})")
            : null;
    }

    /// <summary>Reads text of a query, form or path; the reason it is refused, or null.</summary>
    public string? ReadText(string text, out object value)
    {
        value = text;
        switch (Type)
        {
            case ParameterType.Integer:
                if (!TryInteger(text, out long number, out string? reason))
                {
                    return reason;
                }

                value = number;
                return RefuseInteger(number);
            case ParameterType.Boolean:
                bool? flag = ParseBoolean(text);
                value = flag ?? false;
                return flag is null ? "Unable to parse boolean option." : null;
            default:
                return RefuseText(text);
        }
    }

    /// <summary>`1|on|yes|true`, `0|off|no|false`, any case; else null.</summary>
    public static bool? ParseBoolean(string text) => text.ToLowerInvariant() switch
    {
        "1" or "on" or "yes" or "true" => true,
        "0" or "off" or "no" or "false" => false,
        _ => null,
    };

    private static bool TryInteger(string text, out long number, out string? reason)
    {
        reason = null;
        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out number))
        {
            return true;
        }

        ReadOnlySpan<char> digits = text.StartsWith('-') || text.StartsWith('+') ? text.AsSpan(1) : text;
        reason = text.Length == 0 ? "cannot parse integer from empty string"
            : digits.Length == 0 || digits.ContainsAnyExceptInRange('0', '9') ? "invalid digit found in string"
            : text[0] == '-' ? "number too small to fit in target type"
            : "number too large to fit in target type";
        return false;
    }
}
