// `holdfast ledger ...`: prove, carry away, bring back, rebuild and read what happened.
using System.CommandLine;

namespace Holdfast.Cli;

internal static class LedgerVerbs
{
    public static Command Command(Surroundings surroundings) => new("ledger", "Proves and reads the ledger.")
    {
        new LedgerVerify(surroundings).Command,
        new LedgerCarry(surroundings).Export,
        new LedgerCarry(surroundings).Import,
        new LedgerRebuild(surroundings).Command,
        new LedgerShow(surroundings).Command,
    };

    internal static Option<string?> Data() => new("--data") { Description = "The appliance's folder; default HOLDFAST_DATA, else data." };

    internal static Option<string?> Key() => new("--key") { Description = "PEM file of the key that must have signed." };

    internal static Option<string?> Fingerprint() => new("--fingerprint")
    {
        Description = "SHA-256 of the public key that must have signed, as holdfastd prints it.",
    };
}
