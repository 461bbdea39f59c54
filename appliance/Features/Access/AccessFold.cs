// The fold from access events to AccessState. Pure; canonical JSON as its serial form.
using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Holdfast.Features.Events;
using Holdfast.Ledger;

namespace Holdfast.Features.Access;

/// <summary>Users, tokens and access list as the ledger tells them.</summary>
public sealed class AccessFold : IFold<AccessState>
{
    public string Name => "access";

    public int Version => 1;

    public AccessState Initial => AccessState.Empty;

    public bool Knows(string type) => type is "UserCreated/1" or "TokenIssued/1" or "TokenRevoked/1" or "AccessGranted/1" or "AccessWithdrawn/1";

    public AccessState Apply(AccessState state, RecordedEvent recorded) => recorded.Type switch
    {
        "UserCreated/1" => Apply(state, Event.Read<UserCreated>(recorded)),
        "TokenIssued/1" => Apply(state, Event.Read<TokenIssued>(recorded)),
        "TokenRevoked/1" => state with { Tokens = state.Tokens.Remove(Event.Read<TokenRevoked>(recorded).Tokenid) },
        "AccessGranted/1" => Apply(state, Event.Read<AccessGranted>(recorded)),
        "AccessWithdrawn/1" => Apply(state, Event.Read<AccessWithdrawn>(recorded)),
        _ => state,
    };

    public void Write(AccessState state, Stream output)
    {
        var serial = new Serial(
            [.. state.Users.Values], [.. state.Tokens.Values], [.. state.Acl.Values.SelectMany(entries => entries)]);
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
            };
            return serial.Acl.Aggregate(state, AddEntry);
        }
        catch (JsonException error)
        {
            throw new InvalidDataException("not an access snapshot: " + error.Message);
        }
    }

    private static AccessState Apply(AccessState state, UserCreated created) => state with
    {
        Users = state.Users.SetItem(created.Userid, new Account(created.Userid, created.Enable, created.Expire, created.Comment)),
    };

    private static AccessState Apply(AccessState state, TokenIssued issued) => state with
    {
        Tokens = state.Tokens.SetItem(issued.Tokenid, new Account(issued.Tokenid, issued.Enable, issued.Expire, issued.Comment)),
    };

    private static AccessState Apply(AccessState state, AccessGranted granted) =>
        AddEntry(Without(state, granted.Path, granted.AuthId, granted.Role),
            new AclEntry(granted.Path, granted.AuthId, granted.Role, granted.Propagate));

    private static AccessState Apply(AccessState state, AccessWithdrawn withdrawn) =>
        Without(state, withdrawn.Path, withdrawn.AuthId, withdrawn.Role);

    private static AccessState AddEntry(AccessState state, AclEntry entry) => state with
    {
        Acl = state.Acl.SetItem(entry.Path, state.Acl.GetValueOrDefault(entry.Path, ImmutableList<AclEntry>.Empty).Add(entry)),
    };

    private static AccessState Without(AccessState state, string path, string authId, string role)
    {
        if (!state.Acl.TryGetValue(path, out var entries))
        {
            return state;
        }

        var left = entries.RemoveAll(entry => entry.AuthId == authId && entry.Role == role);
        return state with { Acl = left.IsEmpty ? state.Acl.Remove(path) : state.Acl.SetItem(path, left) };
    }

    internal sealed record Serial(Account[] Users, Account[] Tokens, AclEntry[] Acl);
}

[JsonSerializable(typeof(AccessFold.Serial))]
internal sealed partial class AccessSerial : JsonSerializerContext;
