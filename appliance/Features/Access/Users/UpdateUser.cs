// PUT access/users/U: settings of a user, all or some; `delete` unsets, `digest` guards against changes in between.
using Holdfast.Features.Events;
using Holdfast.Ledger;
using Holdfast.Wire;

namespace Holdfast.Features.Access;

/// <summary>Changes users.</summary>
public sealed class UpdateUser(
    Permissions permissions, CredentialStore credentials, Confirmation confirmation, AccessDecider decider, Action<string> passwordChanged)
{
    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("PUT", ListUsers.Path + "/{userid}",
            new([
                PbsSchema.UserId(), AccessJson.NewPassword.AsOptional(), AccessJson.Enable, AccessJson.Expire, PbsSchema.Comment(), .. AccessJson.Person,
                AccessJson.Delete("comment", "firstname", "lastname", "email"), AccessJson.Digest,
            ]),
            UpdateAsync) { Permit = permissions.NeedsOrSelf(ListUsers.Path, Privileges.PermissionsModify) },
    ];

    private async ValueTask<ApiResult> UpdateAsync(ApiCall call)
    {
        var caller = call.CallerAs<Caller>();
        var userid = call.Parameters.Text("userid");
        string? hash = null;
        if (call.Parameters.OptionalText("password") is { } password)
        {
            // As in PBS: whoever is not root@pam proves with it that it is the caller's own; PUT access/password is for the rest.
            if (await confirmation.RefuseAsync(caller, password, call.Aborted).ConfigureAwait(false) is { } refusal)
            {
                return refusal;
            }

            if (UserId.Parse(userid).Realm == Realms.Pam)
            {
                return ApiResult.Error(Realms.PamPassword);
            }

            hash = await Task.Run(() => PasswordHash.Of(password, PasswordHash.PasswordRounds)).ConfigureAwait(false);
        }

        var answer = await decider.DecideAsync(userid, call, state => Decide(state, userid, hash, call)).ConfigureAwait(false);
        if (hash is not null && answer is ApiResult.Json)
        {
            passwordChanged(userid);
        }

        return answer;
    }

    private AccessDecision Decide(AccessState state, string userid, string? hash, ApiCall call)
    {
        if (AccessDecider.IsStale(call, AccessDecider.UsersDigest(state)))
        {
            return new AccessDecision.Refused(AccessDecider.Modified);
        }

        if (state.User(userid) is not { } user)
        {
            return new AccessDecision.Refused($"no such user '{userid}'");
        }

        var changed = Changed(user, call.Parameters);
        if (userid == AccessState.Root && (changed.Enable == false || changed.Expire is > 0))
        {
            return new AccessDecision.Refused($"{AccessState.Root} can't be disabled: who stands in front of the box must never be locked out");
        }

        var metadata = call.CallerAs<Caller>().Because($"PUT {ListUsers.Path}/{userid}");
        var events = new List<NewEvent>();
        if (changed != user)
        {
            events.Add(Event.Of(new UserChanged(userid, changed.Enable, changed.Expire, changed.Comment,
                changed.Firstname, changed.Lastname, changed.Email), metadata));
        }

        if (hash is not null)
        {
            events.Add(Event.Of(new PasswordChanged(userid), metadata));
        }

        return events.Count == 0
            ? new AccessDecision.Unchanged(ApiResult.Null)
            : new AccessDecision.Accepted(events, ApiResult.Null) { Secrets = hash is null ? null : () => credentials.Put(userid, hash) };
    }

    // PBS keeps no defaults: enabled and without end are stored as nothing.
    private static Account Changed(Account user, ApiParameters asked)
    {
        var gone = asked.Texts("delete");
        string? Next(string name, string? present) => asked.OptionalText(name) ?? (gone.Contains(name) ? null : present);
        return user with
        {
            Enable = asked.OptionalFlag("enable") is { } enable ? (enable ? null : false) : user.Enable,
            Expire = asked.OptionalInteger("expire") is { } expire ? (expire > 0 ? expire : null) : user.Expire,
            Comment = AccessJson.Trimmed(Next("comment", user.Comment)),
            Firstname = Next("firstname", user.Firstname),
            Lastname = Next("lastname", user.Lastname),
            Email = Next("email", user.Email),
        };
    }
}
