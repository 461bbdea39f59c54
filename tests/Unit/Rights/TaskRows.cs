// Rows of /nodes/{node}/tasks.
namespace Holdfast.Tests.Unit.Rights;

internal sealed class TaskRows : PermissionRows
{
    private const string Foreign = "node=localhost&upid=UPID:box:00000001:00000001:00000001:6B000000:prune:x:somebody@pbs:";

    public override IEnumerable<PermissionRow> Rows =>
    [
        Anybody("GET /nodes/{node}/tasks", "node=localhost"),
        Anybody("GET /nodes/{node}/tasks/{upid}", Foreign),
        Needs("GET /nodes/{node}/tasks/{upid}/status", "Sys.Audit", "/system/tasks", Foreign) with { RefusalText = "task access not allowed" },
        Needs("GET /nodes/{node}/tasks/{upid}/log", "Sys.Audit", "/system/tasks", Foreign) with { RefusalText = "task access not allowed" },
        Needs("DELETE /nodes/{node}/tasks/{upid}", "Sys.Modify", "/system/tasks", Foreign),
    ];
}
