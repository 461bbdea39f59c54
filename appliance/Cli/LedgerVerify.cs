// `holdfast ledger verify`: the whole chain of an appliance's database, or an export with nothing but the file. Names the
// first bad position.
using System.CommandLine;
using Holdfast.Ledger;

namespace Holdfast.Cli;

internal sealed class LedgerVerify
{
    private readonly Argument<string?> file = new("file")
    {
        Description = "An export; without it the appliance's database is verified.", Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<string?> data = LedgerVerbs.Data();
    private readonly Option<string?> key = LedgerVerbs.Key();
    private readonly Option<string?> fingerprint = LedgerVerbs.Fingerprint();
    private readonly Surroundings surroundings;

    public LedgerVerify(Surroundings surroundings)
    {
        this.surroundings = surroundings;
        Command = new Command("verify", "Verifies the whole chain, or an export.") { file, data, key, fingerprint };
        Command.SetAction((parsed, cancel) => parsed.GetValue(file) is { } path
            ? OfflineAsync(path, parsed, cancel)
            : OnlineAsync(parsed, cancel));
    }

    public Command Command { get; }

    /// <summary>Reads a public key for --key; null for no option.</summary>
    internal static LedgerPublicKey? ReadKey(string? path)
    {
        if (path is null)
        {
            return null;
        }

        try
        {
            return LedgerPublicKey.FromPem(File.ReadAllText(path));
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw new FailedException($"the key can't be read: {fault.Message}", fault);
        }
    }

    /// <summary>Opens an export for reading.</summary>
    internal static FileStream OpenExport(string path)
    {
        try
        {
            return new FileStream(path, new FileStreamOptions { Options = FileOptions.SequentialScan, BufferSize = 0 });
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new FailedException($"the export can't be read: {fault.Message}", fault);
        }
    }

    private async Task<int> OfflineAsync(string path, ParseResult parsed, CancellationToken cancel)
    {
        if (parsed.GetValue(data) is not null)
        {
            throw new UsageException("an export is verified without an appliance: leave --data away");
        }

        using LedgerPublicKey? trusted = ReadKey(parsed.GetValue(key));
        string? wanted = parsed.GetValue(fingerprint);
        await using FileStream export = OpenExport(path);
        ExportReport report = await LedgerExport.VerifyAsync(export, trusted, wanted, cancel);
        Console.WriteLine($"{path}: {report}");
        return report.IsGood ? 0 : 1;
    }

    private async Task<int> OnlineAsync(ParseResult parsed, CancellationToken cancel)
    {
        LedgerPlace place = LedgerPlace.Of(parsed.GetValue(data));
        LedgerPublicKey? given = ReadKey(parsed.GetValue(key));
        List<LedgerPublicKey> trusted = given is null ? place.TrustedKeys() : [given];
        if (parsed.GetValue(fingerprint) is { } wanted && !trusted.Any(one => one.HasFingerprint(wanted)))
        {
            throw new FailedException("no key here has that fingerprint: give the right one with --key");
        }

        // Noted before the chain is read: what is written meanwhile only makes it longer.
        LedgerHead? witness = place.Witness.Read();
        long started = surroundings.Clock.GetTimestamp();
        await using LedgerAccess access = await LedgerAccess.OpenAsync(place, surroundings.Clock, makeIfMissing: false, cancel);
        await using PostgresLedger ledger = await access.ReadAsync(cancel);
        ChainReport report = await ChainVerifier.VerifyAsync(ledger, trusted.Count > 0 ? trusted : null, witness, cancel);
        Console.WriteLine($"ledger: {report}");
        if (report.IsGood)
        {
            Console.WriteLine(
                (trusted.Count > 0 ? $"{report.Checkpoints} checkpoints checked" : "signatures not checked: no key here")
                + (witness is null ? "; no head was noted outside the database" : $"; reaches the head noted outside ({witness.Position})")
                + $"; {Sizes.Text(surroundings.Clock.GetElapsedTime(started))}");
        }

        return report.IsGood ? 0 : 1;
    }
}
