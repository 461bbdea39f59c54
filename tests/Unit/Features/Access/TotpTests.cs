// Codes of RFC 6238's own examples, the URI of authenticator apps, and that a code counts once.
using Holdfast.Features.Access;
using Xunit;

namespace Holdfast.Tests.Unit.Features.Access;

public sealed class TotpTests
{
    private const string Secret20 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"; // 12345678901234567890
    private const string Secret32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA";
    private const string Secret64 = Secret20 + Secret20 + Secret20 + "GEZDGNA";

    [Theory]
    [InlineData("SHA1", Secret20, 59, "94287082")]
    [InlineData("SHA1", Secret20, 1_111_111_109, "07081804")]
    [InlineData("SHA1", Secret20, 20_000_000_000, "65353130")]
    [InlineData("SHA256", Secret32, 59, "46119246")]
    [InlineData("SHA256", Secret32, 2_000_000_000, "90698825")]
    [InlineData("SHA512", Secret64, 59, "90693936")]
    [InlineData("SHA512", Secret64, 1_234_567_890, "93441116")]
    public void Codes_are_those_of_the_RFC(string algorithm, string secret, long seconds, string code) =>
        Assert.Equal(code, new Totp(secret, algorithm, 8, 30).CodeAt(seconds / 30));

    [Fact]
    public void A_code_counts_one_step_around_and_once()
    {
        var totp = new Totp(Secret20, "SHA1", 6, 30);
        const long now = 1_700_000_000;
        const long step = now / 30;
        Assert.Equal(step - 1, totp.FindStep(totp.CodeAt(step - 1), now, 0));
        Assert.Equal(step + 1, totp.FindStep(totp.CodeAt(step + 1), now, 0));
        Assert.Null(totp.FindStep(totp.CodeAt(step - 2), now, 0));
        Assert.Null(totp.FindStep(totp.CodeAt(step + 2), now, 0));
        Assert.Null(totp.FindStep(totp.CodeAt(step), now, step));
        foreach (var wrong in (string[])["", "12345", "1234567", "abcdef", "１２３４５６", new string('1', 5000)])
        {
            Assert.Null(totp.FindStep(wrong, now, 0));
        }
    }

    [Theory]
    [InlineData("otpauth://totp/x?secret=" + Secret20, "")]
    [InlineData("otpauth://totp/x:u%40pbs?secret=gezdgnbvgy3tqojqgezdgnbvgy3tqojq&digits=8&period=60&algorithm=sha256", "")]
    [InlineData("foo", "not an otpauth uri")]
    [InlineData("otpauth://hotp/x?secret=" + Secret20, "not a totp uri with parameters")]
    [InlineData("otpauth://totp/x", "not a totp uri with parameters")]
    [InlineData("otpauth://totp/x?secret=AAAA", "totp secret must be base32 of 10 to 128 bytes")]
    [InlineData("otpauth://totp/x?secret=!!!!!!!!!!!!!!!!!!!!", "totp secret must be base32 of 10 to 128 bytes")]
    [InlineData("otpauth://totp/x?secret=" + Secret20 + "&digits=9", "totp digits must be 6 to 8")]
    [InlineData("otpauth://totp/x?secret=" + Secret20 + "&period=0", "totp period must be 15 to 300 seconds")]
    [InlineData("otpauth://totp/x?secret=" + Secret20 + "&algorithm=MD5", "unsupported totp algorithm")]
    public void A_uri_is_read_or_refused_without_naming_the_secret(string uri, string problem)
    {
        Assert.Equal(problem.Length == 0, Totp.TryParse(uri, out var totp, out var told));
        Assert.Equal(problem, told);
        if (totp is not null)
        {
            Assert.Equal((totp, 5), Totp.FromStored(totp.Stored(5)));
            Assert.DoesNotContain(totp.Secret, totp.ToString());
        }
    }
}
