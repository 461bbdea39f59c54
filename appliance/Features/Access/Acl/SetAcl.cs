// PUT access/acl: one role to or from one id on one path. Without Permissions.Modify a user may still do that for tokens of his own: a token never has more
// than its user, so nothing is gained by it.
using Holdfast.Features.Events;
using Holdfast.Wire;

namespace Holdfast.Features.Access;

/// <summary>Changes the access list.</summary>
public sealed class SetAcl(Permissions permissions, AccessDecider decider)
{
    /// <summary>Lines of one id: whoever may make his own must not fill the list.</summary>
    public const int EntriesPerIdMax = 1000;

    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("PUT", ReadAcl.Path, new(
            AclPath.Parameter(), Parameter.Text("role") with { MaxLength = 64 }, PbsSchema.AuthId().AsOptional(),
            Parameter.Text("group") with { Optional = true, MaxLength = 64, Format = PbsSchema.IsSafeId },
            Parameter.Boolean("propagate"), Parameter.Boolean("delete"), AccessJson.Digest), SetAsync),
    ];

    private ValueTask<ApiResult> SetAsync(ApiCall call)
    {
        var role = call.Parameters.Text("role");
        return Roles.BuiltIn.ContainsKey(role) || permissions.State.CustomRoles.ContainsKey(role)
            ? decider.DecideAsync("acl", call, state => Decide(state, call))
            : ValueTask.FromResult(ApiResult.BadParameter("role", $"value '{role}' is not defined in the enumeration."));
    }

    private static AccessDecision Decide(AccessState state, ApiCall call)
    {
        var authId = call.Parameters.OptionalText("auth-id");
        var isDelete = call.Parameters.Flag("delete");
        if (RefuseUnprivileged(state, call.CallerAs<Caller>(), authId, call.Parameters.Has("group")) is { } text)
        {
            return new AccessDecision.Refused(text);
        }

        if (AccessDecider.IsStale(call, AccessDecider.AclDigest(state)))
        {
            return new AccessDecision.Refused(AccessDecider.Modified);
        }

        if (call.Parameters.Has("group"))
        {
            return new AccessDecision.Refused("parameter 'group' - groups are currently not supported.");
        }

        return authId is null ? new AccessDecision.Refused("missing 'userid' or 'group' parameter.")
            : isDelete ? Withdraw(state, call, authId)
            : Grant(state, call, authId);
    }

    private static string? RefuseUnprivileged(AccessState state, Caller caller, string? authId, bool isGroup)
    {
        if ((state.On(ReadAcl.Path, caller.AuthId) & Privileges.PermissionsModify) != 0)
        {
            return null;
        }

        return isGroup ? "Unprivileged users are not allowed to create group ACL item."
            : authId is null ? "Unprivileged user needs to provide auth_id to update ACL item."
            : caller.IsToken ? "Unprivileged API tokens can't set ACL items."
            : AccessState.TokenSeparator(authId) < 0 ? "Unprivileged users can only set ACL items for API tokens."
            : !authId.StartsWith(caller.AuthId + "!", StringComparison.Ordinal)
                ? "Unprivileged users can only set ACL items for their own API tokens."
            : null;
    }

    private static AccessDecision Withdraw(AccessState state, ApiCall call, string authId)
    {
        var (path, role) = (call.Parameters.Text("path"), call.Parameters.Text("role"));
        return Entry(state, path, authId, role) is null
            ? new AccessDecision.Unchanged(ApiResult.Null)
            : new AccessDecision.Accepted(Event.Of(new AccessWithdrawn(path, authId, role), call.CallerAs<Caller>().Because("PUT " + ReadAcl.Path)));
    }

    private static AccessDecision Grant(AccessState state, ApiCall call, string authId)
    {
        var (path, role, propagate) = (call.Parameters.Text("path"), call.Parameters.Text("role"), call.Parameters.Flag("propagate", true));
        var isToken = AccessState.TokenSeparator(authId) >= 0;
        if (isToken ? !state.Tokens.ContainsKey(authId) : state.User(authId) is null)
        {
            return new AccessDecision.Refused(isToken ? "no such API token." : "no such user.");
        }

        if (!AclPath.MeansSomething(path))
        {
            return new AccessDecision.Refused($"invalid acl path '{path}'.");
        }

        if (Entry(state, path, authId, role)?.Propagate == propagate)
        {
            return new AccessDecision.Unchanged(ApiResult.Null);
        }

        return state.Acl.Values.Sum(entries => entries.Count(entry => entry.AuthId == authId)) >= EntriesPerIdMax
            ? new AccessDecision.Refused($"'{authId}' has {EntriesPerIdMax} entries already: at most that many")
            : new AccessDecision.Accepted(
                Event.Of(new AccessGranted(path, authId, role, propagate), call.CallerAs<Caller>().Because("PUT " + ReadAcl.Path)));
    }

    private static AclEntry? Entry(AccessState state, string path, string authId, string role) =>
        state.Acl.GetValueOrDefault(path)?.Find(entry => entry.AuthId == authId && entry.Role == role);
}
