// The verb that checks a password of one of the system's users. libpam's modules may block for long and can't be stopped, so few of them run at once.
using Holdfast.Contracts.Agent;

namespace Holdfast.Agent.Pam;

/// <summary>Passwords of the system.</summary>
public sealed class PamVerbs(PamPasswords passwords)
{
    /// <summary>So many threads may be lost in modules that don't come back.</summary>
    private const int AtOnceMax = 4;

    private readonly SemaphoreSlim atOnce = new(AtOnceMax);

    public IReadOnlyList<AgentVerb> Verbs => [AgentVerb.Of<CheckPamPassword>(CheckAsync)];

    private async Task<AgentAnswer> CheckAsync(CheckPamPassword check, CancellationToken cancel)
    {
        if (check.User is not { Length: > 0 and <= CheckPamPassword.UserCharsMax } || check.User.Any(c => char.IsControl(c) || c is '/' or ':')
            || check.Password is not { Length: <= CheckPamPassword.PasswordCharsMax } || check.Password.Contains('\0'))
        {
            return new AgentRefusal("no user name or password that could be one");
        }

        await atOnce.WaitAsync(cancel).ConfigureAwait(false);
        var asking = Task.Factory.StartNew(() =>
        {
            try
            {
                return passwords.IsRight(check.User, check.Password);
            }
            finally
            {
                atOnce.Release();
            }
        }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        return new PamVerdict(await asking.WaitAsync(cancel).ConfigureAwait(false));
    }
}
