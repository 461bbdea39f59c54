// GET namespace: those the caller may see, the parent included; an unknown parent is listed as if it existed, as PBS does.
using Holdfast.Features.Access;
using Holdfast.Features.Snapshots;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Features.Namespaces;

/// <summary>The list of namespaces.</summary>
public sealed class ListNamespaces(NamespaceCalls calls)
{
    public static readonly Parameter MaxDepth = Parameter.Integer("max-depth") with { Optional = true, Minimum = 0, Maximum = BackupNamespace.MaxDepth };

    public IEnumerable<ApiEndpoint> Endpoints =>
        [new("GET", NamespaceCalls.Path, new(PbsSchema.Store(), PbsSchema.Namespace("parent"), MaxDepth), List)];

    private ValueTask<ApiResult> List(ApiCall call)
    {
        var caller = call.CallerAs<Caller>();
        var store = call.Parameters.Text("store");
        var parent = GroupCalls.Namespace(call.Parameters.OptionalText("parent") ?? "");
        calls.Groups.Store(store, writing: false);
        var tree = calls.Tree(store, parent, (int)call.Parameters.Integer("max-depth", BackupNamespace.MaxDepth));
        List<string> seen = [
            .. tree.DefaultIfEmpty(parent).Select(ns => ns.Text)
                .Where(ns => (calls.Groups.Permissions.On(GroupKey.DatastorePath(store, ns), caller) & GroupCalls.Seeing) != 0),
        ];
        return ValueTask.FromResult(seen.Count == 0
            ? ApiResult.Error(403, "permission check failed")
            : ApiResult.Data(json =>
            {
                json.WriteStartArray();
                foreach (var ns in seen)
                {
                    json.WriteStartObject();
                    json.WriteString("ns", ns);
                    json.WriteEndObject();
                }

                json.WriteEndArray();
            }));
    }
}
