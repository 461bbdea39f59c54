// The border between the wire and the domain for upgraded sessions (pbs-protocol 2.1): the gate decides about an
// upgrade request, the session it returns answers the calls that follow on the same connection.
namespace Holdfast.Wire;

/// <summary>
/// An upgrade request. <see cref="Path"/> is `backup` or `reader`; <see cref="Query"/> has no `?`; header names compare
/// without case, repeated headers are joined (`; ` for Cookie, else `, `).
/// </summary>
public sealed record UpgradeRequest(
    string Path, string Query, IReadOnlyDictionary<string, string> Headers, string RemoteAddress)
{
    public string? Header(string name) => Headers.GetValueOrDefault(name);
}

/// <summary>The gate's answer.</summary>
public abstract record UpgradeDecision
{
    private UpgradeDecision()
    {
    }

    /// <summary>101 with this Upgrade token; the session then owns the connection.</summary>
    public sealed record Accept(string Protocol, IUpgradedSession Session) : UpgradeDecision;

    /// <summary>An ordinary answer after <see cref="Delay"/> (401: 3 s, 403: 0.5 s); the connection goes on.</summary>
    public sealed record Refuse(int Status, string Text, TimeSpan Delay = default) : UpgradeDecision;
}

/// <summary>Decides about upgrades; runs authentication, rights, locks: everything before the 101.</summary>
public interface IUpgradeGate
{
    /// <summary><paramref name="cancel"/> fires when the connection goes away meanwhile.</summary>
    Task<UpgradeDecision> DecideAsync(UpgradeRequest request, CancellationToken cancel);
}

/// <summary>A session on an upgraded connection.</summary>
public interface IUpgradedSession
{
    /// <summary>Called once before any call; <paramref name="abort"/> cuts the connection, at any time, from any
    /// thread.</summary>
    void Attach(Action abort);

    /// <summary>Answers one call; many run at once.</summary>
    Task HandleAsync(Exchange call);

    /// <summary>Exactly once per accepted session, after the connection ended, however it did; null: no error
    /// seen.</summary>
    Task EndAsync(Exception? error);
}
