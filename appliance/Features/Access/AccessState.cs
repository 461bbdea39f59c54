// Who exists and what they may do: the state that the access fold makes of the ledger, and the pure evaluation of PBS's ACL rules on it
// (pbs-protocol.md 1.8). No secrets: those lie in the credential file.
using System.Collections.Immutable;
using System.Text.Json.Serialization;

namespace Holdfast.Features.Access;

/// <summary>A user or token that can act. What was never set is null, so that it is shown as PBS shows it.</summary>
/// <param name="Expire">Epoch seconds; null or 0 = never.</param>
public sealed record Account(
    string AuthId, bool? Enable, long? Expire, string? Comment, string? Firstname = null, string? Lastname = null, string? Email = null)
{
    /// <summary>May it act at this instant?</summary>
    public bool IsActive(long nowSeconds) => Enable != false && (Expire is null or 0 || Expire > nowSeconds);
}

/// <summary>One line of the access list.</summary>
public sealed record AclEntry(string Path, string AuthId, string Role, bool Propagate);

/// <summary>A role that an admin made; the names are PBS's.</summary>
public sealed record CustomRole(string Role, IReadOnlyList<string> Privileges, string? Comment)
{
    /// <summary>The names as a set.</summary>
    [JsonIgnore]
    public Privileges Set { get; } = Roles.SetOf(Privileges);
}

/// <summary>One second factor of a user, without its secret.</summary>
public sealed record TfaEntry(string Id, string Type, string? Description, bool Enable, long Created);

/// <summary>The second factors of a user. <paramref name="LockedUntil"/> in epoch seconds, 0 = not.</summary>
public sealed record TfaAccount(string Userid, ImmutableList<TfaEntry> Entries, bool TotpLocked, long LockedUntil)
{
    /// <summary>Is a second factor asked for at login?</summary>
    public bool IsAsked => Entries.Any(entry => entry.Enable);
}

/// <summary>Users, tokens, access list, custom roles, second factors. Immutable.</summary>
/// <param name="Acl">Path (<c>/</c>, <c>/datastore/main</c>) to its entries.</param>
public sealed record AccessState(
    ImmutableSortedDictionary<string, Account> Users,
    ImmutableSortedDictionary<string, Account> Tokens,
    ImmutableSortedDictionary<string, ImmutableList<AclEntry>> Acl,
    ImmutableSortedDictionary<string, CustomRole> CustomRoles,
    ImmutableSortedDictionary<string, TfaAccount> Tfa)
{
    /// <summary>The superuser of PBS: every privilege, without an entry. It always exists and is always enabled, so that whoever may log in on the
    /// box itself is never locked out.</summary>
    public const string Root = "root@pam";

    /// <summary>Nobody exists but the superuser.</summary>
    public static readonly AccessState Empty = new(
        ImmutableSortedDictionary.Create<string, Account>(StringComparer.Ordinal),
        ImmutableSortedDictionary.Create<string, Account>(StringComparer.Ordinal),
        ImmutableSortedDictionary.Create<string, ImmutableList<AclEntry>>(StringComparer.Ordinal),
        ImmutableSortedDictionary.Create<string, CustomRole>(StringComparer.Ordinal),
        ImmutableSortedDictionary.Create<string, TfaAccount>(StringComparer.Ordinal));

    private static readonly Account RootAccount = new(Root, null, null, "Superuser");

    /// <summary>The user, or null. The superuser is there without any event.</summary>
    public Account? User(string userid) => Users.TryGetValue(userid, out var user) ? user : userid == Root ? RootAccount : null;

    /// <summary>All users, the superuser among them.</summary>
    public IEnumerable<Account> AllUsers => Users.ContainsKey(Root) ? Users.Values : Users.Values.Append(RootAccount);

    /// <summary>Tokens of a user.</summary>
    public IEnumerable<Account> TokensOf(string userid) =>
        Tokens.Values.Where(token => token.AuthId.StartsWith(userid + "!", StringComparison.Ordinal));

    /// <summary>Does the id exist, enabled and not expired, its owner as well if it is a token?</summary>
    public bool IsActive(string authId, long nowSeconds)
    {
        var bang = TokenSeparator(authId);
        if (bang < 0)
        {
            return authId == Root || (Users.TryGetValue(authId, out var user) && user.IsActive(nowSeconds));
        }

        return Tokens.TryGetValue(authId, out var token) && token.IsActive(nowSeconds) && IsActive(authId[..bang], nowSeconds);
    }

    /// <summary>What a role gives; nothing for one that does not exist.</summary>
    public Privileges PrivilegesOf(string role) =>
        Roles.BuiltIn.TryGetValue(role, out var builtIn) ? builtIn.Privileges : CustomRoles.TryGetValue(role, out var own) ? own.Set : Privileges.None;

    /// <summary>What the id may do on a path: a token never more than its user.</summary>
    public Privileges On(string path, string authId) => OnInDetail(path, authId).Here;

    /// <summary>What the id may do on a path, and what of it reaches further down. Walks from the root to the leaf; a deeper node with entries for
    /// this id replaces what came from above.</summary>
    public (Privileges Here, Privileges Below) OnInDetail(string path, string authId)
    {
        if (authId == Root)
        {
            return (Privileges.All, Privileges.All);
        }

        var own = Evaluate(path, authId);
        var bang = TokenSeparator(authId);
        if (bang < 0)
        {
            return own;
        }

        var user = OnInDetail(path, authId[..bang]);
        return (own.Here & user.Here, own.Below & user.Below);
    }

    /// <summary>Has the id this privilege on the path or anywhere below it?</summary>
    public bool AnywhereBelow(string path, string authId, Privileges any)
    {
        if ((On(path, authId) & any) != 0)
        {
            return true;
        }

        var prefix = path == "/" ? "/" : path + "/";
        foreach (var (entryPath, _) in Acl)
        {
            if (entryPath.StartsWith(prefix, StringComparison.Ordinal) && (On(entryPath, authId) & any) != 0)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Position of the <c>!</c> that makes an id a token, or -1.</summary>
    public static int TokenSeparator(string authId)
    {
        var bang = authId.LastIndexOf('!');
        return bang > authId.LastIndexOf('@') ? bang : -1;
    }

    private (Privileges Here, Privileges Below) Evaluate(string path, string authId)
    {
        var current = (Privileges.None, Privileges.None);
        var depth = 0;
        while (true)
        {
            var end = depth == 0 ? 0 : path.IndexOf('/', depth);
            var isLeaf = path == "/" || end < 0;
            var node = depth == 0 ? "/" : isLeaf ? path : path[..end];
            if (AtNode(node, authId, isLeaf) is { } here)
            {
                current = here;
            }

            if (isLeaf)
            {
                return current;
            }

            depth = depth == 0 ? 1 : end + 1;
        }
    }

    private (Privileges Here, Privileges Below)? AtNode(string node, string authId, bool isLeaf)
    {
        if (!Acl.TryGetValue(node, out var entries))
        {
            return null;
        }

        var (isAny, here, below) = (false, Privileges.None, Privileges.None);
        foreach (var entry in entries)
        {
            if (entry.AuthId != authId || !(entry.Propagate || isLeaf))
            {
                continue;
            }

            if (entry.Role == Roles.NoAccess)
            {
                return (Privileges.None, Privileges.None);
            }

            var privileges = PrivilegesOf(entry.Role);
            (isAny, here, below) = (true, here | privileges, entry.Propagate ? below | privileges : below);
        }

        return isAny ? (here, below) : null;
    }
}
