// RAUC and the two slots as the agent's verbs meet them: the tools' own words (busctl and rauc of 1.13, holdfast-slots of the image), over a state that a
// test moves. Starting the machine anew counts tries as the loader does.
using Holdfast.Contracts.Programs;

namespace Holdfast.Tests.Unit.Updates;

internal sealed class SimulatedSlots(string bundlePath) : IPrograms
{
    public const string Hash = "dce501dce60b3605588db1cbf2f37b0c7e4400e7b1c790cb780837833b4a34ba";

    private readonly Dictionary<string, (string? Version, string State)> slots = new() { ["A"] = ("1.0.0", "good"), ["B"] = (null, "none") };

    public string Runs { get; private set; } = "A";

    public string Next { get; private set; } = "A";

    /// <summary>Why the next installation fails; null = it does not.</summary>
    public string? Failure { get; set; }

    public string? LastError { get; private set; }

    public bool IsImage { get; set; } = true;

    /// <summary>Looks that an installation still takes; 0 = none runs.</summary>
    public int Installing { get; private set; }

    public string Running => slots[Runs].Version!;

    public bool Has(string program) => IsImage || program == "busctl";

    public Task<ProgramResult> RunAsync(
        string program, IReadOnlyList<string> arguments, ProgramLimits? limits = null, string? input = null, CancellationToken cancel = default) =>
        Task.FromResult((program, (string[])[.. arguments.Take(2)]) switch
        {
            ("holdfast-slots", _) => Said(string.Concat(slots.Select(slot => $"{slot.Key} {slot.Value.Version ?? "-"} {slot.Value.State}"
                + (slot.Key == Runs ? " runs" : "") + (slot.Key == Next ? " next" : "") + "\n"))),
            ("busctl", ["--json=short", "get-property"]) => Progress(),
            ("busctl", ["call", ..]) => Install(arguments),
            ("rauc", ["info", ..]) => Info(),
            ("rauc", ["status", "mark-active"]) => Choose(),
            _ => new ProgramResult(1, "", "what?"),
        });

    public IAsyncEnumerable<string> LinesAsync(string program, IReadOnlyList<string> arguments, CancellationToken cancel) => throw new NotSupportedException();

    /// <summary>A power cut and a start: what was being written is gone, the loader takes what is next, and it comes up healthy or not.</summary>
    public void Restart(bool healthy = true)
    {
        if (Installing > 0)
        {
            Installing = 0;
            slots[Other] = (null, "none");
        }

        LastError = null;
        Runs = Next;
        if (slots[Runs].State == "trial")
        {
            slots[Runs] = slots[Runs] with { State = healthy ? "good" : "bad" };
            if (!healthy)
            {
                Runs = Next = Other;
            }
        }
    }

    private string Other => Runs == "A" ? "B" : "A";

    private ProgramResult Progress()
    {
        if (Installing > 0 && --Installing == 0)
        {
            LastError = Failure;
            slots[Other] = Failure is null ? ("1.1.0", "trial") : (null, "none");
            Next = Failure is null ? Other : Next;
        }

        var busy = Installing > 0;
        return Said($$"""
            {"type":"s","data":"{{(busy ? "installing" : "idle")}}"}
            {"type":"s","data":"{{LastError}}"}
            {"type":"(isi)","data":[{{(busy ? 40 : 100)}},"{{(busy ? "Copying image to rootfs.1" : "Installing done.")}}",2]}
            """);
    }

    private ProgramResult Install(IReadOnlyList<string> arguments)
    {
        if (arguments is not ["call", "de.pengutronix.rauc", "/", "de.pengutronix.rauc.Installer", "InstallBundle", "sa{sv}", _, "0"]
            || arguments[6] != bundlePath)
        {
            return new ProgramResult(1, "", "Call failed: Invalid args");
        }

        (Installing, LastError) = (3, null);
        slots[Other] = (null, "none");
        return Said("");
    }

    private ProgramResult Info() => File.ReadAllText(bundlePath) switch
    {
        var text when text.StartsWith("signed ", StringComparison.Ordinal) => Said(
            $$"""{"compatible":"holdfast-x86-64","version":"{{text[7..].Trim()}}","description":null,"build":"20261126T000000Z","format":"verity","""
            + $$""" "hash":"{{Hash}}","images":[]}"""),
        _ => new ProgramResult(1, "", "rauc-Message: Reading bundle\nsignature verification failed: Verify error: self-signed certificate\n"),
    };

    private ProgramResult Choose()
    {
        slots[Other] = slots[Other] with { State = slots[Other].State == "bad" ? "trial" : slots[Other].State };
        slots[Runs] = slots[Runs] with { State = "bad" };
        Next = Other;
        return Said("rauc status: marked slot rootfs.1 as active\n");
    }

    private static ProgramResult Said(string text) => new(0, text, "");
}
