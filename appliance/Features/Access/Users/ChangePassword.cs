// PUT access/password (pbs-protocol.md 4.6): one's own, or as an admin anybody's of realm pbs; whoever sits at an open session must still know the caller's
// own password.
using Holdfast.Features.Events;
using Holdfast.Wire;

namespace Holdfast.Features.Access;

/// <summary>Sets passwords.</summary>
public sealed class ChangePassword(
    Permissions permissions, CredentialStore credentials, Confirmation confirmation, Recorder recorder, Action<string> passwordChanged)
{
    private const string Path = "/access/password";

    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("PUT", Path,
            new(PbsSchema.UserId(), AccessJson.NewPassword, PbsSchema.Password("confirmation-password").AsOptional()), ChangeAsync),
    ];

    private async ValueTask<ApiResult> ChangeAsync(ApiCall call)
    {
        var caller = call.CallerAs<Caller>();
        var userid = call.Parameters.Text("userid");
        if (await confirmation.RefuseAsync(caller, call.Parameters.OptionalText("confirmation-password"), call.Aborted).ConfigureAwait(false)
            is { } refusal)
        {
            return refusal;
        }

        if (Refuse(caller, userid) is { } text)
        {
            return text;
        }

        var password = call.Parameters.Text("password");
        await Task.Run(() => credentials.Set(userid, password, PasswordHash.PasswordRounds)).ConfigureAwait(false);
        passwordChanged(userid);
        await recorder.NoteAsync("auth:" + userid, new PasswordChanged(userid), caller.Because("PUT " + Path)).ConfigureAwait(false);
        return ApiResult.Null;
    }

    private ApiResult? Refuse(Caller caller, string userid)
    {
        if (caller.Userid != userid && permissions.State.User(userid) is null)
        {
            return ApiResult.Error(401, $"user '{userid}' does not exists.");
        }

        if (caller.IsToken)
        {
            return ApiResult.Error("API tokens cannot access this API endpoint");
        }

        var isPam = UserId.Parse(userid).Realm == Realms.Pam;
        var mayOthers = caller.IsSuperuser || (!isPam && (permissions.On("/", caller) & Privileges.PermissionsModify) != 0);
        if (caller.AuthId != userid && !mayOthers)
        {
            return ApiResult.Error("you are not authorized to change the password.");
        }

        return isPam ? ApiResult.Error(Realms.PamPassword) : null;
    }
}
