// DELETE access/users/U/token/T.
using Holdfast.Features.Events;
using Holdfast.Wire;

namespace Holdfast.Features.Access;

/// <summary>Ends tokens.</summary>
public sealed class RevokeToken(Permissions permissions, CredentialStore credentials, AccessDecider decider)
{
    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("DELETE", ListTokens.Path + "/{token-name}", new(PbsSchema.UserId(), PbsSchema.TokenName(), AccessJson.Digest), RevokeAsync)
        {
            Permit = permissions.NeedsOrSelf(ListUsers.Path, Privileges.PermissionsModify),
        },
    ];

    private ValueTask<ApiResult> RevokeAsync(ApiCall call)
    {
        var userid = call.Parameters.Text("userid");
        var name = call.Parameters.Text("token-name");
        var tokenid = userid + "!" + name;
        return decider.DecideAsync(userid, call, state =>
            AccessDecider.IsStale(call, AccessDecider.UsersDigest(state)) ? new AccessDecision.Refused(AccessDecider.Modified)
            : !state.Tokens.ContainsKey(tokenid) ? new AccessDecision.Refused($"token '{name}' of user '{userid}' does not exist.")
            : new AccessDecision.Accepted(
                Event.Of(new TokenRevoked(tokenid), call.CallerAs<Caller>().Because($"DELETE {ListUsers.Path}/{userid}/token/{name}")))
            {
                Afterwards = () => credentials.Remove(tokenid),
            });
    }
}
