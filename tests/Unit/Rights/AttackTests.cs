// An attacker with a backup-only token (DatastoreBackup on one namespace) tries everything: every endpoint of the assembled route table, old and new, with
// arguments made by seed from its own schema and from what is worth attacking. Nothing is deleted, nobody gains a right, nothing of others is touched.
using System.Text;
using Holdfast.Features.Access;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Snapshots;
using Holdfast.Ledger;
using Holdfast.Tests.Unit.Features.Access;
using Holdfast.Wire;
using Xunit;

namespace Holdfast.Tests.Unit.Rights;

public sealed class AttackTests
{
    private const string Pve = "pve@pbs";
    private const string Token = "pve@pbs!t";
    private const long Time = 1_700_000_000;

    /// <summary>What the token may bring about: on its own group, as its owner.</summary>
    private static readonly string[] Harmless =
    [
        "TaskStarted/1", "TaskFinished/1", "SnapshotNotesChanged/1", "SnapshotProtectionChanged/1", "GroupNotesChanged/1", "GroupOwnerChanged/1",
        "BackupLogUploaded/1", "FileDownloadStarted/1", "FileDownloadFinished/1", "SnapshotVerified/1",
    ];

    private static readonly Dictionary<string, string[]> Worth = new()
    {
        ["store"] = ["main"],
        ["ns"] = ["a", "a", "b", "", "a/b"],
        ["parent"] = ["a", "b", ""],
        ["target-ns"] = ["a", "b", ""],
        ["name"] = ["fresh", "b", "main"],
        ["backup-type"] = ["host"],
        ["backup-id"] = ["own", "foreign", "foreign"],
        ["backup-time"] = ["1700000000"],
        ["userid"] = [Pve, AccessWorld.Admin, "root@pam", "new@pbs"],
        ["username"] = [Pve, AccessWorld.Admin],
        ["token-name"] = ["t", "more"],
        ["auth-id"] = [Token, Pve, AccessWorld.Admin, "pve@pbs!more"],
        ["new-owner"] = [Token, Pve, AccessWorld.Admin],
        ["owner"] = [Token, Pve],
        ["role"] = ["Admin", "DatastoreAdmin", "NoAccess"],
        ["roleid"] = ["Admin", "Mine", "DatastoreBackup"],
        ["privs"] = ["Permissions.Modify", "Datastore.Prune"],
        ["path"] = ["/", "/datastore/main", "/access", "/datastore/main/a"],
        ["password"] = ["12345678", "wrong"],
        ["confirmation-password"] = ["12345678"],
        ["node"] = ["localhost"],
        ["id"] = ["recovery", "job1"],
        ["schedule"] = ["daily"],
        ["upid"] = ["UPID:vm:0000783B:000795D9:00000004:6B00F27E:backup:main:tester@pbs:"],
        ["delete"] = ["comment"],
    };

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_backup_only_token_deletes_nothing_and_gains_nothing(int seed)
    {
        await using var world = await WorldAsync("DatastoreBackup", "/datastore/main/a");
        var before = await world.StatesAsync();
        var answers = await AttackAsync(world, seed);
        var after = await world.StatesAsync();
        Assert.Equal(before.Access, after.Access);
        Assert.Equal(before.Datastores, after.Datastores);
        Assert.Equal(before.Snapshots(seen: "foreign"), after.Snapshots(seen: "foreign"));
        Assert.Equal(3, after.Snapshots(seen: "own").Count);
        Assert.Equal([], await world.EventsOfAsync(Token, except: Harmless));
        // The attack was one: what is refused for want of rights, and what the token may do, both came.
        Assert.True(answers.GetValueOrDefault(403) > 500 && answers.GetValueOrDefault(200) > 100, string.Join(", ", answers));
    }

    [Fact]
    public async Task The_same_attack_with_more_rights_does_all_that()
    {
        await using var world = await WorldAsync("Admin", "/");
        var before = await world.StatesAsync();
        await AttackAsync(world, seed: 1, callsPerEndpoint: 25);
        var after = await world.StatesAsync();
        Assert.NotEqual(before.Access, after.Access);
        Assert.True(after.Snapshots(seen: "foreign").Count + after.Snapshots(seen: "own").Count < 6, "nothing was deleted");
    }

    private static async Task<AccessWorld> WorldAsync(string role, string path)
    {
        var world = await AccessWorld.MakeAsync();
        await world.TellAsync(
            Event.Of(new UserCreated(Pve, null, null, null), EventMetadata.System),
            Event.Of(new TokenIssued(Token, null, null, null), EventMetadata.System),
            Event.Of(new AccessGranted(path, Pve, role, true), EventMetadata.System),
            Event.Of(new AccessGranted(path, Token, role, true), EventMetadata.System),
            Snapshot("a", "own", Token), Snapshot("a", "foreign", AccessWorld.Admin), Snapshot("b", "own", Token), Snapshot("b", "foreign", AccessWorld.Admin),
            Snapshot("", "own", Token), Snapshot("", "foreign", AccessWorld.Admin));
        return world;
    }

