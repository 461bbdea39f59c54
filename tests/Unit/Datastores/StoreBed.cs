// The appliance as the host assembles it, on a ledger in memory and simulated folders, called through its API: for everything about datastores and the node.
using System.Text;
using System.Text.Json;
using Holdfast.Features.Access;
using Holdfast.Features.Audit;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Node;
using Holdfast.Features.Settings;
using Holdfast.Host;
using Holdfast.Ledger;
using Holdfast.Storage;
using Holdfast.Wire;
using Microsoft.Extensions.Logging.Abstractions;

namespace Holdfast.Tests.Unit.Datastores;

/// <summary>Folders by path, each a simulated volume; they outlive an appliance.</summary>
internal sealed class SimulatedFolders : IDatastoreFolders
{
    public Dictionary<string, SimulatedVolume> Volumes { get; } = new(StringComparer.Ordinal);

    public string Absolute(string path) => path.StartsWith('/') ? path : "/box/" + path;

    public string? Problem(string path) => Absolute(path).StartsWith("/etc", StringComparison.Ordinal) ? "it belongs to the operating system" : null;

    public Volume Open(string path, out bool made)
    {
        made = !Volumes.TryGetValue(Absolute(path), out var volume);
        return Volumes[Absolute(path)] = volume ?? new SimulatedVolume();
    }

    public bool RemoveIfEmpty(string path) => Volumes[Absolute(path)].List("").Count == 0 && Volumes.Remove(Absolute(path));
}

/// <summary>A box that exists on paper only.</summary>
internal sealed class PaperNode : INodeSource
{
    private static readonly Lazy<string> Certificate = new(() => Certificates.MakeSelfSigned(["box"], TimeProvider.System).CertificatePem);
    private long ticks;

    public NodeReading Read()
    {
        ticks += 100;
        return new(ticks / 4, ticks / 10, ticks, 0.5, 0.25, 0.125, new(8L << 30, 2L << 30, 6L << 30), default, new(100L << 30, 40L << 30, 60L << 30),
            ticks * 1000, ticks * 10, 3600);
    }

    public NodeIdentity Identify() => new(
        "box", "Linux", "6.1", "#1", "x86_64", "Paper CPU", 1, 2, true, false, Certificate.Value, "Etc/UTC", ["192.0.2.53"], null, "nameserver 192.0.2.53",
        [new("eth0", true, "eth", ["192.0.2.1/24"]), new("lo", true, "loopback", ["127.0.0.1/8"])], "1");
}

internal sealed class StoreBed : IAsyncDisposable
{
    public const string Admin = "admin@pbs";
    public const string Nobody = "nobody@pbs";
    public const string Reader = "reader@pbs";

    private readonly DeferredAppends deferred;

    private StoreBed(MemoryLedger ledger, Folds folds, SimulatedFolders folders)
    {
        (Ledger, Folds, Folders) = (ledger, folds, folders);
        deferred = new DeferredAppends(ledger, TimeProvider.System);
        Recorder = new Recorder(ledger, deferred, Clock);
        var none = new Dictionary<string, string>();
        Parts = new Parts(new Foundations(
            ApplianceSettings.Load(none, none, _ => null), folds, Recorder, new CredentialStore(new NoFile()),
            new byte[32], "00000000-0000-4000-8000-000000000000", new SimulatedVolume(), _ => { }, Clock, NullLogger.Instance)
        {
            StoreFolders = folders, Node = new PaperNode(),
        });
    }

