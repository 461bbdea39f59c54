// The appliance as the host assembles it (Parts), on a ledger in memory and simulated disks, with every subject of the matrix: its user, its token, its one
// entry in the access list, its group. Time is virtual: delays cost nothing.
using Holdfast.Features.Access;
using Holdfast.Features.Audit;
using Holdfast.Features.Backup;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Settings;
using Holdfast.Features.Snapshots;
using Holdfast.Host;
using Holdfast.Ledger;
using Holdfast.Storage;
using Holdfast.Wire;
using Microsoft.Extensions.Logging.Abstractions;

namespace Holdfast.Tests.Unit.Rights;

internal sealed class PermissionWorld : IAsyncDisposable
{
    public const string SomebodyElse = "somebody@pbs";
    private const string Secret = "secret";
    private const long SnapshotTime = 1_700_000_000;

    private static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly byte[] TicketKey = new byte[32];
    private static readonly string TokenHash = PasswordHash.Of(Secret, PasswordHash.TokenRounds);
    private static readonly Lazy<NewEvent[]> Facts = new(() => [.. MakeFacts()]);
    private readonly Folds folds;
    private readonly DeferredAppends deferred;
    private readonly Parts parts;
    private readonly TicketSigner tickets;

    private PermissionWorld(MemoryLedger ledger, Folds folds)
    {
        var clock = new InstantClock(Now);
        (Ledger, this.folds) = (ledger, folds);
        deferred = new DeferredAppends(ledger, TimeProvider.System);
        tickets = new TicketSigner(TicketKey, clock);
        var none = new Dictionary<string, string>();
        parts = new Parts(new Foundations(
            ApplianceSettings.Load(none, none, _ => null), folds, new Recorder(ledger, deferred, clock), new CredentialStore(new Credentials()),
            TicketKey, "00000000-0000-4000-8000-000000000000", new SimulatedVolume(), _ => { }, clock, NullLogger.Instance));
        foreach (var name in (string[])["main", "other"])
        {
            parts.Stores.Add(new OpenDatastore(name, Datastore.Create(new SimulatedVolume(), StorageTestKit.Options)));
        }

        var main = parts.Stores.Find("main", out _)!.Bytes;
        main.CreateNamespace(BackupNamespace.Parse("a"));
        main.CreateNamespace(BackupNamespace.Parse("b"));
    }

    public static IReadOnlyList<Subject> Subjects { get; } = Subject.All();

    public MemoryLedger Ledger { get; }

    public IReadOnlyList<ApiEndpoint> Endpoints => parts.Endpoints;

    /// <summary>Position of the ledger before any call: as long as it stands there, nothing has happened.</summary>
    public long Untouched { get; private init; }

    public static async Task<PermissionWorld> MakeAsync()
    {
        var ledger = new MemoryLedger(TimeProvider.System);
        var folds = new Folds(ledger, null, TimeProvider.System, _ => { });
        await folds.Set.StartAsync();
        foreach (var some in Facts.Value.Chunk(500))
        {
            await ledger.AppendAsync(new Append("setup", ExpectedVersion.Any, some));
        }

        return new PermissionWorld(ledger, folds) { Untouched = ledger.Head.Position };
    }

    /// <summary>Status and text of a row's call by a subject; by nobody where that is null.</summary>
    public async Task<(int Status, string Text)> CallAsync(PermissionRow row, Subject? subject)
    {
        var (method, template) = (row.Endpoint.Split(' ')[0], row.Endpoint.Split(' ')[1]);
        var arguments = Arguments(row, subject ?? Subjects[0]);
        var path = string.Join('/', template.Split('/').Select(segment => Fill(segment, arguments)));
        var query = string.Join('&', arguments.Select(pair => pair.Key + "=" + Uri.EscapeDataString(pair.Value)));
        if (method == "UPGRADE")
        {
            return await UpgradeAsync(path[1..], query, subject);
        }

        var exchange = new MemoryExchange(method, "/api2/json" + path, query, []);
        await parts.Api.ServeApiAsync(exchange, _ => ValueTask.FromResult<object?>(subject is null ? null : new Caller(subject.AuthId, "192.0.2.1")));

        // What a call began has ended before the next one: its end is an event, too.
        await Task.WhenAll(parts.Tasks.Running.Select(task => task.Ended));
        return (exchange.Status, exchange.Answer);
    }

