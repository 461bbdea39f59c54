// GET status/metrics: PBS's JSON (pbs-protocol.md 4.4), or text for a scraper that asks for it; and the same text for `/metrics`, where scrapers look first.
using System.Text;
using Holdfast.Features.Access;
using Holdfast.Features.Node;
using Holdfast.Wire;

namespace Holdfast.Features.Metrics;

/// <summary>Endpoints of metrics.</summary>
public sealed class MetricEndpoints(Permissions permissions, Sampler sampler, ApplianceMetrics metrics)
{
    private static readonly ParameterSchema Schema = new(
        Parameter.Integer("start-time") with { Optional = true }, Parameter.Boolean("history"));

    public IEnumerable<ApiEndpoint> Endpoints => [new("GET", "/status/metrics", Schema, Answer)];

    /// <summary>The text and its type, by what the scraper accepts.</summary>
    public (string Text, string ContentType) Text(Caller caller, string? accept) => (
        metrics.Collect(caller).ToString(),
        accept?.Contains("openmetrics-text", StringComparison.OrdinalIgnoreCase) == true ? Exposition.OpenMetricsType : Exposition.PrometheusType);

    private ValueTask<ApiResult> Answer(ApiCall call)
    {
        var caller = call.CallerAs<Caller>();
        var accept = call.Exchange.Header("Accept");
        if (WantsText(accept))
        {
            var (text, type) = Text(caller, accept);
            return ValueTask.FromResult<ApiResult>(new ApiResult.Bytes(Encoding.UTF8.GetBytes(text), type));
        }

        var sinceS = call.Parameters.Integer("start-time", 0);
        var recent = sampler.Recent();
        var measured = (call.Parameters.Flag("history") ? recent : recent.TakeLast(1)).SelectMany(at => at)
            .Where(one => one.TimeS > sinceS && MaySee(caller, one)).ToList();
        return ValueTask.FromResult(ApiResult.Data(json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("data");
            foreach (var one in measured)
            {
                json.WriteStartObject();
                json.WriteString("id", one.Id);
                json.WriteString("metric", one.Metric);
                json.WriteNumber("timestamp", one.TimeS);
                json.WriteString("type", one.IsDerived ? "derive" : "gauge");
                json.WriteNumber("value", one.Value);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }));
    }

    /// <summary>Whoever names a text type wants text, unless JSON is named as well.</summary>
    private static bool WantsText(string? accept) => accept is not null
        && (accept.Contains("text/plain", StringComparison.OrdinalIgnoreCase) || accept.Contains("openmetrics", StringComparison.OrdinalIgnoreCase))
        && !accept.Contains("application/json", StringComparison.OrdinalIgnoreCase);

    private bool MaySee(Caller caller, Measurement one) => one.Id == "host"
        ? (permissions.On("/system/status", caller) & Privileges.SysAudit) != 0
        : (permissions.On("/" + one.Id, caller) & Privileges.DatastoreAudit) != 0;
}
