// What became of answer files: a box takes one that is right, once. Who applies it is the command line on the box itself (`holdfast answer apply`); here it is
// told, and known.
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Holdfast.Features.Events;
using Holdfast.Ledger;

namespace Holdfast.Features.Box;

/// <summary>All that the file asks for was done.</summary>
/// <param name="Digest">SHA-256 of the file, hex. What is in it is told by the events of what was done.</param>
/// <param name="Text">For people: what was done, without secrets.</param>
public sealed record AnswerFileApplied(string Digest, string Text) : IEventData<AnswerFileApplied>
{
    public static string EventType => "AnswerFileApplied/1";
    public static JsonTypeInfo<AnswerFileApplied> Json => EventJson.Default.AnswerFileApplied;
}

/// <summary>The file has a fault, and nothing of it was done.</summary>
public sealed record AnswerFileRefused(string Digest, string Text) : IEventData<AnswerFileRefused>
{
    public static string EventType => "AnswerFileRefused/1";
    public static JsonTypeInfo<AnswerFileRefused> Json => EventJson.Default.AnswerFileRefused;
}

/// <summary>The file was right, but a step of it could not be done; the steps before it were.</summary>
public sealed record AnswerFileFailed(string Digest, string Text) : IEventData<AnswerFileFailed>
{
    public static string EventType => "AnswerFileFailed/1";
    public static JsonTypeInfo<AnswerFileFailed> Json => EventJson.Default.AnswerFileFailed;
}

/// <summary>Digest of the file that was applied; null = none was.</summary>
public sealed record AnswerState(string? Applied)
{
    public static readonly AnswerState None = new(Applied: null);
}

/// <summary>The fold.</summary>
public sealed class AnswerFold : IFold<AnswerState>
{
    public string Name => "answer";

    public int Version => 1;

    public AnswerState Initial => AnswerState.None;

    public bool Knows(string type) => type is "AnswerFileApplied/1";

    public AnswerState Apply(AnswerState state, RecordedEvent recorded) =>
        recorded.Type == "AnswerFileApplied/1" ? new(Event.Read<AnswerFileApplied>(recorded).Digest) : state;

    public void Write(AnswerState state, Stream output) => JsonSerializer.Serialize(output, state, BoxJson.Default.AnswerState);

    public AnswerState Read(Stream input)
    {
        try
        {
            return JsonSerializer.Deserialize(input, BoxJson.Default.AnswerState) ?? throw new InvalidDataException("no state of answer files");
        }
        catch (JsonException error)
        {
            throw new InvalidDataException(error.Message);
        }
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(AnswerState))]
internal sealed partial class BoxJson : JsonSerializerContext;