    public async ValueTask DisposeAsync()
    {
        await deferred.DisposeAsync();
        await folds.Set.DisposeAsync();
        parts.Dispose();
        await Ledger.DisposeAsync();
    }

    private static Dictionary<string, string> Arguments(PermissionRow row, Subject subject)
    {
        var group = $"ns=a&backup-type=host&backup-id={subject.GroupId}";
        return row.Arguments
            .Replace("{snapshot}", group + "&backup-time=1600000000").Replace("{group}", group).Replace("{self}", subject.Userid)
            .Replace("{auth}", subject.AuthId)
            .Split('&', StringSplitOptions.RemoveEmptyEntries).ToDictionary(pair => pair.Split('=')[0], pair => pair[(pair.IndexOf('=') + 1)..]);
    }

    private static string Fill(string segment, Dictionary<string, string> arguments)
    {
        if (!segment.StartsWith('{'))
        {
            return segment;
        }

        var name = segment[1..^1];
        return arguments.Remove(name, out var value) ? Uri.EscapeDataString(value)
            : name == "store" ? "main"
            : throw new InvalidOperationException($"the row's arguments lack '{name}', which the path asks for");
    }

    private async Task<(int, string)> UpgradeAsync(string kind, string query, Subject? subject)
    {
        var protocol = kind == "backup" ? "proxmox-backup-protocol-v1" : "proxmox-backup-reader-protocol-v1";
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase) { ["Upgrade"] = protocol };
        if (subject is not null)
        {
            var isUser = subject.Kind == Kind.User;
            headers[isUser ? "Cookie" : "Authorization"] = isUser
                ? "PBSAuthCookie=" + Uri.EscapeDataString(tickets.Issue(UserId.Parse(subject.Userid)))
                : $"PBSAPIToken={subject.TokenId}:{Secret}";
        }

        switch (await parts.Gate.DecideAsync(new UpgradeRequest(kind, query, headers, "192.0.2.1"), default))
        {
            case UpgradeDecision.Accept accept:
                await accept.Session.EndAsync(null);
                return (101, "");
            case UpgradeDecision.Refuse refuse:
                return (refuse.Status, refuse.Text);
            default:
                throw new InvalidOperationException();
        }
    }

    private static IEnumerable<NewEvent> MakeFacts()
    {
        yield return Of(new DatastoreCreated("main", "main", null));
        yield return Of(new DatastoreCreated("other", "other", null));
        yield return Of(new NamespaceCreated("main", "a", false));
        yield return Of(new NamespaceCreated("main", "b", false));
        yield return Of(new UserCreated(SomebodyElse, true, 0, null));
        yield return Of(new AccessGranted("/datastore/other", SomebodyElse, "DatastoreReader", true));
        foreach (var fact in Group("foreign", SomebodyElse).Concat(Subjects.SelectMany(OfSubject)))
        {
            yield return fact;
        }
    }

    private static IEnumerable<NewEvent> OfSubject(Subject subject)
    {
        yield return Of(new UserCreated(subject.Userid, true, 0, null));
        yield return Of(new TokenIssued(subject.TokenId, true, 0, null));
        if (subject.Kind == Kind.Token)
        {
            yield return Of(new AccessGranted("/", subject.Userid, "Admin", true));
        }

        if (subject.GrantPath is { } path)
        {
            yield return Of(new AccessGranted(path, subject.AuthId, subject.Role, subject.Propagate));
        }

        foreach (var fact in Group(subject.GroupId, subject.GroupOwner))
        {
            yield return fact;
        }
    }

    private static IEnumerable<NewEvent> Group(string id, string owner)
    {
        var content = new SnapshotContent([new SnapshotFile("index.json.blob", "none", 100, null)], null, null, null, null, false);
        yield return Of(new SnapshotDiscovered("main", "a", "host", id, SnapshotTime, owner, content, "made for the matrix"));
    }

    private static NewEvent Of<T>(T fact) where T : class, IEventData<T> => Event.Of(fact, EventMetadata.System);

    private sealed class Credentials : ICredentialFile
    {
        public byte[]? Read() => System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(Subjects.ToDictionary(subject => subject.TokenId, _ => TokenHash));

        public void Replace(byte[] content)
        {
            // Nothing here outlives the test.
        }
    }
}
