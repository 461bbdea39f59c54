// POST and DELETE access/ticket (pbs-protocol.md 1.6): login by password, the second step where a user has second factors, renewal by ticket, the cookie
// variant, and logout.
using System.Text.Json;
using Holdfast.Features.Events;
using Holdfast.Ledger;
using Holdfast.Wire;

namespace Holdfast.Features.Access;

/// <summary>Login and logout.</summary>
public sealed class IssueTicket(
    Func<AccessState> access, PasswordCheck passwords, SecondFactor secondFactor, TicketSigner tickets, Recorder recorder, TimeProvider clock)
{
    private const string Path = "/access/ticket";

    /// <summary>What the data of a ticket starts with that is only half a login.</summary>
    private const string PartialMark = "!tfa!";

    private const int PartialMinAgeS = -60;
    private const int PartialMaxAgeS = 600;

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
        new("POST", Path, TicketParameters, IssueAsync) { Anonymous = true },
        new("DELETE", Path, ParameterSchema.Empty, LogOutAsync) { Anonymous = true },
    ];

    private async ValueTask<ApiResult> IssueAsync(ApiCall call)
    {
        var user = UserId.Parse(call.Parameters.Text("username"));
        var httpOnly = call.Parameters.Flag("http-only");
        var password = call.Parameters.OptionalText("password");
        var cookieTicket = httpOnly ? Credentials.Cookie(call.Exchange.Header("Cookie"), Credentials.HostCookie) : null;
        var challenge = call.Parameters.OptionalText("tfa-challenge");
        if (challenge is null && cookieTicket is not null && IsRenewal(user, cookieTicket))
        {
            return Ticket(call, user, httpOnly);
        }

        if (password is null)
        {
            return ApiResult.Error("no password provided");
        }

        // With cookies, only the cookie renews: a script that can read the page must not be able to.
        if (challenge is null && !httpOnly && IsRenewal(user, password))
        {
            return Ticket(call, user, httpOnly);
        }

        return challenge is null
            ? await FirstStepAsync(call, user, password, httpOnly).ConfigureAwait(false)
            : await SecondStepAsync(call, user, password, challenge, httpOnly).ConfigureAwait(false);
    }

    private async Task<ApiResult> FirstStepAsync(ApiCall call, UserId user, string password, bool httpOnly)
    {
        switch (await passwords.CheckAsync(user, password, call.RemoteAddress, call.Aborted).ConfigureAwait(false))
        {
            case PasswordAnswer.NoAgent:
                return ApiResult.Error(503, NoPamAgent.Text);
            case PasswordAnswer.Busy:
                return ApiResult.Error(503, PasswordCheck.BusyText);
            case PasswordAnswer.Wrong:
                return Refusal;
        }

        if (secondFactor.Challenge(user.ToString()) is { } asked)
        {
            var partial = tickets.IssueData(PartialMark + asked, user.ToString());
            return new ApiResult.Json(json => WriteTicket(json, user, partial, "invalid", asInfo: false)) { TicketStyle = true };
        }

        await NoteAsync(call, user).ConfigureAwait(false);
        return Ticket(call, user, httpOnly);
    }

    private async Task<ApiResult> SecondStepAsync(ApiCall call, UserId user, string answer, string challenge, bool httpOnly)
    {
        var userid = user.ToString();
        var isOurs = tickets.VerifyData(challenge, userid, PartialMinAgeS, PartialMaxAgeS, out var data) == TicketState.Valid
            && data.StartsWith(PartialMark, StringComparison.Ordinal);
        var isRight = await passwords.TryAsync(userid, call.RemoteAddress, async () =>
            isOurs && IsActive(user) && await secondFactor.VerifyAsync(userid, answer, call.RemoteAddress).ConfigureAwait(false), call.Aborted)
            .ConfigureAwait(false);
        if (!isRight)
        {
            return Refusal;
        }

        await NoteAsync(call, user).ConfigureAwait(false);
        return Ticket(call, user, httpOnly);
    }

    private static ApiResult Refusal => ApiResult.Error(401, "permission check failed.");

    private Task NoteAsync(ApiCall call, UserId user) => recorder.NoteAsync("auth:" + user, new LoginSucceeded(user.ToString()),
        new EventMetadata(user.ToString(), call.RemoteAddress, "POST " + Path, ""));

    private bool IsActive(UserId user) => access().IsActive(user.ToString(), clock.GetUtcNow().ToUnixTimeSeconds());

    private bool IsRenewal(UserId user, string secret) =>
        secret.StartsWith("PBS:", StringComparison.Ordinal)
        && tickets.Verify(secret, out var owner) == TicketState.Valid && owner == user && IsActive(user);

    private ApiResult Ticket(ApiCall call, UserId user, bool httpOnly)
    {
        var ticket = tickets.Issue(user);
        if (httpOnly)
        {
            call.Exchange.SetHeader("Set-Cookie",
                $"{Credentials.HostCookie}={Percent.Encode(ticket)}; Secure; SameSite=Lax; HttpOnly; Path=/;");
        }

        return new ApiResult.Json(json => WriteTicket(json, user, ticket, tickets.IssueCsrf(user), httpOnly)) { TicketStyle = true };
    }

    private static void WriteTicket(Utf8JsonWriter json, UserId user, string ticket, string csrf, bool asInfo)
    {
        json.WriteStartObject();
        json.WriteString("CSRFPreventionToken", csrf);
        if (asInfo)
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
        call.Exchange.SetHeader("Set-Cookie", ApiResult.ClearTicketCookie);
        return ValueTask.FromResult<ApiResult>(new ApiResult.Bytes("{\"data\":{},\"status\":200,\"success\":true}"u8.ToArray(), null));
    }
}
