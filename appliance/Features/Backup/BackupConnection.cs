// A backup session on its connection: routes its calls, and when the connection ends without finish, aborts what was begun.
using Holdfast.Features.Access;
using Holdfast.Wire;

namespace Holdfast.Features.Backup;

/// <summary>The connection's side of a <see cref="BackupSession"/>.</summary>
public sealed class BackupConnection(BackupSession session, ChunkCalls calls, AbortBackup abort) : IUpgradedSession
{
    public void Attach(Action abortConnection)
    {
    }

    public Task HandleAsync(Exchange call) => calls.HandleAsync(call, session);

    public async Task EndAsync(Exception? error)
    {
        using var turn = await session.BeginEndingAsync().ConfigureAwait(false);
        try
        {
            // Decided by state alone: clients cut the connection right after finish, which is success (pbs-protocol.md 7.1, 11).
            if (session.TryEnd())
            {
                await abort.RunAsync(session, session.Benchmark ? "benchmark ended" : Reason(error)).ConfigureAwait(false);
            }
        }
        finally
        {
            session.Release();
        }
    }

    private static string Reason(Exception? error) =>
        error is null ? "the connection ended before finish" : "the connection ended before finish: " + error.Message;
}
