// `holdfast update`: which versions are on the box, a new one beside the one that runs, and the way back.
using System.CommandLine;
using System.Globalization;
using System.Text.Json;

namespace Holdfast.Cli;

internal static class UpdateVerbs
{
    private const string Node = "nodes/localhost/";
    private const string Root = Node + "update";
    private const int PieceBytes = 16 << 20;

    public static Command Update(Surroundings surroundings)
    {
        var status = new AdminCommand("status", "Shows which version runs, which is started next, and what lies in the two slots.", "holdfast update status");
        status.Does(surroundings, async call => Show(call, await call.GetAsync(Root)));

        var install = new AdminCommand("install",
            "Sends an update bundle and installs it beside the version that runs. The next start tries it, and goes back by itself if it is not healthy.",
            "holdfast update install holdfast-1.2.0.raucb", "holdfast update install holdfast-1.2.0.raucb --reboot");
        Argument<string> bundle = install.Wants("bundle", "The file.");
        Option<bool> reboot = install.Flag("--reboot", "Start the box anew in good order when it is installed.");
        install.Does(surroundings, async call =>
        {
            await UploadAsync(call, call[bundle]);
            var exitCode = await call.FollowAsync(await call.PostAsync(Root + "/install"));
            return exitCode != 0 ? exitCode : await RestartAsync(call, call.Is(reboot), "the new version is tried");
        });

        var rollback = new AdminCommand("rollback", "Has the other version on the box started next.", "holdfast update rollback --reboot");
        Option<bool> atOnce = rollback.Flag("--reboot", "Start the box anew in good order.");
        rollback.Does(surroundings, async call =>
        {
            JsonElement version = await call.PostAsync(Root + "/rollback");
            return await RestartAsync(call, call.Is(atOnce), $"version {version.GetString()} is started");
        });
        return new Command("update", "Versions of the appliance.") { status, install, rollback };
    }

    private static async Task UploadAsync(AdminCall call, string path)
    {
        if (!File.Exists(path))
        {
            throw new UsageException($"there is no file '{path}'");
        }

        await using FileStream file = File.OpenRead(path);
        long total = file.Length;
        if (total == 0)
        {
            throw new UsageException($"'{path}' is empty");
        }

        var progress = new Progress("sent", total, TimeProvider.System);
        byte[] piece = new byte[PieceBytes];
        for (long offset = 0; offset < total;)
        {
            int length = await file.ReadAtLeastAsync(piece, (int)Math.Min(PieceBytes, total - offset), throwOnEndOfStream: false, call.Cancel);
            string query = string.Create(CultureInfo.InvariantCulture, $"offset={offset}&total={total}");
            await call.Access.Client.UploadAsync(Root + "/bundle", query, piece.AsMemory(0, length), call.Cancel);
            offset += length;
            progress.Report(offset);
        }

        progress.End();
    }

    private static async Task<int> RestartAsync(AdminCall call, bool atOnce, string what)
    {
        if (!atOnce)
        {
            return call.Done(default, $"at the next start {what}: 'holdfast power reboot'");
        }

        return call.Done(await call.PostAsync(Node + "status", new Parameters().Set("command", "reboot")),
            $"the box starts anew as soon as running backups and restores have ended; {what} then");
    }

    private static int Show(AdminCall call, JsonElement update)
    {
        if (call.IsJson)
        {
            return call.Print(update);
        }

        string running = Text(update, "running");
        string next = Text(update, "next");
        Console.WriteLine(Tables.Printable($"running: {running}{(next == running ? "" : $", next: {next}")}"));
        Tables.Write(Console.Out,
        [
            ["slot", "version", "state"],
            .. update.GetProperty("slots").EnumerateArray().Select(slot => (string[])[Text(slot, "name"), Text(slot, "version"), Text(slot, "state")]),
        ]);
        Line("uploaded", "ready to be installed: {0}");
        Line("installing", "being installed: {0} (" + Text(update, "percent") + " %)");
        Line("fell-back-from", "version {0} was tried, did not come up healthy, and was left");
        if (update.TryGetProperty("development", out JsonElement development) && development.ValueKind == JsonValueKind.True)
        {
            Console.WriteLine("*** DEVELOPMENT IMAGE: this box takes updates signed with a throw-away key ***");
        }

        return 0;

        void Line(string member, string text)
        {
            if (update.TryGetProperty(member, out JsonElement value))
            {
                Console.WriteLine(Tables.Printable(string.Format(CultureInfo.InvariantCulture, text, value.ToString())));
            }
        }
    }

    private static string Text(JsonElement of, string name) =>
        of.TryGetProperty(name, out JsonElement value) && value.ValueKind is not (JsonValueKind.Null or JsonValueKind.Undefined) ? value.ToString() : "-";
}
