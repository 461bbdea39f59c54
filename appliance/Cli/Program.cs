// holdfast: the admin's command line. Backs up and restores over the PBS protocol, reads datastore folders with no server at
// all, makes keys, and checks the ledger. Exit status: 0 done, 1 failed or bad, 2 asked wrongly.
using System.CommandLine;
using System.CommandLine.Parsing;
using Holdfast.Cli;

RootCommand root = CommandTree.Root(new Surroundings(TimeProvider.System));

// '@' starts no response file: passwords and user names may hold one.
ParseResult parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });

// Whoever asks for help, or a shell for completion, has not finished yet: what is missing is no error then.
bool isAsking = args.Any(arg => arg is "-h" or "-?" or "--help") || (args.Length > 0 && args[0].StartsWith("[suggest", StringComparison.Ordinal));
if (parsed.Errors.Count > 0 && !isAsking)
{
    foreach (ParseError error in parsed.Errors)
    {
        Console.Error.WriteLine("holdfast: " + Faults.Explain(error));
    }

    Console.Error.WriteLine("holdfast: --help shows what there is");
    return 2;
}

try
{
    return await parsed.InvokeAsync(new InvocationConfiguration
    {
        EnableDefaultExceptionHandler = false,
        ProcessTerminationTimeout = TimeSpan.FromSeconds(10),
    });
}
catch (Exception fault)
{
    (string text, int exitCode) = Faults.Explain(fault);
    Console.Error.WriteLine("holdfast: " + text);
    return exitCode;
}
