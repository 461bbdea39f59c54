// Rows of /config/KIND and /admin/KIND for jobs. Jobs that don't exist are refused by right to who has none on any datastore, or on the disks.
namespace Holdfast.Tests.Unit.Rights;

internal sealed class JobRows : PermissionRows
{
    public override IEnumerable<PermissionRow> Rows =>
    [
        .. Kind("verify", "Datastore.Verify", "schedule=daily"),
        .. Kind("prune", "Datastore.Modify", "schedule=daily&keep-last=1"),
        .. OfHardware("scrub", "pool=tank&schedule=monthly"),
        .. OfHardware("self-test", "test=short&schedule=weekly"),
    ];

    private static IEnumerable<PermissionRow> OfHardware(string kind, string options)
    {
        const string on = "/system/disks";
        yield return Anybody($"GET /config/{kind}");
        yield return Anybody($"GET /admin/{kind}");
        yield return Needs($"POST /config/{kind}", "Sys.Modify", on, $"id=job-new&{options}") with
        {
            RefusalText = $"missing permissions 'Sys.Modify' on '{on}'",
        };
        foreach (var endpoint in (string[])
            [$"GET /config/{kind}/{{id}}", $"PUT /config/{kind}/{{id}}", $"DELETE /config/{kind}/{{id}}", $"POST /admin/{kind}/{{id}}/run"])
        {
            yield return Row(endpoint, "id=job-unknown", subject => subject.HasBelow(on, "Sys.Audit|Sys.Modify"));
        }
    }

    private static IEnumerable<PermissionRow> Kind(string kind, string change, string options)
    {
        var see = $"Datastore.Audit|{change}";
        yield return Anybody($"GET /config/{kind}");
        yield return Anybody($"GET /admin/{kind}");
        yield return Needs($"POST /config/{kind}", change, Ns, $"id=job-new&store=main&ns=a&{options}") with
        {
            RefusalText = $"missing permissions '{change}' on '{Ns}'",
        };
        foreach (var endpoint in (string[])
            [$"GET /config/{kind}/{{id}}", $"PUT /config/{kind}/{{id}}", $"DELETE /config/{kind}/{{id}}", $"POST /admin/{kind}/{{id}}/run"])
        {
            yield return Row(endpoint, "id=job-unknown", subject => subject.HasBelow("/datastore", see));
        }
    }
}
