// Every recorded answer of the real PBS about datastores, node, metrics and empty lists against ours: the same status, the same member names, the same types;
// and the calls that exporters and dashboards make, as they make them.
using System.Text.Json;
using Holdfast.Features.Node;
using Xunit;

namespace Holdfast.Tests.Unit.Datastores;

public sealed class ShapeTests
{
    private static readonly JsonElement[] Recordings =
        [.. File.ReadAllLines(StorageTestKit.GoldenFile("store-recordings.jsonl")).Select(line => JsonDocument.Parse(line).RootElement)];

    /// <summary>Members that a PBS shows and we may leave out, each with its reason.</summary>
    private static readonly HashSet<string> MayLack =
    [
        "search", // only where the resolver has one
        "comment", "gc-schedule", "notification-mode", "tuning", "verify-new", // options that were set there and not here
        "available", "total", "used", // of rows in which nothing was measured
    ];

    /// <summary>Parts of directories for what is not available here (docs/operations.md).</summary>
    private static readonly HashSet<string> NotHere =
    [
        "pull", "push", "s3", "access", "acme", "destroy", "move", "restore", "disks", "journal", "syslog", "termproxy", "vncwebsocket",
        "matcher-field-values", "matcher-fields",
    ];

    public static TheoryData<string> Names => [.. Recordings.Select(recording => recording.GetProperty("name").GetString()!)];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task An_answer_has_the_shape_of_PBSs(string name)
    {
        var recording = Recordings.Single(one => one.GetProperty("name").GetString() == name);
        await using var bed = await StoreBed.StartAsync();
        await bed.TaskAsync("POST", "config/datastore", new { name = "shapes", path = "/data/shapes", comment = "shapes test" });
        bed.Parts.Sampler.Sample();
        var path = recording.GetProperty("path").GetString()!["/api2/json".Length..].TrimStart('/') + "?" + recording.GetProperty("query").GetString();
        var body = recording.GetProperty("body");
        var who = recording.GetProperty("as").GetString() == "norights@pbs" ? StoreBed.Nobody : StoreBed.Admin;
        var (status, text) = await bed.CallAsync(
            recording.GetProperty("method").GetString()!, path, body.ValueKind == JsonValueKind.Object ? body : (object?)null, who);
        Assert.True(recording.GetProperty("status").GetInt32() == status, $"{status} {text}");
        var expected = recording.GetProperty("response_body");
        if (expected.ValueKind == JsonValueKind.String)
        {
            Assert.Equal(Lines(expected.GetString()!), Lines(text));
            return;
        }

        Compare(expected, JsonDocument.Parse(text).RootElement, name);
    }

    [Fact]
    public async Task What_an_exporter_asks_for_is_there()
    {
        await using var bed = await StoreBed.StartAsync();
        await bed.TaskAsync("POST", "config/datastore", new { name = "shapes", path = "/data/shapes" });
        bed.Folders.Volumes["/data/shapes"].CapacityBytes = 100L << 30;
        foreach (var store in (await bed.DataAsync("GET", "status/datastore-usage")).EnumerateArray())
        {
            var name = store.GetProperty("store").GetString();
            Assert.Equal(100L << 30, store.GetProperty("total").GetInt64());
            Assert.Equal(store.GetProperty("total").GetInt64(), store.GetProperty("avail").GetInt64() + store.GetProperty("used").GetInt64());
            foreach (var ns in (await bed.DataAsync("GET", $"admin/datastore/{name}/namespace")).EnumerateArray())
            {
                await bed.DataAsync("GET", $"admin/datastore/{name}/snapshots?ns={ns.GetProperty("ns").GetString()}");
            }
        }

        var host = await bed.DataAsync("GET", "nodes/localhost/status");
        Assert.All((string[])["cpu", "wait", "uptime"], member => Assert.Equal(JsonValueKind.Number, host.GetProperty(member).ValueKind));
        Assert.Equal(3, host.GetProperty("loadavg").GetArrayLength());
        Assert.Equal(404, (await bed.CallAsync("GET", "admin/datastore/shapes/garbage-collection")).Status);
    }

