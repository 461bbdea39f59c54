// POST namespace: one level below an existing one; making one that is there succeeds.
using Holdfast.Features.Access;
using Holdfast.Features.Events;
using Holdfast.Features.Snapshots;
using Holdfast.Ledger;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Features.Namespaces;

/// <summary>Makes namespaces.</summary>
public sealed class CreateNamespace(NamespaceCalls calls)
{
    private static readonly Parameter Name = Parameter.Text("name") with
    {
        MinLength = 1, MaxLength = BackupNamespace.MaxComponentLength, Format = PbsSchema.IsSafeId,
    };

    public IEnumerable<ApiEndpoint> Endpoints =>
        [new("POST", NamespaceCalls.Path, new(PbsSchema.Store(), PbsSchema.Namespace("parent"), Name), CreateAsync)];

    private async ValueTask<ApiResult> CreateAsync(ApiCall call)
    {
        var caller = call.CallerAs<Caller>();
        var parent = GroupCalls.Namespace(call.Parameters.OptionalText("parent") ?? "");
        if (parent.Depth >= BackupNamespace.MaxDepth)
        {
            return ApiResult.Error($"namespace too deep, {parent.Depth} >= max {BackupNamespace.MaxDepth}");
        }

        var ns = parent.Child(call.Parameters.Text("name"));
        var name = call.Parameters.Text("store");
        calls.RequireModify(caller, name, ns);
        var store = calls.Groups.Store(name, writing: true);
        var facts = calls.Facts(name);
        if (!facts.HasNamespace(parent.Text))
        {
            return ApiResult.Error($"cannot create new namespace, parent {parent} doesn't already exists");
        }

        try
        {
            if (!facts.HasNamespace(ns.Text))
            {
                await calls.CreateAsync(store, ns, caller.Because("POST namespace")).ConfigureAwait(false);
            }

            return ApiResult.String(ns.Text);
        }
        catch (LedgerUnavailableException)
        {
            return ApiResult.Error(503, LedgerAway.Text);
        }
    }
}
