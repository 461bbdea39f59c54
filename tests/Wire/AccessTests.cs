// Who may come in: passwords, tickets, CSRF, tokens, the access list, and what the ledger tells of it (pbs-protocol.md 1.6, 1.8).
using System.Diagnostics;
using Holdfast.Wire;
using Xunit;

namespace Holdfast.Tests.Wire;

public sealed class AccessTests(Appliance appliance) : IClassFixture<Appliance>
{
    private const string Password = "correct-horse-7";

    [Fact]
    public async Task A_right_password_gives_a_ticket_and_a_wrong_one_costs_time()
    {
        var user = await NewUserAsync();
        var good = await appliance.Door.TryLoginAsync(user, Password);
        Assert.Equal(200, good.Status);
        Assert.Equal(user, good.Data.GetProperty("username").GetString());
        Assert.Matches(@"^PBS:\S+:[0-9A-F]{8}::[^:\s]+$", good.Data.GetProperty("ticket").GetString());

        var watch = Stopwatch.StartNew();
        var wrong = await appliance.Door.TryLoginAsync(user, "wrong");
        Assert.Equal((401, "permission check failed."), (wrong.Status, wrong.Text));
        Assert.True(watch.Elapsed > TimeSpan.FromSeconds(2.5), $"answered after {watch.Elapsed}");
        var unknown = await appliance.Door.TryLoginAsync("nobody@pbs", Password);
        Assert.Equal((401, "permission check failed."), (unknown.Status, unknown.Text));
        var none = await appliance.Door.SendAsync("POST", "access/ticket", new { username = user });
        Assert.Equal((400, "no password provided"), (none.Status, none.Text));
        Assert.Equal(400, (await appliance.Door.TryLoginAsync(user + "!token", Password)).Status);
    }

    [Fact]
    public async Task A_ticket_renews_itself()
    {
        var user = await NewUserAsync();
        var pass = await appliance.Door.LoginAsync(user, Password);
        var renewed = await appliance.Door.LoginAsync(user, pass.Ticket);
        Assert.Equal(200, (await appliance.Door.SendAsync("GET", "version", headers: renewed.Headers)).Status);
        Assert.Equal(401, (await appliance.Door.TryLoginAsync(Daemon.Admin, pass.Ticket)).Status);
    }

    [Fact]
    public async Task What_changes_something_needs_the_csrf_token()
    {
        var cookie = appliance.AdminPass.Headers[..1];
        Assert.Equal(200, (await appliance.Door.SendAsync("GET", "access/users", headers: cookie)).Status);
        foreach (var csrf in (string?[])[null, "", "00000000:AAAA", appliance.AdminPass.Csrf + "x"])
        {
            (string, string)[] headers = csrf is null ? cookie : [.. cookie, ("CSRFPreventionToken", csrf)];
            var refused = await appliance.Door.SendAsync("POST", "admin/datastore/main/namespace", new { name = "nocsrf" }, headers);
            Assert.Equal((401, "authentication failed"), (refused.Status, refused.Text));
        }
    }

    [Fact]
    public async Task Nobody_comes_in_without_credentials_and_nothing_says_what_exists()
    {
        (string, string)[][] tries =
        [
            [], [("Cookie", "PBSAuthCookie=PBS:admin@pbs:66351E2A::AAAA")], [("Authorization", "PBSAPIToken=admin@pbs!none:secret")],
            [("Authorization", "Basic YWRtaW46eA==")],
        ];
        var answers = await Task.WhenAll(tries.SelectMany(headers => (Task<Answer>[])
            [appliance.Door.SendAsync("GET", "admin/datastore", headers: headers), appliance.Door.SendAsync("GET", "no/such/path", headers: headers)]));
        Assert.All(answers, answer => Assert.Equal((401, "authentication failed"), (answer.Status, answer.Text)));
    }

