// How calls that ask the agent answer when it is away, refuses, or the ledger can't record what is asked.
using Holdfast.Features.Events;
using Holdfast.Ledger;
using Holdfast.Wire;

namespace Holdfast.Features.Agent;

/// <summary>Answers of calls.</summary>
public static class BoxCalls
{
    /// <summary>The handler's answer; 503 without agent or ledger, 400 with the agent's words if it refuses.</summary>
    public static async ValueTask<ApiResult> AnswerAsync(Func<Task<ApiResult>> handler)
    {
        try
        {
            return await handler().ConfigureAwait(false);
        }
        catch (AgentRefusedException refused)
        {
            return ApiResult.Error(refused.Message);
        }
        catch (AgentAwayException away)
        {
            return ApiResult.Error(503, away.Message);
        }
        catch (LedgerUnavailableException)
        {
            return ApiResult.Error(503, LedgerAway.Text);
        }
    }
}
