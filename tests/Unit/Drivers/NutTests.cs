// A UPS behind a server on a real socket: what it says, with TLS and login, and everything by which it may not.
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Holdfast.Contracts.Power;
using Holdfast.Ups;
using Xunit;

namespace Holdfast.Tests.Unit.Drivers;

public sealed class NutTests
{
    private static NutUps Client(SimulatedUpsd upsd, string name = "auto", string? user = null, string? password = null, bool tls = false,
        string? fingerprint = null) =>
        new(new UpsAddress(name, "127.0.0.1", upsd.Port, user, password, tls, fingerprint));

    [Fact]
    public async Task The_first_ups_is_found_and_read()
    {
        await using var upsd = new SimulatedUpsd();
        using var ups = Client(upsd);
        var reading = await ups.ReadAsync(default);
        Assert.Equal(("ups", 100, 3600, 12, "EATON", "5P \"1550\""),
            (reading.Name, reading.ChargePercent, reading.RuntimeS, reading.LoadPercent, reading.Maker, reading.Model));
        Assert.True(reading is { IsOnMains: true, IsOnBattery: false, IsLow: false });
        upsd.Variables = new Dictionary<string, string> { ["ups.status"] = "OB DISCHRG LB NEWTOKEN", ["battery.charge"] = "7.4",
            ["battery.runtime"] = "nonsense" };
        reading = await ups.ReadAsync(default);
        Assert.True(reading is { IsOnBattery: true, IsLow: true, ChargePercent: 7, RuntimeS: null });
    }

    [Fact]
    public async Task A_calibration_is_no_power_cut()
    {
        await using var upsd = new SimulatedUpsd { Variables = new Dictionary<string, string> { ["ups.status"] = "OB CAL" } };
        using var ups = Client(upsd);
        Assert.False((await ups.ReadAsync(default)).IsOnBattery);
    }

    [Theory]
    [InlineData("DATA-STALE", "nothing new")]
    [InlineData("DRIVER-NOT-CONNECTED", "does not run")]
    [InlineData("SOMETHING-NEW", "SOMETHING-NEW")]
    public async Task A_refusal_is_said_and_the_connection_goes_on(string code, string text)
    {
        await using var upsd = new SimulatedUpsd();
        using var ups = Client(upsd, user: "holdfast", password: "x");
        await ups.ReadAsync(default);
        upsd.Refusal = code;
        var away = await Assert.ThrowsAsync<UpsAwayException>(() => ups.ReadAsync(default));
        Assert.Equal(code, away.Code);
        Assert.Contains(text, away.Message, StringComparison.Ordinal);
        upsd.Refusal = null;
        await ups.ReadAsync(default);
        Assert.Equal(1, upsd.Logins);
    }

    [Fact]
    public async Task A_cut_connection_is_opened_anew()
    {
        await using var upsd = new SimulatedUpsd();
        using var ups = Client(upsd);
        await ups.ReadAsync(default);
        upsd.CutAll();
        Assert.Equal("UNREACHABLE", (await Assert.ThrowsAsync<UpsAwayException>(() => ups.ReadAsync(default))).Code);
        Assert.Equal(100, (await ups.ReadAsync(default)).ChargePercent);
    }

    [Theory]
    [InlineData("holdfast", "right", null)]
    [InlineData("holdfast", "wrong", "INVALID-PASSWORD")]
    public async Task A_login_is_made_where_one_is_given(string user, string password, string? refusal)
    {
        await using var upsd = new SimulatedUpsd(password: "right");
        using var ups = Client(upsd, user: user, password: password);
        if (refusal is null)
        {
            await ups.ReadAsync(default);
            Assert.Equal(1, upsd.Logins);
            return;
        }

        var away = await Assert.ThrowsAsync<UpsAwayException>(() => ups.ReadAsync(default));
        Assert.Equal(refusal, away.Code);
        Assert.DoesNotContain(password, away.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tls_is_spoken_with_the_certificate_that_is_pinned_and_with_no_other()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var made = new CertificateRequest("CN=upsd", key, HashAlgorithmName.SHA256).CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1),
            DateTimeOffset.UtcNow.AddDays(1));
        using var certificate = X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null);
        await using var upsd = new SimulatedUpsd(certificate);
        using var pinned = Client(upsd, tls: true, fingerprint: Convert.ToHexString(SHA256.HashData(certificate.RawData)));
        Assert.Equal(100, (await pinned.ReadAsync(default)).ChargePercent);
        using var other = Client(upsd, tls: true, fingerprint: new string('0', 64));
        Assert.Equal("UNREACHABLE", (await Assert.ThrowsAsync<UpsAwayException>(() => other.ReadAsync(default))).Code);
        await using var plain = new SimulatedUpsd();
        using var wants = Client(plain, tls: true);
        Assert.Contains("no TLS", (await Assert.ThrowsAsync<UpsAwayException>(() => wants.ReadAsync(default))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("BEGIN LIST VAR ups\nVAR ups a \"open")]
    [InlineData("END")]
    [InlineData("VAR")]
    [InlineData("")]
    public async Task Garbage_is_no_answer(string garbage)
    {
        await using var upsd = new SimulatedUpsd();
        using var ups = Client(upsd, name: "ups");
        upsd.Garbage = garbage;
        await Assert.ThrowsAsync<UpsAwayException>(() => ups.ReadAsync(default));
    }

    [Fact]
    public async Task Nobody_there_is_said_at_once()
    {
        var gone = new SimulatedUpsd();
        using var ups = Client(gone);
        await gone.DisposeAsync();
        Assert.Equal("UNREACHABLE", (await Assert.ThrowsAsync<UpsAwayException>(() => ups.ReadAsync(default))).Code);
    }

    [Theory]
    [InlineData("VAR ups x \"a \\\"b\\\" \\\\c\"", "a \"b\" \\c")]
    [InlineData("VAR ups  x plain", "plain")]
    [InlineData("VAR ups x \"\"", "")]
    public void Words_are_taken_apart(string line, string last) => Assert.Equal(last, NutLine.Words(line)[^1]);

    [Theory]
    [InlineData("a b")]
    [InlineData("q\"\\")]
    [InlineData("")]
    public void Words_are_put_together_and_taken_apart_again(string word) => Assert.Equal(word, NutLine.Words(NutLine.Quote(word)).Single());
}
