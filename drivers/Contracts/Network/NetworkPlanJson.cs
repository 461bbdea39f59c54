// A plan of the network as JSON, in the one form in which it is sent, kept, recorded and written by people.
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Holdfast.Contracts.Network;

/// <summary>Reads and writes plans. Names are <c>kebab-case</c>; what is not there is null or an empty list; what is unknown is refused.</summary>
public static class NetworkPlanJson
{
    public const int CharsMax = 64 * 1024;

    /// <exception cref="InvalidDataException">No such plan, or one with a fault.</exception>
    public static NetworkPlan Parse(string json)
    {
        try
        {
            var plan = json.Length <= CharsMax ? JsonSerializer.Deserialize(json, PlanJson.Default.NetworkPlan) : null;
            var whole = plan is null ? throw new InvalidDataException("no plan of a network") : Whole(plan);
            return whole.Problem() is { } problem ? throw new InvalidDataException(problem) : whole;
        }
        catch (JsonException error)
        {
            throw new InvalidDataException("no plan of a network: " + error.Message);
        }
    }

    public static string ToJson(NetworkPlan plan) => JsonSerializer.Serialize(plan, PlanJson.Default.NetworkPlan);

    /// <summary>Lists that people leave out are empty ones.</summary>
    private static NetworkPlan Whole(NetworkPlan plan) => plan with
    {
        Interfaces = [.. (plan.Interfaces ?? []).Select(one => one is null ? null! : one with
        {
            Type = one.Type ?? "eth", Addresses = one.Addresses ?? [], Ports = one.Ports ?? [],
        })],
        Dns = plan.Dns ?? [],
        Doors = plan.Doors is { } doors ? new DoorPlan(doors.Service ?? [], doors.Admin ?? []) : null,
    };
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(NetworkPlan))]
internal sealed partial class PlanJson : JsonSerializerContext;
