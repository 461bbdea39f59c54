// The calls on namespaces, groups and snapshots against what a real PBS 4.2.0 answered: the recorded calls in their order, on a store made like the one that
// was recorded. Compared are status, texts and data; what depends on the machine (space, sizes of rewritten manifests, order of lists) is levelled first.
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Holdfast.Features.Snapshots;
using Holdfast.Storage;
using Xunit;

namespace Holdfast.Tests.Unit.Features;

public sealed partial class SnapshotRecordingTests
{
    private static readonly JsonElement[] Recordings =
    [
        .. File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "golden", "api-snapshots.jsonl"))
            .Select(line => JsonDocument.Parse(line).RootElement),
    ];

    [Fact]
    public async Task Recorded_calls_on_finished_snapshots_are_answered_alike()
    {
        await using var world = await RecordedWorld.MakeAsync(store =>
        {
            RecordedWorld.Put(store, "", "ct/101", 1700000001, "tester@pbs", "pct.conf.blob");
            RecordedWorld.Put(store, "", "vm/100", 1700000000, "tester@pbs", "drive-scsi0.img.fidx", "qemu-server.conf.blob", "client.log.blob");
            RecordedWorld.Put(store, "", "vm/100", 1700003600, "tester@pbs", "drive-scsi0.img.fidx", "qemu-server.conf.blob");
            RecordedWorld.Put(store, "", "vm/100", 1700090000, "tester@pbs", "drive-scsi0.img.fidx", "qemu-server.conf.blob");
            RecordedWorld.Put(store, "", "host/h1", 1700000000, "tester@pbs", "root.pxar.didx", "catalog.pcat1.didx");
            RecordedWorld.Put(store, "", "host/h1", 1700086400, "tester@pbs", "root.pxar.didx", "catalog.pcat1.didx");
        });
        var wrong = new List<string>();
        foreach (var call in Recordings.TakeWhile(call => NameOf(call) != "snapshots-unf"))
        {
            await PrepareAsync(world, NameOf(call));
            await ReplayAsync(world, call, wrong);
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    [Fact]
    public async Task Recorded_calls_on_unfinished_and_unreadable_snapshots_are_answered_alike()
    {
        await using var world = await RecordedWorld.MakeAsync(store =>
        {
            foreach (var (group, time) in new[] { ("host/unf", 1700000000), ("host/unf2", 1700003600), ("host/unf3", 1700000000) })
            {
                store.CreateGroup(BackupNamespace.Root, BackupGroup.Parse(group), "tester@pbs");
                var folder = store.CreateSnapshot(BackupNamespace.Root, SnapshotName.Create(BackupGroup.Parse(group), time));
                folder.WriteBlob("some.conf.blob", DataBlob.Encode("Hello, PBS!"u8.ToArray()));
                folder.SetProtected(group == "host/unf3");
            }

            RecordedWorld.Put(store, "", "host/unf2", 1700000000, "tester@pbs");
            RecordedWorld.Put(store, "", "host/badm", 1700000000, "tester@pbs");
            RecordedWorld.Put(store, "", "host/badm", 1700003600, "tester@pbs");
            store.Volume.WriteWhole("host/badm/2023-11-14T22:13:20Z/index.json.blob", "nonsense"u8, sync: true);
            foreach (var (group, time) in new[] { ("host/unf2", 1700000000), ("host/badm", 1700003600) })
            {
                store.OpenSnapshot(BackupNamespace.Root, SnapshotName.Create(BackupGroup.Parse(group), time))
                    .UpdateManifest(manifest => manifest.Notes = "n1");
            }
        });
        var wrong = new List<string>();
        foreach (var call in Recordings.SkipWhile(call => NameOf(call) != "snapshots-unf"))
        {
            await ReplayAsync(world, call, wrong);
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
        var download = await world.CallAsync(
            "tester@pbs", "GET", "/api2/json/admin/datastore/shapes/download",
            "backup-type=host&backup-id=unf3&backup-time=1700000000&file-name=some.conf.blob");
        Assert.Equal(200, download.Status);
    }

    /// <summary>What the recording did between these calls by backups and prunes.</summary>
    private static async Task PrepareAsync(RecordedWorld world, string name)
    {
        switch (name)
        {
            case "snapshots-dsbackup-owned":
                await world.AddAsync("", "host/owned", 1700003600, "dsbackup@pbs", "pct.conf.blob");
                await world.AddAsync("", "host/owned2", 1700003600, "dspower@pbs", "pct.conf.blob");
                break;
            case "snapshots-ns":
                foreach (var (parent, made) in new[] { ("a", "c1"), ("", "b") })
                {
                    var answer = await world.CallAsync(
                        "tester@pbs", "POST", "/api2/json/admin/datastore/shapes/namespace", $"name={made}" + (parent == "" ? "" : $"&parent={parent}"));
                    Assert.Equal(200, answer.Status);
                }

                await world.AddAsync("a/c1", "ct/7", 1700000000, "tester@pbs", "pct.conf.blob");
                await world.AddAsync("a/c1", "ct/7", 1700003600, "tester@pbs", "pct.conf.blob");
                await world.AddAsync("b", "ct/8", 1700003600, "tester@pbs", "pct.conf.blob");
                break;
            case "snapshot-delete-protected":
                await world.ForgetAsync("", "vm/100", 1700003600);
                await world.ForgetAsync("a/c1", "ct/7", 1700003600);
                break;
        }
    }

    private static async Task ReplayAsync(RecordedWorld world, JsonElement call, List<string> wrong)
    {
        var body = call.GetProperty("body");
        var bytes = body.ValueKind switch
        {
            JsonValueKind.Null => [],
            JsonValueKind.String => Encoding.UTF8.GetBytes(body.GetString()!),
            _ => Encoding.UTF8.GetBytes(body.GetRawText()),
        };
        var (status, text) = await world.CallAsync(
            call.GetProperty("as").GetString()!, call.GetProperty("method").GetString()!, call.GetProperty("path").GetString()!,
            call.GetProperty("query").GetString()!, bytes, call.GetProperty("content_type").GetString());
        await world.TasksEndedAsync();
        var answer = call.GetProperty("response_body");
        var expected = answer.ValueKind == JsonValueKind.String ? SortedLines(answer.GetString()!) : Level(JsonNode.Parse(answer.GetRawText())).ToJsonString();
        var actual = answer.ValueKind == JsonValueKind.String || status != 200 ? SortedLines(text) : Level(JsonNode.Parse(text)).ToJsonString();
        if (status != call.GetProperty("status").GetInt32() || expected != actual)
        {
            wrong.Add($"{NameOf(call)}: expected {call.GetProperty("status").GetInt32()} {expected}\n   actual {status} {actual}");
        }
    }

    private static string NameOf(JsonElement call) => call.GetProperty("name").GetString()!;

    /// <summary>The order of several faults follows a hash map in PBS.</summary>
    private static string SortedLines(string text) => string.Join('\n', text.Split('\n').Order(StringComparer.Ordinal));

    /// <summary>Without what differs by nature: order, space, sizes of manifests, process ids; and without what other slices add (verification, GC).</summary>
    private static JsonNode Level(JsonNode? node)
    {
        switch (node)
        {
            case JsonObject known:
                string[] machine = ["avail", "total", "used", "gc-status", "verification", "last-verified"];
                var isManifest = (string?)known["filename"]?.AsValue() == "index.json.blob";
                return new JsonObject(known.Where(member => !machine.Contains(member.Key)).OrderBy(member => member.Key, StringComparer.Ordinal)
                    .Select(member => KeyValuePair.Create<string, JsonNode?>(member.Key,
                        member.Key == "size" && (isManifest || known.ContainsKey("backup-time")) ? JsonValue.Create(0) : Level(member.Value))));
            case JsonArray list:
                return new JsonArray([.. list.Select(Level).OrderBy(item => item.ToJsonString(), StringComparer.Ordinal)]);
            case JsonValue value when value.TryGetValue<string>(out var text) && text.StartsWith("UPID:", StringComparison.Ordinal):
                return JsonValue.Create(Numbers().Replace(text, "UPID:"));
            case null:
                return JsonValue.Create("null");
            default:
                return node.DeepClone();
        }
    }

    [GeneratedRegex("^UPID:[^:]+:[^:]+:[^:]+:[^:]+:[^:]+:")]
    private static partial Regex Numbers();
}
