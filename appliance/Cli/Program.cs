// holdfast: the admin's command line. Backs up and restores over the PBS protocol, reads datastore folders with no server at
// all, makes keys, and checks the ledger. Exit status: 0 done, 1 failed or bad, 2 asked wrongly.
using System.CommandLine;
using System.CommandLine.Parsing;
using Holdfast.Cli;

var surroundings = new Surroundings(TimeProvider.System);
var root = new RootCommand("Backs up, restores, and proves it. Environment: PBS_REPOSITORY, PBS_PASSWORD, PBS_FINGERPRINT, "
    + "PBS_ENCRYPTION_PASSWORD; the same with HOLDFAST_ in front instead of PBS_ wins.")
{
    new BackupVerb(surroundings).Command,
    new RestoreVerb(surroundings).Command,
    new SnapshotsVerb(surroundings).Command,
    new GroupsVerb(surroundings).Command,
    new FilesVerb(surroundings).Command,
    new CatalogVerb(surroundings).Command,
    KeyVerbs.Command(surroundings),
    LedgerVerbs.Command(surroundings),
};

// '@' starts no response file: passwords and user names may hold one.
ParseResult parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
if (parsed.Errors.Count > 0)
{
    foreach (ParseError error in parsed.Errors)
    {
        Console.Error.WriteLine("holdfast: " + error.Message);
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
