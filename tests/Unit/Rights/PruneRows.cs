// Rows of prune.
namespace Holdfast.Tests.Unit.Rights;

internal sealed class PruneRows : PermissionRows
{
    public override IEnumerable<PermissionRow> Rows =>
    [
        FullOrOwner("POST /admin/datastore/{store}/prune", "Datastore.Modify", "Datastore.Prune", "{group}&keep-last=1&dry-run=1"),
        Needs("POST /admin/datastore/{store}/prune-datastore", "Datastore.Modify|Datastore.Prune", Ns, "ns=a&keep-last=1&dry-run=1") with
        {
            RefusalText = "missing permissions 'Datastore.Modify|Datastore.Prune' on '/datastore/main/a'",
        },
    ];
}
