// A backup session on its connection: routes its calls, and when the connection ends without finish, aborts what was begun.
using Holdfast.Features.Tasks;
using Holdfast.Wire;

namespace Holdfast.Features.Backup;

/// <summary>The connection's side of a <see cref="BackupSession"/>.</summary>
public sealed class BackupConnection(BackupSession session, ChunkCalls calls, AbortBackup abort, TaskRunner tasks) : IUpgradedSession
{
    private RunningTask? task;

    public void Attach(Action abortConnection)
    {
        var (group, path) = (session.Group, session.Group.SnapshotPath(session.BackupTime));
        task = tasks.Register(session.Upid, session.Caller, group.Store, group.Ns, abortConnection);
        task.Say($"starting new backup on datastore '{group.Store}' from {session.Caller.Source}: \"{path}\"");
        session.Log = task.Say;
    }

    public Task HandleAsync(Exchange call) => calls.HandleAsync(call, session);

    public async Task EndAsync(Exception? error)
    {
        string? problem = null;
        using var turn = await session.BeginEndingAsync().ConfigureAwait(false);
        try
        {
            // Decided by state alone: clients cut the connection right after finish, which is success (pbs-protocol.md 7.1, 11).
            if (session.TryEnd())
            {
                var reason = session.Benchmark ? "benchmark ended" : task is { WasAborted: true } ? TaskRunner.AbortedText : Reason(error);
                problem = session.Benchmark ? null : reason;
                await abort.RunAsync(session, reason).ConfigureAwait(false);
            }
        }
        finally
        {
            session.Release();
            if (task is not null)
            {
                tasks.Unregister(task, problem);
            }
        }
    }

    private static string Reason(Exception? error) =>
        error is null ? "the connection ended before finish" : "the connection ended before finish: " + error.Message;
}
