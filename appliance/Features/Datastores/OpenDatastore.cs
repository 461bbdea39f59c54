// A datastore that this process has open: its bytes, and whether they may still be trusted. A failed sync closes it for good (write order W7);
// the other datastores go on.
using Holdfast.Features.Snapshots;
using Holdfast.Storage;

namespace Holdfast.Features.Datastores;

/// <summary>One open datastore.</summary>
public sealed class OpenDatastore(string name, Datastore bytes)
{
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(3);
    private readonly Lock asking = new();
    private Task<VolumeSpace>? asked;
    private string? failure;
    private string? heldBack;
    private SpaceGuard? guard;

    /// <summary>Its name.</summary>
    public string Name => name;

    /// <summary>Its folder tree and chunks.</summary>
    public Datastore Bytes => bytes;

    /// <summary>Why it takes nothing any more, or null.</summary>
    public string? Failure => Volatile.Read(ref failure) ?? (bytes.Volume.State == VolumeState.Failed ? "a sync failed" : null);

    /// <summary>Keeps a reserve free.</summary>
    public SpaceGuard Guard => LazyInitializer.EnsureInitialized(ref guard, () => new SpaceGuard(name, Space));

    /// <summary>It lies on another machine's file system, which may be silent.</summary>
    public bool IsRemote { get; init; }

    /// <summary>How full its file system is. A remote one has some seconds for the answer, and is not asked again before it came.</summary>
    /// <exception cref="RefusedException">It did not answer.</exception>
    public VolumeSpace Space()
    {
        if (!IsRemote)
        {
            return bytes.Space();
        }

        Task<VolumeSpace> asking;
        lock (this.asking)
        {
            asking = asked is { IsCompleted: false } ? asked : asked = Task.Factory.StartNew(bytes.Space, CancellationToken.None,
                TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }

        // The volume's own errors, not a bundle of them.
        return Task.WaitAny([asking], AnswerWithin) == 0 ? asking.IsFaulted ? throw asking.Exception.InnerExceptions[0] : asking.Result
            : throw new RefusedException($"datastore '{name}' is unavailable: its file system, on another machine, does not answer");
    }

    /// <summary>Why nobody gets it from the registry at this moment (it is being taken out), or null. Not kept anywhere.</summary>
    public string? HeldBack
    {
        get => Volatile.Read(ref heldBack);
        set => Volatile.Write(ref heldBack, value);
    }

    /// <summary>Groups whose last backup ended in doubt while the ledger was away; reconciled before their next one.</summary>
    public DoubtfulGroups Doubtful { get; } = new();

    /// <summary>Closes it as failed; true for the first who says so.</summary>
    public bool Fail(string reason) => Interlocked.CompareExchange(ref failure, reason, null) is null;
}

/// <summary>Groups that must be reconciled before anything else is decided about them.</summary>
public sealed class DoubtfulGroups
{
    /// <summary>Said to who wants to change such a group.</summary>
    public const string Text = "what became of the last change of the group is being found out, try again in a moment";

    private readonly Lock gate = new();
    private readonly HashSet<GroupKey> groups = [];

    public void Add(GroupKey key)
    {
        lock (gate)
        {
            groups.Add(key);
        }
    }

    public bool Contains(GroupKey key)
    {
        lock (gate)
        {
            return groups.Contains(key);
        }
    }

    public void Remove(GroupKey key)
    {
        lock (gate)
        {
            groups.Remove(key);
        }
    }

    /// <summary>All of them now.</summary>
    public IReadOnlyList<GroupKey> All()
    {
        lock (gate)
        {
            return [.. groups];
        }
    }
}
