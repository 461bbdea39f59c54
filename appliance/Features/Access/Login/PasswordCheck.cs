// Is this the password of that user? Asked at login and wherever a password must be typed once more. Never faster than the back-off allows, never telling by
// text or time whether there is such a user: an unknown one costs the same hash, and every refusal is told at the same age.
using Holdfast.Wire;

namespace Holdfast.Features.Access;

/// <summary>What became of a password that was typed.</summary>
public enum PasswordAnswer
{
    Right,
    Wrong,

    /// <summary>Realm pam, and no agent to ask.</summary>
    NoAgent,

    /// <summary>So many logins at once that it was not looked at.</summary>
    Busy,
}

/// <summary>Checks passwords.</summary>
public sealed class PasswordCheck(
    Func<AccessState> access, CredentialStore credentials, IPamAuthenticator pam, LoginBackoff backoff, RefusedLogins refused, TimeProvider clock)
{
    /// <summary>What people are told whose password was not looked at.</summary>
    public const string BusyText = "too many logins at once";

    private readonly HashQueue hashes = new(Math.Max(1, Environment.ProcessorCount - 1), clock);

    /// <summary>Time since the start of the clock.</summary>
    public TimeSpan Now => clock.GetElapsedTime(0, clock.GetTimestamp());

    /// <summary>Checks a password from an address. A wrong one is answered when its refusal may be told, three seconds at the earliest.</summary>
    public Task<PasswordAnswer> CheckAsync(UserId user, string password, string source, CancellationToken cancel) =>
        TryAsync(user.ToString(), source, () => AskAsync(user, password, source, cancel), cancel);

    /// <summary>Any other check that must be no faster to guess at (a second factor).</summary>
    public async Task<bool> TryAsync(string userid, string source, Func<Task<bool>> check, CancellationToken cancel) =>
        await TryAsync(userid, source, async () => await check().ConfigureAwait(false) ? PasswordAnswer.Right : PasswordAnswer.Wrong, cancel)
            .ConfigureAwait(false) == PasswordAnswer.Right;

    /// <summary>Counts a refusal that was decided without a check (a ticket that is none), and waits until it may be told.</summary>
    public Task RefuseAsync(string userid, string source, CancellationToken cancel) =>
        TryAsync(userid, source, () => Task.FromResult(PasswordAnswer.Wrong), cancel);

    private async Task<PasswordAnswer> TryAsync(string userid, string source, Func<Task<PasswordAnswer>> check, CancellationToken cancel)
    {
        var cameAt = Now;
        if (backoff.Enter(source, userid, access().User(userid) is not null, cameAt) is { } at)
        {
            await WaitUntilAsync(at, cancel).ConfigureAwait(false);
            var answer = await check().ConfigureAwait(false);
            if (answer != PasswordAnswer.Wrong)
            {
                backoff.Succeeded(source, userid, at);
                return answer;
            }
        }

        refused.Add(userid, source, clock.GetUtcNow().ToUnixTimeSeconds());
        await WaitUntilAsync(backoff.RefusalAt(source, userid, cameAt), cancel).ConfigureAwait(false);
        return PasswordAnswer.Wrong;
    }

    private async Task<PasswordAnswer> AskAsync(UserId user, string password, string source, CancellationToken cancel)
    {
        var userid = user.ToString();
        var exists = access().User(userid) is not null;
        if (user.Realm == Realms.Pam)
        {
            if (!pam.IsThere)
            {
                return PasswordAnswer.NoAgent;
            }

            var answer = exists ? await pam.CheckAsync(user.Name, password, cancel).ConfigureAwait(false) : PamAnswer.Wrong;
            return answer == PamAnswer.NoAgent ? PasswordAnswer.NoAgent
                : answer == PamAnswer.Right && IsActive(userid) ? PasswordAnswer.Right
                : PasswordAnswer.Wrong;
        }

        return await hashes.RunAsync($"{source} {userid}", exists, () => credentials.Matches(userid, password)).ConfigureAwait(false) switch
        {
            null => PasswordAnswer.Busy,
            true when IsActive(userid) => PasswordAnswer.Right,
            _ => PasswordAnswer.Wrong,
        };
    }

    private bool IsActive(string userid) => access().IsActive(userid, clock.GetUtcNow().ToUnixTimeSeconds());

    private async Task WaitUntilAsync(TimeSpan at, CancellationToken cancel)
    {
        var rest = at - Now;
        if (rest > TimeSpan.Zero)
        {
            await Task.Delay(rest, clock, cancel).ConfigureAwait(false);
        }
    }
}

/// <summary>The caller's own password, asked once more before a password or a second factor is changed (pbs-protocol.md 4.6): an open session left alone
/// is not enough for that.</summary>
public sealed class Confirmation(PasswordCheck passwords)
{
    /// <summary>Null if the caller may go on.</summary>
    public async Task<ApiResult?> RefuseAsync(Caller caller, string? password, CancellationToken cancel)
    {
        if (caller.Userid == AccessState.Root)
        {
            return null;
        }

        if (password is null)
        {
            return ApiResult.Error(401, "missing password");
        }

        return await passwords.CheckAsync(UserId.Parse(caller.Userid), password, caller.Source, cancel).ConfigureAwait(false) switch
        {
            PasswordAnswer.Right => null,
            PasswordAnswer.NoAgent => ApiResult.Error(503, NoPamAgent.Text),
            PasswordAnswer.Busy => ApiResult.Error(503, PasswordCheck.BusyText),
            _ => ApiResult.Error(401, "invalid credentials"),
        };
    }
}
