// Rows of /config/datastore and of what surrounds a datastore beside its backups.
namespace Holdfast.Tests.Unit.Rights;

internal sealed class StoreConfigRows : PermissionRows
{
    public override IEnumerable<PermissionRow> Rows =>
    [
        Anybody("GET /config/datastore") with
        {
            Shows = subject =>
            [
                ("\"name\":\"main\"", subject.Has(Store, "Datastore.Audit")), ("\"name\":\"other\"", subject.Has("/datastore/other", "Datastore.Audit")),
            ],
        },
        Needs("GET /config/datastore/{name}", "Datastore.Audit", Store, "name=main"),
        Needs("POST /config/datastore", "Datastore.Allocate", "/datastore", "name=fresh&path=/nowhere"),
        Needs("PUT /config/datastore/{name}", "Datastore.Modify", Store, "name=main"),
        Needs("DELETE /config/datastore/{name}", "Datastore.Allocate", "/datastore/nosuch", "name=nosuch"),
        Needs("GET /admin/datastore/{store}/active-operations", "Datastore.Audit|Datastore.Backup", Store),
        Needs("POST /admin/datastore/{store}/reconcile", "Datastore.Modify", "/datastore/nosuch", "store=nosuch"),
        Needs("POST /admin/datastore/{store}/mount", "Datastore.Modify", Store),
        Needs("POST /admin/datastore/{store}/unmount", "Datastore.Modify", Store),
        Needs("PUT /admin/datastore/{store}/s3-refresh", "Datastore.Modify", Store),
    ];
}
