// Users, passwords, tokens and the access list over the API (pbs-protocol.md 4.6), as far as the main job needs them: who may back up where.
// Every change is an event; secrets go to the credential file and are shown once.
using System.Security.Cryptography;
using System.Text.Json;
using Holdfast.Features.Events;
using Holdfast.Ledger;
using Holdfast.Wire;

namespace Holdfast.Features.Access;

/// <summary>Endpoints below <c>/access</c> other than the ticket.</summary>
public sealed class AccessEndpoints(
    Permissions permissions, CredentialStore credentials, Recorder recorder, Action<string> passwordChanged)
{
    private const string UsersPath = "/access/users";
    private const string AclPath = "/access/acl";

    private static readonly Parameter Expire = Parameter.Integer("expire") with { Optional = true, Minimum = 0 };
    private static readonly Parameter Enable = Parameter.Boolean("enable");

    /// <summary>A new password, 8 to 64 characters as PBS asks.</summary>
    private static readonly Parameter NewPassword = Parameter.Text("password") with { MinLength = 8, MaxLength = 64, Format = PbsSchema.IsOneLine };

    /// <summary>The endpoints of this slice.</summary>
    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("GET", UsersPath, new(Parameter.Boolean("include_tokens")), ListUsers),
        new("POST", UsersPath, new(PbsSchema.UserId(), NewPassword.AsOptional(), Enable, Expire, PbsSchema.Comment()), CreateUserAsync),
        new("PUT", "/access/password",
            new(PbsSchema.UserId(), NewPassword, Parameter.Text("confirmation-password") with { Optional = true, MaxLength = 1024 }),
            ChangePasswordAsync),
        new("GET", "/access/users/{userid}/token", new(PbsSchema.UserId()), ListTokens),
        new("POST", "/access/users/{userid}/token/{token-name}",
            new(PbsSchema.UserId(), PbsSchema.TokenName(), Enable, Expire, PbsSchema.Comment()), IssueTokenAsync),
        new("DELETE", "/access/users/{userid}/token/{token-name}", new(PbsSchema.UserId(), PbsSchema.TokenName()), RevokeTokenAsync),
        new("GET", AclPath, new(Parameter.Text("path") with { Optional = true, MaxLength = 512 }, Parameter.Boolean("exact")), ListAcl),
        new("PUT", AclPath, new(
            Parameter.Text("path") with { MaxLength = 512, Format = IsAclPath },
            Parameter.Text("role") with { Choices = [.. Roles.BuiltIn.Keys] },
            PbsSchema.AuthId(), Parameter.Boolean("propagate"), Parameter.Boolean("delete")), SetAclAsync),
        new("GET", "/access/roles", ParameterSchema.Empty, ListRoles),
    ];

    private ValueTask<ApiResult> ListUsers(ApiCall call)
    {
        var caller = call.CallerAs<Caller>();
        var all = (permissions.On(UsersPath, caller) & Privileges.SysAudit) != 0;
        var withTokens = call.Parameters.Flag("include_tokens");
        var state = permissions.State;
        return Answer(ApiResult.Data(json =>
        {
            json.WriteStartArray();
            foreach (var user in state.Users.Values.Where(user => all || user.AuthId == caller.Userid))
            {
                json.WriteStartObject();
                json.WriteString("userid", user.AuthId);
                WriteAccount(json, user);
                if (withTokens)
                {
                    json.WriteStartArray("tokens");
                    WriteTokens(json, state, user.AuthId);
                    json.WriteEndArray();
                }

                json.WriteEndObject();
            }

            json.WriteEndArray();
        }));
    }

    private async ValueTask<ApiResult> CreateUserAsync(ApiCall call)
    {
        var caller = call.CallerAs<Caller>();
        var userid = call.Parameters.Text("userid");
        if (permissions.Require(caller, UsersPath, Privileges.PermissionsModify) is { } refusal)
        {
            return refusal;
        }

        if (!userid.EndsWith("@pbs", StringComparison.Ordinal))
        {
            return ApiResult.BadParameter("userid", "only users of realm 'pbs' can be created here");
        }

        if (permissions.State.Users.ContainsKey(userid))
        {
            return ApiResult.Error(400, $"user '{userid}' already exists.");
        }

        var metadata = caller.Because("POST /access/users");
        var events = new List<NewEvent>
        {
            Event.Of(new UserCreated(userid, call.Parameters.Flag("enable", true), call.Parameters.Integer("expire", 0),
                call.Parameters.OptionalText("comment")), metadata),
        };
        if (call.Parameters.OptionalText("password") is { } password)
        {
            await Task.Run(() => credentials.Set(userid, password, PasswordHash.PasswordRounds)).ConfigureAwait(false);
            events.Add(Event.Of(new PasswordChanged(userid), metadata));
        }

        return await AppendAsync(userid, events, call).ConfigureAwait(false) ?? ApiResult.Null;
    }

    private async ValueTask<ApiResult> ChangePasswordAsync(ApiCall call)
    {
        var caller = call.CallerAs<Caller>();
        var userid = call.Parameters.Text("userid");
        if (caller.AuthId != userid && permissions.Require(caller, UsersPath, Privileges.PermissionsModify) is { } refusal)
        {
            return refusal;
        }

        // Whoever sits at an open session must still know the caller's own password (pbs-protocol.md 4.6).
        if (call.Parameters.OptionalText("confirmation-password") is not { } own)
        {
            return ApiResult.Error(401, "missing password");
        }

        if (!await Task.Run(() => credentials.Matches(caller.Userid, own)).ConfigureAwait(false))
        {
            return ApiResult.Error(401, "invalid credentials");
        }

        if (!permissions.State.Users.ContainsKey(userid))
        {
            return ApiResult.Error(400, $"no such user ('{userid}')");
        }

        var password = call.Parameters.Text("password");
        await Task.Run(() => credentials.Set(userid, password, PasswordHash.PasswordRounds)).ConfigureAwait(false);
        passwordChanged(userid);
        await recorder.NoteAsync("auth:" + userid, new PasswordChanged(userid), caller.Because("PUT /access/password")).ConfigureAwait(false);
        return ApiResult.Null;
    }

    private ValueTask<ApiResult> ListTokens(ApiCall call)
    {
        var caller = call.CallerAs<Caller>();
        var userid = call.Parameters.Text("userid");
        if (caller.AuthId != userid && permissions.Require(caller, UsersPath, Privileges.SysAudit) is { } refusal)
        {
            return Answer(refusal);
        }

        var state = permissions.State;
        return Answer(ApiResult.Data(json =>
        {
            json.WriteStartArray();
            WriteTokens(json, state, userid);
            json.WriteEndArray();
        }));
    }

    private async ValueTask<ApiResult> IssueTokenAsync(ApiCall call)
    {
        var caller = call.CallerAs<Caller>();
        var userid = call.Parameters.Text("userid");
        var tokenid = userid + "!" + call.Parameters.Text("token-name");
        if (caller.AuthId != userid && permissions.Require(caller, UsersPath, Privileges.PermissionsModify) is { } refusal)
        {
            return refusal;
        }

        if (permissions.State.Tokens.ContainsKey(tokenid))
        {
            return ApiResult.Error(400, $"token '{call.Parameters.Text("token-name")}' for user '{userid}' already exists.");
        }

        var secret = RandomUuid();
        credentials.Set(tokenid, secret, PasswordHash.TokenRounds);
        var issued = new TokenIssued(tokenid, call.Parameters.Flag("enable", true), call.Parameters.Integer("expire", 0),
            call.Parameters.OptionalText("comment"));
        return await AppendAsync(userid, [Event.Of(issued, caller.Because("POST " + UsersPath + "/token"))], call).ConfigureAwait(false)
            ?? ApiResult.Data(json =>
            {
                json.WriteStartObject();
                json.WriteString("tokenid", tokenid);
                json.WriteString("value", secret);
                json.WriteEndObject();
            });
    }

    private async ValueTask<ApiResult> RevokeTokenAsync(ApiCall call)
    {
        var caller = call.CallerAs<Caller>();
        var userid = call.Parameters.Text("userid");
        var tokenid = userid + "!" + call.Parameters.Text("token-name");
        if (caller.AuthId != userid && permissions.Require(caller, UsersPath, Privileges.PermissionsModify) is { } refusal)
        {
            return refusal;
        }

        if (!permissions.State.Tokens.ContainsKey(tokenid))
        {
            return ApiResult.Error(400, $"token '{call.Parameters.Text("token-name")}' of user '{userid}' does not exist.");
        }

        credentials.Remove(tokenid);
        return await AppendAsync(userid, [Event.Of(new TokenRevoked(tokenid), caller.Because("DELETE " + UsersPath + "/token"))], call)
            .ConfigureAwait(false) ?? ApiResult.Null;
    }

    private ValueTask<ApiResult> ListAcl(ApiCall call)
    {
        var caller = call.CallerAs<Caller>();
        var all = (permissions.On(AclPath, caller) & Privileges.SysAudit) != 0;
        var path = call.Parameters.OptionalText("path");
        var exact = call.Parameters.Flag("exact");
        var entries = permissions.State.Acl.Values.SelectMany(entries => entries)
            .Where(entry => all || entry.AuthId.StartsWith(caller.Userid + "!", StringComparison.Ordinal))
            .Where(entry => path is null || entry.Path == path
                || (!exact && entry.Path.StartsWith(path == "/" ? path : path + "/", StringComparison.Ordinal)));
        return Answer(ApiResult.Data(json =>
        {
            json.WriteStartArray();
            foreach (var entry in entries)
            {
                json.WriteStartObject();
                json.WriteString("path", entry.Path);
                json.WriteBoolean("propagate", entry.Propagate);
                json.WriteString("roleid", entry.Role);
                json.WriteString("ugid", entry.AuthId);
                json.WriteString("ugid_type", "user");
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }));
    }

    private async ValueTask<ApiResult> SetAclAsync(ApiCall call)
    {
        var caller = call.CallerAs<Caller>();
        var authId = call.Parameters.Text("auth-id");
        var ownToken = authId.StartsWith(caller.AuthId + "!", StringComparison.Ordinal);
        if (!ownToken && permissions.Require(caller, AclPath, Privileges.PermissionsModify) is { } refusal)
        {
            return refusal;
        }

        var path = NormalAclPath(call.Parameters.Text("path"));
        var role = call.Parameters.Text("role");
        var metadata = caller.Because("PUT " + AclPath);
        if (call.Parameters.Flag("delete"))
        {
            return await AppendAsync("acl", [Event.Of(new AccessWithdrawn(path, authId, role), metadata)], call).ConfigureAwait(false)
                ?? ApiResult.Null;
        }

        var state = permissions.State;
        if (!state.Users.ContainsKey(authId) && !state.Tokens.ContainsKey(authId) && authId != AccessState.Root)
        {
            return ApiResult.Error(400, authId.Contains('!', StringComparison.Ordinal) ? "no such API token." : "no such user.");
        }

        var granted = new AccessGranted(path, authId, role, call.Parameters.Flag("propagate", true));
        return await AppendAsync("acl", [Event.Of(granted, metadata)], call).ConfigureAwait(false) ?? ApiResult.Null;
    }

    private ValueTask<ApiResult> ListRoles(ApiCall call) => Answer(ApiResult.Data(json =>
    {
        json.WriteStartArray();
        foreach (var (role, privileges) in Roles.BuiltIn)
        {
            json.WriteStartObject();
            json.WriteStartArray("privs");
            foreach (var name in Roles.NamesOf(privileges).Split('|', StringSplitOptions.RemoveEmptyEntries))
            {
                json.WriteStringValue(name);
            }

            json.WriteEndArray();
            json.WriteString("roleid", role);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }));

    private async Task<ApiResult?> AppendAsync(string subject, IReadOnlyList<NewEvent> events, ApiCall call)
    {
        try
        {
            await recorder.DecideAsync("auth:" + subject, ExpectedVersion.Any, events, default, call.Aborted).ConfigureAwait(false);
            return null;
        }
        catch (LedgerUnavailableException)
        {
            return ApiResult.Error(503, LedgerAway.Text);
        }
    }

    private static void WriteTokens(Utf8JsonWriter json, AccessState state, string userid)
    {
        foreach (var token in state.Tokens.Values.Where(token => token.AuthId.StartsWith(userid + "!", StringComparison.Ordinal)))
        {
            json.WriteStartObject();
            json.WriteString("tokenid", token.AuthId);
            json.WriteString("token-name", token.AuthId[(userid.Length + 1)..]);
            WriteAccount(json, token);
            json.WriteEndObject();
        }
    }

    private static void WriteAccount(Utf8JsonWriter json, Account account)
    {
        json.WriteBoolean("enable", account.Enable);
        json.WriteNumber("expire", account.Expire);
        if (account.Comment is { } comment)
        {
            json.WriteString("comment", comment);
        }
    }

    private static bool IsAclPath(string path) =>
        path == "/" || (path.StartsWith('/') && NormalAclPath(path)[1..].Split('/').All(part => PbsSchema.IsSafeId(part)));

    private static string NormalAclPath(string path) =>
        "/" + string.Join('/', path.Split('/', StringSplitOptions.RemoveEmptyEntries));

    private static string RandomUuid()
    {
        Span<byte> bytes = stackalloc byte[16];
        RandomNumberGenerator.Fill(bytes);
        bytes[6] = (byte)((bytes[6] & 0x0f) | 0x40);
        bytes[8] = (byte)((bytes[8] & 0x3f) | 0x80);
        return new Guid(bytes, bigEndian: true).ToString("D");
    }

    private static ValueTask<ApiResult> Answer(ApiResult result) => ValueTask.FromResult(result);
}
