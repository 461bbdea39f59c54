// The box without anybody in front of it, and with somebody: answer files are checked as a whole, the screen is what it says, a support bundle holds no secret.
using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using Holdfast.Cli;
using Xunit;

namespace Holdfast.Tests.Unit.Cli;

public sealed class BoxTests
{
    private const string Whole = """
        {"holdfast-answer":1,
         "users":[{"userid":"ops@pbs","password":"correct horse","roles":[{"path":"/","role":"Admin"}]}],
         "time":{"zone":"Europe/Vienna","servers":["ntp.example","192.0.2.1"]},
         "ssh-keys":["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz me@there"],
         "pools":[{"name":"tank","layout":"raidz2","disks":["a-1","a-2","a-3","a-4"]}],
         "datastores":[{"name":"main2","pool":"tank"},{"name":"own","path":"/mnt/datastore/own"}],
         "network":{"interfaces":[{"name":"e1","type":"eth","method":"dhcp"}],"dns":[]}}
        """;

    [Fact]
    public void An_answer_file_is_read_whole()
    {
        var file = AnswerFile.Parse(Encoding.UTF8.GetBytes(Whole));
        Assert.Equal(("ops@pbs", "Europe/Vienna", "raidz2", "e1"), (
            file.Users![0].Userid, file.Time!.Zone, file.Pools![0].Layout, file.Network!.Interfaces[0].Name));
        Assert.NotNull(AnswerFile.Parse("{\"holdfast-answer\":1}"u8));
    }

    [Theory]
    [InlineData("", "line 1")]
    [InlineData("null", "empty")]
    [InlineData("{}", "'holdfast-answer' is 1")]
    [InlineData("{\"holdfast-answer\":1,\"user\":[]}", "at $.user")]
    [InlineData("{\"holdfast-answer\":1,\"users\":[null]}", "users: null")]
    [InlineData("{\"holdfast-answer\":1,\"users\":[{\"userid\":\"x\"}]}", "'x' is no user")]
    [InlineData("{\"holdfast-answer\":1,\"users\":[{\"userid\":\"x@pbs\",\"password\":\"short\"}]}", "8 to 64 characters")]
    [InlineData("{\"holdfast-answer\":1,\"users\":[{\"userid\":\"x@pam\",\"password\":\"long enough\"}]}", "only users of realm pbs")]
    [InlineData("{\"holdfast-answer\":1,\"users\":[{\"userid\":\"x@pbs\",\"roles\":[{\"path\":\"a\",\"role\":\"Admin\"}]}]}", "begins with '/'")]
    [InlineData("{\"holdfast-answer\":1,\"time\":{\"zone\":\"../../etc/shadow\"}}", "no time zone")]
    [InlineData("{\"holdfast-answer\":1,\"ssh-keys\":[\"command=\\\"x\\\" ssh-rsa AAAA\"]}", "no public key")]
    [InlineData("{\"holdfast-answer\":1,\"pools\":[{\"name\":\"-f\",\"layout\":\"single\",\"disks\":[\"a\"]}]}", "name of a pool")]
    [InlineData("{\"holdfast-answer\":1,\"pools\":[{\"name\":\"t\",\"layout\":\"raidz2\",\"disks\":[\"a\"]}]}", "4 disks or more")]
    [InlineData("{\"holdfast-answer\":1,\"pools\":[{\"name\":\"t\",\"layout\":\"mirror\",\"disks\":[\"a\",\"a\"]}]}", "disk a is there twice")]
    [InlineData("{\"holdfast-answer\":1,\"datastores\":[{\"name\":\"abc\"}]}", "either a pool or a path")]
    [InlineData("{\"holdfast-answer\":1,\"datastores\":[{\"name\":\"abc\",\"path\":\"/a/../b\"}]}", "a path begins")]
    [InlineData("{\"holdfast-answer\":1,\"network\":{\"interfaces\":[],\"dns\":[]}}", "network: a network has")]
    public void A_fault_is_told_with_its_place(string json, string reason) =>
        Assert.Contains(reason, Assert.Throws<InvalidDataException>(() => AnswerFile.Parse(Encoding.UTF8.GetBytes(json))).Message, StringComparison.Ordinal);

