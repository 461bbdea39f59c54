// The door before both kinds of session: authentication, parameters, and the choice between writer and reader. Everything that can be refused is refused
// before the 101, with the text that the user will see (pbs-protocol.md 2.1, 2.3).
using Holdfast.Features.Access;
using Holdfast.Features.Snapshots;
using Holdfast.Wire;

namespace Holdfast.Features.Sessions;

/// <summary>What both kinds of upgrade ask for.</summary>
public sealed record SessionWish(GroupKey Group, long BackupTime, Caller Caller, bool Benchmark, string? UpgradeHeader);

/// <summary>One kind of session behind the gate.</summary>
public interface ISessionKind
{
    /// <summary>Path of the upgrade: <c>backup</c> or <c>reader</c>.</summary>
    string Path { get; }

    /// <summary>Name in the Upgrade header.</summary>
    string Protocol { get; }

    /// <summary>Opens a session, or throws <see cref="ApiException"/> with status and text.</summary>
    Task<IUpgradedSession> OpenAsync(SessionWish wish, CancellationToken cancel);
}

/// <summary>Decides about upgrade requests.</summary>
public sealed class SessionGate(Authenticator authenticator, IReadOnlyList<ISessionKind> kinds, int sessionsMax) : IUpgradeGate
{
    private static readonly ParameterSchema Parameters = new(
        PbsSchema.Store(), PbsSchema.Namespace(), PbsSchema.BackupType(), PbsSchema.BackupId(), PbsSchema.BackupTime(),
        Parameter.Boolean("debug"), Parameter.Boolean("benchmark"), Parameter.Boolean("no-cache"));

    private static readonly TimeSpan UnauthorizedDelay = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan ForbiddenDelay = TimeSpan.FromMilliseconds(500);

    private int running;
    private volatile string? closedBecause;

    /// <summary>Why no new session is opened; null = they are.</summary>
    public string? ClosedBecause
    {
        get => closedBecause;
        set => closedBecause = value;
    }

    public async Task<UpgradeDecision> DecideAsync(UpgradeRequest request, CancellationToken cancel)
    {
        if (kinds.FirstOrDefault(kind => kind.Path == request.Path) is not { } kind)
        {
            return new UpgradeDecision.Refuse(404, $"Path '/api2/json/{request.Path}' not found.");
        }

        var caller = await authenticator.AuthenticateAsync("GET", request.Header("Cookie"), request.Header("Authorization"),
            request.Header("CSRFPreventionToken"), request.RemoteAddress, cancel).ConfigureAwait(false);
        if (caller is null)
        {
            return new UpgradeDecision.Refuse(401, "authentication failed"); // the authenticator has held it back already
        }

        if (ParameterSchema.Split(request.Query) is not { } pairs)
        {
            return new UpgradeDecision.Refuse(400, "parameters are not valid utf-8");
        }

        var parameters = Parameters.ReadText(pairs);
        if (parameters.Faults.Count > 0)
        {
            return new UpgradeDecision.Refuse(400, parameters.FaultText);
        }

        var group = new GroupKey(parameters.Text("store"), parameters.OptionalText("ns") ?? "", parameters.Text("backup-type"), parameters.Text("backup-id"));
        var wish = new SessionWish(
            group, parameters.Integer("backup-time"), caller, parameters.Flag("benchmark"), request.Header("Upgrade"));
        return await OpenAsync(kind, wish, cancel).ConfigureAwait(false);
    }

    /// <summary>Opens a session for a caller who is known already.</summary>
    /// <param name="path">Of the kind.</param>
    public Task<UpgradeDecision> OpenAsync(string path, SessionWish wish, CancellationToken cancel) =>
        OpenAsync(kinds.First(kind => kind.Path == path), wish, cancel);

    /// <summary>The check of the Upgrade header, which PBS makes after rights and store.</summary>
    public static void CheckProtocol(SessionWish wish, string protocol)
    {
        if (wish.UpgradeHeader is not { } header)
        {
            throw new ApiException("missing Upgrade header");
        }

        if (header != protocol)
        {
            throw new ApiException("invalid protocol name");
        }
    }

    private async Task<UpgradeDecision> OpenAsync(ISessionKind kind, SessionWish wish, CancellationToken cancel)
    {
        if (closedBecause is { } why)
        {
            return new UpgradeDecision.Refuse(503, why);
        }

        if (Interlocked.Increment(ref running) > sessionsMax)
        {
            Interlocked.Decrement(ref running);
            return new UpgradeDecision.Refuse(503, $"too many sessions (at most {sessionsMax})");
        }

        try
        {
            var session = await kind.OpenAsync(wish, cancel).ConfigureAwait(false);
            return new UpgradeDecision.Accept(kind.Protocol, new Counted(session, () => Interlocked.Decrement(ref running)));
        }
        catch (ApiException refusal)
        {
            Interlocked.Decrement(ref running);
            return new UpgradeDecision.Refuse(refusal.Status, refusal.Message, refusal.Status switch
            {
                401 => UnauthorizedDelay,
                403 => ForbiddenDelay,
                _ => TimeSpan.Zero,
            });
        }
        catch
        {
            Interlocked.Decrement(ref running);
            throw;
        }
    }

    /// <summary>Gives its place back when it has ended.</summary>
    private sealed class Counted(IUpgradedSession session, Action ended) : IUpgradedSession
    {
        public void Attach(Action abort) => session.Attach(abort);

        public Task HandleAsync(Exchange call) => session.HandleAsync(call);

        public async Task EndAsync(Exception? error)
        {
            try
            {
                await session.EndAsync(error).ConfigureAwait(false);
            }
            finally
            {
                ended();
            }
        }
    }
}