    /// <summary>Calls everything; how often each status came.</summary>
    private static async Task<Dictionary<int, int>> AttackAsync(AccessWorld world, int seed, int callsPerEndpoint = 120)
    {
        var random = new Random(seed);
        var answers = new Dictionary<int, int>();
        foreach (var endpoint in world.Parts.Endpoints)
        {
            for (var i = 0; i < callsPerEndpoint; i++)
            {
                var (path, query) = Call(endpoint, random);
                var told = await world.CallAsync(Token, endpoint.Method, path, query: query);
                answers[told.Status] = answers.GetValueOrDefault(told.Status) + 1;
                Assert.True(told.Status != 500, $"{endpoint.Method} {path}?{query}: {told.Text}");
            }
        }

        // Tasks that it began are part of it.
        await Task.WhenAll(world.Parts.Tasks.Running.Select(task => task.Ended)).WaitAsync(TimeSpan.FromMinutes(2));
        return answers;
    }

    private static (string Path, string Query) Call(ApiEndpoint endpoint, Random random)
    {
        var arguments = new List<KeyValuePair<string, string>>();
        foreach (var parameter in endpoint.Parameters.Parameters)
        {
            if (!parameter.Optional || endpoint.Path.Contains("{" + parameter.Name + "}") || random.Next(10) < 4)
            {
                arguments.Add(new(parameter.Name, Value(parameter, random)));
            }
        }

        var path = string.Join('/', endpoint.Path.Split('/').Select(segment =>
        {
            if (!segment.StartsWith('{'))
            {
                return segment;
            }

            var at = arguments.FindIndex(pair => pair.Key == segment[1..^1]);
            var value = at < 0 ? "x12" : arguments[at].Value;
            arguments.RemoveAll(pair => pair.Key == segment[1..^1]);
            return Uri.EscapeDataString(value);
        }));
        return (path, string.Join('&', arguments.Select(pair => pair.Key + "=" + Uri.EscapeDataString(pair.Value))));
    }

    private static string Value(Parameter parameter, Random random)
    {
        var rule = parameter.Type == ParameterType.List ? parameter.Items ?? Parameter.Text("") : parameter;
        return Worth.TryGetValue(parameter.Name, out var values) ? values[random.Next(values.Length)]
            : rule.Choices is { Count: > 0 } choices ? choices[random.Next(choices.Count)]
            : rule.Type switch
            {
                ParameterType.Integer => Math.Max(rule.Minimum ?? 0, random.Next(3)).ToString(System.Globalization.CultureInfo.InvariantCulture),
                ParameterType.Boolean => random.Next(2) == 0 ? "1" : "0",
                _ => "x12",
            };
    }

    private static NewEvent Snapshot(string ns, string id, string owner) => Event.Of(new SnapshotDiscovered("main", ns, "host", id, Time, owner,
        new SnapshotContent([new SnapshotFile("index.json.blob", "none", 100, null)], null, null, null, null, false), "made for the attack"),
        EventMetadata.System);
}

/// <summary>What the attack must leave as it was.</summary>
internal sealed record States(string Access, string Datastores, SnapshotsState Found)
{
    /// <summary>Snapshots of groups of that id, with owner, notes and protection.</summary>
    public List<string> Snapshots(string seen) =>
    [
        .. Found.InStore("main").Where(group => group.Key.BackupId == seen).SelectMany(group => group.Snapshots.Values
            .Where(snapshot => !snapshot.Missing)
            .Select(snapshot => $"{group.Key.Ns}:{group.Key}:{snapshot.BackupTime} {group.Owner} {snapshot.Content.Comment} {snapshot.Content.Protected}"))
            .Order(StringComparer.Ordinal),
    ];
}

internal static class AttackedWorld
{
    public static Task<States> StatesAsync(this AccessWorld world) => Task.FromResult(new States(
        Written(new AccessFold(), world.Folds.Access.State), Written(new DatastoresFold(), world.Folds.Datastores.State), world.Folds.Snapshots.State));

    /// <summary>Types of events that somebody brought about.</summary>
    public static async Task<List<string>> EventsOfAsync(this AccessWorld world, string actor, string[] except)
    {
        var types = new SortedSet<string>(StringComparer.Ordinal);
        await foreach (var one in world.Ledger.ReadAsync())
        {
            if (one.Metadata.Actor == actor && !except.Contains(one.Type))
            {
                types.Add(one.Type);
            }
        }

        return [.. types];
    }

    private static string Written<TState>(IFold<TState> fold, TState state)
    {
        using var stream = new MemoryStream();
        fold.Write(state, stream);
        return Encoding.UTF8.GetString(stream.ToArray());
    }
}
