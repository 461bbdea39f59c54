// Who sends a request: an authenticated id and where it comes from. What it may do is asked of the access state at the moment of use,
// so that a right withdrawn counts at once.
using Holdfast.Ledger;

namespace Holdfast.Features.Access;

/// <summary>An authenticated user or token.</summary>
/// <param name="AuthId"><c>admin@pbs</c> or <c>admin@pbs!pve</c>.</param>
/// <param name="Source">Address of the peer, without port.</param>
public sealed record Caller(string AuthId, string Source)
{
    /// <summary>The user behind a token, or the user itself.</summary>
    public string Userid => AccessState.TokenSeparator(AuthId) is var bang and >= 0 ? AuthId[..bang] : AuthId;

    /// <summary>An API token, not a user.</summary>
    public bool IsToken => AccessState.TokenSeparator(AuthId) >= 0;

    /// <summary>The superuser himself; his tokens are not.</summary>
    public bool IsSuperuser => AuthId == AccessState.Root;

    /// <summary>Metadata of an event that this caller brought about.</summary>
    /// <param name="cause">The call or task: <c>POST /access/users</c>, a UPID.</param>
    public EventMetadata Because(string cause, string correlation = "") => new(AuthId, Source, cause, correlation);
}
