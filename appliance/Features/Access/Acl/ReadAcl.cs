// GET access/acl: the whole list to who may audit it, else the lines of the caller's own tokens.
using Holdfast.Wire;

namespace Holdfast.Features.Access;

/// <summary>Reads the access list.</summary>
public sealed class ReadAcl(Permissions permissions)
{
    /// <summary>The path that rights on the access list hang on.</summary>
    public const string Path = "/access/acl";

    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("GET", Path, new(AclPath.Parameter().AsOptional(), Parameter.Boolean("exact")), Read),
    ];

    private ValueTask<ApiResult> Read(ApiCall call)
    {
        var caller = call.CallerAs<Caller>();
        var state = permissions.State;
        var all = (state.On(Path, caller.AuthId) & Privileges.SysAudit) != 0;
        var path = call.Parameters.OptionalText("path");
        var exact = call.Parameters.Flag("exact");
        var prefix = path is null or "/" ? "/" : path + "/";
        var entries = state.Acl.Values.SelectMany(entries => entries)
            .Where(entry => all || (!caller.IsToken && entry.AuthId.StartsWith(caller.AuthId + "!", StringComparison.Ordinal)))
            .Where(entry => exact ? entry.Path == (path ?? "/")
                : path is null || entry.Path == path || entry.Path.StartsWith(prefix, StringComparison.Ordinal)).ToList();
        return ValueTask.FromResult(AccessJson.WithDigest(AccessDecider.AclDigest(state), json =>
        {
            json.WriteStartArray();
            foreach (var entry in entries)
            {
                json.WriteStartObject();
                json.WriteString("path", entry.Path);
                json.WriteBoolean("propagate", entry.Propagate);
                json.WriteString("roleid", entry.Role);
                json.WriteString("ugid", entry.AuthId);
                json.WriteString("ugid_type", "user");
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }));
    }
}
