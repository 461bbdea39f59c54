// `holdfast panel`: the lights on the front, drawn on the terminal with words, now or as they were, and why.
using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Holdfast.Panel;

namespace Holdfast.Cli;

internal static class PanelVerbs
{
    private const string Path = "nodes/localhost/panel";

    public static Command Panel(Surroundings surroundings)
    {
        var show = new AdminCommand("show", "Draws the panel: colour, pattern and words of every light.", "holdfast panel show",
            "holdfast panel show --at 2026-11-03T03:00:00Z");
        Option<string?> showAt = At(show);
        show.Does(surroundings, async call => Draw(call, await call.GetAsync(Path, When(call, showAt))));

        var why = new AdminCommand("why", "Says which facts a light rests on.", "holdfast panel why health",
            "holdfast panel why health --at 2026-11-03T03:00:00Z");
        Argument<string> name = why.Wants("light", "power, health, activity, attention, network, disk1 ...");
        Option<string?> whyAt = At(why);
        why.Does(surroundings, async call => Explain(call, call[name], await call.GetAsync(Path, When(call, whyAt))));
        return new Command("panel", "The lights on the front of the box.") { show, why };
    }

    public static Command Hardware(Surroundings surroundings)
    {
        var validate = new Command("validate", "Says what is wrong with a hardware profile, with the place of each problem.");
        var file = new Argument<FileInfo>("file") { Description = "Profile, JSON (hardware/profiles)." };
        validate.Arguments.Add(file);
        Examples.Of(validate, "holdfast hardware validate panel.json");
        validate.SetAction(parsed => Validate(parsed.GetRequiredValue(file)));
        var show = new AdminCommand("show", "Shows the panel's profile on the box, its outputs, and what of them can't be reached.", "holdfast hardware show");
        show.Does(surroundings, async call => call.Print(await call.GetAsync("nodes/localhost/panel/hardware")));
        var sensors = new AdminCommand("sensors", "Shows what the machine says of itself: temperatures, memory errors, network links, its clock.",
            "holdfast hardware sensors");
        sensors.Does(surroundings, async call => call.Rows(await call.GetAsync("nodes/localhost/sensors"), "kind", "id", "label", "value", "status"));
        var test = new AdminCommand("test", "Tries out the box: lights, buzzer, display and button with your eyes and hands, sensors and disks by itself.",
            "holdfast hardware test", "holdfast hardware test --unattended --output json");
        Option<bool> unattended = test.Flag("--unattended", "Nobody stands before the box: only what needs nobody.");
        test.Does(surroundings, call => new HardwareTest(call, Question, !call.Is(unattended)).RunAsync());
        return new Command("hardware", "The machine's sensors, the panel's hardware profile, and the test of both.") { sensors, validate, show, test };
    }

    private static string? Question(string question)
    {
        Console.Error.Write(question);
        return Console.In.ReadLine();
    }

    private static int Validate(FileInfo file)
    {
        const long bytesMax = 1024 * 1024;
        if (!file.Exists || file.Length > bytesMax)
        {
            throw new FailedException($"{file.FullName} is not there, or is no profile");
        }

        if (HardwareProfile.Read(File.ReadAllText(file.FullName), out IReadOnlyList<string> problems) is { } profile)
        {
            Console.WriteLine(Tables.Printable($"profile '{profile.Name}' is sound: {profile.Lights.Sum(light => light.Value.Count)} outputs"));
            return 0;
        }

        problems.ToList().ForEach(problem => Console.Error.WriteLine(Tables.Printable(problem)));
        return 1;
    }

    private static Option<string?> At(AdminCommand command)
    {
        var option = new Option<string?>("--at") { Description = "As it was then: 2026-11-03T03:00:00Z." };
        command.Options.Add(option);
        return option;
    }

    private static Parameters When(AdminCall call, Option<string?> option) => new Parameters().Set("at", call.Of(option) is not { } text ? null
        : DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset at) ? at.ToUnixTimeSeconds()
        : throw new UsageException($"'{text}' is no time: 2026-11-03T03:00:00Z is wanted"));

    private static int Draw(AdminCall call, JsonElement panel)
    {
        if (call.IsJson)
        {
            return call.Print(panel);
        }

        Tables.Write(Console.Out,
        [
            ["light", "", "shows", "means"],
            .. panel.GetProperty("indicators").EnumerateArray().Select(light => (string[])
                [Text(light, "name"), Sign(light), $"{Text(light, "color")} {Text(light, "pattern")}", Text(light, "text")]),
        ]);
        foreach (JsonElement line in panel.GetProperty("lines").EnumerateArray())
        {
            Console.WriteLine("| " + Tables.Printable(line.GetString()!.PadRight(20)) + " |");
        }

        Console.WriteLine(panel.GetProperty("buzzer").GetBoolean() ? "buzzer: sounds" : "buzzer: silent");
        return 0;
    }

    private static int Explain(AdminCall call, string name, JsonElement panel)
    {
        JsonElement light = panel.GetProperty("indicators").EnumerateArray().FirstOrDefault(one => Text(one, "name") == name);
        if (light.ValueKind == JsonValueKind.Undefined)
        {
            throw new FailedException($"there is no light '{name}' (see 'holdfast panel show')");
        }

        if (call.IsJson)
        {
            return call.Print(light);
        }

        Console.WriteLine(Tables.Printable($"{name} is {Text(light, "color")} {Text(light, "pattern")}: {Text(light, "text")}"));
        foreach (JsonElement fact in light.GetProperty("why").EnumerateArray())
        {
            Console.WriteLine(Tables.Printable($"  {(fact.TryGetProperty("event", out JsonElement at) ? $"event {at}: " : "")}{Text(fact, "text")}"));
        }

        return 0;
    }

    /// <summary>A sign of its own for each pattern: colour alone is not for everybody.</summary>
    private static string Sign(JsonElement light) => (Text(light, "color"), Text(light, "pattern")) switch
    {
        ("off", _) or (_, "off") => "( )",
        ("green", "solid") => "(+)",
        ("red", _) => "(X)",
        (_, "solid") => "(!)",
        (_, "fast") => "(~)",
        _ => "(.)",
    };

    private static string Text(JsonElement of, string name) => of.GetProperty(name).GetString() ?? "";
}
