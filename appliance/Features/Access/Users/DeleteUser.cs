// DELETE access/users/U: the user, its password, its tokens and second factors. Its lines in the access list stay, as in PBS.
using Holdfast.Features.Events;
using Holdfast.Ledger;
using Holdfast.Wire;

namespace Holdfast.Features.Access;

/// <summary>Removes users.</summary>
public sealed class DeleteUser(Permissions permissions, CredentialStore credentials, AccessDecider decider)
{
    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("DELETE", ListUsers.Path + "/{userid}", new(PbsSchema.UserId(), AccessJson.Digest), DeleteAsync)
        {
            Permit = permissions.NeedsOrSelf(ListUsers.Path, Privileges.PermissionsModify),
        },
    ];

    private ValueTask<ApiResult> DeleteAsync(ApiCall call)
    {
        var userid = call.Parameters.Text("userid");
        return decider.DecideAsync(userid, call, state => Decide(state, userid, call));
    }

    private AccessDecision Decide(AccessState state, string userid, ApiCall call)
    {
        if (AccessDecider.IsStale(call, AccessDecider.UsersDigest(state)))
        {
            return new AccessDecision.Refused(AccessDecider.Modified);
        }

        if (userid == AccessState.Root)
        {
            return new AccessDecision.Refused($"{AccessState.Root} can't be deleted");
        }

        if (state.User(userid) is null)
        {
            return new AccessDecision.Refused($"user '{userid}' does not exist.");
        }

        // Tokens go with their user: one made anew under the same name must not find them alive.
        var metadata = call.CallerAs<Caller>().Because($"DELETE {ListUsers.Path}/{userid}");
        var events = state.TokensOf(userid).Select(token => Event.Of(new TokenRevoked(token.AuthId), metadata))
            .Append(Event.Of(new UserDeleted(userid), metadata)).ToList();
        return new AccessDecision.Accepted(events, ApiResult.Null)
        {
            Afterwards = () => credentials.RemoveAll(key =>
                key == userid || key.StartsWith(userid + "!", StringComparison.Ordinal) || key.StartsWith(TfaSecrets.Prefix(userid), StringComparison.Ordinal)),
        };
    }
}
