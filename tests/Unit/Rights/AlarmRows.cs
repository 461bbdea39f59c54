// Rows of alarms.
namespace Holdfast.Tests.Unit.Rights;

internal sealed class AlarmRows : PermissionRows
{
    public override IEnumerable<PermissionRow> Rows =>
    [
        Needs("GET /nodes/{node}/alarms", "Sys.Audit", "/system/status", "node=localhost"),
        Needs("DELETE /nodes/{node}/alarms/{alarm}", "Sys.Modify", "/system/status", "node=localhost&alarm=999999999"),
    ];
}
