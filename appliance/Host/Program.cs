// holdfastd: reads the settings, starts the appliance and its port, says where to find what, and stops in order on INT or TERM.
using Holdfast.Features.Settings;
using Holdfast.Host;
using Holdfast.Ledger;
using Holdfast.Storage;

try
{
    var options = CommandLine.Parse(args);
    if (options.Help is { } help)
    {
        Console.WriteLine(help);
        return 0;
    }

    var settings = ApplianceSettings.Load(options.Settings, CommandLine.Environment(), data =>
        File.Exists(Path.Combine(data, "holdfast.json")) ? File.ReadAllBytes(Path.Combine(data, "holdfast.json")) : null);
    await Service.RunAsync(settings, options.AcceptShorterLedger, TimeProvider.System);
    return 0;
}
catch (SettingsException error)
{
    Console.Error.WriteLine("holdfastd: " + error.Message);
    return 2;
}
catch (OperationCanceledException)
{
    Console.Error.WriteLine("holdfastd: stopped while starting");
    return 1;
}
catch (Exception error) when (error is DataFolderInUseException or EmbeddedPostgresException or LedgerInUseException or LedgerHeadException
    or LedgerSchemaException or LedgerUnavailableException or InvalidDataException or StorageException or IOException or UnauthorizedAccessException)
{
    Console.Error.WriteLine("holdfastd: " + error.Message);
    return 1;
}
