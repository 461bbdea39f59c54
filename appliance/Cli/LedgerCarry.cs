// `holdfast ledger export` and `import`: the whole ledger as one signed file, out of one appliance and into an empty one.
using System.CommandLine;
using Holdfast.Ledger;

namespace Holdfast.Cli;

internal sealed class LedgerCarry
{
    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private readonly Argument<string> file = new("file");
    private readonly Option<string?> data = LedgerVerbs.Data();
    private readonly Option<string?> key = LedgerVerbs.Key();
    private readonly Option<string?> fingerprint = LedgerVerbs.Fingerprint();
    private readonly Surroundings surroundings;

    public LedgerCarry(Surroundings surroundings)
    {
        this.surroundings = surroundings;
        Export = new Command("export", "Writes the ledger as one self-contained, signed file.") { file, data };
        Export.SetAction(ExportAsync);
        Import = new Command("import", "Brings an export into an empty ledger; positions, times and hashes stay.")
        {
            file, data, key, fingerprint,
        };
        Import.SetAction(ImportAsync);
    }

    public Command Export { get; }

    public Command Import { get; }

    private async Task<int> ExportAsync(ParseResult parsed, CancellationToken cancel)
    {
        LedgerPlace place = LedgerPlace.Of(parsed.GetValue(data));
        string path = Path.GetFullPath(parsed.GetRequiredValue(file));
        using LedgerKey? signer = File.Exists(place.KeyPath) ? LedgerKey.LoadOrCreate(place.KeyPath) : null;
        await using LedgerAccess access = await LedgerAccess.OpenAsync(place, surroundings.Clock, makeIfMissing: false, cancel);
        await using PostgresLedger ledger = await access.ReadAsync(cancel);
        string aside = path + ".part";
        try
        {
            ChainReport written;
            await using (var output = new FileStream(aside, new FileStreamOptions
            {
                Mode = FileMode.Create, Access = FileAccess.Write, Share = FileShare.None, UnixCreateMode = Private,
            }))
            {
                written = await LedgerExport.WriteAsync(ledger, output, signer, surroundings.Clock, cancel);
                output.Flush(flushToDisk: true);
            }

            File.Move(aside, path, overwrite: true);
            Console.WriteLine($"{path}: events {written.FromPosition} to {written.Head.Position}, "
                + (signer is null ? "NOT signed: no key here" : $"signed by {signer.Public.Fingerprint}"));
            return 0;
        }
        catch (Exception fault)
        {
            if (File.Exists(aside))
            {
                File.Delete(aside);
            }

            if (fault is IOException or UnauthorizedAccessException)
            {
                throw new FailedException($"the export can't be written: {fault.Message}", fault);
            }

            throw;
        }
    }

    private async Task<int> ImportAsync(ParseResult parsed, CancellationToken cancel)
    {
        LedgerPlace place = LedgerPlace.Of(parsed.GetValue(data), mayBeNew: true);
        using LedgerPublicKey? trusted = LedgerVerify.ReadKey(parsed.GetValue(key));
        await using FileStream export = LedgerVerify.OpenExport(parsed.GetRequiredValue(file));

        // Checked before anything is made: a bad file must not leave an empty cluster behind.
        ExportReport before = await LedgerExport.VerifyAsync(export, trusted, parsed.GetValue(fingerprint), cancel);
        if (!before.IsGood)
        {
            throw new FailedException($"the export is not good: {before}");
        }

        export.Seek(0, SeekOrigin.Begin);
        Directory.CreateDirectory(
            Path.GetFullPath(place.Settings.Data), Private | UnixFileMode.UserExecute);
        await using LedgerAccess access = await LedgerAccess.OpenAsync(place, surroundings.Clock, makeIfMissing: true, cancel);
        (ExportReport report, string? signer) = await LedgerImport.RunAsync(
            export, access.Connection, trusted, parsed.GetValue(fingerprint), surroundings.Clock, cancel);
        if (signer is not null)
        {
            place.KeepFormerKey(signer);
        }

        if (place.Witness.Read() is null)
        {
            place.Witness.Write(report.Chain.Head);
        }

        Console.WriteLine($"imported: {report}");
        return 0;
    }
}
