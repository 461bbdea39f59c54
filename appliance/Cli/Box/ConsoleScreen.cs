// What the screen of the box shows, as lines: where it is, how to trust it, how it is, the first password until it is changed, the menu. Pure; plain text that
// any serial line takes, and a QR code where the terminal has block characters.
using System.Collections;
using QRCoder;

namespace Holdfast.Cli;

/// <summary>What is shown.</summary>
/// <param name="Addresses">Without the length of the network.</param>
/// <param name="Fingerprint">Of the certificate; null while there is none.</param>
/// <param name="Health"><c>healthy</c>, or why not.</param>
/// <param name="FirstPassword">Of admin@pbs; null once it was changed.</param>
/// <param name="Answer">What became of an answer file; null = there was none.</param>
internal sealed record ConsoleFacts(
    string Name, string Version, IReadOnlyList<string> Addresses, int Port, string? Fingerprint, string Health, string? FirstPassword, string? Answer)
{
    /// <summary>The image takes updates signed with a throw-away key.</summary>
    public bool IsDevelopment { get; init; }
}

internal static class ConsoleScreen
{
    private const int WidthMin = 20;

    /// <summary>The menu: key and meaning.</summary>
    public static readonly IReadOnlyList<(string Key, string Meaning)> Menu =
    [
        ("1", "network"), ("2", "time"), ("3", "set a password"), ("4", "support bundle"), ("5", "alarms"), ("6", "QR code"), ("7", "restart"),
        ("8", "power off"), ("9", "factory reset"),
    ];

    public static IReadOnlyList<string> Render(ConsoleFacts facts, int width)
    {
        List<string> lines =
        [
            $"Holdfast {facts.Version} on {facts.Name}", "",
            .. facts.IsDevelopment ? ["*** DEVELOPMENT IMAGE: signed with a throw-away key, trust it with nothing ***", ""]
                : Array.Empty<string>(),
            .. facts.Addresses.Count == 0 ? ["address:     none yet (is a cable plugged in?)"]
                : facts.Addresses.Take(8).Select(address => "address:     " + Url(address, facts.Port)),
        ];
        if (facts.Fingerprint is { } fingerprint)
        {
            // 32 pairs of hex are wider than a serial line: two halves.
            lines.Add("fingerprint: " + fingerprint[..((fingerprint.Length + 1) / 2)]);
            lines.Add("             " + fingerprint[((fingerprint.Length + 1) / 2)..]);
        }

        lines.Add("health:      " + facts.Health);
        if (facts.FirstPassword is { } password)
        {
            lines.Add($"log in as:   admin@pbs, password {password} (shown until it is changed)");
        }

        if (facts.Answer is { } answer)
        {
            lines.AddRange(Wrapped("answer file: ", answer, width));
        }

        lines.Add("");
        lines.AddRange(Menu.Chunk(3).Select(row => string.Concat(row.Select(item => $"{item.Key} {item.Meaning}".PadRight(24))).TrimEnd()));
        lines.Add("");
        return [.. lines.Select(line => Cut(Tables.Printable(line), width))];
    }

    /// <summary>Address and fingerprint as a QR code of half blocks, light on dark; null if it does not fit.</summary>
    public static IReadOnlyList<string>? Qr(ConsoleFacts facts, int width, int height)
    {
        if (facts.Addresses.Count == 0 || facts.Fingerprint is null)
        {
            return null;
        }

        string text = $"{Url(facts.Addresses[0], facts.Port)}/#{facts.Fingerprint.Replace(":", "", StringComparison.Ordinal)}";
        using var generator = new QRCodeGenerator();
        using QRCodeData code = generator.CreateQrCode(text, QRCodeGenerator.ECCLevel.L);
        List<BitArray> rows = code.ModuleMatrix;
        if (rows[0].Length > width || (rows.Count + 1) / 2 > height)
        {
            return null;
        }

        var lines = new List<string>();
        for (int y = 0; y < rows.Count; y += 2)
        {
            lines.Add(string.Concat(Enumerable.Range(0, rows[0].Length).Select(x => (Light(y, x), Light(y + 1, x)) switch
            {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                _ => ' ',
            })));
        }

        return lines;

        bool Light(int y, int x) => y < rows.Count && !rows[y][x];
    }

    public static string Url(string address, int port) =>
        $"https://{(address.Contains(':', StringComparison.Ordinal) ? $"[{address}]" : address)}:{port}";

    private static IEnumerable<string> Wrapped(string label, string text, int width)
    {
        int room = Math.Max(WidthMin, width - label.Length);
        for (int at = 0; at < text.Length && at < 3 * room; at += room)
        {
            yield return (at == 0 ? label : new string(' ', label.Length)) + text[at..Math.Min(text.Length, at + room)];
        }
    }

    private static string Cut(string line, int width) => line.Length <= Math.Max(WidthMin, width) ? line : line[..Math.Max(WidthMin, width)];
}
