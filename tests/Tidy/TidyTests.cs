// The house rules as tests. A failure names the file, the line and what to use instead. Exceptions stand here, each with its reason, and nowhere else.
using System.Text.RegularExpressions;
using Xunit;

namespace Holdfast.Tests.Tidy;

public sealed class TidyTests
{
    private const int LineColumnsMax = 160;
    private const int FunctionLinesMax = 80;
    private const int FileLinesMax = 500;

    /// <summary>What is banned in product code, what to use instead, and the folders or files where it is at home.</summary>
    private static readonly (string Pattern, string Instead, string[] Home)[] Banned =
    [
        (@"\bDateTime(Offset)?\.(Utc)?Now\b", "the TimeProvider that was passed in", []),
        // A seam may say what it takes where nobody passes one; nobody else names the real clock.
        (@"(?<!init; \} = |\?\? )TimeProvider\.System\b", "the TimeProvider that was passed in",
            ["appliance/Host/", "appliance/Cli/", "drivers/Agent/Program.cs"]),
        (@"\bGuid\.NewGuid\b", "RandomNumberGenerator through the seam of its layer", []),
        (@"\bnew Random\(\)|\bRandom\.Shared\b", "a seed that was passed in, or RandomNumberGenerator", []),
        (@"\bThread\.Sleep\b", "await Task.Delay(…, clock)", []),
        (@"\.GetAwaiter\(\)\.GetResult\(\)|\bTask\.WaitAll\b|\.Wait\(\)", "await", []),
        (@"\bProcess\.Start\b|new Process\b", "EmbeddedPostgres, or IPrograms in a driver; nothing else starts programs",
            ["appliance/Ledger/Embedded/", "drivers/Agent/Programs/"]),
        (@"\bFile\.(Open\w*|ReadAll\w*|ReadLines|WriteAll\w*|Exists|Delete|Move|Copy|Append\w*|Create\w*|Replace|SetUnix\w*)\("
            + @"|\bDirectory\.[A-Z]|\bnew FileStream\b", "the Volume of the datastore, or the folder that the host passes in",
            ["appliance/Host/", "appliance/Cli/", "appliance/Ledger/", "drivers/Agent/"]),
        (@"\bConsole\.", "a result or an event; only programs print", ["appliance/Host/", "appliance/Cli/", "drivers/Agent/"]),
        (@"catch\s*(\(Exception\))?\s*\{\s*\}", "a catch that says why nothing is to be done", []),
    ];

    private static readonly string[] BannedNameParts = ["Manager", "Helper", "Util", "Utils", "Impl"];

    [Fact]
    public void Banned_calls_name_their_replacement()
    {
        var found = new List<string>();
        foreach (var file in SourceTree.Product)
        {
            foreach (var (pattern, instead, home) in Banned)
            {
                if (home.Any(place => file.Path.StartsWith(place, StringComparison.Ordinal)))
                {
                    continue;
                }

                found.AddRange(file.Code.Where(line => Regex.IsMatch(line.Code, pattern))
                    .Select(line => $"{file.Path}:{line.Number}: {line.Code.Trim()}  ->  use {instead}"));
            }
        }

        AssertNone(found);
    }

    [Fact]
    public void Every_file_opens_with_what_it_is() =>
        AssertNone(SourceTree.Files.Where(file => file.Lines.Length == 0 || !file.Lines[0].StartsWith("// ", StringComparison.Ordinal))
            .Select(file => $"{file.Path}:1: open with one to five sentences: what it is and what it promises"));

    [Fact]
    public void Nothing_is_left_for_later() =>
        AssertNone(from file in SourceTree.Files
                   where !file.Path.StartsWith("tests/Tidy/", StringComparison.Ordinal)
                   from i in Enumerable.Range(0, file.Lines.Length)
                   where Regex.IsMatch(file.Lines[i], @"\b(TODO|FIXME|HACK|XXX|NotImplementedException)\b")
                   select $"{file.Path}:{i + 1}: do it now or write an issue");

    [Fact]
    public void Lines_fit_a_screen() =>
        AssertNone(from file in SourceTree.Files
                   from i in Enumerable.Range(0, file.Lines.Length)
                   where file.Lines[i].Length > LineColumnsMax
                   select $"{file.Path}:{i + 1}: {file.Lines[i].Length} columns, at most {LineColumnsMax}");

    [Fact]
    public void Files_are_one_thing() =>
        AssertNone(SourceTree.Product.Where(file => file.Lines.Length > FileLinesMax)
            .Select(file => $"{file.Path}: {file.Lines.Length} lines, at most {FileLinesMax}: it is two things"));

    [Fact]
    public void Functions_are_short() =>
        AssertNone(SourceTree.Product.SelectMany(LongFunctions));

