// Which answer file was applied, and what became of one: for the command line on the box itself, which has the superuser's ticket.
using Holdfast.Features.Access;
using Holdfast.Features.Agent;
using Holdfast.Features.Events;
using Holdfast.Ledger;
using Holdfast.Wire;

namespace Holdfast.Features.Box;

/// <summary>Endpoints of answer files.</summary>
public sealed class AnswerEndpoints(Func<AnswerState> state, Recorder recorder)
{
    private const string Path = "/nodes/{node}/answer";
    private const string Stream = "answer";

    private static readonly ParameterSchema Told = new(
        PbsSchema.Node(), Parameter.Text("outcome") with { Choices = ["applied", "refused", "failed"] }, PbsSchema.Digest(),
        Parameter.Text("text") with { MaxLength = 4000, Format = PbsSchema.IsManyLines });

    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("GET", Path, new(PbsSchema.Node()), _ => ValueTask.FromResult(ApiResult.Data(json =>
        {
            json.WriteStartObject();
            if (state().Applied is { } applied)
            {
                json.WriteString("applied", applied);
            }

            json.WriteEndObject();
        }))) { Permit = Permissions.SuperuserOnly },
        new("POST", Path, Told, call => BoxCalls.AnswerAsync(() => TellAsync(call))) { Permit = Permissions.SuperuserOnly },
    ];

    private async Task<ApiResult> TellAsync(ApiCall call)
    {
        var (digest, text) = (call.Parameters.Text("digest"), call.Parameters.Text("text"));
        var because = call.CallerAs<Caller>().Because("POST answer");
        var told = call.Parameters.Text("outcome") switch
        {
            "applied" => Event.Of(new AnswerFileApplied(digest, text), because),
            "refused" => Event.Of(new AnswerFileRefused(digest, text), because),
            _ => Event.Of(new AnswerFileFailed(digest, text), because),
        };
        await recorder.DecideAsync(Stream, ExpectedVersion.Any, [told]).ConfigureAwait(false);
        return ApiResult.Null;
    }
}
