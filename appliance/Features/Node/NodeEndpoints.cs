// What a client asks of the box itself: version, liveness, identity (pbs-protocol.md 1.7).
using Holdfast.Wire;

namespace Holdfast.Features.Node;

/// <summary>Endpoints about this host.</summary>
/// <param name="instanceId">Stable id of this appliance, a UUID.</param>
public sealed class NodeEndpoints(string instanceId)
{
    /// <summary>The protocol level that clients may rely on; they parse it as major.minor and refuse below 2.2.</summary>
    private const string ProtocolVersion = "4.2";

    private const string Release = "3";

    /// <summary>The endpoints of this slice.</summary>
    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("GET", "/version", ParameterSchema.Empty, Version),
        new("GET", "/ping", ParameterSchema.Empty, Ping) { Anonymous = true },
        new("GET", "/nodes/{node}/identity", new(PbsSchema.Node()), Identity),
    ];

    private static ValueTask<ApiResult> Version(ApiCall call) => ValueTask.FromResult(ApiResult.Data(json =>
    {
        json.WriteStartObject();
        json.WriteString("release", Release);
        json.WriteString("repoid", "holdfast");
        json.WriteString("version", ProtocolVersion);
        json.WriteEndObject();
    }));

    private static ValueTask<ApiResult> Ping(ApiCall call) => ValueTask.FromResult(ApiResult.Data(json =>
    {
        json.WriteStartObject();
        json.WriteBoolean("pong", true);
        json.WriteEndObject();
    }));

    private ValueTask<ApiResult> Identity(ApiCall call) => ValueTask.FromResult(ApiResult.Data(json =>
    {
        json.WriteStartObject();
        json.WriteString("pbs-instance-id", instanceId);
        json.WriteEndObject();
    }));
}
