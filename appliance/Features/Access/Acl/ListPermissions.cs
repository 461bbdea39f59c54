// GET access/permissions: what an id may do where, each privilege with whether it reaches further down (pbs-protocol.md 1.8).
using Holdfast.Wire;

namespace Holdfast.Features.Access;

/// <summary>Reads effective permissions.</summary>
public sealed class ListPermissions(Permissions permissions)
{
    private static readonly string[] Always = ["/", "/access", "/datastore", "/remote", "/system"];

    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("GET", "/access/permissions", new(PbsSchema.AuthId().AsOptional(), AclPath.Parameter().AsOptional()), List),
    ];

    private ValueTask<ApiResult> List(ApiCall call)
    {
        var caller = call.CallerAs<Caller>();
        var state = permissions.State;
        var authId = call.Parameters.OptionalText("auth-id") ?? caller.AuthId;
        var isOwnToken = !caller.IsToken && authId.StartsWith(caller.AuthId + "!", StringComparison.Ordinal);
        if (authId != caller.AuthId && !isOwnToken && (state.On("/access", caller.AuthId) & Privileges.SysAudit) == 0)
        {
            return ValueTask.FromResult(ApiResult.Error($"not allowed to list permissions of {authId}"));
        }

        IEnumerable<string> paths = call.Parameters.OptionalText("path") is { } one
            ? [one]
            : new SortedSet<string>(Always.Concat(state.Acl.Keys.SelectMany(WithAllAbove)), StringComparer.Ordinal);
        return ValueTask.FromResult(ApiResult.Data(json =>
        {
            json.WriteStartObject();
            foreach (var path in paths)
            {
                var (here, below) = state.OnInDetail(path, authId);
                if (here == Privileges.None)
                {
                    continue;
                }

                json.WriteStartObject(path);
                var propagated = Roles.ListOf(below);
                foreach (var name in Roles.ListOf(here))
                {
                    json.WriteBoolean(name, propagated.Contains(name));
                }

                json.WriteEndObject();
            }

            json.WriteEndObject();
        }));
    }

    private static IEnumerable<string> WithAllAbove(string path)
    {
        for (var end = path.Length; end > 0; end = path.LastIndexOf('/', end - 1))
        {
            yield return path[..end];
        }
    }
}
