// The command line as a whole: every verb has help with examples, every example is one that the parser takes, completion knows the verbs.
using System.CommandLine;
using System.CommandLine.Completions;
using System.Text.RegularExpressions;
using Holdfast.Cli;
using Xunit;

namespace Holdfast.Tests.Unit.Cli;

public sealed partial class CommandTreeTests
{
    private static readonly RootCommand Root = CommandTree.Root(new Surroundings(TimeProvider.System));

    [Fact]
    public void Every_example_is_taken_by_the_parser()
    {
        var wrong = new List<string>();
        foreach (var example in Leaves(Root).SelectMany(Examples.Of).Select(line => line.StartsWith("eval", StringComparison.Ordinal) ? line[8..^2] : line))
        {
            var words = Words().Matches(example.Split('|')[0]).Select(word => word.Value.Trim('\'')).Skip(1).ToArray();
            var errors = Root.Parse(words).Errors;
            wrong.AddRange(errors.Select(error => $"{example}: {error.Message}"));
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    [Fact]
    public void Every_verb_is_described_and_has_an_example()
    {
        var leaves = Leaves(Root).ToList();
        Assert.True(leaves.Count > 50, $"{leaves.Count} verbs");
        Assert.All(leaves, leaf => Assert.False(string.IsNullOrEmpty(leaf.Description), leaf.Name));
        var bare = leaves.Where(leaf => Examples.Of(leaf).Count == 0 && !leaf.Parents.Any(parent => parent.Name == "ledger")).Select(leaf => leaf.Name);
        Assert.Empty(bare);
    }

    [Theory]
    [InlineData("snap", "snapshot")]
    [InlineData("snapshot pro", "protect")]
    [InlineData("job verify ru", "run")]
    [InlineData("group list --out", "--output")]
    [InlineData("group list --output js", "json")]
    public void Completion_knows_what_comes_next(string line, string expected) =>
        Assert.Contains(expected, Root.Parse(line).GetCompletions().Select(item => item.Label));

    [Theory]
    [InlineData("role delete", "<roleid> is missing: Its name.")]
    [InlineData("role create Op1", "<privileges> is missing: Names, joined by commas.")]
    [InlineData("role delete ''", "<roleid> is empty: Its name.")]
    [InlineData("alarm acknowledge ''", "<alarm> is empty: Its number.")]
    public void What_is_missing_is_named(string line, string expected)
    {
        var words = Words().Matches(line).Select(word => word.Value.Trim('\'')).ToArray();
        Assert.Equal([expected], Root.Parse(words).Errors.Select(Faults.Explain).Distinct());
    }

    [Theory]
    [InlineData("group", "move", "host/web", "")]
    [InlineData("snapshot", "notes", "host/web/2026-05-06T07:08:09Z", "")]
    [InlineData("restore", "host/web", "root.pxar", "/h")]
    [InlineData("restore", "host/web", "root.pxar", "/?")]
    public void What_means_something_is_taken(params string[] words)
    {
        var parsed = Root.Parse(words);
        Assert.Empty(parsed.Errors);
        Assert.IsNotType<System.CommandLine.Help.HelpAction>(parsed.Action);
        Assert.Equal(words[^1], parsed.CommandResult.Children.OfType<System.CommandLine.Parsing.ArgumentResult>().Last().Tokens.Single().Value);
    }

    [Fact]
    public void Values_are_sent_as_what_they_are()
    {
        var parameters = new Parameters().Set("a", 5L).Set("b", true).Set("c", "x y&z").Set("d", null).Set("e", new[] { "p", "q" });
        Assert.Equal("a=5&b=1&c=x%20y%26z&e=p&e=q", parameters.ToQuery());
        Assert.False(parameters.Has("d"));
        Assert.Equal(5L, parameters.ToBody()["a"]);
    }

    private static IEnumerable<Command> Leaves(Command command) =>
        command.Subcommands.Count == 0 ? [command] : command.Subcommands.SelectMany(Leaves);

    [GeneratedRegex("'[^']*'|[^ ]+")]
    private static partial Regex Words();
}
