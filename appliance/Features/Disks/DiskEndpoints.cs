// Disks over the API: PBS's `disks/list` and `disks/smart` in its shape, and of our own: a self-test, and the light at a disk's place.
using System.Text.Json;
using Holdfast.Contracts.Agent;
using Holdfast.Contracts.Disks;
using Holdfast.Features.Access;
using Holdfast.Features.Agent;
using Holdfast.Wire;

namespace Holdfast.Features.Disks;

/// <summary>Endpoints of this slice.</summary>
public sealed class DiskEndpoints(Permissions permissions, DiskWatch watch, Func<DisksState> told, AgentActs acts)
{
    private const string Root = "/nodes/{node}/disks";
    private const string On = "/system/disks";
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(90);
    private static readonly Parameter Disk = Parameter.Text("disk") with { MinLength = 1, MaxLength = 256 };

    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("GET", Root + "/list", new(PbsSchema.Node(), Parameter.Boolean("skipsmart"), Parameter.Boolean("include-partitions"),
            Parameter.Text("usage-type") with { Optional = true, MaxLength = 16 }), List) { Permit = permissions.Needs(On, Privileges.SysAudit) },
        new("GET", Root + "/smart", new(PbsSchema.Node(), Disk, Parameter.Boolean("healthonly")),
            SmartAsync) { Permit = permissions.Needs(On, Privileges.SysAudit) },
        Does("test", Parameter.Text("test") with { MaxLength = 8 }, given => new TestDisk(Id(given.Text("disk")), given.Text("test"))),
        Does("light", Parameter.Text("light") with { MaxLength = 8 }, given => new LightDisk(Id(given.Text("disk")), given.Text("light"))),
    ];

    private ApiEndpoint Does(string verb, Parameter what, Func<ApiParameters, AgentAct> act) =>
        new("POST", $"{Root}/{verb}", new(PbsSchema.Node(), Disk, what), call => DoAsync(call, act(call.Parameters)))
        {
            Permit = permissions.Needs(On, Privileges.SysModify),
        };

    /// <summary>A disk may be named by its id, its device or, as PBS does, the device's last part.</summary>
    private string Id(string name) => Find(name)?.Id ?? name;

    private Disk? Find(string name) =>
        watch.Last.FirstOrDefault(disk => disk.Id == name || disk.Path == name || disk.Path == "/dev/" + name || disk.Serial == name);

    private ValueTask<ApiResult> List(ApiCall call)
    {
        if (watch.Problem is { } problem && watch.Last.Count == 0)
        {
            return ValueTask.FromResult(ApiResult.Error(problem));
        }

        var type = call.Parameters.OptionalText("usage-type");
        return ValueTask.FromResult(ApiResult.Data(json =>
        {
            json.WriteStartArray();
            foreach (var disk in watch.Last.Where(disk => type is null or "all"
                || (type == "unused" ? disk.Use == "free" : disk.Use == type || (type == "zfs" && disk.Use == "pool"))))
            {
                var report = watch.ReportOf(disk.Id)?.Report;
                json.WriteStartObject();
                json.WriteString("devpath", disk.Path);
                json.WriteString("disk-type", disk.Transport == "usb" ? "usb" : disk.IsRotational ? "hdd" : "ssd");
                json.WriteBoolean("gpt", disk.Use is "partitions" or "system" or "pool");
                json.WriteString("id", disk.Id);
                json.WriteString("model", disk.Model);
                json.WriteString("name", Path.GetFileName(disk.Path));
                json.WriteStartArray("reasons");
                foreach (var finding in report is { Problem: null }
                    ? SmartRules.Judge(report, disk.IsRotational, told().Disks.GetValueOrDefault(disk.Id)?.Rules ?? NoRules) : [])
                {
                    json.WriteStringValue(finding.Reason);
                }

                json.WriteEndArray();
                json.WriteString("serial", disk.Serial);
                json.WriteNumber("size", disk.SizeBytes);
                json.WriteString("status", Status(report));
                if (report?.TemperatureC is { } degrees)
                {
                    json.WriteNumber("temperature", degrees);
                }

                json.WriteString("used", disk.Use switch
                {
                    "free" => "unused",
                    "pool" => "zfs",
                    "file-system" => "filesystem",
                    var other => other,
                });
                json.WriteString("verdict", report is null or { Problem: not null } ? "unknown"
                    : told().Disks.GetValueOrDefault(disk.Id)?.Verdict ?? "unknown");
                if (report?.WearPercent is { } wear)
                {
                    json.WriteNumber("wearout", Math.Max(0, 100 - wear));
                }

                json.WriteString("wwn", disk.Wwn);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }));
    }

    private static readonly IReadOnlySet<string> NoRules = new HashSet<string>();

    private ValueTask<ApiResult> SmartAsync(ApiCall call) => BoxCalls.AnswerAsync(async () =>
    {
        if (Find(call.Parameters.Text("disk")) is not { } disk)
        {
            return ApiResult.Error($"no disk '{call.Parameters.Text("disk")}'");
        }

        var report = await watch.AskAsync(disk, call.Aborted).ConfigureAwait(false);
        return report.Problem is { } problem ? ApiResult.Error($"{disk.Path}: {problem}") : ApiResult.Data(json => Write(json, report));
    });

    private static void Write(Utf8JsonWriter json, SmartReport report)
    {
        json.WriteStartObject();
        json.WriteStartArray("attributes");
        foreach (var attribute in report.Attributes)
        {
            json.WriteStartObject();
            json.WriteString("flags", attribute.Flags);
            json.WriteNumber("id", attribute.Id);
            json.WriteString("name", attribute.Name);
            json.WriteNumber("normalized", attribute.Value);
            json.WriteString("raw", attribute.Raw);
            json.WriteNumber("threshold", attribute.Threshold);
            json.WriteString("value", attribute.Raw);
            json.WriteNumber("worst", attribute.Worst);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        Number("command-timeouts", report.CommandTimeouts);
        Number("crc-errors", report.CrcErrors);
        Number("offline-uncorrectable", report.OfflineUncorrectable);
        Number("pending-sectors", report.PendingSectors);
        Number("power-on-hours", report.PowerOnHours);
        Number("reallocated-sectors", report.ReallocatedSectors);
        json.WriteStartArray("self-tests");
        foreach (var test in report.SelfTests)
        {
            json.WriteStartObject();
            json.WriteNumber("at-hours", test.AtHours);
            json.WriteString("kind", test.Kind);
            json.WriteString("status", test.Status);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        Number("self-test-remaining", report.SelfTestRemainingPercent);
        Number("spare", report.SparePercent);
        json.WriteString("status", Status(report));
        Number("temperature", report.TemperatureC);
        Number("uncorrectable-errors", report.UncorrectableErrors);
        Number("unsafe-shutdowns", report.UnsafeShutdowns);
        Number("wearout", report.WearPercent is { } wear ? Math.Max(0, 100 - wear) : null);
        json.WriteEndObject();

        void Number(string name, long? value)
        {
            if (value is { } known)
            {
                json.WriteNumber(name, known);
            }
        }
    }

    private static string Status(SmartReport? report) => report?.Passed switch
    {
        true => "passed",
        false => "failed",
        _ => "unknown",
    };

    private ValueTask<ApiResult> DoAsync(ApiCall call, AgentAct act) => BoxCalls.AnswerAsync(async () =>
    {
        await acts.DoAsync<AgentDone>(act, call.CallerAs<Caller>().Because(AgentNames.Of(act.GetType())), Within).ConfigureAwait(false);
        return ApiResult.Null;
    });
}
