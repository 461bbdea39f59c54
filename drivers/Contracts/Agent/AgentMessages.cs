// What holdfastd may ask of the privileged agent, and what the agent answers: a closed list of typed verbs. There is no shell and no free-form argument; a
// request that is none of these is refused unread.
using System.Text;
using System.Text.Json.Serialization;

namespace Holdfast.Contracts.Agent;

/// <summary>One request. A connection carries one request and its answer, or the answers of a watch until either side hangs up. Each subject lists its own
/// requests on its own part of this declaration.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "verb", UnknownDerivedTypeHandling = JsonUnknownDerivedTypeHandling.FailSerialization)]
[JsonDerivedType(typeof(ListVerbs), "list-verbs")]
[JsonDerivedType(typeof(CheckPamPassword), "check-pam-password")]
public abstract partial record AgentRequest;

/// <summary>A request that changes something. It is recorded as it stands, asked before it acts and answered after, so it holds nothing secret.</summary>
public abstract record AgentAct : AgentRequest;

/// <summary>Which verbs does this agent know? Answered by <see cref="KnownVerbs"/>.</summary>
public sealed record ListVerbs : AgentRequest;

/// <summary>Is this the password of a user of the system? Answered by <see cref="PamVerdict"/>.</summary>
/// <param name="User">Name of the user, without realm; at most <see cref="UserCharsMax"/> characters.</param>
/// <param name="Password">At most <see cref="PasswordCharsMax"/> characters.</param>
public sealed record CheckPamPassword(string User, string Password) : AgentRequest
{
    public const int UserCharsMax = 64;
    public const int PasswordCharsMax = 1024;

    /// <summary>No secret ever gets into a log by way of a record's text.</summary>
    protected override bool PrintMembers(StringBuilder text)
    {
        text.Append("User = ").Append(User);
        return true;
    }
}

/// <summary>One answer. Each subject lists its own answers on its own part of this declaration.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "answer", UnknownDerivedTypeHandling = JsonUnknownDerivedTypeHandling.FailSerialization)]
[JsonDerivedType(typeof(KnownVerbs), "known-verbs")]
[JsonDerivedType(typeof(PamVerdict), "pam-verdict")]
[JsonDerivedType(typeof(AgentDone), "done")]
[JsonDerivedType(typeof(AgentRefusal), "refusal")]
public abstract partial record AgentAnswer;

/// <summary>Verbs by their names on the wire.</summary>
public sealed record KnownVerbs(IReadOnlyList<string> Verbs) : AgentAnswer;

/// <summary>Whether the system takes the password and the account may be used.</summary>
public sealed record PamVerdict(bool IsRight) : AgentAnswer;

/// <summary>It was done, and there is nothing more to say.</summary>
public sealed record AgentDone : AgentAnswer;

/// <summary>The request was not carried out.</summary>
/// <param name="Reason">Fit for a log; holds nothing secret.</param>
public sealed record AgentRefusal(string Reason) : AgentAnswer;

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower)]
[JsonSerializable(typeof(AgentRequest))]
[JsonSerializable(typeof(AgentAnswer))]
internal sealed partial class AgentJson : JsonSerializerContext;
