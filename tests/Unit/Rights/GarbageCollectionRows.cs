// Who may collect garbage and see what came of it (pbs-protocol.md 1.8: start Modify, status Audit).
namespace Holdfast.Tests.Unit.Rights;

internal sealed class GarbageCollectionRows : PermissionRows
{
    public override IEnumerable<PermissionRow> Rows =>
    [
        Needs("GET /admin/datastore/{store}/gc", "Datastore.Audit", Store),
        Needs("POST /admin/datastore/{store}/gc", "Datastore.Modify", Store),
        Row("GET /admin/gc", "", _ => true) with { Shows = subject => [("\"store\":\"main\"", subject.Has(Store, "Datastore.Audit"))] },
    ];
}
