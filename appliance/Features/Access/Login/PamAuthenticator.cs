// The seam to the system's own logins: a password of realm pam is checked by the privileged agent, which alone may ask libpam.
namespace Holdfast.Features.Access;

/// <summary>What the system says of a password.</summary>
public enum PamAnswer
{
    /// <summary>It is this user's, and the account may log in.</summary>
    Right,

    /// <summary>Anything else: wrong, unknown, locked.</summary>
    Wrong,

    /// <summary>Nobody could be asked.</summary>
    NoAgent,
}

/// <summary>Checks passwords of realm pam. An implementation answers within four seconds, and never tells why it says no.</summary>
public interface IPamAuthenticator
{
    /// <summary>Is an agent there to ask? Asked before anything depends on which user it is.</summary>
    bool IsThere { get; }

    /// <param name="user">Name without realm: <c>root</c>.</param>
    ValueTask<PamAnswer> CheckAsync(string user, string password, CancellationToken cancel);
}

/// <summary>An appliance without an agent.</summary>
public sealed class NoPamAgent : IPamAuthenticator
{
    /// <summary>What people are told who try to log in with realm pam.</summary>
    public const string Text = "logins of realm 'pam' are checked by the agent (holdfast-agent), which is not there";

    public bool IsThere => false;

    public ValueTask<PamAnswer> CheckAsync(string user, string password, CancellationToken cancel) => ValueTask.FromResult(PamAnswer.NoAgent);
}
