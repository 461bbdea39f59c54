// GET access/tfa, access/tfa/U and access/tfa/U/ID: second factors without their secrets.
using Holdfast.Wire;

namespace Holdfast.Features.Access;

/// <summary>Reads second factors.</summary>
public sealed class ListTfa(Permissions permissions)
{
    public const string Path = "/access/tfa";

    /// <summary>Id of one entry: a UUID, or <c>recovery</c>.</summary>
    public static readonly Parameter Id = Parameter.Text("id") with { MinLength = 1, MaxLength = 64, Format = PbsSchema.IsSafeId };

    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("GET", Path, ParameterSchema.Empty, ListAll),
        new("GET", Path + "/{userid}", new(PbsSchema.UserId()), ListOne) { Permit = permissions.NeedsOrSelf(ListUsers.Path, Privileges.PermissionsModify) },
        new("GET", Path + "/{userid}/{id}", new(PbsSchema.UserId(), Id), Read)
        {
            Permit = permissions.NeedsOrSelf(ListUsers.Path, Privileges.PermissionsModify),
        },
    ];

    /// <summary>PBS's text for an entry that is not there.</summary>
    public static string NoEntry(string userid, string id) => $"no such tfa entry: {userid}/{id}";

    private ValueTask<ApiResult> ListAll(ApiCall call)
    {
        var caller = call.CallerAs<Caller>();
        var state = permissions.State;
        var all = (state.On(ListUsers.Path, caller.AuthId) & Privileges.SysAudit) != 0;
        return ValueTask.FromResult(ApiResult.Data(json =>
        {
            json.WriteStartArray();
            foreach (var user in state.Tfa.Values.Where(user => all || user.Userid == caller.Userid))
            {
                json.WriteStartObject();
                json.WriteStartArray("entries");
                foreach (var entry in user.Entries)
                {
                    AccessJson.WriteTfaEntry(json, entry);
                }

                json.WriteEndArray();
                json.WriteString("userid", user.Userid);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }));
    }

    private ValueTask<ApiResult> ListOne(ApiCall call)
    {
        var entries = permissions.State.Tfa.GetValueOrDefault(call.Parameters.Text("userid"))?.Entries ?? [];
        return ValueTask.FromResult(ApiResult.Data(json =>
        {
            json.WriteStartArray();
            foreach (var entry in entries)
            {
                AccessJson.WriteTfaEntry(json, entry);
            }

            json.WriteEndArray();
        }));
    }

    private ValueTask<ApiResult> Read(ApiCall call)
    {
        var (userid, id) = (call.Parameters.Text("userid"), call.Parameters.Text("id"));
        var found = permissions.State.Tfa.GetValueOrDefault(userid)?.Entries.Find(entry => entry.Id == id);
        return ValueTask.FromResult(found is null
            ? ApiResult.Error(404, NoEntry(userid, id))
            : ApiResult.Data(json => AccessJson.WriteTfaEntry(json, found)));
    }
}