    [Fact]
    public void No_fault_repeats_a_password()
    {
        const string Password = "hunter2hunter2";
        foreach (var json in (string[])
        [
            "{\"holdfast-answer\":1,\"users\":[{\"userid\":\"x@pam\",\"password\":\"" + Password + "\"}]}",
            "{\"holdfast-answer\":1,\"users\":[{\"userid\":\"x@pbs\",\"password\":\"" + Password + "\",\"roles\":7}]}",
            "{\"holdfast-answer\":1,\"users\":[{\"userid\":\"x@pbs\",\"password\":\"" + Password + "\n\"}]}",
        ])
        {
            var refused = Assert.Throws<InvalidDataException>(() => AnswerFile.Parse(Encoding.UTF8.GetBytes(json)));
            Assert.DoesNotContain("hunter2", refused.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_support_bundle_holds_no_planted_secret()
    {
        string[] planted =
        [
            "FirstPassw0rdOfAdmin", "pl4nted-db-pw", "pl4nted-ups-pw", "pl4nted-url-pw", "MIIPL4NTEDKEY", "0123456789abcdef-PL4NTED-sig",
            "pl4nted0-1111-2222-3333-444444444444",
            "pl4nted-totp", "pl4nted-bearer", "pl4nted-quoted pw",
        ];
        var bundle = new SupportBundle(new Secrets([planted[0]]), DateTimeOffset.UnixEpoch);
        bundle.Add("holdfast.json", $$"""
            {"Ledger":{"ConnectionString":"Host=db;Password={{planted[1]}}"},"Ups":{"Password":"{{planted[2]}}","Name":"keepme"},
             "Url":"http://u:{{planted[3]}}@proxy:3128/", "Note":"nothing // secret", /* a comment */ "Totp-Secret":"{{planted[7]}}",}
            """);
        bundle.Add("journal.txt", $"""
            2026-01-01 first password {planted[0]} shown
            -----BEGIN EC PRIVATE KEY-----
            {planted[4]}
            -----END EC PRIVATE KEY-----
            cookie PBSAuthCookie=PBS:root@pam:65A1B2C3::{planted[5].Replace("-", "+")} kept
            header PBSAPIToken=pve@pbs!node1:{planted[6]}
            Authorization: Bearer {planted[8]}
            password="{planted[9]}" host=keepme2
            """);
        bundle.Missing("disks.json", $"--password: {planted[1]}");
        using var archive = new MemoryStream();
        await bundle.WriteAsync(archive, default);
        archive.Position = 0;
        var all = new StringBuilder();
        await using var zip = new GZipStream(archive, CompressionMode.Decompress);
        await using var tar = new TarReader(zip);
        while (await tar.GetNextEntryAsync(copyData: true) is { } entry)
        {
            using var text = new StreamReader(entry.DataStream!);
            all.Append(entry.Name).Append('\n').Append(await text.ReadToEndAsync());
        }

        Assert.All(planted, secret => Assert.DoesNotContain(secret, all.ToString(), StringComparison.OrdinalIgnoreCase));
        Assert.DoesNotContain("PL4NTED+sig", all.ToString(), StringComparison.OrdinalIgnoreCase);
        foreach (var kept in (string[])["keepme", "keepme2", "nothing // secret", "holdfast-support/journal.txt", "disks.json.missing.txt", "proxy:3128"])
        {
            Assert.Contains(kept, all.ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_screen_says_where_the_box_is_and_forgets_a_password_that_was_changed()
    {
        var facts = new ConsoleFacts(
            "box", "1.2.3", ["192.0.2.7", "2001:db8::7"], 8007, string.Join(':', Enumerable.Repeat("AB", 32)), "healthy", "Secret1234", null);
        var lines = ConsoleScreen.Render(facts, 80);
        Assert.Contains("address:     https://192.0.2.7:8007", lines);
        Assert.Contains("address:     https://[2001:db8::7]:8007", lines);
        Assert.Contains(lines, line => line.Contains("password Secret1234", StringComparison.Ordinal));
        Assert.All(lines, line => Assert.True(line.Length <= 80 && !line.Any(char.IsControl), line));
        Assert.True(lines.Count <= 20, "it fits a screen of 24 lines");
        Assert.Equal(9, ConsoleScreen.Menu.Count(item => lines.Any(line => line.Contains($"{item.Key} {item.Meaning}", StringComparison.Ordinal))));
        var later = ConsoleScreen.Render(facts with { FirstPassword = null, Addresses = [], Answer = "bad \u001b[2J" + new string('x', 400) }, 80);
        Assert.DoesNotContain(later, line => line.Contains("password Secret", StringComparison.Ordinal) || line.Any(char.IsControl));
        Assert.Contains(later, line => line.Contains("none yet", StringComparison.Ordinal));

        Assert.DoesNotContain(lines, line => line.Contains("DEVELOPMENT", StringComparison.Ordinal));
        Assert.Contains("*** DEVELOPMENT IMAGE: signed with a throw-away key, trust it with nothing ***",
            ConsoleScreen.Render(facts with { IsDevelopment = true }, 80));

        var code = ConsoleScreen.Qr(facts, 80, 40)!;
        Assert.All(code, line => Assert.Equal(code[0].Length, line.Length));
        Assert.InRange(code.Count * 2, code[0].Length, code[0].Length + 1);
        Assert.Null(ConsoleScreen.Qr(facts, 30, 40));
        Assert.Null(ConsoleScreen.Qr(facts with { Addresses = [] }, 80, 40));
    }

    [Fact]
    public async Task Lines_are_waited_for_and_cut()
    {
        using var typed = new MemoryStream(Encoding.UTF8.GetBytes("one\r\n" + new string('x', 2000) + "\n3"));
        var input = new ConsoleInput(typed);
        Assert.Equal("one", await input.LineAsync());
        Assert.Equal(512, (await input.LineAsync())!.Length);
        Assert.Equal((true, "3"), await input.LineWithinAsync(TimeSpan.FromSeconds(30), TimeProvider.System, default));
        Assert.Null(await input.LineAsync());
    }
}
