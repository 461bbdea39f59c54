// Names, tickets, UPIDs, credentials, certificates and repository texts.
using System.Security.Cryptography.X509Certificates;
using System.Text.RegularExpressions;
using Holdfast.Wire;
using Xunit;

namespace Holdfast.Tests.Unit;

public sealed class IdentityTests
{
    private static readonly InstantClock Clock = new(DateTimeOffset.FromUnixTimeSeconds(1_800_000_000));

    private static TicketSigner Signer(InstantClock? clock = null) => new(new byte[32], clock ?? Clock);

    [Theory]
    [InlineData("root@pam", true)]
    [InlineData("a@b@pbs", true)]
    [InlineData("a@pbs!tok", false)]
    [InlineData("a b@pbs", false)]
    [InlineData("no-realm", false)]
    [InlineData("@pbs", false)]
    [InlineData("a@.x", false)]
    [InlineData("", false)]
    public void User_ids(string text, bool good)
    {
        Assert.Equal(good, UserId.TryParse(text, out UserId id));
        Assert.Equal(good ? text : "@", id.ToString());
    }

    [Fact]
    public void Auth_ids_take_the_last_bang_behind_the_last_at()
    {
        Assert.True(AuthId.TryParse("a!b@pbs!tok", out AuthId id));
        Assert.Equal(("a!b@pbs", "tok"), (id.User.ToString(), id.Token));
        Assert.True(AuthId.TryParse("a!b@pbs", out AuthId user));
        Assert.False(user.IsToken);
        Assert.False(AuthId.TryParse("a@pbs!", out _));
    }

    [Fact]
    public void Ticket_has_the_shape_that_perl_expects_and_lives_two_hours()
    {
        var clock = new InstantClock(Clock.Now);
        TicketSigner signer = Signer(clock);
        string ticket = signer.Issue(UserId.Parse("a@pbs"));
        Assert.Matches(new Regex("^PBS:a@pbs:[0-9A-F]{8}::[^:\\s=]+$"), ticket);
        Assert.Equal(TicketState.Valid, signer.Verify(ticket, out UserId user));
        Assert.Equal("a@pbs", user.ToString());
        Assert.Equal(Clock.Now.ToUnixTimeSeconds(), TicketSigner.IssuedAt(ticket));
        clock.Now = Clock.Now.AddSeconds(7200);
        Assert.Equal(TicketState.Valid, signer.Verify(ticket, out _));
        clock.Now = Clock.Now.AddSeconds(7201);
        Assert.Equal(TicketState.Expired, signer.Verify(ticket, out _));
        clock.Now = Clock.Now.AddSeconds(-301);
        Assert.Equal(TicketState.Invalid, signer.Verify(ticket, out _));
    }

    [Fact]
    public void Any_change_of_a_ticket_is_found()
    {
        TicketSigner signer = Signer();
        string ticket = signer.Issue(UserId.Parse("a@pbs"));
        for (int i = 0; i < ticket.Length; i++)
        {
            string changed = ticket[..i] + (ticket[i] == 'A' ? 'B' : 'A') + ticket[(i + 1)..];
            Assert.Equal(TicketState.Invalid, signer.Verify(changed, out _));
        }

        var other = new TicketSigner([.. Enumerable.Repeat((byte)1, 32)], Clock);
        Assert.Equal(TicketState.Invalid, other.Verify(ticket, out _));
        Assert.Equal(TicketState.Invalid, signer.Verify(signer.IssueData("!tfa!{\"totp\":true}", "a@pbs"), out _));
        string partial = signer.IssueData("!tfa!{\"totp\":true}", "a@pbs");
        Assert.Contains("{\"totp\"%3Atrue}", partial);
        Assert.Equal(TicketState.Valid, signer.VerifyData(partial, "a@pbs", -60, 600, out string data));
        Assert.Equal("!tfa!{\"totp\":true}", data);
        Assert.Equal(TicketState.Invalid, signer.VerifyData(partial, "b@pbs", -60, 600, out _));
    }

    [Fact]
    public void Csrf_token_belongs_to_its_user_and_is_no_ticket_signature()
    {
        TicketSigner signer = Signer();
        UserId user = UserId.Parse("a@pbs");
        string token = signer.IssueCsrf(user);
        Assert.True(signer.VerifyCsrf(token, user));
        Assert.False(signer.VerifyCsrf(token, UserId.Parse("b@pbs")));
        Assert.False(signer.VerifyCsrf(null, user));
        Assert.False(signer.VerifyCsrf("", user));
        Assert.False(signer.VerifyCsrf(token + "A", user));
    }

    [Theory]
    [InlineData("store1:vm/100", "store1\\x3avm-100")]
    [InlineData("sh-1:host/a.b", "sh\\x2d1\\x3ahost-a.b")]
    [InlineData(".x", "\\x2ex")]
    public void Upid_ids_are_escaped_as_systemd_does(string plain, string escaped)
    {
        Assert.Equal(escaped, Upid.Escape(plain));
        Assert.True(Upid.TryUnescape(escaped, out string? back));
        Assert.Equal(plain, back);
    }

