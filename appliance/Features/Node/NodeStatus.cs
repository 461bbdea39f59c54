// What dashboards ask of the box (pbs-protocol.md 4.4): load, memory, services, certificate, versions, a report. Everything is read from the
// running system or is a fact of ours; what this appliance does not have (packages, a subscription) is said in PBS's way, not made up.
using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Holdfast.Features.Access;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Wire;

namespace Holdfast.Features.Node;

/// <summary>Endpoints below <c>/nodes/{node}</c>.</summary>
public sealed class NodeStatus(
    Permissions permissions, INodeSource node, Sampler sampler, Func<DatastoresState> datastores, DatastoreRegistry stores, Recorder recorder,
    string instanceId)
{
    private const string Root = "/nodes/{node}";

    private static readonly ParameterSchema Node = new(PbsSchema.Node());

    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("GET", "/nodes", ParameterSchema.Empty,
            _ => Answer(ApiResult.Data(json => Array(json, () => Object(json, () => json.WriteString("node", "localhost"))))))
        {
            Permit = Permissions.SuperuserOnly,
        },
        Audited(Root + "/status", "/system/status", Status),
        Audited(Root + "/services", "/system/services", Services),
        new("GET", Root + "/services/{service}/state", new(PbsSchema.Node(), Parameter.Text("service") with { MaxLength = 64 }), ServiceState)
        {
            Permit = permissions.Needs("/system/services", Privileges.SysAudit),
        },
        Audited(Root + "/subscription", "/system", Subscription),
        Audited(Root + "/certificates/info", "/system/certificates", CertificateInfo),
        Audited(Root + "/report", "/system/status", Report),
        Audited(Root + "/config", "/system", _ => Answer(ApiResult.Data(json => Object(json, () => { }), json => json.WriteString("digest", Sha256(""))))),
        Audited(Root + "/apt/update", "/", _ => Answer(ApiResult.Data(json => Array(json, () => { })))),
        Audited(Root + "/apt/versions", "/", Versions),
    ];

    private ApiEndpoint Audited(string path, string on, Func<ApiCall, ValueTask<ApiResult>> handler) =>
        new("GET", path, Node, handler) { Permit = permissions.Needs(on, Privileges.SysAudit) };

    private ValueTask<ApiResult> Status(ApiCall call)
    {
        var (now, box) = (node.Read(), node.Identify());
        var (cpu, wait) = sampler.Load;
        return Answer(ApiResult.Data(json => Object(json, () =>
        {
            json.WriteStartObject("boot-info");
            json.WriteString("mode", box.IsEfi ? "efi" : "legacy-bios");
            json.WriteBoolean("secureboot", box.SecureBoot);
            json.WriteEndObject();
            json.WriteNumber("cpu", cpu);
            json.WriteStartObject("cpuinfo");
            json.WriteNumber("cpus", box.Cpus);
            json.WriteString("model", box.CpuModel);
            json.WriteNumber("sockets", box.Sockets);
            json.WriteEndObject();
            json.WriteStartObject("current-kernel");
            json.WriteString("machine", box.Machine);
            json.WriteString("release", box.Release);
            json.WriteString("sysname", box.SystemName);
            json.WriteString("version", box.KernelVersion);
            json.WriteEndObject();
            json.WriteStartObject("info");
            json.WriteString("fingerprint", Fingerprint(box));
            json.WriteEndObject();
            json.WriteString("kversion", $"{box.SystemName} {box.Release} {box.KernelVersion}");
            json.WriteStartArray("loadavg");
            json.WriteNumberValue(now.Load1);
            json.WriteNumberValue(now.Load5);
            json.WriteNumberValue(now.Load15);
            json.WriteEndArray();
            WriteRoom(json, "memory", now.Memory, "free");
            WriteRoom(json, "root", now.Root, "avail");
            WriteRoom(json, "swap", now.Swap, "free");
            json.WriteNumber("uptime", now.UptimeS);
            json.WriteNumber("wait", wait);
        })));
    }

    private ValueTask<ApiResult> Services(ApiCall call) => Answer(ApiResult.Data(json => Array(json, () =>
    {
        WriteService(json, "holdfastd", "Holdfast backup appliance", "running");
        WriteService(json, "ledger", "Holdfast ledger (PostgreSQL)", recorder.Ledger.IsAvailable ? "running" : "dead");
    })));

    private ValueTask<ApiResult> ServiceState(ApiCall call) => Answer(call.Parameters.Text("service") switch
    {
        "holdfastd" => ApiResult.Data(json => WriteService(json, "holdfastd", "Holdfast backup appliance", "running")),
        "ledger" => ApiResult.Data(json => WriteService(
            json, "ledger", "Holdfast ledger (PostgreSQL)", recorder.Ledger.IsAvailable ? "running" : "dead")),
        var other => ApiResult.Error($"unknown service name '{other}'"),
    });

    private static void WriteService(Utf8JsonWriter json, string name, string meaning, string state) => Object(json, () =>
    {
        json.WriteString("desc", meaning);
        json.WriteString("name", name);
        json.WriteString("service", name);
        json.WriteString("state", state);
        json.WriteString("unit-state", "enabled");
    });

    private ValueTask<ApiResult> Subscription(ApiCall call) => Answer(ApiResult.Data(json => Object(json, () =>
    {
        json.WriteString("message", "There is no subscription key, and none is needed");
        json.WriteString("serverid", instanceId);
        json.WriteString("status", "notfound");
    })));

    private ValueTask<ApiResult> CertificateInfo(ApiCall call)
    {
        var pem = node.Identify().CertificatePem;
        return Answer(ApiResult.Data(json => Array(json, () =>
        {
            if (pem is not null)
            {
                WriteCertificate(json, pem);
            }
        })));
    }

    private static void WriteCertificate(Utf8JsonWriter json, string pem)
    {
        using var certificate = X509Certificate2.CreateFromPem(pem);
        using var rsa = certificate.GetRSAPublicKey();
        using var ecdsa = certificate.GetECDsaPublicKey();
        var names = certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().FirstOrDefault();
        Object(json, () =>
        {
            json.WriteString("filename", "cert.pem");
            json.WriteString("fingerprint", Certificates.Fingerprint(certificate));
            json.WriteString("issuer", certificate.Issuer);
            json.WriteNumber("notafter", new DateTimeOffset(certificate.NotAfter.ToUniversalTime()).ToUnixTimeSeconds());
            json.WriteNumber("notbefore", new DateTimeOffset(certificate.NotBefore.ToUniversalTime()).ToUnixTimeSeconds());
            json.WriteString("pem", pem);
            json.WriteNumber("public-key-bits", rsa?.KeySize ?? ecdsa?.KeySize ?? 0);
            json.WriteString("public-key-type", rsa is not null ? "rsaEncryption" : ecdsa is not null ? "id-ecPublicKey" : "unknown");
            json.WriteStartArray("san");
            foreach (var name in names?.EnumerateDnsNames() ?? [])
            {
                json.WriteStringValue(name);
            }

            json.WriteEndArray();
            json.WriteString("subject", certificate.Subject);
        });
    }

    private ValueTask<ApiResult> Versions(ApiCall call)
    {
        var box = node.Identify();
        return Answer(ApiResult.Data(json => Array(json, () => Object(json, () =>
        {
            json.WriteString("Arch", box.Machine);
            json.WriteString("Description", "Holdfast backup appliance");
            json.WriteString("ExtraInfo", "running kernel: " + box.Release);
            json.WriteString("Origin", "Holdfast");
            json.WriteString("Package", "holdfast");
            json.WriteString("Priority", "optional");
            json.WriteString("Section", "admin");
            json.WriteString("Title", "Holdfast");
            json.WriteString("Version", box.Version);
        }))));
    }

    /// <summary>For a support case: what one would ask first. No secrets, no names of people.</summary>
    private ValueTask<ApiResult> Report(ApiCall call)
    {
        var (now, box) = (node.Read(), node.Identify());
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"## HOLDFAST\n\nversion {box.Version}, instance {instanceId}\n");
        var ledger = recorder.Ledger;
        text.Append(CultureInfo.InvariantCulture, $"ledger: position {ledger.Head.Position}, {(ledger.IsAvailable ? "available" : "away")}\n");
        text.Append(CultureInfo.InvariantCulture, $"\n## SYSTEM\n\n{box.SystemName} {box.Release} {box.KernelVersion} {box.Machine}\n");
        text.Append(CultureInfo.InvariantCulture, $"{box.Cpus} processors ({box.CpuModel}), load {now.Load1} {now.Load5} {now.Load15}, up {now.UptimeS} s\n");
        text.Append(CultureInfo.InvariantCulture, $"memory {now.Memory.UsedBytes >> 20} of {now.Memory.TotalBytes >> 20} MiB used\n\n## DATASTORES\n\n");
        foreach (var store in datastores().Stores.Values)
        {
            var open = stores.FindAnyway(store.Name);
            var state = store.Maintenance?.Reason ?? open?.Failure ?? (open is null ? "not open" : "open");
            text.Append(CultureInfo.InvariantCulture, $"{store.Name}: {store.Path}, {store.Namespaces.Count} namespaces, {state}\n");
            foreach (var (name, value) in store.Options)
            {
                text.Append(CultureInfo.InvariantCulture, $"\t{name} {value}\n");
            }
        }

        return Answer(ApiResult.String(text.ToString()));
    }

    private static string Fingerprint(NodeIdentity box)
    {
        if (box.CertificatePem is not { } pem)
        {
            return "";
        }

        using var certificate = X509Certificate2.CreateFromPem(pem);
        return Certificates.Fingerprint(certificate);
    }

    private static void WriteRoom(Utf8JsonWriter json, string name, Room room, string free)
    {
        json.WriteStartObject(name);
        json.WriteNumber(free, room.FreeBytes);
        json.WriteNumber("total", room.TotalBytes);
        json.WriteNumber("used", room.UsedBytes);
        json.WriteEndObject();
    }

    private static void Object(Utf8JsonWriter json, Action write)
    {
        json.WriteStartObject();
        write();
        json.WriteEndObject();
    }

    private static void Array(Utf8JsonWriter json, Action write)
    {
        json.WriteStartArray();
        write();
        json.WriteEndArray();
    }

    private static string Sha256(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    private static ValueTask<ApiResult> Answer(ApiResult result) => ValueTask.FromResult(result);
}
