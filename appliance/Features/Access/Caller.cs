// Who sends a request: an authenticated id and where it comes from. What it may do is asked of the access state at the moment of use,
// so that a right withdrawn counts at once.
using Holdfast.Ledger;
using Holdfast.Wire;

namespace Holdfast.Features.Access;

/// <summary>An authenticated user or token.</summary>
/// <param name="AuthId"><c>admin@pbs</c> or <c>admin@pbs!pve</c>.</param>
/// <param name="Source">Address of the peer, without port.</param>
public sealed record Caller(string AuthId, string Source)
{
    /// <summary>The user behind a token, or the user itself.</summary>
    public string Userid => AccessState.TokenSeparator(AuthId) is var bang and >= 0 ? AuthId[..bang] : AuthId;

    /// <summary>Metadata of an event that this caller brought about.</summary>
    /// <param name="cause">The call or task: <c>POST /access/users</c>, a UPID.</param>
    public EventMetadata Because(string cause, string correlation = "") => new(AuthId, Source, cause, correlation);
}

/// <summary>Permission checks with PBS's refusals.</summary>
public sealed class Permissions(Func<AccessState> access)
{
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
}