    [Theory]
    [InlineData("=")]
    [InlineData(" ")]
    public async Task A_token_works_with_both_separators_and_until_it_is_revoked(string separator)
    {
        var user = await NewUserAsync();
        await GrantAsync("/datastore/main", user, "DatastoreAdmin");
        var issued = (await appliance.Client.PostAsync($"access/users/{user}/token/ci")).GetProperty("data");
        var (id, secret) = (issued.GetProperty("tokenid").GetString()!, issued.GetProperty("value").GetString()!);
        Assert.Equal(user + "!ci", id);
        (string, string)[] headers = [("Authorization", $"PBSAPIToken{separator}{id}:{secret}")];
        Assert.Equal(200, (await appliance.Door.SendAsync("GET", "version", headers: headers)).Status);
        // A token has nothing of its user's rights before it is given some.
        var refused = await appliance.Door.SendAsync("GET", "admin/datastore/main/snapshots", headers: headers);
        Assert.Equal((403, "permission check failed - missing Datastore.Audit|Datastore.Backup on /datastore/main"), (refused.Status, refused.Text));
        await GrantAsync("/datastore/main", id, "DatastoreAudit");
        Assert.Equal(200, (await appliance.Door.SendAsync("GET", "admin/datastore/main/snapshots", headers: headers)).Status);
        await appliance.Client.DeleteAsync($"access/users/{user}/token/ci");
        Assert.Equal(401, (await appliance.Door.SendAsync("GET", "version", headers: headers)).Status);
        Assert.DoesNotContain(secret, await WholeLedgerAsync());
    }

    [Fact]
    public async Task A_token_never_has_more_than_its_user()
    {
        var user = await NewUserAsync();
        var issued = (await appliance.Client.PostAsync($"access/users/{user}/token/more")).GetProperty("data");
        var (id, secret) = (issued.GetProperty("tokenid").GetString()!, issued.GetProperty("value").GetString()!);
        await GrantAsync("/", id, "Admin");
        Assert.Equal(403, (await appliance.Door.SendAsync("GET", "admin/datastore/main/snapshots", headers: Pass.Token(id, secret))).Status);
    }

    [Fact]
    public async Task Refused_logins_are_summed_up()
    {
        var user = await NewUserAsync();
        var tries = await Task.WhenAll(Enumerable.Range(0, 9).Select(i => appliance.Door.TryLoginAsync(user, "wrong" + i)));
        Assert.All(tries, answer => Assert.Equal(401, answer.Status));
        var events = await LedgerView.WaitAsync(appliance.Daemon,
            all => all.Where(told => told.Type == "LoginRefused" && told.Text("account") == user).Sum(told => told.Number("count")) >= 9, 150);
        var told = events.Where(one => one.Type == "LoginRefused" && one.Text("account") == user).ToList();
        Assert.Equal(9, told.Sum(one => one.Number("count")));
        Assert.True(told.Count <= 2, "one event a minute at most");
        Assert.Equal("127.0.0.1", told[0].Text("source"));
    }

    [Fact]
    public async Task A_password_is_changed_by_who_knows_it()
    {
        var user = await NewUserAsync();
        var pass = await appliance.Door.LoginAsync(user, Password);
        async Task<Answer> ChangeAsync(string confirmation) => await appliance.Door.SendAsync("PUT",
            $"access/password?userid={user}&password=another-horse-8&confirmation-password={confirmation}", headers: pass.Headers);
        Assert.Equal((401, "invalid credentials"), ((await ChangeAsync("nope")).Status, (await ChangeAsync("nope")).Text));
        Assert.Equal(200, (await ChangeAsync(Password)).Status);
        Assert.Equal(401, (await appliance.Door.TryLoginAsync(user, Password)).Status);
        await appliance.Door.LoginAsync(user, "another-horse-8");
        var ledger = await WholeLedgerAsync();
        Assert.DoesNotContain(Password, ledger);
        Assert.DoesNotContain("another-horse-8", ledger);
    }

    private async Task<string> NewUserAsync()
    {
        var user = $"u{Guid.NewGuid().ToString("N")[..8]}@pbs";
        await appliance.Client.PostAsync("access/users", new { userid = user, password = Password });
        return user;
    }

    private Task GrantAsync(string path, string authId, string role) =>
        appliance.Client.PutAsync("access/acl", $"path={Uri.EscapeDataString(path)}&auth-id={Uri.EscapeDataString(authId)}&role={role}");

    private async Task<string> WholeLedgerAsync() =>
        string.Join('\n', (await LedgerView.ReadAsync(appliance.Daemon)).Select(told => told.Data.GetRawText())) + appliance.Daemon.Output;
}
