// `holdfast snapshot` and `holdfast group`: look, describe, protect, hand over, move, forget.
using System.CommandLine;
using System.Text.Json;

namespace Holdfast.Cli;

internal static class SnapshotVerbs
{
    private const string SnapshotText = "TYPE/ID/YYYY-MM-DDTHH:MM:SSZ.";
    private const string Example = "host/web/2026-05-06T07:08:09Z";

    public static Command Snapshot(Surroundings surroundings)
    {
        var list = new AdminCommand("list", "Lists snapshots of one namespace.", "holdfast snapshot list", "holdfast snapshot list vm/100 --ns customers");
        Argument<string?> only = list.MayWant("group", "Only of this group (TYPE/ID).");
        list.Does(surroundings, async call => call.Rows(
            await call.GetAsync(call.OnStore("snapshots"), call.Maybe(only) is { } group ? call.OfGroup(group) : call.InNamespace()),
            "backup-type", "backup-id", "backup-time", "size", "protected", "verification", "owner", "comment", "files"));

        var files = new AdminCommand("files", "Lists the files of a snapshot.", $"holdfast snapshot files {Example}");
        Argument<string> filesOf = files.Wants("snapshot", SnapshotText);
        files.Does(surroundings, async call => call.Rows(
            await call.GetAsync(call.OnStore("files"), call.OfSnapshot(call[filesOf])), "filename", "size", "crypt-mode"));

        var notes = new AdminCommand("notes", "Shows or sets the notes of a snapshot.",
            $"holdfast snapshot notes {Example}", $"holdfast snapshot notes {Example} 'before the upgrade'");
        Argument<string> notesOf = notes.Wants("snapshot", SnapshotText);
        Argument<string?> text = notes.MayWant("text", "New notes; '' takes them away.");
        notes.Does(surroundings, async call => call.Maybe(text) is { } wanted
            ? call.Done(await call.PutAsync(call.OnStore("notes"), call.OfSnapshot(call[notesOf]).Set("notes", wanted)), "the notes were set")
            : call.Print(await call.GetAsync(call.OnStore("notes"), call.OfSnapshot(call[notesOf]))));

        var protect = new AdminCommand("protect", "Protects a snapshot from every removal, or releases it.",
            $"holdfast snapshot protect {Example}", $"holdfast snapshot protect {Example} --off");
        Argument<string> protectedOne = protect.Wants("snapshot", SnapshotText);
        Option<bool> off = protect.Flag("--off", "Release it.");
        protect.Does(surroundings, async call => call.Done(
            await call.PutAsync(call.OnStore("protected"), call.OfSnapshot(call[protectedOne]).Set("protected", !call.Is(off))),
            $"{call[protectedOne]} is {(call.Is(off) ? "no longer " : "")}protected"));

        var forget = new AdminCommand("forget", "Removes a snapshot; its space comes back with the next garbage collection.",
            $"holdfast snapshot forget {Example}");
        Argument<string> forgotten = forget.Wants("snapshot", SnapshotText);
        forget.Does(surroundings, async call => call.Done(
            await call.DeleteAsync(call.OnStore("snapshots"), call.OfSnapshot(call[forgotten])), $"{call[forgotten]} is gone"));
        return new Command("snapshot", "Snapshots.") { list, files, notes, protect, forget };
    }

    public static Command Group(Surroundings surroundings)
    {
        var list = new AdminCommand("list", "Lists groups of one namespace.", "holdfast group list --ns customers");
        list.Does(surroundings, async call => call.Rows(
            await call.GetAsync(call.OnStore("groups"), call.InNamespace()),
            "backup-type", "backup-id", "backup-count", "last-backup", "last-verified", "owner", "comment"));

        var forget = new AdminCommand("forget", "Removes a group with all its snapshots that are not protected.", "holdfast group forget vm/100");
        Argument<string> forgotten = forget.Wants("group", "TYPE/ID.");
        Option<bool> keep = forget.Flag("--allow-protected", "Protected snapshots that stay are no error.");
        Option<bool> sure = forget.Flag("--yes", "Do not ask.");
        forget.Does(surroundings, async call =>
        {
            Parameters group = call.OfGroup(call[forgotten]);
            call.Confirm($"Remove group {call[forgotten]} of {call.Access.Store} with all its snapshots?", call.Is(sure));
            return call.Print(await call.DeleteAsync(call.OnStore("groups"), group.Set("error-on-protected", call.Is(keep) ? false : null)));
        });

        var owner = new AdminCommand("change-owner", "Gives a group to another user or token.", "holdfast group change-owner vm/100 alice@pbs!pve");
        Argument<string> whose = owner.Wants("group", "TYPE/ID.");
        Argument<string> who = owner.Wants("auth-id", "USER@REALM or USER@REALM!TOKEN.");
        owner.Does(surroundings, async call => call.Done(
            await call.PostAsync(call.OnStore("change-owner"), call.OfGroup(call[whose]).Set("new-owner", call[who])),
            $"{call[whose]} belongs to {call[who]}"));

        var notes = new AdminCommand("notes", "Shows or sets the notes of a group.",
            "holdfast group notes vm/100", "holdfast group notes vm/100 'mail server'");
        Argument<string> notesOf = notes.Wants("group", "TYPE/ID.");
        Argument<string?> text = notes.MayWant("text", "New notes; '' takes them away.");
        notes.Does(surroundings, async call => call.Maybe(text) is { } wanted
            ? call.Done(await call.PutAsync(call.OnStore("group-notes"), call.OfGroup(call[notesOf]).Set("notes", wanted)), "the notes were set")
            : call.Print(await call.GetAsync(call.OnStore("group-notes"), call.OfGroup(call[notesOf]))));

        var move = new AdminCommand("move", "Moves a group to another namespace; nothing is copied.", "holdfast group move vm/100 archive --ns customers");
        Argument<string> moved = move.Wants("group", "TYPE/ID.");
        Argument<string> target = move.Wants("target-ns", "Namespace; '' is the root.", mayBeEmpty: true);
        Option<bool> noMerge = move.Flag("--no-merge", "Refuse if the group is there already.");
        move.Does(surroundings, async call => await call.FollowAsync(await call.PostAsync(
            call.OnStore("move-group"), call.OfGroup(call[moved]).Set("target-ns", call[target] is "" ? null : call[target])
                .Set("merge-group", call.Is(noMerge) ? false : null))));
        return new Command("group", "Groups of snapshots.") { list, forget, owner, notes, move };
    }
}