    [Theory]
    [InlineData("UPID:vm:00007841:0007966F:0000010F:6B00F3D4:verificationjob:shapes\\x3ashv1:tester@pbs:")]
    [InlineData("UPID:vm:000017E5:0003D2AD:0000001C:6B00E7CC:verify:golden:tester@pbs!tok1:")]
    [InlineData("UPID:vm:00007841:0007966F:00000238:6B00F53D:reader:stree\\x3ahost-l1-6B00F533:tester@pbs:")]
    [InlineData("UPID:a:00000001:000000001:0000000000000001:6B00F53D:x::root@pam:")]
    public void Upids_read_and_print_back(string text)
    {
        Assert.True(Upid.TryParse(text, out Upid? upid));
        string expected = text.Replace(":000000001:0000000000000001:", ":00000001:00000001:", StringComparison.Ordinal);
        Assert.Equal(expected, upid.ToString());
    }

    [Theory]
    [InlineData("UPID:x")]
    [InlineData("UPID:vm:00007841:0007966F:0000010F:6B00F3D4:x:y:tester@pbs")]
    [InlineData("UPID:vm:0000784:0007966F:0000010F:6B00F3D4:x:y:tester@pbs:")]
    [InlineData("UPID:v/m:00007841:0007966F:0000010F:6B00F3D4:x:y:tester@pbs:")]
    [InlineData("UPID:vm:00007841:0007966F:0000010F:6B00F3D4:x:\\x3:tester@pbs:")]
    [InlineData("UPID:vm:00007841:0007966F:0000010F:6B00F3D4:x:y:nobody:")]
    public void Wrong_upids_are_refused(string text) => Assert.False(Upid.TryParse(text, out _));

    [Fact]
    public void Credentials_prefer_cookies_and_the_host_cookie()
    {
        var ticket = Assert.IsType<Credentials.ByTicket>(Credentials.Read(
            "x=1; PBSAuthCookie=PBS%3Aa; __Host-PBSAuthCookie=PBS:b+/%3D", "PBSAPIToken=a@pbs!t:s", "csrf"));
        Assert.Equal(("PBS:b+/=", "csrf"), (ticket.Ticket, ticket.CsrfToken));
        foreach (string separator in new[] { "=", " " })
        {
            var token = Assert.IsType<Credentials.ByToken>(
                Credentials.Read(null, $"PBSAPIToken{separator}a@pbs!t:s%3Ae:cret", null));
            Assert.Equal(("a@pbs!t", "s:e:cret"), (token.TokenId.ToString(), token.Secret));
            Assert.DoesNotContain("cret", token.ToString());
        }

        string[] wrong = ["pbsapitoken=a@pbs!t:s", "PBSAPIToken:a@pbs!t:s", "PBSAPIToken=a@pbs:s", "Basic eDp5", ""];
        foreach (string bad in wrong)
        {
            Assert.IsType<Credentials.None>(Credentials.Read(null, bad, null));
        }
    }

    [Fact]
    public void Made_certificate_is_a_server_certificate_with_the_fingerprint_of_its_der()
    {
        using X509Certificate2 certificate = Certificates.Load(
            Certificates.MakeSelfSigned(["box.example"], TimeProvider.System));
        Assert.True(certificate.HasPrivateKey);
        Assert.True(certificate.MatchesHostname("box.example"));
        Assert.True(certificate.MatchesHostname("127.0.0.1"));
        Assert.False(certificate.Extensions.OfType<X509BasicConstraintsExtension>().Single().CertificateAuthority);
        string fingerprint = Certificates.Fingerprint(certificate);
        Assert.Matches("^([0-9a-f]{2}:){31}[0-9a-f]{2}$", fingerprint);
        Assert.Equal(fingerprint, Certificates.NormaliseFingerprint(fingerprint.ToUpperInvariant()));
        Assert.Null(Certificates.NormaliseFingerprint("00:11"));
    }

    [Theory]
    [InlineData("store1", null, "localhost", 8007, "store1")]
    [InlineData("host:store1", null, "host", 8007, "store1")]
    [InlineData("host:1234:store1", null, "host", 1234, "store1")]
    [InlineData("u@pbs@host:store1", "u@pbs", "host", 8007, "store1")]
    [InlineData("u@pbs!tok@10.0.0.1:8008:store1", "u@pbs!tok", "10.0.0.1", 8008, "store1")]
    [InlineData("u@pbs@[fe80::1]:8008:store1", "u@pbs", "fe80::1", 8008, "store1")]
    [InlineData("[::1]:store1", null, "::1", 8007, "store1")]
    public void Repositories(string text, string? auth, string host, int port, string store)
    {
        Assert.True(PbsRepository.TryParse(text, out PbsRepository? repository));
        Assert.Equal((auth, host, port, store),
            (repository!.AuthId?.ToString(), repository.Host, repository.Port, repository.Store));
        Assert.True(PbsRepository.TryParse(repository.ToString(), out PbsRepository? again));
        Assert.Equal(repository, again);
    }

    [Theory]
    [InlineData("")]
    [InlineData("a")]
    [InlineData("user@:store1")]
    [InlineData("host:99999:store1")]
    [InlineData("[::1:store1")]
    [InlineData("[host]:store1")]
    [InlineData("host:80 07:store1")]
    public void Wrong_repositories_are_refused(string text) => Assert.False(PbsRepository.TryParse(text, out _));
}