    [Fact]
    public async Task An_offline_store_shows_its_name_and_why_and_one_below_which_somebody_may_read_only_its_name()
    {
        await using var bed = await StoreBed.StartAsync();
        await bed.TaskAsync("POST", "config/datastore", new { name = "shapes", path = "/data/shapes" });
        await bed.Recorder.NoteAsync("auth:acl", new Holdfast.Features.Access.AccessGranted("/datastore/shapes/a", StoreBed.Reader, "DatastoreReader", true),
            Holdfast.Ledger.EventMetadata.System);
        Assert.Equal("""[{"backend-type":"filesystem","mount-status":"nonremovable","store":"shapes"}]""",
            (await bed.DataAsync("GET", "status/datastore-usage", who: StoreBed.Reader)).GetRawText());
        await bed.DataAsync("PUT", "config/datastore/shapes", new Dictionary<string, object> { ["maintenance-mode"] = "offline" });
        Assert.Equal("""[{"backend-type":"filesystem","error":"datastore 'shapes' is unavailable: offline maintenance mode: ","""
            + """ "mount-status":"nonremovable","store":"shapes"}]""".Trim(), (await bed.DataAsync("GET", "status/datastore-usage")).GetRawText());
    }

    [Fact]
    public async Task What_is_not_here_is_refused_with_words()
    {
        await using var bed = await StoreBed.StartAsync();
        Assert.Equal((400, "remotes are not available on this appliance"), await bed.CallAsync("POST", "config/remote", new { name = "self" }));
    }

    [Theory]
    [InlineData(new double[] { 1, 1, 1 }, null)]
    [InlineData(new[] { 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5 }, 0L)]
    [InlineData(new[] { 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1 }, 0L)]
    [InlineData(new[] { 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7 }, 1900L)]
    public void The_day_it_will_be_full_is_a_straight_line(double[] use, long? full)
    {
        var found = FullDate.Estimate([.. use.Select(value => (double?)value)], 1000, 100);
        Assert.Equal(full is null, found is null);
        Assert.True(full is null || Math.Abs(found!.Value - full.Value) <= 1, $"{found}");
    }

    private static string[] Lines(string text) => [.. text.Split('\n').Order(StringComparer.Ordinal)];

    private static void Compare(JsonElement theirs, JsonElement ours, string at)
    {
        if (theirs.ValueKind == JsonValueKind.Null
            || (ours.ValueKind == JsonValueKind.Null && (theirs.ValueKind == JsonValueKind.String || at.Contains("/counts/", StringComparison.Ordinal))))
        {
            return; // a comment or an upid: null or a text; counts: null where there is nothing to count
        }

        var isFlag = theirs.ValueKind is JsonValueKind.True or JsonValueKind.False;
        Assert.True(theirs.ValueKind == ours.ValueKind || (isFlag && ours.ValueKind is JsonValueKind.True or JsonValueKind.False),
            $"{at}: {ours.ValueKind} instead of {theirs.ValueKind}");
        if (theirs.ValueKind == JsonValueKind.Object)
        {
            foreach (var member in theirs.EnumerateObject().Where(member => ours.TryGetProperty(member.Name, out _) || !MayLack.Contains(member.Name)))
            {
                Assert.True(ours.TryGetProperty(member.Name, out var own), $"{at}: lacks {member.Name}");
                Compare(member.Value, own, at + "/" + member.Name);
            }
        }
        else if (theirs.ValueKind == JsonValueKind.Array && theirs.GetArrayLength() > 0)
        {
            if (theirs[0].ValueKind == JsonValueKind.Object && theirs[0].TryGetProperty("subdir", out _))
            {
                var names = ours.EnumerateArray().Select(item => item.GetProperty("subdir").GetString()).ToList();
                Assert.All(theirs.EnumerateArray().Select(item => item.GetProperty("subdir").GetString()!), name =>
                    Assert.True(names.Contains(name) || NotHere.Contains(name), $"{at}: lacks {name}"));
            }
            else if (ours.GetArrayLength() > 0)
            {
                Compare(theirs[0], ours[0], at + "/0");
            }
        }
    }
}
