// POST access/users: a user of realm pbs, with or without a password, or the name of one of realm pam, whose password the system keeps.
using Holdfast.Features.Events;
using Holdfast.Ledger;
using Holdfast.Wire;

namespace Holdfast.Features.Access;

/// <summary>Makes users.</summary>
public sealed class CreateUser(Permissions permissions, CredentialStore credentials, AccessDecider decider)
{
    /// <summary>What every list and every rewrite of the credential file must stay quick with.</summary>
    public const int UsersMax = 10_000;

    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("POST", ListUsers.Path,
            new([PbsSchema.UserId(), AccessJson.NewPassword.AsOptional(), AccessJson.Enable, AccessJson.Expire, PbsSchema.Comment(), .. AccessJson.Person]),
            CreateAsync) { Permit = permissions.Needs(ListUsers.Path, Privileges.PermissionsModify) },
    ];

    private async ValueTask<ApiResult> CreateAsync(ApiCall call)
    {
        var user = UserId.Parse(call.Parameters.Text("userid"));
        var password = call.Parameters.OptionalText("password");
        if (!Realms.Exists(user.Realm))
        {
            return ApiResult.Error($"unknown realm '{user.Realm}'");
        }

        if (password is not null && user.Realm == Realms.Pam)
        {
            return ApiResult.Error(Realms.PamPassword);
        }

        var hash = password is null ? null : await Task.Run(() => PasswordHash.Of(password, PasswordHash.PasswordRounds)).ConfigureAwait(false);
        return await decider.DecideAsync(user.ToString(), call, state => Decide(state, user.ToString(), hash, call)).ConfigureAwait(false);
    }

    private AccessDecision Decide(AccessState state, string userid, string? hash, ApiCall call)
    {
        if (state.User(userid) is not null)
        {
            return new AccessDecision.Refused($"user '{userid}' already exists.");
        }

        if (state.Users.Count >= UsersMax)
        {
            return new AccessDecision.Refused($"there are {UsersMax} users already: at most that many");
        }

        var metadata = call.CallerAs<Caller>().Because("POST " + ListUsers.Path);
        var events = new List<NewEvent>
        {
            Event.Of(new UserCreated(userid, call.Parameters.OptionalFlag("enable"), call.Parameters.OptionalInteger("expire"),
                AccessJson.Trimmed(call.Parameters.OptionalText("comment")), call.Parameters.OptionalText("firstname"),
                call.Parameters.OptionalText("lastname"), call.Parameters.OptionalText("email")), metadata),
        };
        if (hash is not null)
        {
            events.Add(Event.Of(new PasswordChanged(userid), metadata));
        }

        // Without a password, whatever an earlier user of that name may have left is gone too.
        return new AccessDecision.Accepted(events, ApiResult.Null) { Secrets = () => credentials.Put(userid, hash) };
    }
}
