// Logins on virtual time: no user is told apart from none by text or time, disabled and expired ones come in nowhere, second factors count once and lock as in
// PBS, the superuser is asked of the agent, and no secret reaches the ledger.
using Holdfast.Features.Access;
using Holdfast.Features.Events;
using Holdfast.Ledger;
using Xunit;

namespace Holdfast.Tests.Unit.Features.Access;

public sealed class LoginTests
{
    private const string User = "u@pbs";
    private const string Password = "correct horse 7";
    private static readonly Totp Phone = new("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "SHA1", 6, 30);

    [Fact]
    public async Task Nobody_can_tell_a_user_from_none()
    {
        await using var world = await WorldAsync();
        await world.TellAsync(Event.Of(new UserCreated("nopw@pbs", null, null, null), EventMetadata.System),
            Event.Of(new UserCreated("off@pbs", false, null, null), EventMetadata.System));
        world.Credentials.Set("off@pbs", Password, 1);
        foreach (var user in (string[])[User, "nobody@pbs", "nopw@pbs", "off@pbs", "x@nosuch"])
        {
            var told = await world.LoginAsync(user, user == "off@pbs" ? Password : "wrong");
            Assert.Equal((401, "permission check failed.", TimeSpan.FromSeconds(3)), (told.Status, told.Text, told.Took));
        }

        foreach (var token in (string[])["u@pbs!none", "nobody@pbs!none"])
        {
            var told = await world.SendAsync("GET", "/version", [("Authorization", $"PBSAPIToken={token}:secret")]);
            Assert.Equal((401, "authentication failed", TimeSpan.FromSeconds(3)), (told.Status, told.Text, told.Took));
        }
    }

    [Fact]
    public async Task Right_credentials_are_answered_at_once_whatever_others_try()
    {
        await using var world = await WorldAsync();
        for (var i = 0; i < 40; i++)
        {
            Assert.Equal(401, (await world.LoginAsync(User, "wrong" + i, source: $"198.51.100.{i % 3}")).Status);
            var told = await world.LoginAsync(User, Password);
            Assert.Equal((200, TimeSpan.Zero), (told.Status, told.Took));
        }
    }

    [Theory]
    [InlineData("u@pbs", false, null)]
    [InlineData("u@pbs", true, 1_700_000_000L)]
    public async Task Who_is_disabled_or_expired_is_nobody_at_once(string userid, bool enable, long? expire)
    {
        await using var world = await WorldAsync();
        var issued = (await world.CallAsync(User, "POST", $"/access/users/{User}/token/t")).Data;
        (string, string)[] token = [("Authorization", $"PBSAPIToken={User}!t:{issued.GetProperty("value").GetString()}")];
        (string, string)[] ticket = [("Cookie", "PBSAuthCookie=" + Uri.EscapeDataString((await world.LoginAsync(User, Password)).Data
            .GetProperty("ticket").GetString()!))];
        Assert.Equal((200, 200), ((await world.SendAsync("GET", "/version", token)).Status, (await world.SendAsync("GET", "/version", ticket)).Status));
        object settings = expire is null ? new { enable } : new { expire };
        Assert.Equal(200, (await world.CallAsync(AccessWorld.Admin, "PUT", $"/access/users/{userid}", settings)).Status);
        Assert.Equal((401, 401), ((await world.SendAsync("GET", "/version", token)).Status, (await world.SendAsync("GET", "/version", ticket)).Status));
        Assert.Equal(401, (await world.LoginAsync(User, Password)).Status);
        // The token's own flag counts as well.
        await world.CallAsync(AccessWorld.Admin, "PUT", $"/access/users/{userid}", new { enable = true, expire = 0 });
        Assert.Equal(200, (await world.SendAsync("GET", "/version", token)).Status);
        await world.CallAsync(AccessWorld.Admin, "PUT", $"/access/users/{userid}/token/t", new { enable = false });
        Assert.Equal((401, 200), ((await world.SendAsync("GET", "/version", token)).Status, (await world.SendAsync("GET", "/version", ticket)).Status));
    }

    [Fact]
    public async Task A_second_factor_is_asked_for_and_counts_once()
    {
        await using var world = await WorldAsync();
        var keys = await AddFactorsAsync(world);
        var challenge = await ChallengeAsync(world);
        Assert.StartsWith("PBS:!tfa!{\"totp\"%3Atrue,\"recovery\"%3A[0,1,2,3,4,5,6,7,8,9]}:", challenge);
        // Half a login is none.
        (string, string)[] half = [("Cookie", "PBSAuthCookie=" + Uri.EscapeDataString(challenge))];
        Assert.Equal(401, (await world.SendAsync("GET", "/version", half)).Status);
        Assert.Equal(401, (await world.LoginAsync(User, challenge)).Status);
        var code = Phone.CodeAt(world.Clock.GetUtcNow().ToUnixTimeSeconds() / 30);
        Assert.Equal(200, (await world.LoginAsync(User, "totp:" + code, challenge: challenge)).Status);
        Assert.Equal(401, (await world.LoginAsync(User, "totp:" + code, challenge: challenge)).Status);
        Assert.Equal(200, (await world.LoginAsync(User, "recovery:" + keys[3], challenge: challenge)).Status);
        Assert.Equal(401, (await world.LoginAsync(User, "recovery:" + keys[3], challenge: challenge)).Status);
        Assert.Contains("[0,1,2,4,5,6,7,8,9]", await ChallengeAsync(world));
        // Somebody else's challenge, and an old one, are none.
        Assert.Equal(401, (await world.LoginAsync(AccessWorld.Admin, "recovery:" + keys[0], challenge: challenge)).Status);
        world.Clock.Advance(TimeSpan.FromSeconds(601));
        Assert.Equal(401, (await world.LoginAsync(User, "recovery:" + keys[0], challenge: challenge)).Status);
        // What was used stays used after a restart: it is in the file.
        var again = new TfaSecrets(new CredentialStore(world.File));
        Assert.Null(again.UseRecovery(User, keys[3]));
        Assert.Equal(0, again.UseRecovery(User, keys[0]));
    }

    [Fact]
    public async Task Eight_wrong_codes_lock_totp_until_a_recovery_key_or_an_admin_opens_it()
    {
        await using var world = await WorldAsync();
        var keys = await AddFactorsAsync(world);
        for (var i = 0; i < SecondFactor.TotpFailuresMax; i++)
        {
            Assert.Equal(401, (await world.LoginAsync(User, "totp:000000", challenge: await ChallengeAsync(world))).Status);
        }

        Assert.True(world.State.Tfa[User].TotpLocked);
        Assert.Contains("\"totp-locked\":true", (await world.CallAsync(AccessWorld.Admin, "GET", "/access/users")).Text);
        async Task<Told> RightAsync(string source)
        {
            world.Clock.Advance(TimeSpan.FromSeconds(60));
            var code = Phone.CodeAt(world.Clock.GetUtcNow().ToUnixTimeSeconds() / 30);
            return await world.LoginAsync(User, "totp:" + code, source, await ChallengeAsync(world));
        }

        Assert.Equal(401, (await RightAsync("192.0.2.1")).Status);
        Assert.Equal(200, (await RightAsync("127.0.0.1")).Status); // on the box itself no lock counts
        Assert.Equal(200, (await world.LoginAsync(User, "recovery:" + keys[0], challenge: await ChallengeAsync(world))).Status);
        Assert.False(world.State.Tfa[User].TotpLocked);
        Assert.Equal(200, (await RightAsync("192.0.2.1")).Status);
        for (var i = 0; i < SecondFactor.TotpFailuresMax; i++)
        {
            await world.LoginAsync(User, "totp:000000", challenge: await ChallengeAsync(world));
        }

        Assert.Equal(401, (await RightAsync("192.0.2.1")).Status);
        Assert.Equal("{\"data\":true}", (await world.CallAsync(AccessWorld.Admin, "PUT", $"/access/users/{User}/unlock-tfa")).Text);
        Assert.Equal("{\"data\":false}", (await world.CallAsync(AccessWorld.Admin, "PUT", $"/access/users/{User}/unlock-tfa")).Text);
        Assert.Equal(200, (await RightAsync("192.0.2.1")).Status);
    }

    [Fact]
    public async Task A_hundred_wrong_answers_lock_all_for_an_hour()
    {
        await using var world = await WorldAsync();
        var keys = await AddFactorsAsync(world);
        for (var i = 0; i < SecondFactor.FailuresMax; i++)
        {
            Assert.Equal(401, (await world.LoginAsync(User, "recovery:0000-0000-0000-0000", challenge: await ChallengeAsync(world))).Status);
        }

        Assert.Equal(401, (await world.LoginAsync(User, "recovery:" + keys[0], challenge: await ChallengeAsync(world))).Status);
        Assert.Contains("tfa-locked-until", (await world.CallAsync(AccessWorld.Admin, "GET", "/access/users")).Text);
        world.Clock.Advance(TimeSpan.FromSeconds(SecondFactor.LockedS));
        Assert.Equal(200, (await world.LoginAsync(User, "recovery:" + keys[0], challenge: await ChallengeAsync(world))).Status);
    }

    [Fact]
    public async Task The_superuser_is_asked_of_the_agent_and_never_locked_out()
    {
        await using var without = await WorldAsync();
        Assert.Equal((503, NoPamAgent.Text), ((await without.LoginAsync("root@pam", "x")).Status, (await without.LoginAsync("nobody@pam", "x")).Text));
        await using var world = await AccessWorld.MakeAsync(new System());
        Assert.Equal(401, (await world.LoginAsync("root@pam", "wrong")).Status);
        Assert.Equal(401, (await world.LoginAsync("other@pam", "system pw")).Status); // right, but nobody here
        Assert.Equal(200, (await world.LoginAsync("root@pam", "system pw")).Status);
        foreach (var (method, body) in ((string, object?)[])[("PUT", new { enable = false }), ("PUT", new { expire = 5 }), ("DELETE", null)])
        {
            Assert.Equal(400, (await world.CallAsync(AccessWorld.Admin, method, "/access/users/root@pam", body)).Status);
        }

        // He needs no confirmation, and his token is no superuser.
        Assert.Equal(200, (await world.CallAsync("root@pam", "PUT", "/access/password", new { userid = AccessWorld.Admin, password = "another 12" })).Status);
        await world.CallAsync("root@pam", "POST", "/access/users/root@pam/token/t");
        Assert.Equal(403, (await world.CallAsync("root@pam!t", "POST", "/access/users", new { userid = "new@pbs" })).Status);
    }

    [Fact]
    public async Task No_secret_reaches_the_ledger()
    {
        await using var world = await WorldAsync();
        var keys = await AddFactorsAsync(world);
        var token = (await world.CallAsync(User, "POST", $"/access/users/{User}/token/t")).Data.GetProperty("value").GetString()!;
        var renewed = (await world.CallAsync(User, "PUT", $"/access/users/{User}/token/t", new { regenerate = true })).Data.GetProperty("secret").GetString()!;
        await world.LoginAsync(User, "wrong-secret");
        var ledger = await world.WholeLedgerAsync();
        foreach (var secret in (string[])[Password, Phone.Secret, token, renewed, "wrong-secret", .. keys])
        {
            Assert.DoesNotContain(secret, ledger);
        }

        Assert.Contains("TokenSecretRenewed", ledger);
        var file = global::System.Text.Encoding.UTF8.GetString(world.File.Content!);
        Assert.All((string[])[Password, token, renewed, .. keys], secret => Assert.DoesNotContain(secret, file));
    }

    [Fact]
    public async Task A_change_that_cannot_be_recorded_leaves_the_secret_as_it_was()
    {
        await using var world = await WorldAsync();
        var token = (await world.CallAsync(User, "POST", $"/access/users/{User}/token/t")).Data.GetProperty("value").GetString()!;
        world.Ledger.Interrupt();
        Assert.Equal(503, (await world.CallAsync(User, "PUT", $"/access/users/{User}/token/t", new { regenerate = true })).Status);
        Assert.Equal(503, (await world.CallAsync(User, "POST", $"/access/users/{User}/token/second")).Status);
        Assert.Equal(503, (await world.CallAsync(AccessWorld.Admin, "POST", "/access/users", new { userid = "new@pbs", password = "12345678" })).Status);
        world.Ledger.Resume();
        Assert.Equal(200, (await world.SendAsync("GET", "/version", [("Authorization", $"PBSAPIToken={User}!t:{token}")])).Status);
        Assert.False(world.Credentials.Has(User + "!second"));
        Assert.False(world.Credentials.Has("new@pbs"));
    }

    [Fact]
    public async Task A_user_made_anew_finds_nothing_of_the_old_one_but_its_lines_in_the_access_list()
    {
        await using var world = await WorldAsync();
        await AddFactorsAsync(world);
        await world.CallAsync(User, "POST", $"/access/users/{User}/token/t");
        Assert.Equal(200, (await world.CallAsync(AccessWorld.Admin, "DELETE", $"/access/users/{User}")).Status);
        Assert.DoesNotContain(User, global::System.Text.Encoding.UTF8.GetString(world.File.Content!));
        await world.CallAsync(AccessWorld.Admin, "POST", "/access/users", new { userid = User });
        Assert.Equal(401, (await world.LoginAsync(User, Password)).Status);
        Assert.Equal("[]", (await world.CallAsync(User, "GET", $"/access/users/{User}/token")).Data.GetRawText());
        Assert.Equal("[]", (await world.CallAsync(User, "GET", $"/access/tfa/{User}")).Data.GetRawText());
        Assert.Equal(Privileges.DatastoreBackup, world.State.On("/datastore/main/a", User));
    }

    private static async Task<AccessWorld> WorldAsync()
    {
        var world = await AccessWorld.MakeAsync();
        await world.TellAsync(Event.Of(new UserCreated(User, null, null, null), EventMetadata.System),
            Event.Of(new AccessGranted("/datastore/main", User, "DatastoreBackup", true), EventMetadata.System));
        world.Credentials.Set(User, Password, 1);
        return world;
    }

    private static async Task<IReadOnlyList<string>> AddFactorsAsync(AccessWorld world)
    {
        var uri = $"otpauth://totp/x:u?secret={Phone.Secret}&algorithm=SHA1&digits=6&period=30";
        var value = Phone.CodeAt(world.Clock.GetUtcNow().ToUnixTimeSeconds() / 30);
        Assert.Equal(200, (await world.CallAsync(User, "POST", $"/access/tfa/{User}", new { type = "totp", totp = uri, value, password = Password })).Status);
        var added = await world.CallAsync(User, "POST", $"/access/tfa/{User}", new { type = "recovery", password = Password });
        return [.. added.Data.GetProperty("recovery").EnumerateArray().Select(key => key.GetString()!)];
    }

    private static async Task<string> ChallengeAsync(AccessWorld world)
    {
        var told = await world.LoginAsync(User, Password);
        Assert.Equal("invalid", told.Data.GetProperty("CSRFPreventionToken").GetString());
        return told.Data.GetProperty("ticket").GetString()!;
    }

    private sealed class System : IPamAuthenticator
    {
        public bool IsThere => true;

        public ValueTask<PamAnswer> CheckAsync(string user, string password, CancellationToken cancel) =>
            ValueTask.FromResult(password == "system pw" ? PamAnswer.Right : PamAnswer.Wrong);
    }
}
