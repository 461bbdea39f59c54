// `holdfast hardware test`: goes through the qualification plan of a box (hardware/README.md) as far as a program can. What only eyes and ears can judge it
// asks of the person before the box; what it can judge itself it judges. The result is an event in the box's ledger.
using System.Globalization;
using System.Text.Json;
using Holdfast.Wire;

namespace Holdfast.Cli;

/// <summary>One run.</summary>
/// <param name="ask">Reads the person's answer to a question; null = nobody is there.</param>
/// <param name="isAttended">Questions are asked; else their steps are skipped.</param>
internal sealed class HardwareTest(AdminCall call, Func<string, string?> ask, bool isAttended)
{
    private const string Node = "nodes/localhost/";
    private const string TestPath = Node + "panel/test";
    private const int NameCharsMax = 64;
    private const int TextCharsMax = 256;
    private static readonly JsonWriterOptions Readable = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly TimeSpan ButtonWithin = TimeSpan.FromSeconds(25);

    /// <summary>A picture of a test lasts half a minute.</summary>
    private static readonly TimeSpan Renew = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    private readonly List<(string Name, string Result, string Text)> steps = [];
    private Parameters? shown;
    private bool isOver;

    /// <summary>0: no step failed.</summary>
    public async Task<int> RunAsync()
    {
        JsonElement panel = await call.GetAsync(Node + "panel/hardware");
        try
        {
            await PanelAsync(panel);
        }
        finally
        {
            shown = null;
            await call.TakeBackAsync(TestPath, new Parameters().Set("end", true));
        }

        await SensorsAsync();
        await DisksAsync();
        await call.PostAsync(Node + "hardware-test", new Parameters().Set("steps", Json()));
        return Summary();
    }

    private async Task PanelAsync(JsonElement panel)
    {
        string profile = panel.GetProperty("profile").GetString()!;
        if (profile == "none")
        {
            Step("panel", "skipped", "this box has no profile of a panel");
            return;
        }

        string problems = panel.GetProperty("problems").GetString()!;
        Step("panel outputs", problems.Length == 0 ? "passed" : "failed", problems.Length == 0 ? $"profile '{profile}'" : problems);
        if (!isAttended)
        {
            Step("panel lights", "skipped", "nobody looks at them");
            return;
        }

        foreach (string output in panel.GetProperty("outputs").GetString()!.Split(", ", StringSplitOptions.RemoveEmptyEntries))
        {
            // health.green: gpio panel:3
            string[] light = output.Split(':')[0].Split('.');
            await ShowAsync(new Parameters().Set("light", light[0]).Set("color", light[1]));
            await AskAsync($"light {light[0]}.{light[1]}", $"Is {light[0]} lit in {light[1]}, steadily, and nothing else?");
        }

        await ShowAsync(new Parameters().Set("light", "health").Set("color", "amber").Set("pattern", "fast"));
        await AskAsync("pattern fast", "Does health blink in amber, twice a second?");
        await ShowAsync(new Parameters().Set("sound", true));
        await AskAsync("buzzer", "Is the buzzer heard (s if there is none)?");
        await ShowAsync(new Parameters().Set("line", "HOLDFAST 0123456789"));
        await AskAsync("display", "Does the display say HOLDFAST 0123456789 (s if there is none)?");
        await ButtonAsync();
    }

    private async Task ButtonAsync()
    {
        // From here on presses are counted and not obeyed, also those before the person has answered.
        await ShowAsync(new Parameters());
        int before = (await call.PostAsync(TestPath)).GetProperty("presses").GetInt32();
        if (isOver || await AnswerAsync("Press the button shortly, before or after Enter (s if there is none): ") is not { } answer || answer.Trim() == "s")
        {
            Step("button", "skipped", "there is none, or nobody pressed it");
            return;
        }

        for (TimeSpan waited = default; waited < ButtonWithin; waited += Look)
        {
            JsonElement now = await call.PostAsync(TestPath);
            if (now.GetProperty("presses").GetInt32() > before)
            {
                string press = now.GetProperty("last-press").GetString()!;
                Step("button", press == "short" ? "passed" : "failed", $"a {press} press");
                return;
            }

            await Task.Delay(Look, call.Surroundings.Clock, call.Cancel);
        }

        Step("button", "failed", string.Create(CultureInfo.InvariantCulture, $"no press within {ButtonWithin.TotalSeconds} s"));
    }

