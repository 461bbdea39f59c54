// Who exists and what they may do: the state that the access fold makes of the ledger, and the pure evaluation of PBS's ACL rules on it
// (pbs-protocol.md 1.8). No secrets: those lie in the credential file.
using System.Collections.Immutable;

namespace Holdfast.Features.Access;

/// <summary>A user or token that can act. <paramref name="Expire"/> in epoch seconds, 0 = never.</summary>
public sealed record Account(string AuthId, bool Enable, long Expire, string? Comment)
{
    /// <summary>May it act at this instant?</summary>
    public bool IsActive(long nowSeconds) => Enable && (Expire == 0 || Expire > nowSeconds);
}

/// <summary>One line of the access list.</summary>
public sealed record AclEntry(string Path, string AuthId, string Role, bool Propagate);

/// <summary>Users, tokens and access list. Immutable.</summary>
/// <param name="Acl">Path (<c>/</c>, <c>/datastore/main</c>) to its entries.</param>
public sealed record AccessState(
    ImmutableSortedDictionary<string, Account> Users,
    ImmutableSortedDictionary<string, Account> Tokens,
    ImmutableSortedDictionary<string, ImmutableList<AclEntry>> Acl)
{
    /// <summary>The superuser of PBS: every privilege, without an entry.</summary>
    public const string Root = "root@pam";

    /// <summary>Nobody exists.</summary>
    public static readonly AccessState Empty = new(
        ImmutableSortedDictionary.Create<string, Account>(StringComparer.Ordinal),
        ImmutableSortedDictionary.Create<string, Account>(StringComparer.Ordinal),
        ImmutableSortedDictionary.Create<string, ImmutableList<AclEntry>>(StringComparer.Ordinal));

    /// <summary>Does the id exist, enabled and not expired, its owner as well if it is a token?</summary>
    public bool IsActive(string authId, long nowSeconds)
    {
        var bang = TokenSeparator(authId);
        if (bang < 0)
        {
            return Users.TryGetValue(authId, out var user) && user.IsActive(nowSeconds);
        }

        return Tokens.TryGetValue(authId, out var token) && token.IsActive(nowSeconds) && IsActive(authId[..bang], nowSeconds);
    }

    /// <summary>What the id may do on a path: a token never more than its user. Walks from the root to the leaf; a deeper node with entries for
    /// this id replaces what came from above.</summary>
    public Privileges On(string path, string authId)
    {
        if (authId == Root)
        {
            return Privileges.All;
        }

        var own = Evaluate(path, authId);
        var bang = TokenSeparator(authId);
        return bang < 0 ? own : own & On(path, authId[..bang]);
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

    private Privileges Evaluate(string path, string authId)
    {
        var current = Privileges.None;
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

    private Privileges? AtNode(string node, string authId, bool isLeaf)
    {
        if (!Acl.TryGetValue(node, out var entries))
        {
            return null;
        }

        Privileges? found = null;
        foreach (var entry in entries)
        {
            if (entry.AuthId != authId || !(entry.Propagate || isLeaf))
            {
                continue;
            }

            if (entry.Role == Roles.NoAccess)
            {
                return Privileges.None;
            }

            found = (found ?? Privileges.None) | Roles.BuiltIn.GetValueOrDefault(entry.Role);
        }

        return found;
    }
}
