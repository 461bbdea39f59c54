// The part of the access fold that tells of second factors. Pure.
using System.Collections.Immutable;
using Holdfast.Features.Events;
using Holdfast.Ledger;

namespace Holdfast.Features.Access;

/// <summary>From events about second factors to <see cref="AccessState.Tfa"/>.</summary>
internal static class TfaFolding
{
    public static bool Knows(string type) => type is "TfaEntryAdded/1" or "TfaEntryChanged/1" or "TfaEntryRemoved/1"
        or "TotpLocked/1" or "SecondFactorsLocked/1" or "SecondFactorsUnlocked/1";

    public static AccessState Apply(AccessState state, RecordedEvent recorded) => recorded.Type switch
    {
        "TfaEntryAdded/1" => Apply(state, Event.Read<TfaEntryAdded>(recorded)),
        "TfaEntryChanged/1" => Apply(state, Event.Read<TfaEntryChanged>(recorded)),
        "TfaEntryRemoved/1" => Apply(state, Event.Read<TfaEntryRemoved>(recorded)),
        "TotpLocked/1" => Change(state, Event.Read<TotpLocked>(recorded).Userid, user => user with { TotpLocked = true }),
        "SecondFactorsLocked/1" => Apply(state, Event.Read<SecondFactorsLocked>(recorded)),
        "SecondFactorsUnlocked/1" => Change(
            state, Event.Read<SecondFactorsUnlocked>(recorded).Userid, user => user with { TotpLocked = false, LockedUntil = 0 }),
        _ => state,
    };

    private static AccessState Apply(AccessState state, TfaEntryAdded added) => Change(state, added.Userid, user => user with
    {
        Entries = user.Entries.RemoveAll(entry => entry.Id == added.Id)
            .Add(new TfaEntry(added.Id, added.Type, added.Description, Enable: true, added.Created)),
    });

    private static AccessState Apply(AccessState state, TfaEntryChanged changed) => Change(state, changed.Userid, user => user with
    {
        Entries = [.. user.Entries.Select(entry => entry.Id == changed.Id
            ? entry with { Description = changed.Description, Enable = changed.Enable }
            : entry)],
    });

    private static AccessState Apply(AccessState state, TfaEntryRemoved removed) =>
        Change(state, removed.Userid, user => user with { Entries = user.Entries.RemoveAll(entry => entry.Id == removed.Id) });

    private static AccessState Apply(AccessState state, SecondFactorsLocked locked) =>
        Change(state, locked.Userid, user => user with { LockedUntil = locked.Until });

    private static AccessState Change(AccessState state, string userid, Func<TfaAccount, TfaAccount> change)
    {
        var changed = change(state.Tfa.GetValueOrDefault(userid) ?? new TfaAccount(userid, [], TotpLocked: false, LockedUntil: 0));
        var isNothing = changed.Entries.IsEmpty && !changed.TotpLocked && changed.LockedUntil == 0;
        return state with { Tfa = isNothing ? state.Tfa.Remove(userid) : state.Tfa.SetItem(userid, changed) };
    }
}
