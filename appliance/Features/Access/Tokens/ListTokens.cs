// GET access/users/U/token and …/token/T: tokens without their secrets, which nobody can read again.
using Holdfast.Wire;

namespace Holdfast.Features.Access;

/// <summary>Reads tokens.</summary>
public sealed class ListTokens(Permissions permissions)
{
    public const string Path = ListUsers.Path + "/{userid}/token";

    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("GET", Path, new(PbsSchema.UserId()), List) { Permit = permissions.NeedsOrSelf(ListUsers.Path, Privileges.SysAudit) },
        new("GET", Path + "/{token-name}", new(PbsSchema.UserId(), PbsSchema.TokenName()), Read)
        {
            Permit = permissions.NeedsOrSelf(ListUsers.Path, Privileges.SysAudit),
        },
    ];

    private ValueTask<ApiResult> List(ApiCall call)
    {
        var userid = call.Parameters.Text("userid");
        var state = permissions.State;
        return ValueTask.FromResult(AccessJson.WithDigest(AccessDecider.UsersDigest(state), json =>
        {
            json.WriteStartArray();
            foreach (var token in state.TokensOf(userid))
            {
                json.WriteStartObject();
                AccessJson.WriteAccount(json, token);
                json.WriteString("token-name", token.AuthId[(userid.Length + 1)..]);
                json.WriteString("tokenid", token.AuthId);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }));
    }

    private ValueTask<ApiResult> Read(ApiCall call)
    {
        var tokenid = call.Parameters.Text("userid") + "!" + call.Parameters.Text("token-name");
        var state = permissions.State;
        if (!state.Tokens.TryGetValue(tokenid, out var token))
        {
            return ValueTask.FromResult(ApiResult.Error($"no such token '{tokenid}'"));
        }

        return ValueTask.FromResult(AccessJson.WithDigest(AccessDecider.UsersDigest(state), json =>
        {
            json.WriteStartObject();
            AccessJson.WriteAccount(json, token);
            json.WriteString("tokenid", tokenid);
            json.WriteEndObject();
        }));
    }
}
