// GET access/users and access/users/U (pbs-protocol.md 4.6): all users to who may audit them, else only oneself.
using System.Text.Json;
using Holdfast.Wire;

namespace Holdfast.Features.Access;

/// <summary>Reads users.</summary>
public sealed class ListUsers(Permissions permissions, TimeProvider clock)
{
    /// <summary>The path that rights on users hang on.</summary>
    public const string Path = "/access/users";

    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("GET", Path, new(Parameter.Boolean("include_tokens")), List),
        new("GET", Path + "/{userid}", new(PbsSchema.UserId()), Read) { Permit = permissions.NeedsOrSelf(Path, Privileges.SysAudit) },
    ];

    private ValueTask<ApiResult> List(ApiCall call)
    {
        var caller = call.CallerAs<Caller>();
        var state = permissions.State;
        var all = (state.On(Path, caller.AuthId) & Privileges.SysAudit) != 0;
        var withTokens = call.Parameters.Flag("include_tokens");
        var now = clock.GetUtcNow().ToUnixTimeSeconds();
        return ValueTask.FromResult(AccessJson.WithDigest(AccessDecider.UsersDigest(state), json =>
        {
            json.WriteStartArray();
            foreach (var user in state.AllUsers.Where(user => all || user.AuthId == caller.Userid))
            {
                json.WriteStartObject();
                AccessJson.WriteAccount(json, user);
                WriteLocks(json, state.Tfa.GetValueOrDefault(user.AuthId), now);
                if (withTokens)
                {
                    WriteTokens(json, [.. state.TokensOf(user.AuthId)]);
                }

                json.WriteString("userid", user.AuthId);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }));
    }

    private ValueTask<ApiResult> Read(ApiCall call)
    {
        var userid = call.Parameters.Text("userid");
        var state = permissions.State;
        if (state.User(userid) is not { } user)
        {
            return ValueTask.FromResult(ApiResult.Error($"no such user '{userid}'"));
        }

        return ValueTask.FromResult(AccessJson.WithDigest(AccessDecider.UsersDigest(state), json =>
        {
            json.WriteStartObject();
            AccessJson.WriteAccount(json, user);
            json.WriteString("userid", user.AuthId);
            json.WriteEndObject();
        }));
    }

    private static void WriteLocks(Utf8JsonWriter json, TfaAccount? tfa, long nowSeconds)
    {
        if (tfa is { TotpLocked: true })
        {
            json.WriteBoolean("totp-locked", true);
        }

        if (tfa is not null && tfa.LockedUntil > nowSeconds)
        {
            json.WriteNumber("tfa-locked-until", tfa.LockedUntil);
        }
    }

    private static void WriteTokens(Utf8JsonWriter json, List<Account> tokens)
    {
        if (tokens.Count == 0)
        {
            return;
        }

        json.WriteStartArray("tokens");
        foreach (var token in tokens)
        {
            json.WriteStartObject();
            AccessJson.WriteAccount(json, token);
            json.WriteString("tokenid", token.AuthId);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
