// The text that scrapers read, by a strict parser of the format; who sees which series; the bound on their number; and both ways to ask for it.
using System.Globalization;
using System.Text.RegularExpressions;
using Holdfast.Features.Access;
using Holdfast.Features.Backup;
using Holdfast.Features.Metrics;
using Holdfast.Features.Snapshots;
using Holdfast.Ledger;
using Holdfast.Wire;
using Xunit;

namespace Holdfast.Tests.Unit.Datastores;

public sealed partial class MetricsTests
{
    private static readonly Dictionary<string, string> Prometheus = new()
    {
        ["Accept"] = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
    };

    [Fact]
    public async Task The_text_is_strict_and_says_what_is()
    {
        await using var bed = await StoreBed.StartAsync();
        await bed.TaskAsync("POST", "config/datastore", new { name = "shapes", path = "/data/shapes" });
        await AddAsync(bed, "vm", "100", bed.Clock.Now.ToUnixTimeSeconds() - 7200, "failed");
        await AddAsync(bed, "vm", "100", bed.Clock.Now.ToUnixTimeSeconds() - 9000, "ok");
        bed.Parts.Sampler.Sample();
        var (status, text) = await bed.CallAsync("GET", "status/metrics", headers: Prometheus);
        Assert.Equal(200, status);
        var samples = Parse(text);
        Assert.Equal(9000, samples["""holdfast_group_last_good_backup_age_seconds{backup_id="100",backup_type="vm",datastore="shapes",ns=""}"""]);
        Assert.Equal(1, samples["""holdfast_datastore_snapshots_verified{datastore="shapes",state="failed"}"""]);
        Assert.Equal(1, samples["""holdfast_datastore_up{datastore="shapes"}"""]);
        Assert.Equal(1, samples["""holdfast_tasks{outcome="ok",worker_type="create-datastore"}"""]);
        Assert.Equal(bed.Ledger.Head.Position, samples["holdfast_ledger_head_position"]);

        Assert.DoesNotContain("shapes", (await bed.CallAsync("GET", "status/metrics", who: StoreBed.Nobody, headers: Prometheus)).Text,
            StringComparison.Ordinal);
        Assert.StartsWith("""{"data":{"data":[{"id":"host","metric":"cpu_current",""", (await bed.CallAsync("GET", "status/metrics")).Text,
            StringComparison.Ordinal);
        Assert.Equal("""{"data":{"data":[]}}""", (await bed.CallAsync("GET", "status/metrics", who: StoreBed.Nobody)).Text);
    }

    [Fact]
    public async Task The_number_of_series_is_bounded()
    {
        await using var bed = await StoreBed.StartAsync();
        await bed.TaskAsync("POST", "config/datastore", new { name = "shapes", path = "/data/shapes" });
        for (var i = 0; i < ApplianceMetrics.GroupsMax + 5; i++)
        {
            await AddAsync(bed, "host", "h" + i.ToString(CultureInfo.InvariantCulture), 1_700_000_000 + i, null);
        }

        var samples = Parse((await bed.CallAsync("GET", "status/metrics", headers: Prometheus)).Text);
        Assert.Equal(5, samples["holdfast_groups_left_out"]);
        Assert.Equal(ApplianceMetrics.GroupsMax, samples.Keys.Count(key => key.StartsWith("holdfast_group_snapshots{", StringComparison.Ordinal)));
    }

    [Fact]
    public void Labels_and_help_are_escaped()
    {
        var text = new Exposition();
        text.Gauge("a", "one\ntwo", 0.5, ("x", "\"q\"\\\n"));
        Assert.Equal("# HELP a one\\ntwo\n# TYPE a gauge\na{x=\"\\\"q\\\"\\\\\\n\"} 0.5\n# EOF\n", text.ToString());
    }

    [Theory]
    [InlineData("Bearer root@pam!prom:abc", "root@pam!prom", "abc")]
    [InlineData("bearer root@pam!prom=abc", "root@pam!prom", "abc")]
    [InlineData("Bearer nonsense", null, null)]
    [InlineData("Bearer root@pam:abc", null, null)]
    public void A_bearer_token_is_an_API_token(string header, string? token, string? secret)
    {
        var read = Credentials.Read(null, header, null) as Credentials.ByToken;
        Assert.Equal((token, secret), (read?.TokenId.ToString(), read?.Secret));
    }

    /// <summary>Strict: families are whole and described before their samples, no series twice, numbers parse, the end is marked.</summary>
    private static Dictionary<string, double> Parse(string text)
    {
        var samples = new Dictionary<string, double>(StringComparer.Ordinal);
        var families = new HashSet<string>(StringComparer.Ordinal);
        string? family = null;
        var lines = text.Split('\n');
        Assert.Equal(["# EOF", ""], lines[^2..]);
        foreach (var line in lines[..^2])
        {
            if (line.StartsWith("# HELP ", StringComparison.Ordinal))
            {
                family = line.Split(' ')[2];
                Assert.True(families.Add(family), $"{family} is described twice");
            }
            else if (line.StartsWith("# TYPE ", StringComparison.Ordinal))
            {
                Assert.Equal($"# TYPE {family} gauge", line);
            }
            else
            {
                var sample = SampleForm().Match(line);
                Assert.True(sample.Success, line);
                Assert.Equal(family, sample.Groups["name"].Value);
                samples.Add(line[..line.LastIndexOf(' ')], double.Parse(sample.Groups["value"].Value, CultureInfo.InvariantCulture));
            }
        }

        return samples;
    }

    private static Task AddAsync(StoreBed bed, string type, string id, long time, string? verified) => bed.Recorder.NoteAsync(
        new GroupKey("shapes", "", type, id).Stream,
        new SnapshotDiscovered("shapes", "", type, id, time, "a@pbs", new SnapshotContent(
            [new SnapshotFile("index.json.blob", "none", 100, null)], null, null, verified, verified is null ? null : "U", false), "made for the test"),
        EventMetadata.System);

    [GeneratedRegex("^(?<name>[a-zA-Z_:][a-zA-Z0-9_:]*)"
        + """(\{([a-zA-Z_][a-zA-Z0-9_]*="([^"\\\n]|\\["\\n])*"(,(?=[a-z])|(?=\})))+\})? (?<value>[-+0-9.eE]+|NaN|[+-]Inf)$""")]
    private static partial Regex SampleForm();
}
