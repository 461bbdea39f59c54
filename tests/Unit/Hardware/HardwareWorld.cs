// The appliance's own parts on a ledger in memory, beside an agent whose verbs are the real ones on a simulated machine: disks can be pulled and corrupted.
using System.Runtime.CompilerServices;
using Holdfast.Contracts.Agent;
using Holdfast.Contracts.Disks;
using Holdfast.Contracts.Power;
using Holdfast.Features.Access;
using Holdfast.Features.Agent;
using Holdfast.Features.Audit;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Settings;
using Holdfast.Features.Tasks;
using Holdfast.Host;
using Holdfast.Ledger;
using Holdfast.Smart;
using Holdfast.Storage;
using Holdfast.Tests.Unit.Features;
using Holdfast.Zfs;
using Microsoft.Extensions.Logging.Abstractions;

namespace Holdfast.Tests.Unit.Hardware;

/// <summary>Asks verbs directly, as the socket would.</summary>
internal sealed class DirectAgent(IReadOnlyList<AgentVerb> verbs) : IAgent
{
    public bool IsThere { get; set; } = true;

    public async Task<AgentAnswer> AskAsync(AgentRequest request, TimeSpan within, CancellationToken cancel = default)
    {
        if (!IsThere)
        {
            throw new AgentAwayException("no agent");
        }

        try
        {
            await foreach (var answer in verbs.Single(verb => verb.Request == request.GetType()).Answers(request, cancel))
            {
                return answer;
            }

            throw new AgentAwayException("no answer");
        }
        catch (Exception error) when (error is VerbRefusedException or IOException)
        {
            return new AgentRefusal(error.Message);
        }
    }

    public IAsyncEnumerable<AgentAnswer> WatchAsync(AgentRequest request, CancellationToken cancel) =>
        verbs.Single(verb => verb.Request == request.GetType()).Answers(request, cancel);
}

/// <summary>Places that exist in memory.</summary>
internal sealed class Places : IPoolPlaces
{
    public SortedSet<string> Pools { get; } = [];

    public string Owner => "holdfast:holdfast";

    public string MountPoint(string name) => "/mnt/datastore/" + name;

    public bool IsTaken(string path) => path == "/mnt/datastore/taken";

    /// <summary>What lies in folders, by their path.</summary>
    public Dictionary<string, string> Uses { get; } = [];

    public string? Keeps(string path) => Uses.GetValueOrDefault(path);

    public void Adopt(string pool) => Pools.Add(pool);

    public void Release(string pool) => Pools.Remove(pool);

    public string Device(Disk disk) => disk.Path;
}

/// <summary>A UPS that says what it is told to; nothing = it does not answer.</summary>
internal sealed class FakeUps : IUps
{
    public string? Status { get; set; }

    /// <summary>NUT's word while there is no status.</summary>
    public string Code { get; set; } = "UNREACHABLE";

    public Task<UpsReading> ReadAsync(CancellationToken cancel) => Status is null ? throw new UpsAwayException(Code, "silent")
        : Task.FromResult(new UpsReading("ups", Status.Split(' ').ToHashSet(), 100, 3600, 10, null, null, null, null));
}

/// <summary>The world.</summary>
internal sealed class HardwareWorld : IAsyncDisposable
{
    private readonly DeferredAppends deferred;

    private HardwareWorld(Folds folds, MemoryLedger ledger, bool hasUps)
    {
        (Ledger, Folds) = (ledger, folds);
        deferred = new DeferredAppends(ledger, TimeProvider.System);
        var listing = new DiskListing(Machine, path => ["wwn-" + Path.GetFileName(path)]);
        var verbs = new ZfsVerbs(Machine, Machine, listing.ListAsync, Places);
        Agent = new DirectAgent(
        [
            .. verbs.Verbs, .. new SmartVerbs(Machine, listing).Verbs, AgentVerb.Of<PowerOff>((asked, _) => Switched(asked)),
            AgentVerb.Of<Reboot>((asked, _) => Switched(asked)),
        ]);
        var none = new Dictionary<string, string>();
        Recorder = new Recorder(ledger, deferred, TimeProvider.System);
        Parts = new Parts(new Foundations(
            ApplianceSettings.Load(none, none, _ => null), folds, Recorder, new CredentialStore(new NoFile()),
            new byte[32], "00000000-0000-4000-8000-000000000000", new SimulatedVolume(), _ => { }, TimeProvider.System, NullLogger.Instance) 
        {
            Agent = Agent, Ups = hasUps ? Ups : null,
        });
    }

