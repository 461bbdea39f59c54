// Rows of /admin/datastore and of the two doors to sessions.
namespace Holdfast.Tests.Unit.Rights;

internal sealed class DatastoreRows : PermissionRows
{
    public override IEnumerable<PermissionRow> Rows =>
    [
        Anybody("GET /admin/datastore") with
        {
            Shows = subject =>
            [
                ("\"store\":\"main\"", subject.HasBelow(Store, "Datastore.Audit|Datastore.Backup")),
                ("\"store\":\"other\"", subject.HasBelow("/datastore/other", "Datastore.Audit|Datastore.Backup")),
            ],
        },
        Row("GET /admin/datastore/{store}/status", "verbose=1", subject => subject.HasBelow(Store, AnyDatastore)),
        Row("GET /admin/datastore/{store}/namespace", "", subject => subject.HasBelow(Store, AnyDatastore)) with
        {
            Shows = subject =>
            [
                ("\"ns\":\"a\"", subject.HasBelow(Ns, AnyDatastore)),
                ("\"ns\":\"b\"", subject.HasBelow("/datastore/main/b", AnyDatastore)),
            ],
        },
        Needs("POST /admin/datastore/{store}/namespace", "Datastore.Modify", Ns, "parent=a&name=fresh"),
        Needs("GET /admin/datastore/{store}/snapshots", "Datastore.Audit|Datastore.Backup", Ns, "ns=a") with { Shows = OwnOrAll },
        Needs("GET /admin/datastore/{store}/groups", "Datastore.Audit|Datastore.Backup", Ns, "ns=a") with { Shows = OwnOrAll },
        FullOrOwner("DELETE /admin/datastore/{store}/snapshots", "Datastore.Modify", "Datastore.Prune"),
        Needs("DELETE /admin/datastore/{store}/namespace", "Datastore.Modify", Ns, "ns=a/none"),
        Row("POST /admin/datastore/{store}/move-namespace", "ns=a/none&target-ns=b/none",
            subject => subject.Has(Ns, "Datastore.Modify") && subject.Has("/datastore/main/b", "Datastore.Modify")),
        FullOrOwner("DELETE /admin/datastore/{store}/groups", "Datastore.Modify", "Datastore.Prune", "{group}&error-on-protected=false")
            with { RefusalText = "backup owner check failed" },
        FullOrOwner("GET /admin/datastore/{store}/notes", "Datastore.Audit", "Datastore.Backup"),
        FullOrOwner("PUT /admin/datastore/{store}/notes", "Datastore.Modify", "Datastore.Backup", "{snapshot}&notes=x"),
        FullOrOwner("GET /admin/datastore/{store}/group-notes", "Datastore.Audit", "Datastore.Backup", "{group}"),
        FullOrOwner("PUT /admin/datastore/{store}/group-notes", "Datastore.Modify", "Datastore.Backup", "{group}&notes=x"),
        FullOrOwner("GET /admin/datastore/{store}/protected", "Datastore.Audit", "Datastore.Backup"),
        FullOrOwner("PUT /admin/datastore/{store}/protected", "Datastore.Modify", "Datastore.Backup", "{snapshot}&protected=1"),
        Row("POST /admin/datastore/{store}/change-owner", "{group}&new-owner=nobody@pbs", subject => subject.Has(Ns, "Datastore.Modify"))
            with { RefusalText = "does not have permission to change owner" },
        Row("POST /admin/datastore/{store}/move-group", "{group}&target-ns=b", subject => CanMove(subject)),
        FullOrOwner("GET /admin/datastore/{store}/files", "Datastore.Audit|Datastore.Read", "Datastore.Backup"),
        FullOrOwner("GET /admin/datastore/{store}/download", "Datastore.Read", "Datastore.Backup", "{snapshot}&file-name=index.json.blob"),
        FullOrOwner("GET /admin/datastore/{store}/catalog", "Datastore.Read", "Datastore.Backup", "{snapshot}&filepath=root"),
        FullOrOwner("GET /admin/datastore/{store}/pxar-file-download", "Datastore.Read", "Datastore.Backup", "{snapshot}&filepath=L3Jvb3QucHhhci5kaWR4"),
        FullOrOwner("GET /admin/datastore/{store}/download-decoded", "Datastore.Read", "Datastore.Backup", "{snapshot}&file-name=index.json.blob"),
        FullOrOwner("POST /admin/datastore/{store}/upload-backup-log", "", "Datastore.Backup"),
        Needs("POST /admin/datastore/{store}/verify", "Datastore.Verify|Datastore.Backup", Ns, "ns=a"),
        FullOrOwner("POST /admin/datastore/{store}/verify", "Datastore.Verify", "Datastore.Backup"),
        FullOrOwner("UPGRADE /backup", "", "Datastore.Backup", "store=main&{snapshot}"),
        FullOrOwner("UPGRADE /reader", "Datastore.Read", "Datastore.Backup", "store=main&{group}&backup-time=1700000000"),
    ];

    /// <summary>Fully, or as owner, on both namespaces.</summary>
    private static bool CanMove(Subject subject)
    {
        const string target = "/datastore/main/b";
        var isFull = subject.Has(Ns, "Datastore.Modify") && subject.Has(target, "Datastore.Modify");
        return isFull || (subject.Has(Ns, "Datastore.Modify|Datastore.Prune") && subject.Has(target, "Datastore.Modify|Datastore.Backup")
            && subject.OwnsGroup);
    }

    private static IEnumerable<(string, bool)> OwnOrAll(Subject subject) =>
    [
        ("\"backup-id\":\"{gid}\"", subject.OwnsGroup || subject.Has(Ns, "Datastore.Audit")),
        ("\"backup-id\":\"foreign\"", subject.Has(Ns, "Datastore.Audit")),
    ];
}
