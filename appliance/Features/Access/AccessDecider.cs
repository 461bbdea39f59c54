// The one decider of users, tokens, roles, the access list and second factors: commands are decided one after the other on the newest state. Secrets become
// durable in the credential file first and the event follows; if that can't be recorded, the secret is put back and the caller is told.
using System.Security.Cryptography;
using System.Text.Json;
using Holdfast.Features.Events;
using Holdfast.Ledger;
using Holdfast.Wire;

namespace Holdfast.Features.Access;

/// <summary>What became of a command.</summary>
public abstract record AccessDecision
{
    private AccessDecision()
    {
    }

    /// <summary>Refused, with PBS's status and text.</summary>
    public sealed record Refused(int Status, string Text) : AccessDecision
    {
        public Refused(string text)
            : this(400, text)
        {
        }
    }

    /// <summary>Nothing to be done: it is so already.</summary>
    public sealed record Unchanged(ApiResult Answer) : AccessDecision;

    /// <summary>These events, and then this answer.</summary>
    public sealed record Accepted(IReadOnlyList<NewEvent> Events, ApiResult Answer) : AccessDecision
    {
        public Accepted(NewEvent one)
            : this([one], ApiResult.Null)
        {
        }

        /// <summary>Stores secrets before the events; returns what undoes it.</summary>
        public Func<Action>? Secrets { get; init; }

        /// <summary>Removes secrets once the events are recorded.</summary>
        public Action? Afterwards { get; init; }
    }
}

/// <summary>Decides, records, answers.</summary>
public sealed class AccessDecider(Func<AccessState> access, Recorder recorder)
{
    /// <summary>PBS's text for a <c>digest</c> that is not the present one.</summary>
    public const string Modified = "detected modified configuration - file changed by other user? Try again.";

    private readonly SemaphoreSlim turn = new(1);

    /// <summary>Decides a command on the newest state.</summary>
    /// <param name="subject">What the events are about: a user, <c>acl</c>, <c>roles</c>. Their stream is <c>auth:SUBJECT</c>.</param>
    public async ValueTask<ApiResult> DecideAsync(string subject, ApiCall call, Func<AccessState, AccessDecision> decide)
    {
        await turn.WaitAsync(call.Aborted).ConfigureAwait(false);
        try
        {
            switch (decide(access()))
            {
                case AccessDecision.Refused refused:
                    return ApiResult.Error(refused.Status, refused.Text);
                case AccessDecision.Unchanged unchanged:
                    return unchanged.Answer;
                case AccessDecision.Accepted accepted:
                    return await RecordAsync(subject, accepted).ConfigureAwait(false);
                default:
                    throw new InvalidOperationException();
            }
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>Digest of users and tokens: changes whenever they do.</summary>
    public static string UsersDigest(AccessState state) => Digest([.. state.Users.Values, .. state.Tokens.Values], [], []);

    /// <summary>Digest of the access list.</summary>
    public static string AclDigest(AccessState state) => Digest([], [.. state.Acl.Values.SelectMany(entries => entries)], []);

    /// <summary>Digest of the roles.</summary>
    public static string RolesDigest(AccessState state) => Digest([], [], [.. state.CustomRoles.Values]);

    /// <summary>Is there a <c>digest</c> in the call, and is it another one?</summary>
    public static bool IsStale(ApiCall call, string digest) =>
        call.Parameters.OptionalText("digest") is { } known && !known.Equals(digest, StringComparison.OrdinalIgnoreCase);

    private async Task<ApiResult> RecordAsync(string subject, AccessDecision.Accepted accepted)
    {
        // Off the connection's thread: the file is synced.
        var undo = accepted.Secrets is { } secrets ? await Task.Run(secrets).ConfigureAwait(false) : null;
        try
        {
            // Not cancelled by a caller who leaves: what has begun is either recorded or put back.
            await recorder.DecideAsync("auth:" + subject, ExpectedVersion.Any, accepted.Events, default, CancellationToken.None).ConfigureAwait(false);
        }
        catch (LedgerUnavailableException)
        {
            await Task.Run(() => undo?.Invoke()).ConfigureAwait(false);
            return ApiResult.Error(503, LedgerAway.Text);
        }

        await Task.Run(() => accepted.Afterwards?.Invoke()).ConfigureAwait(false);
        return accepted.Answer;
    }

    private static string Digest(Account[] accounts, AclEntry[] acl, CustomRole[] roles) => Convert.ToHexStringLower(SHA256.HashData(
        JsonSerializer.SerializeToUtf8Bytes(new AccessFold.Serial(accounts, [], acl, roles, []), AccessSerial.Default.Serial)));
}
