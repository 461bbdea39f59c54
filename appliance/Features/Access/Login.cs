// POST and DELETE access/ticket (pbs-protocol.md 1.6): password login, renewal by ticket, the cookie variant, and logout.
using System.Text.Json;
using Holdfast.Features.Events;
using Holdfast.Ledger;
using Holdfast.Wire;

namespace Holdfast.Features.Access;

/// <summary>Login by password and renewal of tickets.</summary>
public sealed class Login(
    Func<AccessState> access, CredentialStore credentials, TicketSigner tickets, RefusedLogins refused, Recorder recorder, TimeProvider clock)
{
    private static readonly ParameterSchema TicketParameters = new(
        PbsSchema.UserId("username"),
        Parameter.Text("password") with { Optional = true, MaxLength = 8192 },
        Parameter.Text("path") with { Optional = true, MaxLength = 512 },
        Parameter.Text("privs") with { Optional = true, MaxLength = 512 },
        Parameter.Integer("port").AsOptional(),
        Parameter.Text("tfa-challenge") with { Optional = true, MaxLength = 8192 },
        Parameter.Boolean("http-only"),
        Parameter.Boolean("new-format"));

    /// <summary>The endpoints of this verb.</summary>
    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("POST", "/access/ticket", TicketParameters, IssueAsync) { Anonymous = true },
        new("DELETE", "/access/ticket", ParameterSchema.Empty, LogOutAsync) { Anonymous = true },
    ];

    private async ValueTask<ApiResult> IssueAsync(ApiCall call)
    {
        var user = UserId.Parse(call.Parameters.Text("username"));
        var httpOnly = call.Parameters.Flag("http-only");
        var password = call.Parameters.OptionalText("password");
        var cookieTicket = httpOnly ? Credentials.Cookie(call.Exchange.Header("Cookie"), Credentials.HostCookie) : null;
        if (cookieTicket is not null && IsRenewal(user, cookieTicket))
        {
            return Ticket(call, user, httpOnly);
        }

        if (password is null)
        {
            return ApiResult.Error(400, "no password provided");
        }

        if (IsRenewal(user, password))
        {
            return Ticket(call, user, httpOnly);
        }

        // Off the connection's thread: the hash takes tens of milliseconds on purpose.
        var matches = await Task.Run(() => credentials.Matches(user.ToString(), password)).ConfigureAwait(false);
        var now = clock.GetUtcNow().ToUnixTimeSeconds();
        if (!matches || !access().IsActive(user.ToString(), now))
        {
            refused.Add(user.ToString(), call.RemoteAddress, now);
            return ApiResult.Error(401, "permission check failed.");
        }

        await recorder.NoteAsync("auth:" + user, new LoginSucceeded(user.ToString()),
            new EventMetadata(user.ToString(), call.RemoteAddress, "POST /access/ticket", "")).ConfigureAwait(false);
        return Ticket(call, user, httpOnly);
    }

    private bool IsRenewal(UserId user, string secret) =>
        secret.StartsWith("PBS:", StringComparison.Ordinal)
        && tickets.Verify(secret, out var owner) == TicketState.Valid && owner == user
        && access().IsActive(user.ToString(), clock.GetUtcNow().ToUnixTimeSeconds());

    private ApiResult Ticket(ApiCall call, UserId user, bool httpOnly)
    {
        var ticket = tickets.Issue(user);
        if (httpOnly)
        {
            call.Exchange.SetHeader("Set-Cookie",
                $"{Credentials.HostCookie}={Percent.Encode(ticket)}; Secure; SameSite=Lax; HttpOnly; Path=/;");
        }

        return new ApiResult.Json(json => WriteTicket(json, user, ticket, httpOnly)) { TicketStyle = true };
    }

    private void WriteTicket(Utf8JsonWriter json, UserId user, string ticket, bool httpOnly)
    {
        json.WriteStartObject();
        json.WriteString("CSRFPreventionToken", tickets.IssueCsrf(user));
        if (httpOnly)
        {
            json.WriteString("ticket-info", ticket[..ticket.LastIndexOf("::", StringComparison.Ordinal)] + "::ticketinfo");
        }
        else
        {
            json.WriteString("ticket", ticket);
        }

        json.WriteString("username", user.ToString());
        json.WriteEndObject();
    }

    private static ValueTask<ApiResult> LogOutAsync(ApiCall call)
    {
        call.Exchange.SetHeader("Set-Cookie",
            $"{Credentials.HostCookie}=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure; SameSite=Lax; HttpOnly; Path=/;");
        return ValueTask.FromResult<ApiResult>(new ApiResult.Json(json =>
        {
            json.WriteStartObject();
            json.WriteEndObject();
        })
        { TicketStyle = true });
    }
}
