// What somebody who helps asks first, in one file without secrets: journal, facts of box, network, disks, pools, datastores, tasks and alarms, settings, the
// head of the ledger. A part that can't be had is named with the reason; everything goes through Secrets.
using System.CommandLine;
using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Holdfast.Wire;

namespace Holdfast.Cli;

/// <summary>Parts by their names in the archive.</summary>
internal sealed class SupportBundle(Secrets secrets, DateTimeOffset now)
{
    private const int PartBytesMax = 16 * 1024 * 1024;

    /// <summary>Calls whose answers are of use; journal first.</summary>
    public static readonly IReadOnlyList<(string Name, string Path)> Calls =
    [
        ("journal.txt", "nodes/localhost/journal?lastentries=5000"), ("report.txt", "nodes/localhost/report"), ("status.json", "nodes/localhost/status"),
        ("versions.json", "nodes/localhost/apt/versions"), ("network.json", "nodes/localhost/network"), ("network-plan.json", "nodes/localhost/network-plan"),
        ("network-change.json", "nodes/localhost/network-change"), ("dns.json", "nodes/localhost/dns"), ("time.json", "nodes/localhost/time"),
        ("time-servers.json", "nodes/localhost/time-servers"), ("disks.json", "nodes/localhost/disks/list"), ("pools.json", "nodes/localhost/disks/zfs"),
        ("power.json", "nodes/localhost/power"), ("alarms.json", "nodes/localhost/alarms"), ("tasks.json", "nodes/localhost/tasks?limit=500"),
        ("datastores.json", "config/datastore"), ("datastore-usage.json", "status/datastore-usage"), ("jobs-prune.json", "config/prune"),
        ("jobs-verify.json", "config/verify"),
    ];

    private readonly List<(string Name, string Text)> parts = [];

    /// <summary>Adds a text; JSON by its name.</summary>
    public void Add(string name, string text)
    {
        string bounded = text.Length <= PartBytesMax ? text : text[^PartBytesMax..];
        parts.Add((name, name.EndsWith(".json", StringComparison.Ordinal) ? secrets.OfJson(bounded) : secrets.Of(bounded)));
    }

    /// <summary>Adds an answer: a list of lines or a text as lines, all else as JSON.</summary>
    public void Add(string name, JsonElement data) => Add(name, data.ValueKind switch
    {
        JsonValueKind.Undefined => "",
        JsonValueKind.String => data.GetString()!,
        JsonValueKind.Array when name.EndsWith(".txt", StringComparison.Ordinal) => string.Join('\n', data.EnumerateArray().Select(line => line.ToString())),
        _ => data.GetRawText(),
    });

    /// <summary>Names a part that is not there.</summary>
    public void Missing(string name, string why) => Add(name + ".missing.txt", why);

    /// <summary>Writes the archive, a gzipped tar.</summary>
    public async Task WriteAsync(Stream to, CancellationToken cancel)
    {
        await using var zip = new GZipStream(to, CompressionLevel.Optimal, leaveOpen: true);
        await using var tar = new TarWriter(zip, TarEntryFormat.Pax, leaveOpen: true);
        foreach ((string name, string text) in parts)
        {
            await tar.WriteEntryAsync(new PaxTarEntry(TarEntryType.RegularFile, "holdfast-support/" + name)
            {
                DataStream = new MemoryStream(Encoding.UTF8.GetBytes(text)), ModificationTime = now,
                Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            }, cancel);
        }
    }
}

/// <summary><c>holdfast support-bundle</c>.</summary>
internal static class SupportBundleVerb
{
    private static readonly Option<string?> Data = new("--data") { Description = "Data folder of the appliance (default: HOLDFAST_DATA, else ./data)." };

    public static Command Command(Surroundings surroundings)
    {
        var to = new Option<string>("--to") { Description = "Folder that gets the file.", DefaultValueFactory = _ => "." };
        var command = new Command("support-bundle", "Collects what helpers ask for, without secrets; on the box, as root.") { Data, to };
        Examples.Of(command, "holdfast support-bundle --data /state/holdfast --to /tmp");
        command.SetAction(async (parsed, cancel) =>
        {
            string path = await MakeAsync(LedgerPlace.Of(parsed.GetValue(Data)), parsed.GetRequiredValue(to), surroundings.Clock, cancel);
            Console.WriteLine(path);
            return 0;
        });
        return command;
    }

    /// <summary>Makes one and returns its path. Also without a running appliance: then most of it is missing, and says so.</summary>
    public static async Task<string> MakeAsync(LedgerPlace place, string folder, TimeProvider clock, CancellationToken cancel)
    {
        DateTimeOffset now = clock.GetUtcNow();
        var bundle = new SupportBundle(new Secrets(Known(place)), now);
        foreach (string name in (string[])["holdfast.json", "ledger-head"])
        {
            if (File.Exists(place.At(name)))
            {
                bundle.Add(name == "ledger-head" ? "ledger-head.txt" : name, await File.ReadAllTextAsync(place.At(name), cancel));
            }
        }

        try
        {
            await using LocalBox box = await LocalBox.ConnectAsync(place, clock, cancel);
            foreach ((string name, string call) in SupportBundle.Calls)
            {
                try
                {
                    bundle.Add(name, await box.GetAsync(call, cancel));
                }
                catch (PbsException error)
                {
                    bundle.Missing(name, error.Message);
                }
            }
        }
        catch (FailedException error)
        {
            bundle.Missing("appliance", error.Message);
        }

        string path = Path.Combine(Path.GetFullPath(folder), $"holdfast-support-{now:yyyyMMdd-HHmmss}.tar.gz");
        await using var file = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        await bundle.WriteAsync(file, cancel);
        return path;
    }

    private static List<string> Known(LedgerPlace place)
    {
        string path = place.At("initial-admin-password");
        return File.Exists(path) ? [File.ReadAllText(path).Trim()] : [];
    }
}