    private async Task SensorsAsync()
    {
        JsonElement sensors;
        try
        {
            sensors = await call.GetAsync(Node + "sensors");
        }
        catch (PbsException refused)
        {
            Step("sensors", "skipped", refused.Message);
            return;
        }

        var bad = sensors.EnumerateArray().Where(sensor => Text(sensor, "status") is not ("normal" or "no limit known" or "not used" or "not synchronised yet"))
            .Select(sensor => $"{Text(sensor, "kind")} {Text(sensor, "id")}: {Text(sensor, "status")}").ToList();
        Step("sensors", bad.Count == 0 ? "passed" : "failed", bad.Count == 0 ? $"{sensors.GetArrayLength()} are well" : string.Join("; ", bad));
    }

    private async Task DisksAsync()
    {
        foreach (JsonElement disk in (await call.GetAsync(Node + "disks/list")).EnumerateArray())
        {
            string id = Text(disk, "id");
            string status = Text(disk, "status");
            bool isKnown = Text(disk, "serial").Length > 0;
            string serial = isKnown ? Text(disk, "serial") : "unknown";
            Step($"disk {id}", status == "passed" && isKnown ? "passed" : status == "unknown" ? "skipped" : "failed",
                $"{(Text(disk, "model") is { Length: > 0 } model ? model : "model unknown")}, serial {serial}, SMART {status}");
            if (isAttended && !isOver)
            {
                await LightAsync(id);
            }
        }
    }

    private async Task LightAsync(string id)
    {
        try
        {
            await call.PostAsync(Node + "disks/light", new Parameters().Set("disk", id).Set("light", "locate"));
        }
        catch (PbsException refused)
        {
            Step($"place {id}", "skipped", refused.Message);
            return;
        }

        try
        {
            await AskAsync($"place {id}", $"Is the place of {id} lit?");
        }
        finally
        {
            await call.TakeBackAsync(Node + "disks/light", new Parameters().Set("disk", id).Set("light", "off"));
        }
    }

    private Task<JsonElement> ShowAsync(Parameters what) => call.PostAsync(TestPath, shown = what);

    /// <summary>Asks; while nobody answers, the panel goes on showing what is asked about.</summary>
    private async Task<string?> AnswerAsync(string question)
    {
        Task<string?> answering = Task.Run(() => ask(question));
        while (await Task.WhenAny(answering, Task.Delay(Renew, call.Surroundings.Clock, call.Cancel)) != answering)
        {
            call.Cancel.ThrowIfCancellationRequested();
            if (shown is not null)
            {
                await call.PostAsync(TestPath, shown);
            }
        }

        return await answering;
    }

    private async Task AskAsync(string name, string question)
    {
        string? answer = isOver ? null : await AnswerAsync($"{question} [y/n/s] ");
        isOver |= answer is null;
        (string result, string text) = answer?.Trim().ToUpperInvariant() switch
        {
            "Y" or "YES" => ("passed", "seen"),
            "N" or "NO" => ("failed", "not seen"),
            _ => ("skipped", "not judged"),
        };
        Step(name, result, text);
    }

    private void Step(string name, string result, string text)
    {
        steps.Add((Cut(name, NameCharsMax), result, Cut(text, TextCharsMax)));
        if (!call.IsJson)
        {
            Console.WriteLine(Tables.Printable($"{result,-8} {name}: {text}"));
        }
    }

    private string Json()
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, Readable))
        {
            json.WriteStartArray();
            foreach ((string name, string result, string text) in steps)
            {
                json.WriteStartObject();
                json.WriteString("name", name);
                json.WriteString("result", result);
                json.WriteString("text", text);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        return System.Text.Encoding.UTF8.GetString(buffer.ToArray());
    }

    private int Summary()
    {
        int failed = steps.Count(step => step.Result == "failed");
        if (call.IsJson)
        {
            Console.WriteLine(Json());
        }
        else
        {
            Console.WriteLine($"{steps.Count(step => step.Result == "passed")} passed, {failed} failed, "
                + $"{steps.Count(step => step.Result == "skipped")} skipped; it is in the ledger (HardwareTested)");
        }

        return failed == 0 ? 0 : 1;
    }

    private static string Cut(string text, int charsMax) => text.Length <= charsMax ? text : text[..charsMax];

    private static string Text(JsonElement item, string name) => item.TryGetProperty(name, out JsonElement value) ? value.ToString() : "";
}