    [Fact]
    public void Names_are_of_the_field() =>
        AssertNone(from file in SourceTree.Product
                   from line in file.Code
                   let type = Regex.Match(line.Code, @"\b(class|record|struct|interface|enum)\s+(\w+)")
                   where type.Success && BannedNameParts.Any(part => type.Groups[2].Value.EndsWith(part, StringComparison.Ordinal))
                   select $"{file.Path}:{line.Number}: {type.Groups[2].Value}: name it after what it is in the field");

    [Fact]
    public void Layers_see_only_what_they_may()
    {
        var may = new Dictionary<string, string[]>
        {
            ["Ledger"] = [],
            ["Storage"] = [],
            ["Wire"] = [],
            ["Features"] = ["Ledger", "Storage", "Wire", "Contracts"],
            ["Host"] = ["Features", "Ledger", "Storage", "Wire", "Contracts", "Ups"],
            ["Cli"] = ["Features", "Ledger", "Storage", "Wire", "Panel"],
        };
        AssertNone(from layer in may.Keys
                   let project = Path.Combine(SourceTree.Root, "appliance", layer, layer + ".csproj")
                   from Match reference in Regex.Matches(File.ReadAllText(project), "ProjectReference Include=\"\\.\\./(?:\\.\\./drivers/)?(\\w+)/")
                   where !may[layer].Contains(reference.Groups[1].Value)
                   select $"appliance/{layer}: must not see {reference.Groups[1].Value}");
        AssertNone(from project in Directory.EnumerateFiles(Path.Combine(SourceTree.Root, "drivers"), "*.csproj", SearchOption.AllDirectories)
                   from Match reference in Regex.Matches(File.ReadAllText(project), "ProjectReference Include=\"([^\"]+)\"")
                   where Path.GetFileNameWithoutExtension(project) == "Contracts" || reference.Groups[1].Value.Contains("appliance", StringComparison.Ordinal)
                   select $"{Path.GetFileName(project)}: must not see {reference.Groups[1].Value}");
    }

    [Fact]
    public void Slices_meet_only_through_events_and_public_commands() =>
        AssertNone(from file in SourceTree.Product
                   where file.Path.StartsWith("appliance/Features/", StringComparison.Ordinal)
                   from line in file.Code
                   where Regex.IsMatch(line.Code, @"\busing Holdfast\.(Host|Cli)\b")
                   select $"{file.Path}:{line.Number}: a slice knows no program");

    [Fact]
    public void No_path_of_a_machine_is_written_down() =>
        AssertNone(from file in SourceTree.Files
                   where !file.Path.StartsWith("tests/Tidy/", StringComparison.Ordinal)
                   from i in Enumerable.Range(0, file.Lines.Length)
                   where Regex.IsMatch(file.Lines[i], "\"/(work|root|home)/")
                   select $"{file.Path}:{i + 1}: a path of one machine");

    [Fact]
    public void The_rules_catch_what_they_ban()
    {
        Assert.Matches(Banned[0].Pattern, SourceTree.WithoutText("var t = DateTime.UtcNow;"));
        Assert.DoesNotMatch(Banned[0].Pattern, SourceTree.WithoutText("// DateTime.UtcNow is banned"));
        Assert.DoesNotMatch(Banned[0].Pattern, SourceTree.WithoutText("Say(\"DateTime.UtcNow\");"));
        var longOne = new SourceFile("x.cs", ["    public void F()", "    {", .. Enumerable.Repeat("        x++;", 90), "    }"]);
        Assert.Single(LongFunctions(longOne));
    }

    private static IEnumerable<string> LongFunctions(SourceFile file)
    {
        for (var i = 0; i + 1 < file.Lines.Length; i++)
        {
            if (!Regex.IsMatch(file.Lines[i + 1], @"^(    ){1,3}\{$") || file.Lines[i].TrimStart().StartsWith(':')
                || Regex.IsMatch(file.Lines[i], @"\b(class|record|struct|interface|enum|namespace)\b"))
            {
                continue;
            }

            var close = file.Lines[i + 1].Replace('{', '}');
            var end = Array.FindIndex(file.Lines, i + 2, line => line.StartsWith(close, StringComparison.Ordinal));
            if (end - i > FunctionLinesMax)
            {
                yield return $"{file.Path}:{i + 1}: {end - i} lines, at most {FunctionLinesMax}: {file.Lines[i].Trim()}";
            }
        }
    }

    private static void AssertNone(IEnumerable<string> found)
    {
        var list = found.ToList();
        Assert.True(list.Count == 0, string.Join('\n', list.Prepend($"{list.Count} found:")));
    }
}
