// The slice put together: every verb of it, and the two questions that others ask of it (who is this, may he).
using Holdfast.Features.Events;
using Holdfast.Wire;

namespace Holdfast.Features.Access;

/// <summary>The parts of the slice.</summary>
/// <param name="pam">Checks passwords of realm pam.</param>
/// <param name="passwordChanged">Told of every user whose password was changed.</param>
public sealed class AccessParts(
    Func<AccessState> access, CredentialStore credentials, IPamAuthenticator pam, TicketSigner tickets, Recorder recorder,
    Action<string> passwordChanged, TimeProvider clock)
{
    private readonly LoginBackoff backoff = new();

    /// <summary>Refused logins that have not been recorded yet.</summary>
    public RefusedLogins Refused { get; } = new();

    public Permissions Permissions { get; } = new(access);

    /// <summary>Who sends a request.</summary>
    public Authenticator MakeAuthenticator() => new(access, credentials, tickets, backoff, Refused, clock);

    /// <summary>The endpoints of this slice.</summary>
    public IEnumerable<ApiEndpoint> Endpoints()
    {
        var passwords = new PasswordCheck(access, credentials, pam, backoff, Refused, clock);
        var confirmation = new Confirmation(passwords);
        var decider = new AccessDecider(access, recorder);
        var secrets = new TfaSecrets(credentials);
        var secondFactor = new SecondFactor(access, secrets, recorder, clock);
        return
        [
            Realms.Subfolders("/access", "acl", "domains", "openid", "password", "permissions", "roles", "tfa", "ticket", "users"),
            .. new IssueTicket(access, passwords, secondFactor, tickets, recorder, clock).Endpoints,
            .. new ListUsers(Permissions, clock).Endpoints,
            .. new CreateUser(Permissions, credentials, decider).Endpoints,
            .. new UpdateUser(Permissions, credentials, confirmation, decider, passwordChanged).Endpoints,
            .. new DeleteUser(Permissions, credentials, decider).Endpoints,
            .. new ChangePassword(Permissions, credentials, confirmation, recorder, passwordChanged).Endpoints,
            .. new ListTokens(Permissions).Endpoints,
            .. new IssueToken(Permissions, credentials, decider).Endpoints,
            .. new UpdateToken(Permissions, credentials, decider).Endpoints,
            .. new RevokeToken(Permissions, credentials, decider).Endpoints,
            .. new ReadAcl(Permissions).Endpoints,
            .. new SetAcl(Permissions, decider).Endpoints,
            .. new RoleEndpoints(Permissions, decider).Endpoints,
            .. new ListPermissions(Permissions).Endpoints,
            .. new Realms(Permissions).Endpoints,
            .. new ListTfa(Permissions).Endpoints,
            .. new AddTfa(Permissions, secrets, confirmation, decider, clock).Endpoints,
            .. new ChangeTfa(Permissions, secrets, secondFactor, confirmation, decider, clock).Endpoints,
        ];
    }
}
