// PUT and DELETE access/tfa/U/ID, and PUT access/users/U/unlock-tfa.
using Holdfast.Features.Events;
using Holdfast.Wire;

namespace Holdfast.Features.Access;

/// <summary>Changes, removes and unlocks second factors.</summary>
public sealed class ChangeTfa(
    Permissions permissions, TfaSecrets secrets, SecondFactor secondFactor, Confirmation confirmation, AccessDecider decider, TimeProvider clock)
{
    private static readonly Parameter Password = PbsSchema.Password().AsOptional();

    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("PUT", ListTfa.Path + "/{userid}/{id}", new(
            PbsSchema.UserId(), ListTfa.Id, Parameter.Text("description") with { Optional = true, MaxLength = 255, Format = PbsSchema.IsOneLine },
            AccessJson.Enable, Password), UpdateAsync) { Permit = permissions.NeedsOrSelf(ListUsers.Path, Privileges.PermissionsModify) },
        new("DELETE", ListTfa.Path + "/{userid}/{id}", new(PbsSchema.UserId(), ListTfa.Id, Password), DeleteAsync)
        {
            Permit = permissions.NeedsOrSelf(ListUsers.Path, Privileges.PermissionsModify),
        },
        new("PUT", ListUsers.Path + "/{userid}/unlock-tfa", new(PbsSchema.UserId()), UnlockAsync)
        {
            Permit = permissions.Needs(ListUsers.Path, Privileges.PermissionsModify),
        },
    ];

    private async ValueTask<ApiResult> UpdateAsync(ApiCall call)
    {
        var (userid, id) = (call.Parameters.Text("userid"), call.Parameters.Text("id"));
        if (await confirmation.RefuseAsync(call.CallerAs<Caller>(), call.Parameters.OptionalText("password"), call.Aborted).ConfigureAwait(false)
            is { } refusal)
        {
            return refusal;
        }

        return await decider.DecideAsync(userid, call, state =>
        {
            if (Find(state, userid, id) is not { } entry)
            {
                return new AccessDecision.Refused(404, $"no such entry: {userid}/{id}");
            }

            var changed = new TfaEntryChanged(
                userid, id, call.Parameters.OptionalText("description") ?? entry.Description, call.Parameters.Flag("enable", entry.Enable));
            return (changed.Description, changed.Enable) == (entry.Description, entry.Enable)
                ? new AccessDecision.Unchanged(ApiResult.Null)
                : new AccessDecision.Accepted(Event.Of(changed, call.CallerAs<Caller>().Because($"PUT {ListTfa.Path}/{userid}/{id}")));
        }).ConfigureAwait(false);
    }

    private async ValueTask<ApiResult> DeleteAsync(ApiCall call)
    {
        var (userid, id) = (call.Parameters.Text("userid"), call.Parameters.Text("id"));
        if (await confirmation.RefuseAsync(call.CallerAs<Caller>(), call.Parameters.OptionalText("password"), call.Aborted).ConfigureAwait(false)
            is { } refusal)
        {
            return refusal;
        }

        return await decider.DecideAsync(userid, call, state => Find(state, userid, id) is null
            ? new AccessDecision.Refused(404, ListTfa.NoEntry(userid, id))
            : new AccessDecision.Accepted(
                Event.Of(new TfaEntryRemoved(userid, id), call.CallerAs<Caller>().Because($"DELETE {ListTfa.Path}/{userid}/{id}")))
            {
                Afterwards = () => secrets.Remove(userid, id),
            }).ConfigureAwait(false);
    }

    private ValueTask<ApiResult> UnlockAsync(ApiCall call)
    {
        var userid = call.Parameters.Text("userid");
        return decider.DecideAsync(userid, call, state =>
        {
            secondFactor.Forget(userid);
            return SecondFactor.IsLocked(state.Tfa.GetValueOrDefault(userid), clock.GetUtcNow().ToUnixTimeSeconds())
                ? new AccessDecision.Accepted(
                    [Event.Of(new SecondFactorsUnlocked(userid), call.CallerAs<Caller>().Because($"PUT {ListUsers.Path}/{userid}/unlock-tfa"))],
                    ApiResult.Data(json => json.WriteBooleanValue(true)))
                : new AccessDecision.Unchanged(ApiResult.Data(json => json.WriteBooleanValue(false)));
        });
    }

    private static TfaEntry? Find(AccessState state, string userid, string id) =>
        state.Tfa.GetValueOrDefault(userid)?.Entries.Find(entry => entry.Id == id);
}
