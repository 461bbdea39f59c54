// User, token and caller names as PBS writes them (`name@realm`, `name@realm!token`). Parsing is total: wrong text is
// refused, never an exception, and what was parsed prints back byte for byte.
using System.Diagnostics.CodeAnalysis;

namespace Holdfast.Wire;

/// <summary>`NAME@REALM`, 3 to 64 characters (pbs-protocol 1.5).</summary>
public readonly record struct UserId(string Name, string Realm)
{
    public override string ToString() => $"{Name}@{Realm}";

    /// <summary>The realm follows the last `@`: names may hold an `@` of their own.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out UserId userId)
    {
        userId = default;
        if (text is null || text.Length is < 3 or > 64)
        {
            return false;
        }

        int at = text.LastIndexOf('@');
        if (at < 1 || !PbsSchema.IsUserName(text.AsSpan(0, at)) || !PbsSchema.IsSafeId(text.AsSpan(at + 1)))
        {
            return false;
        }

        userId = new UserId(text[..at], text[(at + 1)..]);
        return true;
    }

    public static UserId Parse(string text) =>
        TryParse(text, out UserId id) ? id : throw new FormatException("not a user id");
}

/// <summary>A user or one of its API tokens: `NAME@REALM` or `NAME@REALM!TOKEN`.</summary>
public readonly record struct AuthId(UserId User, string? Token = null)
{
    public bool IsToken => Token is not null;

    public override string ToString() => Token is null ? User.ToString() : $"{User}!{Token}";

    /// <summary>The token name follows the last `!` behind the last `@`.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out AuthId authId)
    {
        authId = default;
        if (text is null || text.Length > 64 + 1 + 64)
        {
            return false;
        }

        int at = text.LastIndexOf('@');
        int bang = text.LastIndexOf('!');
        if (at < 0 || bang < at)
        {
            bool plain = UserId.TryParse(text, out UserId user);
            authId = new AuthId(user);
            return plain;
        }

        if (!UserId.TryParse(text[..bang], out UserId owner) || !PbsSchema.IsSafeId(text.AsSpan(bang + 1)))
        {
            return false;
        }

        authId = new AuthId(owner, text[(bang + 1)..]);
        return true;
    }

    public static AuthId Parse(string text) =>
        TryParse(text, out AuthId id) ? id : throw new FormatException("not a user or token id");
}
