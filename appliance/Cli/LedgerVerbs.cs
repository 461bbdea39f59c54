// `holdfast ledger ...`: prove, carry away, bring back, rebuild and read what happened.
using System.CommandLine;

namespace Holdfast.Cli;

internal static class LedgerVerbs
{
    public static Command Command(Surroundings surroundings) => new("ledger", "Proves and reads the ledger.");
}
