// PUT access/users/U/token/T: settings of a token, and with `regenerate` a new secret, shown in this answer and never again.
using Holdfast.Features.Events;
using Holdfast.Ledger;
using Holdfast.Wire;

namespace Holdfast.Features.Access;

/// <summary>Changes tokens.</summary>
public sealed class UpdateToken(Permissions permissions, CredentialStore credentials, AccessDecider decider)
{
    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("PUT", ListTokens.Path + "/{token-name}",
            new(PbsSchema.UserId(), PbsSchema.TokenName(), AccessJson.Enable, AccessJson.Expire, PbsSchema.Comment(),
                Parameter.Boolean("regenerate"), AccessJson.Delete("comment"), AccessJson.Digest),
            UpdateAsync) { Permit = permissions.NeedsOrSelf(ListUsers.Path, Privileges.PermissionsModify) },
    ];

    private ValueTask<ApiResult> UpdateAsync(ApiCall call)
    {
        var userid = call.Parameters.Text("userid");
        return decider.DecideAsync(userid, call, state => Decide(state, userid, call));
    }

    private AccessDecision Decide(AccessState state, string userid, ApiCall call)
    {
        var name = call.Parameters.Text("token-name");
        var tokenid = userid + "!" + name;
        if (AccessDecider.IsStale(call, AccessDecider.UsersDigest(state)))
        {
            return new AccessDecision.Refused(AccessDecider.Modified);
        }

        if (!state.Tokens.TryGetValue(tokenid, out var token))
        {
            return new AccessDecision.Refused($"no such token '{tokenid}'");
        }

        var metadata = call.CallerAs<Caller>().Because($"PUT {ListUsers.Path}/{userid}/token/{name}");
        var changed = Changed(token, call.Parameters);
        var events = new List<NewEvent>();
        if (changed != token)
        {
            events.Add(Event.Of(new TokenChanged(tokenid, changed.Enable, changed.Expire, changed.Comment), metadata));
        }

        if (!call.Parameters.Flag("regenerate"))
        {
            return events.Count == 0 ? new AccessDecision.Unchanged(ApiResult.Null) : new AccessDecision.Accepted(events, ApiResult.Null);
        }

        var secret = IssueToken.NewSecret();
        events.Add(Event.Of(new TokenSecretRenewed(tokenid), metadata));
        return new AccessDecision.Accepted(events, ApiResult.Data(json =>
        {
            json.WriteStartObject();
            json.WriteString("secret", secret);
            json.WriteEndObject();
        }))
        {
            Secrets = () => credentials.Put(tokenid, PasswordHash.Of(secret, PasswordHash.TokenRounds)),
        };
    }

    private static Account Changed(Account token, ApiParameters asked) => token with
    {
        Enable = asked.OptionalFlag("enable") is { } enable ? (enable ? null : false) : token.Enable,
        Expire = asked.OptionalInteger("expire") is { } expire ? (expire > 0 ? expire : null) : token.Expire,
        Comment = AccessJson.Trimmed(asked.OptionalText("comment") ?? (asked.Texts("delete").Contains("comment") ? null : token.Comment)),
    };
}
