// Patterns as PBS's client understands them: what its own rules answer for these is written down here.
using System.Text;
using Holdfast.Storage;
using Xunit;

namespace Holdfast.Tests.Unit;

public sealed class PathPatternTests
{
    [Theory]
    [InlineData("/hey/*/you", "/hey/asdf/you", true)]
    [InlineData("/hey/*/you", "/hey/asdf/more/you", false)]
    [InlineData("/hey/*/you", "/heyasdf/you", false)]
    [InlineData("/hey/*/you", "/hey/you", false)]
    [InlineData("/hey/*/you", "/hey//you", true)]
    [InlineData("/hey/**/you", "/hey/asdf/more/you", true)]
    [InlineData("/hey/**/you", "/hey/asdfyou", false)]
    [InlineData("/hey/**/you", "/hey/you", true)]
    [InlineData("/hey/**/you", "/hey//you", true)]
    [InlineData("/he[yx]/**/you", "/hex/asdf/more/you", true)]
    [InlineData("/he[yx]/**/you", "/hez/you", false)]
    [InlineData("/he[^yx]/**/you", "/hez/asdf/you", true)]
    [InlineData("/he[^yx]/**/you", "/hey/you", false)]
    [InlineData("/tes[at]", "/test", true)]
    [InlineData("/tes[at]", "/tesu", false)]
    [InlineData("/tes[at]", "/testoolong", false)]
    [InlineData("a**b", "a/b", false)]
    [InlineData("a**b", "axxb", true)]
    [InlineData("**", "any/thing", true)]
    [InlineData("**/x", "x", true)]
    [InlineData("**/x", "/x", true)]
    [InlineData("a?c", "abc", true)]
    [InlineData("a?c", "a/c", false)]
    [InlineData("a[^x]c", "a/c", true)]
    [InlineData("\\*", "*", true)]
    [InlineData("\\*", "x", false)]
    [InlineData("[_[:digit:][:upper:]-]x", "7x", true)]
    [InlineData("[_[:digit:][:upper:]-]x", "-x", true)]
    [InlineData("[_[:digit:][:upper:]-]x", "ax", false)]
    [InlineData("[_-]x", "^]", false)]
    [InlineData("[_-]x", "^", true)]
    [InlineData("[z-a]", "m", true)]
    [InlineData("[a\\]b]", "]", true)]
    [InlineData("dir///", "dir", true)]
    [InlineData("*.tar.*", "a.tar.b.tar.c", true)]
    [InlineData("*a*a*a*b", "aaaaaaaaaaaaaaaa", false)]
    public void A_pattern_matches(string pattern, string text, bool matches) =>
        Assert.Equal(matches, PathPattern.TryParse(Encoding.UTF8.GetBytes(pattern), out _)!.IsMatch(Encoding.UTF8.GetBytes(text)));

    [Theory]
    [InlineData("", "empty pattern")]
    [InlineData("a\\", "trailing backslash in pattern")]
    [InlineData("a\0", "null-byte in pattern")]
    [InlineData("a[", "unclosed character class in pattern, starting at byte 1")]
    [InlineData("[[:nope:]]", "malformed named character class in pattern, starting at byte 0")]
    public void What_is_no_pattern_says_why(string pattern, string why)
    {
        Assert.Null(PathPattern.TryParse(Encoding.UTF8.GetBytes(pattern), out var fault));
        Assert.Equal(why, fault);
    }

    [Theory]
    [InlineData("things shop", "/things/shop", true)]
    [InlineData("shop !bananas bananas/curved.*", "/things/shop/bananas", false)]
    [InlineData("shop !bananas bananas/curved.*", "/things/shop/bananas/curved.txt", true)]
    [InlineData("shop !bananas", "/things", null)]
    [InlineData("/slash", "/slash", true)]
    [InlineData("/slash", "/foo/slash", null)]
    [InlineData("dir/", "/a/dir", true)]
    [InlineData("!!x", "/x", true)]
    public void The_last_rule_that_matches_decides(string rules, string path, bool? decision)
    {
        var list = new PathRules();
        foreach (var text in rules.Split(' '))
        {
            list.Add(PathRule.TryParse(Encoding.UTF8.GetBytes(text.Replace("!!", "", StringComparison.Ordinal)), includes: true, out _)!);
        }

        Assert.Equal(decision, list.Decide(Encoding.UTF8.GetBytes(path), () => true));
        if (rules == "dir/")
        {
            Assert.Null(list.Decide(Encoding.UTF8.GetBytes(path), () => false));
        }
    }

    [Theory]
    [InlineData("./a//b/../c/", "a/c/")]
    [InlineData("/../x", "/x")]
    [InlineData("/", "/")]
    [InlineData("a/.", "a")]
    public void Paths_are_made_plain(string path, string plain) =>
        Assert.Equal(plain, Encoding.UTF8.GetString(PathRules.Normalized(Encoding.UTF8.GetBytes(path))));
}
