// The tree as Tidy sees it: every tracked source file with its lines, found from the solution file upwards.
using System.Text.RegularExpressions;

namespace Holdfast.Tests.Tidy;

/// <summary>One source file.</summary>
/// <param name="Path">Relative to the root, with <c>/</c>.</param>
public sealed record SourceFile(string Path, string[] Lines)
{
    /// <summary>Lines with comments and string contents blanked, so that rules see code only.</summary>
    public IEnumerable<(int Number, string Code)> Code
    {
        get
        {
            for (var i = 0; i < Lines.Length; i++)
            {
                yield return (i + 1, SourceTree.WithoutText(Lines[i]));
            }
        }
    }
}

/// <summary>All C# files of the project.</summary>
public static partial class SourceTree
{
    public static readonly string Root = FindRoot();

    public static readonly IReadOnlyList<SourceFile> Files =
    [
        .. Directory.EnumerateFiles(Root, "*.cs", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(Root, path).Replace('\\', '/'))
            .Where(path => !Generated().IsMatch(path))
            .Order(StringComparer.Ordinal)
            .Select(path => new SourceFile(path, File.ReadAllLines(Path.Combine(Root, path)))),
    ];

    public static IEnumerable<SourceFile> Product => Files.Where(file => !file.Path.StartsWith("tests/", StringComparison.Ordinal));

    public static string WithoutText(string line) => Comment().Replace(Text().Replace(line, "\"\""), "");

    private static string FindRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Appliance.sln")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("no Appliance.sln above the tests");
        }

        return folder;
    }

    [GeneratedRegex(@"(^|/)(bin|obj|out|TestResults)/")]
    private static partial Regex Generated();

    [GeneratedRegex("\"(?:[^\"\\\\]|\\\\.)*\"")]
    private static partial Regex Text();

    [GeneratedRegex("//.*$")]
    private static partial Regex Comment();
}
