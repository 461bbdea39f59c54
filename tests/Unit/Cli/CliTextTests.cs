// The command line's pure parts: what people write, what they are told.
using System.Text;
using Holdfast.Cli;
using Holdfast.Ledger;
using Holdfast.Storage;
using Holdfast.Wire;
using Xunit;

namespace Holdfast.Tests.Unit.Cli;

public sealed class CliTextTests
{
    [Theory]
    [InlineData("disk.img:/dev/vg0/disk", "disk.img.fidx", "/dev/vg0/disk", ArchiveKind.FixedIndex)]
    [InlineData("vm.conf:a:b", "vm.conf.blob", "a:b", ArchiveKind.Blob)]
    [InlineData("run.log:x", "run.log.blob", "x", ArchiveKind.Blob)]
    [InlineData("root.pxar:/etc", "root.pxar.didx", "/etc", ArchiveKind.DynamicIndex)]
    public void Archives_are_parsed(string argument, string name, string path, ArchiveKind kind) =>
        Assert.Equal(new ArchiveSource(name, path, kind), ArchiveSource.Parse(argument));

    [Theory]
    [InlineData("disk.img")]
    [InlineData(":path")]
    [InlineData("disk.img:")]
    [InlineData("disk:path")]
    [InlineData("../disk.img:path")]
    [InlineData(".img:path")]
    [InlineData("root.mpxar:/etc")]
    [InlineData("catalog.pcat1:/etc")]
    [InlineData("index.json:path")]
    public void Other_archives_are_refused(string argument) =>
        Assert.Throws<UsageException>(() => ArchiveSource.Parse(argument));

    [Fact]
    public void An_archive_named_twice_is_refused() =>
        Assert.Throws<UsageException>(() => ArchiveSource.ParseAll(["a.img:x", "a.img:y"]));

    [Theory]
    [InlineData("disk.img", "disk.img.fidx")]
    [InlineData("disk.img.fidx", "disk.img.fidx")]
    [InlineData("root.pxar", "root.pxar.didx")]
    [InlineData("catalog.pcat1", "catalog.pcat1.didx")]
    [InlineData("vm.conf", "vm.conf.blob")]
    [InlineData("what", "what")]
    public void Names_are_completed(string given, string full) => Assert.Equal(full, ArchiveNames.Full(given));

    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(1023, "1023 B")]
    [InlineData(1536, "1.500 KiB")]
    [InlineData(12.25 * 1024 * 1024 * 1024, "12.25 GiB")]
    [InlineData(200.0 * 1024 * 1024, "200.0 MiB")]
    public void Sizes_are_readable(double bytes, string text) => Assert.Equal(text, Sizes.Text(bytes));

    [Theory]
    [InlineData(0.44, "0.4 s")]
    [InlineData(185, "3 min 05 s")]
    [InlineData(7620, "2 h 07 min")]
    public void Spans_are_readable(double seconds, string text) =>
        Assert.Equal(text, Sizes.Text(TimeSpan.FromSeconds(seconds)));

    [Fact]
    public void A_crypt_mode_needs_a_key_and_a_key_encrypts()
    {
        Assert.Equal(CryptMode.None, BackupVerb.Mode(null, hasKey: false));
        Assert.Equal(CryptMode.Encrypt, BackupVerb.Mode(null, hasKey: true));
        Assert.Equal(CryptMode.SignOnly, BackupVerb.Mode("sign-only", hasKey: true));
        Assert.Throws<UsageException>(() => BackupVerb.Mode("encrypt", hasKey: false));
    }

    [Fact]
    public void A_digest_is_sent_once_whoever_claimed_it_first()
    {
        var known = new KnownDigests();
        Digest old = Digest.Of("old"u8), fresh = Digest.Of("new"u8);
        known.AddPrevious(old);
        Assert.False(known.Claim(old));
        Assert.False(known.Send(old));
        Assert.True(known.Claim(fresh));
        Assert.False(known.Claim(fresh));
        Assert.True(known.Send(fresh));
        Assert.False(known.Send(fresh));
    }

    [Fact]
    public void Faults_become_one_line_and_a_status()
    {
        Assert.Equal(2, Faults.Explain(new UsageException("x")).ExitCode);
        (string text, int code) = Faults.Explain(new HttpRequestException("wrapped", new PbsException(401, "permission check failed.")));
        Assert.Equal(1, code);
        Assert.Contains("refused the login: permission check failed (", text, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', Faults.Explain(new InvalidOperationException("odd")).Text);
    }

    [Fact]
    public void An_event_is_one_line_that_steers_no_terminal()
    {
        byte[] data = Encoding.UTF8.GetBytes("{\"a\":\n\"\u009b31m\"}");
        var recorded = new RecordedEvent(
            7, "s", 1, "Thing/1", 1_700_000_000_123_000, data, new EventMetadata("admin@pbs", "", "", ""), new byte[32]);
        string line = LedgerShow.Line(recorded);
        Assert.DoesNotContain(line, char.IsControl);
        Assert.StartsWith("     7  2023-11-14T22:13:20.123Z  Thing/1", line, StringComparison.Ordinal);
        Assert.Contains("admin@pbs", line, StringComparison.Ordinal);
    }

    [Fact]
    public void The_bar_shows_share_rate_and_time_left_and_goes_away()
    {
        var clock = new SteppedClock();
        using var output = new StringWriter();
        var progress = new Progress("disk.img", 1000, clock, output, isTerminal: true);
        clock.Advance(TimeSpan.FromSeconds(5));
        progress.Report(500);
        Assert.Contains("[##############..............] disk.img: 50.0% of 1000 B, 100 B/s, 5.0 s left", output.ToString(), StringComparison.Ordinal);
        progress.End();
        Assert.EndsWith(" \r", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_terminal_there_are_plain_lines_now_and_then()
    {
        var clock = new SteppedClock();
        using var output = new StringWriter();
        var progress = new Progress("disk.img", 1000, clock, output, isTerminal: false);
        for (int i = 1; i <= 21; i++)
        {
            clock.Advance(TimeSpan.FromSeconds(1));
            progress.Report(i * 10);
        }

        progress.End();
        string[] lines = output.ToString().TrimEnd().Split('\n');
        Assert.Equal(2, lines.Length);
        Assert.DoesNotContain('\r', output.ToString());
    }

    private sealed class SteppedClock : TimeProvider
    {
        private long ticks;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public void Advance(TimeSpan by) => ticks += by.Ticks;

        public override long GetTimestamp() => ticks;
    }
}
