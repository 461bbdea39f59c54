// Which change of the network is still open, as the ledger tells it.
using System.Text.Json;
using Holdfast.Features.Events;
using Holdfast.Ledger;

namespace Holdfast.Features.Network;

/// <summary>The open change; null = none.</summary>
public sealed record NetworkState(string? Open)
{
    public static readonly NetworkState Settled = new(Open: null);
}

/// <summary>The fold.</summary>
public sealed class NetworkFold : IFold<NetworkState>
{
    public string Name => "network";

    public int Version => 1;

    public NetworkState Initial => NetworkState.Settled;

    public bool Knows(string type) => type is "NetworkApplied/1" or "NetworkConfirmed/1" or "NetworkReverted/1";

    public NetworkState Apply(NetworkState state, RecordedEvent recorded) => recorded.Type switch
    {
        "NetworkApplied/1" => new(Event.Read<NetworkApplied>(recorded).Change),
        "NetworkConfirmed/1" => Close(state, Event.Read<NetworkConfirmed>(recorded).Change),
        "NetworkReverted/1" => Close(state, Event.Read<NetworkReverted>(recorded).Change),
        _ => state,
    };

    public void Write(NetworkState state, Stream output) => JsonSerializer.Serialize(output, state, NetworkJson.Default.NetworkState);

    public NetworkState Read(Stream input)
    {
        try
        {
            return JsonSerializer.Deserialize(input, NetworkJson.Default.NetworkState) ?? throw new InvalidDataException("no state of the network");
        }
        catch (JsonException error)
        {
            throw new InvalidDataException(error.Message);
        }
    }

    private static NetworkState Close(NetworkState state, string change) => state.Open == change ? NetworkState.Settled : state;
}
