// Help with examples: below the usual help of a command stand command lines that work.
using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Holdfast.Cli;

internal static class Examples
{
    private static readonly Dictionary<Command, string[]> Known = [];

    /// <summary>Notes the examples of a command.</summary>
    public static void Of(Command command, params string[] examples) => Known[command] = examples;

    /// <summary>The examples of a command; none if there are none.</summary>
    public static IReadOnlyList<string> Of(Command command) => Known.GetValueOrDefault(command, []);

    /// <summary>Makes every <c>--help</c> below the root end with them.</summary>
    public static void ShowIn(RootCommand root)
    {
        HelpOption help = root.Options.OfType<HelpOption>().Single();
        help.Action = new Action((HelpAction)help.Action!);
    }

    private sealed class Action(HelpAction usual) : SynchronousCommandLineAction
    {
        public override int Invoke(ParseResult parsed)
        {
            int status = usual.Invoke(parsed);
            if (Known.TryGetValue(parsed.CommandResult.Command, out string[]? examples) && examples.Length > 0)
            {
                parsed.InvocationConfiguration.Output.WriteLine("Examples:\n  " + string.Join("\n  ", examples) + "\n");
            }

            return status;
        }
    }
}