    public InstantClock Clock { get; } = new(new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero));

    public MemoryLedger Ledger { get; }

    public Folds Folds { get; }

    public SimulatedFolders Folders { get; }

    public Recorder Recorder { get; }

    public Parts Parts { get; }

    public DatastoresState Stores => Folds.Datastores.State;

    /// <summary>Starts on what is there, as the appliance does.</summary>
    public static async Task<StoreBed> StartAsync(MemoryLedger? ledger = null, SimulatedFolders? folders = null)
    {
        ledger ??= new MemoryLedger(TimeProvider.System);
        var folds = new Folds(ledger, null, TimeProvider.System, _ => { });
        await folds.Set.StartAsync();
        var bed = new StoreBed(ledger, folds, folders ?? new SimulatedFolders());
        if (ledger.Head.Position == 0)
        {
            await ledger.AppendAsync(new Append("setup", ExpectedVersion.Any,
            [
                Of(new UserCreated(Admin, true, 0, null)), Of(new UserCreated(Nobody, true, 0, null)), Of(new UserCreated(Reader, true, 0, null)),
                Of(new AccessGranted("/", Admin, Roles.Admin, true)),
            ]));
        }

        await bed.Parts.Tasks.CloseInterruptedAsync(folds.Tasks.State);
        await new DatastoreOpening(bed.Parts.Opening, bed.Parts.Stores, bed.Parts.Reconciliation, TimeProvider.System, NullLogger.Instance)
            .OpenAllAsync(bed.Stores);
        await bed.Parts.Removing.ResumeAsync();
        await bed.IdleAsync();
        return bed;
    }

    /// <summary>A call and its answer, after all that it began has ended.</summary>
    public async Task<(int Status, string Text)> CallAsync(
        string method, string path, object? json = null, string who = Admin, Dictionary<string, string>? headers = null, bool wait = true)
    {
        var parts = path.Split('?');
        var exchange = new MemoryExchange(
            method, "/api2/json/" + parts[0], parts.Length > 1 ? parts[1] : "", json is null ? [] : JsonSerializer.SerializeToUtf8Bytes(json));
        if (json is not null)
        {
            exchange.RequestHeaders["Content-Type"] = "application/json";
        }

        foreach (var (name, value) in headers ?? [])
        {
            exchange.RequestHeaders[name] = value;
        }

        await Parts.Api.ServeApiAsync(exchange, _ => ValueTask.FromResult<object?>(new Caller(who, "192.0.2.1")));
        if (wait)
        {
            await IdleAsync();
        }

        return (exchange.Status, exchange.Answer);
    }

    /// <summary>The data of a call that must go well.</summary>
    public async Task<JsonElement> DataAsync(string method, string path, object? json = null, string who = Admin)
    {
        var (status, text) = await CallAsync(method, path, json, who);
        Xunit.Assert.True(status == 200, $"{method} {path}: {status} {text}");
        return JsonDocument.Parse(text).RootElement.GetProperty("data");
    }

    /// <summary>Runs a call that starts a task, and gives the task's status and log.</summary>
    public async Task<(string Status, string Log)> TaskAsync(string method, string path, object? json = null)
    {
        var upid = (await DataAsync(method, path, json)).GetString()!;
        var log = await DataAsync("GET", $"nodes/localhost/tasks/{Uri.EscapeDataString(upid)}/log?limit=0");
        return (Folds.Tasks.State.Find(upid)!.Status!, string.Join('\n', log.EnumerateArray().Select(line => line.GetProperty("t").GetString()![27..])));
    }

    public Task IdleAsync() => Task.WhenAll(Parts.Tasks.Running.Select(task => task.Ended));

    /// <summary>Types of the events of a stream.</summary>
    public async Task<List<string>> EventsAsync(string stream)
    {
        var types = new List<string>();
        await foreach (var recorded in Ledger.ReadStreamAsync(stream))
        {
            types.Add(recorded.Type.Split('/')[0]);
        }

        return types;
    }

    public static NewEvent Of<T>(T fact) where T : class, IEventData<T> => Event.Of(fact, EventMetadata.System);

    public async ValueTask DisposeAsync()
    {
        foreach (var store in Parts.Stores.All())
        {
            store.Bytes.Dispose();
        }

        await Parts.Tasks.DisposeAsync();
        await deferred.DisposeAsync();
        await Folds.Set.DisposeAsync();
        Parts.Dispose();
    }

    private sealed class NoFile : ICredentialFile
    {
        public byte[]? Read() => null;

        public void Replace(byte[] content) => Xunit.Assert.NotEmpty(content);
    }
}