    /// <summary>What the machine was told last, instead of being switched off.</summary>
    public List<AgentAct> PowerVerbs { get; } = [];

    public bool RefusesPower { get; set; }

    public FakeUps Ups { get; } = new();

    public Places Places { get; } = new();

    public SimulatedZfs Machine { get; } = new();

    public DirectAgent Agent { get; }

    public MemoryLedger Ledger { get; }

    public Folds Folds { get; }

    public Recorder Recorder { get; }

    public Parts Parts { get; }

    public static async Task<HardwareWorld> MakeAsync(int disks = 5, bool hasUps = true)
    {
        var ledger = new MemoryLedger(TimeProvider.System);
        var folds = new Folds(ledger, null, TimeProvider.System, _ => { });
        await folds.Set.StartAsync();
        var world = new HardwareWorld(folds, ledger, hasUps);
        for (var i = 0; i < disks; i++)
        {
            world.Machine.Insert($"/dev/sd{(char)('a' + i)}", $"SERIAL{i}");
        }

        return world;
    }

    /// <summary>Does an act, as a slice would.</summary>
    public Task DoAsync(AgentAct act) => Parts.Acts.DoAsync<AgentDone>(act, EventMetadata.System, TimeSpan.FromSeconds(10));

    /// <summary>Types of events since a position, those of the agent left out.</summary>
    public async Task<List<string>> EventsAsync(long after)
    {
        var found = new List<string>();
        await foreach (var recorded in Ledger.ReadAsync(after + 1))
        {
            if (!recorded.Type.StartsWith("Agent", StringComparison.Ordinal))
            {
                found.Add(recorded.Type[..^2]);
            }
        }

        return found;
    }

    /// <summary>Looks at everything once and says what was recorded.</summary>
    public async Task<List<string>> LookAsync()
    {
        var before = Ledger.Head.Position;
        await Parts.Disks.LookAsync(default);
        await Parts.Pools.LookAsync(default);
        return await EventsAsync(before);
    }

    /// <summary>Status of a task that has ended.</summary>
    public async Task<string> EndOfAsync(RunningTask task)
    {
        await task.Ended.WaitAsync(TimeSpan.FromSeconds(30));
        return Folds.Tasks.State.NewestFirst().Single(entry => entry.Upid == task.Upid.ToString()).Status!;
    }

    public IEnumerable<string> Alarms => Folds.Alarms.State.Raised.Values.Select(alarm => alarm.Kind);

    public async ValueTask DisposeAsync()
    {
        Parts.Dispose();
        await deferred.DisposeAsync();
    }

    /// <summary>A datastore in a folder, with one snapshot in it.</summary>
    public async Task<OpenDatastore> AddStoreAsync(string path)
    {
        await Ledger.AppendAsync(new Append("setup", ExpectedVersion.Any, [Event.Of(new DatastoreCreated("main", path, null), EventMetadata.System)]));
        var store = new OpenDatastore("main", Datastore.Create(new SimulatedVolume(), StorageTestKit.Options));
        var name = StorageTestKit.Snapshot(1_700_000_000);
        StorageTestKit.Backup(store.Bytes, name, seed: 1);
        await Parts.Reconciliation.ReconcileStoreAsync(store);
        Parts.Stores.Add(store);
        return store;
    }

    private Task<AgentAnswer> Switched(AgentAct asked)
    {
        if (RefusesPower)
        {
            throw new VerbRefusedException("it does not switch off");
        }

        PowerVerbs.Add(asked);
        return Task.FromResult<AgentAnswer>(new AgentDone());
    }

    private sealed class NoFile : ICredentialFile
    {
        public byte[]? Read() => null;

        public void Replace(byte[] content) => Xunit.Assert.NotEmpty(content);
    }
}
