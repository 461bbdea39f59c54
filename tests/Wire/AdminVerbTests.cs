// The admin's verbs as somebody types them who mistypes: what there is not is said, what would change nothing is said, what can't be undone is asked for twice.
// Each with its exit status: 0 done, 1 refused, 2 asked wrongly.
using Holdfast.Tests.Unit;
using Xunit;

namespace Holdfast.Tests.Wire;

public sealed class AdminVerbTests(Appliance appliance) : IClassFixture<Appliance>
{
    [Theory]
    [InlineData(1, "no such user 'nobody@pbs'", "token", "create", "nobody@pbs!t")]
    [InlineData(1, "no such user 'nobody@pbs'", "token", "list", "nobody@pbs")]
    [InlineData(2, "'admin@pbs!' is no token", "token", "create", "admin@pbs!")]
    [InlineData(2, "nothing to change", "user", "update", "admin@pbs")]
    [InlineData(2, "nothing to change", "datastore", "update", "main")]
    [InlineData(2, "nothing to change", "role", "update", "Operator")]
    [InlineData(2, "nothing to change", "job", "verify", "update", "nightly")]
    [InlineData(2, "--expire is a number, 0 or more", "user", "update", "admin@pbs", "--expire=-5")]
    [InlineData(2, "<roleid> is empty", "role", "delete", "")]
    [InlineData(1, "there is no namespace 'nothere' in main", "namespace", "list", "--ns", "nothere")]
    [InlineData(1, "there is no namespace 'nothere' in main", "namespace", "delete", "nothere")]
    [InlineData(1, "there is no namespace 'nothere' in main", "namespace", "delete", "nothere", "--delete-groups")]
    [InlineData(2, "'/a' is no namespace", "namespace", "create", "/a")]
    [InlineData(2, "'a/' is no namespace", "namespace", "create", "a/")]
    [InlineData(2, "is no namespace: a/b/c is wanted, at most 7 levels", "namespace", "create", "1/2/3/4/5/6/7/8")]
    [InlineData(1, "there is no group host/nothere", "verify", "host/nothere")]
    [InlineData(1, "there is no snapshot host/nothere/2020-01-01T00:00:00Z", "verify", "host/nothere/2020-01-01T00:00:00Z")]
    [InlineData(2, "'bogus' is no", "verify", "bogus")]
    [InlineData(2, "--max-depth goes without a group", "prune", "host/web", "--keep-last", "1", "--max-depth", "2")]
    [InlineData(2, "say so with --confirm main", "datastore", "remove", "main", "--destroy-data")]
    [InlineData(2, "say so with --confirm main", "datastore", "remove", "main", "--destroy-data", "--confirm", "mian")]
    [InlineData(1, "there is no such namespace, group or snapshot", "snapshot", "notes", "host/nothere/2020-01-01T00:00:00Z", "x")]
    public async Task What_is_mistyped_is_said(int expected, string words, params string[] arguments)
    {
        var (exitCode, text) = await CommandLine.TryAsync(appliance.Daemon, arguments);
        Assert.Contains(words, text);
        Assert.DoesNotContain("   at ", text);
        Assert.Equal(expected, exitCode);
    }

    [Fact]
    public async Task A_password_of_nobody_is_no_failed_login()
    {
        var (exitCode, text) = await CommandLine.TryAsync(
            appliance.Daemon, new Dictionary<string, string> { ["HOLDFAST_NEW_PASSWORD"] = "0123456789" }, "user", "password", "nobody@pbs");
        Assert.Equal((1, "holdfast: the server refused: user 'nobody@pbs' does not exists."), (exitCode, text.Trim()));
    }

    [Fact]
    public async Task Roles_and_tokens_can_be_changed()
    {
        await CommandLine.RunAsync(appliance.Daemon, "role", "create", "Changed", "Datastore.Audit", "--comment", "first");
        Assert.Equal("role Changed was changed", (await CommandLine.RunAsync(
            appliance.Daemon, "role", "update", "Changed", "--privs", "Datastore.Audit,Datastore.Verify")).Trim());
        Assert.Contains("Datastore.Audit Datastore.Verify", Line(await CommandLine.RunAsync(appliance.Daemon, "role", "list"), "Changed"));
        await CommandLine.RunAsync(appliance.Daemon, "token", "create", "admin@pbs!changed");
        await CommandLine.RunAsync(appliance.Daemon, "token", "update", "admin@pbs!changed", "--enable", "false");
        Assert.Contains("false", Line(await CommandLine.RunAsync(appliance.Daemon, "token", "list", "admin@pbs"), "admin@pbs!changed"));
    }

    [Fact]
    public async Task A_task_that_has_ended_is_not_asked_to()
    {
        await CommandLine.RunAsync(appliance.Daemon, "gc");
        using var tasks = System.Text.Json.JsonDocument.Parse(
            await CommandLine.RunAsync(appliance.Daemon, "task", "list", "--typefilter", "garbage", "--limit", "1", "--output", "json"));
        var upid = tasks.RootElement[0].GetProperty("upid").GetString()!;
        Assert.Equal("it had ended before: OK", (await CommandLine.RunAsync(appliance.Daemon, "task", "stop", upid)).Trim());
    }

    [Fact]
    public async Task What_cannot_be_undone_needs_its_name_twice_and_a_script_is_not_asked()
    {
        await CommandLine.RunAsync(appliance.Daemon, "namespace", "create", "doomed");
        Assert.Contains("removed-groups", await CommandLine.RunAsync(appliance.Daemon, "namespace", "delete", "doomed", "--delete-groups"));
        Assert.DoesNotContain("doomed", await CommandLine.RunAsync(appliance.Daemon, "namespace", "list"));
        using var place = new TreeFolder();
        await CommandLine.RunAsync(appliance.Daemon, "datastore", "create", "doomed", place.Path + "/store");
        await CommandLine.RunAsync(appliance.Daemon, "datastore", "remove", "doomed", "--destroy-data", "--confirm", "doomed");
        Assert.False(Directory.Exists(place.Path + "/store/.chunks"));
    }

    private static string Line(string table, string beginning) =>
        table.Split('\n').Single(line => line.StartsWith(beginning, StringComparison.Ordinal));
}
