// access/roles: PBS's own, which nobody can change, and beyond PBS roles of the admin's own making: a name for any set of PBS's privileges. Whoever may change
// the access list may define them; one that is given to somebody can't be removed.
using System.Text.Json;
using Holdfast.Features.Events;
using Holdfast.Wire;

namespace Holdfast.Features.Access;

/// <summary>Reads, defines and removes roles.</summary>
public sealed class RoleEndpoints(Permissions permissions, AccessDecider decider)
{
    public const string Path = "/access/roles";
    private const int RolesMax = 200;

    private static readonly Parameter RoleId = Parameter.Text("roleid") with { MinLength = 3, MaxLength = 32, Format = PbsSchema.IsSafeId };

    private static readonly Parameter PrivilegeList = Parameter.List("privs", Parameter.Text("") with { Choices = Roles.Names });

    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("GET", Path, ParameterSchema.Empty, List),
        new("GET", Path + "/{roleid}", new(RoleId), Read),
        new("POST", Path, new(RoleId, PrivilegeList, PbsSchema.Comment(), AccessJson.Digest), call => DecideAsync(call, Create)) { Permit = MayModify },
        new("PUT", Path + "/{roleid}",
            new(RoleId, PrivilegeList.AsOptional(), PbsSchema.Comment(), AccessJson.Delete("comment"), AccessJson.Digest),
            call => DecideAsync(call, Update)) { Permit = MayModify },
        new("DELETE", Path + "/{roleid}", new(RoleId, AccessJson.Digest), call => DecideAsync(call, Remove)) { Permit = MayModify },
    ];

    private Func<object?, IReadOnlyDictionary<string, string>, ApiResult.Refused?> MayModify =>
        permissions.Needs(ReadAcl.Path, Privileges.PermissionsModify);

    private ValueTask<ApiResult> List(ApiCall call)
    {
        var state = permissions.State;
        return ValueTask.FromResult(ApiResult.Data(json =>
        {
            json.WriteStartArray();
            foreach (var (role, builtIn) in Roles.BuiltIn)
            {
                Write(json, role, Roles.ListOf(builtIn.Privileges), builtIn.Comment);
            }

            foreach (var own in state.CustomRoles.Values)
            {
                Write(json, own.Role, own.Privileges, own.Comment);
            }

            json.WriteEndArray();
        }));
    }

    private ValueTask<ApiResult> Read(ApiCall call)
    {
        var role = call.Parameters.Text("roleid");
        var state = permissions.State;
        var known = Roles.BuiltIn.TryGetValue(role, out var builtIn) ? (Names: Roles.ListOf(builtIn.Privileges), builtIn.Comment)
            : state.CustomRoles.TryGetValue(role, out var own) ? (own.Privileges, own.Comment)
            : ((IReadOnlyList<string> Names, string? Comment)?)null;
        return ValueTask.FromResult(known is { } found
            ? AccessJson.WithDigest(AccessDecider.RolesDigest(state), json => Write(json, role, found.Names, found.Comment))
            : ApiResult.Error(404, $"no such role '{role}'"));
    }

    private ValueTask<ApiResult> DecideAsync(ApiCall call, Func<AccessState, string, ApiCall, AccessDecision> decide)
    {
        var role = call.Parameters.Text("roleid");
        return decider.DecideAsync("roles", call, state =>
            Roles.BuiltIn.ContainsKey(role) ? new AccessDecision.Refused($"role '{role}' is built in and can't be changed")
            : AccessDecider.IsStale(call, AccessDecider.RolesDigest(state)) ? new AccessDecision.Refused(AccessDecider.Modified)
            : decide(state, role, call));
    }

    private static AccessDecision Create(AccessState state, string role, ApiCall call) =>
        state.CustomRoles.ContainsKey(role) ? new AccessDecision.Refused($"role '{role}' already exists.")
        : state.CustomRoles.Count >= RolesMax ? new AccessDecision.Refused($"there are {RolesMax} roles already: at most that many")
        : Define(call, "POST " + Path, new RoleDefined(role, Asked(call), AccessJson.Trimmed(call.Parameters.OptionalText("comment"))));

    private static AccessDecision Update(AccessState state, string role, ApiCall call)
    {
        if (!state.CustomRoles.TryGetValue(role, out var own))
        {
            return new AccessDecision.Refused(404, $"no such role '{role}'");
        }

        var comment = call.Parameters.OptionalText("comment") ?? (call.Parameters.Texts("delete").Contains("comment") ? null : own.Comment);
        var privileges = call.Parameters.Has("privs") ? Asked(call) : own.Privileges;
        return Define(call, $"PUT {Path}/{role}", new RoleDefined(role, privileges, AccessJson.Trimmed(comment)));
    }

    private static AccessDecision Remove(AccessState state, string role, ApiCall call)
    {
        if (!state.CustomRoles.ContainsKey(role))
        {
            return new AccessDecision.Refused(404, $"no such role '{role}'");
        }

        var used = state.Acl.Values.SelectMany(entries => entries).FirstOrDefault(entry => entry.Role == role);
        return used is not null
            ? new AccessDecision.Refused($"role '{role}' is in use: '{used.AuthId}' has it on '{used.Path}'")
            : new AccessDecision.Accepted(Event.Of(new RoleRemoved(role), call.CallerAs<Caller>().Because($"DELETE {Path}/{role}")));
    }

    private static AccessDecision Define(ApiCall call, string cause, RoleDefined defined) =>
        new AccessDecision.Accepted(Event.Of(defined, call.CallerAs<Caller>().Because(cause)));

    private static IReadOnlyList<string> Asked(ApiCall call) => Roles.ListOf(Roles.SetOf(call.Parameters.Texts("privs")));

    private static void Write(Utf8JsonWriter json, string role, IReadOnlyList<string> privileges, string? comment)
    {
        json.WriteStartObject();
        AccessJson.WriteText(json, "comment", comment);
        json.WriteStartArray("privs");
        foreach (var name in privileges)
        {
            json.WriteStringValue(name);
        }

        json.WriteEndArray();
        json.WriteString("roleid", role);
        json.WriteEndObject();
    }
}
