// POST access/tfa/U: a TOTP secret, proven by a code of it, or a set of recovery keys, shown in this answer and never again. WebAuthn and the like are answered
// as by a PBS that has none configured.
using Holdfast.Features.Events;
using Holdfast.Wire;

namespace Holdfast.Features.Access;

/// <summary>Adds second factors.</summary>
public sealed class AddTfa(Permissions permissions, TfaSecrets secrets, Confirmation confirmation, AccessDecider decider, TimeProvider clock)
{
    /// <summary>Entries of one user.</summary>
    public const int EntriesMax = 20;

    private const int TextCharsMax = 8192;

    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("POST", ListTfa.Path + "/{userid}", new(
            PbsSchema.UserId(), Parameter.Text("type") with { Choices = ["totp", "u2f", "webauthn", "recovery", "yubico"] },
            Parameter.Text("description") with { Optional = true, MaxLength = 255, Format = PbsSchema.IsOneLine },
            Parameter.Text("totp") with { Optional = true, MaxLength = TextCharsMax },
            Parameter.Text("value") with { Optional = true, MaxLength = TextCharsMax },
            Parameter.Text("challenge") with { Optional = true, MaxLength = TextCharsMax }, PbsSchema.Password().AsOptional()),
            AddAsync) { Permit = permissions.NeedsOrSelf(ListUsers.Path, Privileges.PermissionsModify) },
    ];

    private async ValueTask<ApiResult> AddAsync(ApiCall call)
    {
        var caller = call.CallerAs<Caller>();
        var userid = call.Parameters.Text("userid");
        if (await confirmation.RefuseAsync(caller, call.Parameters.OptionalText("password"), call.Aborted).ConfigureAwait(false) is { } refusal)
        {
            return refusal;
        }

        if (permissions.State.User(userid) is null)
        {
            return ApiResult.Error(401, $"user '{userid}' does not exists.");
        }

        return call.Parameters.Text("type") switch
        {
            "totp" => await AddTotpAsync(call, userid).ConfigureAwait(false),
            "recovery" => await AddRecoveryAsync(call, userid).ConfigureAwait(false),
            var other => ApiResult.Error($"no {other} configuration available"),
        };
    }

    private async ValueTask<ApiResult> AddTotpAsync(ApiCall call, string userid)
    {
        if (call.Parameters.OptionalText("totp") is not { } uri || call.Parameters.OptionalText("value") is not { } value)
        {
            return ApiResult.Error("missing 'totp' or 'value' parameter");
        }

        if (!Totp.TryParse(uri, out var totp, out var problem))
        {
            return ApiResult.Error(problem);
        }

        if (totp.FindStep(value, clock.GetUtcNow().ToUnixTimeSeconds(), lastStep: 0) is null)
        {
            return ApiResult.Error("failed to verify TOTP challenge");
        }

        var id = IssueToken.NewSecret();
        var answer = ApiResult.Data(json =>
        {
            json.WriteStartObject();
            json.WriteString("id", id);
            json.WriteEndObject();
        });
        return await decider.DecideAsync(userid, call, state => Refuse(state, userid) is { } text
            ? new AccessDecision.Refused(text)
            : new AccessDecision.Accepted([Added(call, userid, id, "totp")], answer) { Secrets = () => secrets.PutTotp(userid, id, totp) })
            .ConfigureAwait(false);
    }

    private ValueTask<ApiResult> AddRecoveryAsync(ApiCall call, string userid)
    {
        var keys = TfaSecrets.NewRecoveryKeys();
        var answer = ApiResult.Data(json =>
        {
            json.WriteStartObject();
            json.WriteString("id", TfaSecrets.Recovery);
            json.WriteStartArray("recovery");
            foreach (var key in keys)
            {
                json.WriteStringValue(key);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        });
        return decider.DecideAsync(userid, call, state =>
            state.Tfa.GetValueOrDefault(userid)?.Entries.Any(entry => entry.Type == TfaSecrets.Recovery) == true
                ? new AccessDecision.Refused("user already has recovery keys")
            : Refuse(state, userid) is { } text ? new AccessDecision.Refused(text)
            : new AccessDecision.Accepted([Added(call, userid, TfaSecrets.Recovery, TfaSecrets.Recovery)], answer)
            {
                Secrets = () => secrets.PutRecovery(userid, keys),
            });
    }

    private static string? Refuse(AccessState state, string userid) =>
        state.User(userid) is null ? $"no such user '{userid}'"
        : state.Tfa.GetValueOrDefault(userid)?.Entries.Count >= EntriesMax ? $"user '{userid}' has {EntriesMax} second factors already: at most that many"
        : null;

    private Ledger.NewEvent Added(ApiCall call, string userid, string id, string type)
    {
        var description = type == TfaSecrets.Recovery ? null : call.Parameters.OptionalText("description");
        return Event.Of(new TfaEntryAdded(userid, id, type, description, clock.GetUtcNow().ToUnixTimeSeconds()),
            call.CallerAs<Caller>().Because($"POST {ListTfa.Path}/{userid}"));
    }
}
