// The assembled appliance on a ledger in memory and a virtual clock, called as over HTTP, with real passwords, tickets and tokens.
using System.Text;
using System.Text.Json;
using Holdfast.Features.Access;
using Holdfast.Features.Audit;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Settings;
using Holdfast.Host;
using Holdfast.Ledger;
using Holdfast.Storage;
using Holdfast.Wire;
using Microsoft.Extensions.Logging.Abstractions;

namespace Holdfast.Tests.Unit.Features.Access;

/// <summary>An answer, and how long it took on the virtual clock.</summary>
internal sealed record Told(int Status, string Text, string? ContentType, TimeSpan Took, IReadOnlyDictionary<string, string> Headers)
{
    public JsonElement Data => JsonDocument.Parse(Text).RootElement.GetProperty("data");
}

internal sealed class AccessWorld : IAsyncDisposable
{
    public const string Admin = "tester@pbs";
    public const string AdminPassword = "tester-pw-12345";

    private readonly DeferredAppends deferred;

    private AccessWorld(MemoryLedger ledger, Folds folds, IPamAuthenticator pam)
    {
        (Ledger, Folds) = (ledger, folds);
        deferred = new DeferredAppends(ledger, TimeProvider.System);
        Credentials = new CredentialStore(File);
        Credentials.Set(Admin, AdminPassword, 1);
        var none = new Dictionary<string, string>();
        Parts = new Parts(new Foundations(
            ApplianceSettings.Load(none, none, _ => null), folds, new Recorder(ledger, deferred, Clock), Credentials, new byte[32],
            "00000000-0000-4000-8000-000000000000", new SimulatedVolume(), _ => { }, Clock, NullLogger.Instance) { Pam = pam });
        var store = Datastore.Create(new SimulatedVolume(), StorageTestKit.Options);
        store.CreateNamespace(BackupNamespace.Parse("a"));
        store.CreateNamespace(BackupNamespace.Parse("b"));
        Parts.Stores.Add(new OpenDatastore("main", store));
    }

    public VirtualClock Clock { get; } = new(DateTimeOffset.FromUnixTimeSeconds(1_795_224_170));

    public MemoryFile File { get; } = new();

    public MemoryLedger Ledger { get; }

    public CredentialStore Credentials { get; }

    public Parts Parts { get; }

    public Folds Folds { get; }

    public AccessState State => Folds.Access.State;

    public static async Task<AccessWorld> MakeAsync(IPamAuthenticator? pam = null)
    {
        var ledger = new MemoryLedger(TimeProvider.System);
        var folds = new Folds(ledger, null, TimeProvider.System, _ => { });
        await folds.Set.StartAsync();
        var world = new AccessWorld(ledger, folds, pam ?? new NoPamAgent());
        await world.TellAsync(
            Event.Of(new UserCreated(Admin, null, null, null), EventMetadata.System),
            Event.Of(new AccessGranted("/", Admin, Roles.Admin, true), EventMetadata.System),
            Event.Of(new DatastoreCreated("main", "main", null), EventMetadata.System),
            Event.Of(new NamespaceCreated("main", "a", false), EventMetadata.System),
            Event.Of(new NamespaceCreated("main", "b", false), EventMetadata.System));
        return world;
    }

    public Task TellAsync(params NewEvent[] events) => Ledger.AppendAsync(new Append("setup", ExpectedVersion.Any, events));

    /// <summary>A call by somebody who is known already; null: by nobody.</summary>
    public Task<Told> CallAsync(string? authId, string method, string path, object? json = null, string query = "", string source = "192.0.2.1") =>
        SendAsync(method, path, query, json is null ? null : JsonSerializer.SerializeToUtf8Bytes(json), "application/json", [], source,
            authId is null ? null : new Caller(authId, source));

    /// <summary>A call with headers, through the authenticator.</summary>
    public Task<Told> SendAsync(string method, string path, (string, string)[] headers, string query = "", string source = "192.0.2.1") =>
        SendAsync(method, path, query, null, null, headers, source, caller: null);

    public Task<Told> LoginAsync(string user, string password, string source = "192.0.2.1", string? challenge = null) =>
        CallAsync(null, "POST", "/access/ticket", challenge is null
            ? new Dictionary<string, string> { ["username"] = user, ["password"] = password }
            : new Dictionary<string, string> { ["username"] = user, ["password"] = password, ["tfa-challenge"] = challenge }, source: source);

    public async Task<Told> SendAsync(
        string method, string path, string query, byte[]? body, string? contentType, (string Name, string Value)[] headers, string source, Caller? caller)
    {
        var exchange = new MemoryExchange(method, path.Contains("/api2/", StringComparison.Ordinal) ? path : "/api2/json" + path, query, body ?? [], source);
        foreach (var (name, value) in headers)
        {
            exchange.RequestHeaders[name] = value;
        }

        if (body is not null && contentType is not null)
        {
            exchange.RequestHeaders["content-type"] = contentType;
        }

        var before = Clock.Elapsed;
        ApiAuthenticator who = headers.Length > 0 ? Parts.Authenticator.AuthenticateAsync : _ => ValueTask.FromResult<object?>(caller);
        await Parts.Api.ServeApiAsync(exchange, who);
        return new Told(exchange.Status, exchange.Answer, exchange.ContentType, Clock.Elapsed - before, exchange.AnswerHeaders);
    }

    /// <summary>All that the ledger holds, as text.</summary>
    public async Task<string> WholeLedgerAsync()
    {
        var all = new StringBuilder();
        await foreach (var one in Ledger.ReadAsync())
        {
            all.Append(one.Type).Append(' ').AppendLine(Encoding.UTF8.GetString(one.Data.Span));
        }

        return all.ToString();
    }

    public async ValueTask DisposeAsync()
    {
        await deferred.DisposeAsync();
        await Folds.Set.DisposeAsync();
        Parts.Dispose();
        await Ledger.DisposeAsync();
    }

    internal sealed class MemoryFile : ICredentialFile
    {
        public byte[]? Content { get; private set; }

        public byte[]? Read() => Content;

        public void Replace(byte[] content) => Content = content;
    }
}
