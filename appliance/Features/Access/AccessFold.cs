// The fold from access events to AccessState: users, tokens, access list, roles; second factors are folded in TfaFolding. Pure; canonical JSON as its serial
// form.
using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Holdfast.Features.Events;
using Holdfast.Ledger;

namespace Holdfast.Features.Access;

/// <summary>Who exists and may do what, as the ledger tells it.</summary>
public sealed class AccessFold : IFold<AccessState>
{
    public string Name => "access";

    public int Version => 2;

    public AccessState Initial => AccessState.Empty;

    public bool Knows(string type) => type is "UserCreated/1" or "UserChanged/1" or "UserDeleted/1"
        or "TokenIssued/1" or "TokenChanged/1" or "TokenRevoked/1"
        or "AccessGranted/1" or "AccessWithdrawn/1" or "RoleDefined/1" or "RoleRemoved/1" || TfaFolding.Knows(type);

    public AccessState Apply(AccessState state, RecordedEvent recorded) => recorded.Type switch
    {
        "UserCreated/1" => Apply(state, Event.Read<UserCreated>(recorded)),
        "UserChanged/1" => Apply(state, Event.Read<UserChanged>(recorded)),
        "UserDeleted/1" => Apply(state, Event.Read<UserDeleted>(recorded)),
        "TokenIssued/1" => Apply(state, Event.Read<TokenIssued>(recorded)),
        "TokenChanged/1" => Apply(state, Event.Read<TokenChanged>(recorded)),
        "TokenRevoked/1" => state with { Tokens = state.Tokens.Remove(Event.Read<TokenRevoked>(recorded).Tokenid) },
        "AccessGranted/1" => Apply(state, Event.Read<AccessGranted>(recorded)),
        "AccessWithdrawn/1" => Apply(state, Event.Read<AccessWithdrawn>(recorded)),
        "RoleDefined/1" => Apply(state, Event.Read<RoleDefined>(recorded)),
        "RoleRemoved/1" => state with { CustomRoles = state.CustomRoles.Remove(Event.Read<RoleRemoved>(recorded).Role) },
        _ => TfaFolding.Apply(state, recorded),
    };

    public void Write(AccessState state, Stream output)
    {
        var serial = new Serial(
            [.. state.Users.Values], [.. state.Tokens.Values], [.. state.Acl.Values.SelectMany(entries => entries)], [.. state.CustomRoles.Values],
            [.. state.Tfa.Values.Select(user => new TfaSerial(user.Userid, [.. user.Entries], user.TotpLocked, user.LockedUntil))]);
        JsonSerializer.Serialize(output, serial, AccessSerial.Default.Serial);
    }

    public AccessState Read(Stream input)
    {
        try
        {
            var serial = JsonSerializer.Deserialize(input, AccessSerial.Default.Serial) ?? throw new InvalidDataException("empty");
            var state = AccessState.Empty with
            {
                Users = AccessState.Empty.Users.AddRange(serial.Users.Select(user => KeyValuePair.Create(user.AuthId, user))),
                Tokens = AccessState.Empty.Tokens.AddRange(serial.Tokens.Select(token => KeyValuePair.Create(token.AuthId, token))),
                CustomRoles = AccessState.Empty.CustomRoles.AddRange(serial.Roles.Select(role => KeyValuePair.Create(role.Role, role))),
                Tfa = AccessState.Empty.Tfa.AddRange(serial.Tfa.Select(user => KeyValuePair.Create(
                    user.Userid, new TfaAccount(user.Userid, [.. user.Entries], user.TotpLocked, user.LockedUntil)))),
            };
            return serial.Acl.Aggregate(state, AddEntry);
        }
        catch (JsonException error)
        {
            throw new InvalidDataException("not an access snapshot: " + error.Message);
        }
    }

    private static AccessState Apply(AccessState state, UserCreated made) => WithUser(state, new Account(
        made.Userid, made.Enable, made.Expire, made.Comment, made.Firstname, made.Lastname, made.Email));

    private static AccessState Apply(AccessState state, UserChanged now) => WithUser(state, new Account(
        now.Userid, now.Enable, now.Expire, now.Comment, now.Firstname, now.Lastname, now.Email));

    private static AccessState Apply(AccessState state, UserDeleted deleted) => state with
    {
        Users = state.Users.Remove(deleted.Userid),
        Tfa = state.Tfa.Remove(deleted.Userid),
    };

    private static AccessState Apply(AccessState state, TokenIssued issued) =>
        WithToken(state, new Account(issued.Tokenid, issued.Enable, issued.Expire, issued.Comment));

    private static AccessState Apply(AccessState state, TokenChanged now) =>
        WithToken(state, new Account(now.Tokenid, now.Enable, now.Expire, now.Comment));

    private static AccessState Apply(AccessState state, AccessGranted granted)
    {
        // NoAccess stands alone: it takes the place of what was there, and whatever comes after takes its place (pbs-protocol.md 1.8).
        var before = granted.Role == Roles.NoAccess
            ? Without(state, granted.Path, entry => entry.AuthId == granted.AuthId)
            : Without(state, granted.Path, entry => entry.AuthId == granted.AuthId && (entry.Role == granted.Role || entry.Role == Roles.NoAccess));
        return AddEntry(before, new AclEntry(granted.Path, granted.AuthId, granted.Role, granted.Propagate));
    }

    private static AccessState Apply(AccessState state, AccessWithdrawn withdrawn) =>
        Without(state, withdrawn.Path, entry => entry.AuthId == withdrawn.AuthId && entry.Role == withdrawn.Role);

    private static AccessState Apply(AccessState state, RoleDefined defined) => state with
    {
        CustomRoles = state.CustomRoles.SetItem(defined.Role, new CustomRole(defined.Role, defined.Privileges, defined.Comment)),
    };

    private static AccessState WithUser(AccessState state, Account user) => state with { Users = state.Users.SetItem(user.AuthId, user) };

    private static AccessState WithToken(AccessState state, Account token) => state with { Tokens = state.Tokens.SetItem(token.AuthId, token) };

    private static AccessState AddEntry(AccessState state, AclEntry entry) => state with
    {
        Acl = state.Acl.SetItem(entry.Path, state.Acl.GetValueOrDefault(entry.Path, ImmutableList<AclEntry>.Empty).Add(entry)),
    };

    private static AccessState Without(AccessState state, string path, Predicate<AclEntry> which)
    {
        if (!state.Acl.TryGetValue(path, out var entries))
        {
            return state;
        }

        var left = entries.RemoveAll(which);
        return state with { Acl = left.IsEmpty ? state.Acl.Remove(path) : state.Acl.SetItem(path, left) };
    }

    internal sealed record Serial(Account[] Users, Account[] Tokens, AclEntry[] Acl, CustomRole[] Roles, TfaSerial[] Tfa);

    internal sealed record TfaSerial(string Userid, TfaEntry[] Entries, bool TotpLocked, long LockedUntil);
}

[JsonSerializable(typeof(AccessFold.Serial))]
internal sealed partial class AccessSerial : JsonSerializerContext;
