// Permission checks with PBS's refusals (pbs-protocol.md 1.8): inside a handler, or before the parameters are read, as an endpoint's Permit.
using Holdfast.Wire;

namespace Holdfast.Features.Access;

/// <summary>May this caller do that?</summary>
public sealed class Permissions(Func<AccessState> access)
{
    /// <summary>The text of a 403 that names nothing.</summary>
    public const string Refusal = "permission check failed";

    /// <summary>The state as it is now.</summary>
    public AccessState State => access();

    /// <summary>Privileges of the caller on a path.</summary>
    public Privileges On(string path, Caller caller) => access().On(path, caller.AuthId);

    /// <summary>Null if the caller has any of these privileges there, else PBS's 403.</summary>
    public ApiResult.Refused? Require(Caller caller, string path, Privileges any) =>
        (On(path, caller) & any) != 0
            ? null
            : new ApiResult.Refused(403, $"permission check failed - missing {Roles.NamesOf(any)} on {path}");

    /// <summary>The full-or-owner rule: one of <paramref name="full"/>, or <paramref name="partial"/> and owner of the group.</summary>
    /// <returns>Null if allowed.</returns>
    public ApiResult.Refused? RequireFullOrOwner(Caller caller, string path, Privileges full, Privileges partial, string? owner)
    {
        var has = On(path, caller);
        if ((has & full) != 0)
        {
            return null;
        }

        if ((has & partial) == 0)
        {
            return new ApiResult.Refused(403, $"permission check failed - missing {Roles.NamesOf(full | partial)} on {path}");
        }

        return owner is null || Ownership.Is(owner, caller.AuthId)
            ? null
            : new ApiResult.Refused(400, $"backup owner check failed ({caller.AuthId} != {owner})");
    }

    /// <summary>A Permit: any of these privileges on a fixed path, or PBS's bare 403 (held back half a second by the router).</summary>
    public Func<object?, IReadOnlyDictionary<string, string>, ApiResult.Refused?> Needs(string path, Privileges any) =>
        (caller, _) => (On(path, (Caller)caller!) & any) != 0 ? null : new ApiResult.Refused(403, Refusal);

    /// <summary>A Permit: the same, or the path's <c>{userid}</c> is the caller. A token is never its user.</summary>
    public Func<object?, IReadOnlyDictionary<string, string>, ApiResult.Refused?> NeedsOrSelf(string path, Privileges any) =>
        (caller, values) => values["userid"] == ((Caller)caller!).AuthId || (On(path, (Caller)caller) & any) != 0
            ? null
            : new ApiResult.Refused(403, Refusal);

    /// <summary>A Permit: <c>root@pam</c> alone.</summary>
    public static ApiResult.Refused? SuperuserOnly(object? caller, IReadOnlyDictionary<string, string> values) =>
        caller is Caller { IsSuperuser: true } ? null : new ApiResult.Refused(403, Refusal);
}
