// How users, tokens and second factors look in answers (pbs-protocol.md 4.6): what was never set is left out, as PBS leaves it out; and the parameters that
// several verbs share.
using System.Text.Json;
using Holdfast.Wire;

namespace Holdfast.Features.Access;

internal static class AccessJson
{
    public static readonly Parameter Enable = Parameter.Boolean("enable");

    public static readonly Parameter Expire = Parameter.Integer("expire") with { Optional = true, Minimum = 0 };

    public static readonly Parameter Digest = PbsSchema.Digest().AsOptional();

    /// <summary>A new password, 8 to 64 characters as PBS asks.</summary>
    public static readonly Parameter NewPassword = Parameter.Text("password") with { MinLength = 8, MaxLength = 64, Format = PbsSchema.IsOneLine };

    /// <summary>First name, last name, mail address: 2 to 64 characters on one line.</summary>
    public static readonly Parameter[] Person =
    [
        Line("firstname"), Line("lastname"), Line("email"),
    ];

    /// <summary>Properties to unset, of those that PBS lets one unset.</summary>
    public static Parameter Delete(params string[] choices) =>
        Parameter.List("delete", Parameter.Text("") with { Choices = choices }) with { Optional = true };

    /// <summary>A comment as it is kept: without white space around, null if nothing is left.</summary>
    public static string? Trimmed(string? comment) => string.IsNullOrWhiteSpace(comment) ? null : comment.Trim();

    public static ApiResult WithDigest(string digest, Action<Utf8JsonWriter> write) =>
        ApiResult.Data(write, json => json.WriteString("digest", digest));

    public static void WriteAccount(Utf8JsonWriter json, Account account)
    {
        WriteText(json, "comment", account.Comment);
        if (account.Enable is { } enable)
        {
            json.WriteBoolean("enable", enable);
        }

        if (account.Expire is { } expire)
        {
            json.WriteNumber("expire", expire);
        }

        WriteText(json, "firstname", account.Firstname);
        WriteText(json, "lastname", account.Lastname);
        WriteText(json, "email", account.Email);
    }

    public static void WriteText(Utf8JsonWriter json, string name, string? text)
    {
        if (text is not null)
        {
            json.WriteString(name, text);
        }
    }

    public static void WriteTfaEntry(Utf8JsonWriter json, TfaEntry entry)
    {
        json.WriteStartObject();
        json.WriteNumber("created", entry.Created);
        WriteText(json, "description", entry.Description);
        if (!entry.Enable)
        {
            json.WriteBoolean("enable", false);
        }

        json.WriteString("id", entry.Id);
        json.WriteString("type", entry.Type);
        json.WriteEndObject();
    }

    private static Parameter Line(string name) =>
        Parameter.Text(name) with { Optional = true, MinLength = 2, MaxLength = 64, Format = PbsSchema.IsOneLine };
}
