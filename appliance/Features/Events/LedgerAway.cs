// What callers are told while the ledger is away: one text, so that people can search for it.
namespace Holdfast.Features.Events;

/// <summary>The text of a refusal for want of a ledger.</summary>
public static class LedgerAway
{
    public const string Text = "the ledger is unavailable: nothing can be recorded, so nothing new is accepted; restores go on";
}
