// A datastore that this process has open: its bytes, and whether they may still be trusted. A failed sync closes it for good (write order W7);
// the other datastores go on.
using Holdfast.Features.Snapshots;
using Holdfast.Storage;

namespace Holdfast.Features.Datastores;

/// <summary>One open datastore.</summary>
public sealed class OpenDatastore(string name, Datastore bytes)
{
    private string? failure;
    private string? heldBack;

    /// <summary>Its name.</summary>
    public string Name => name;

    /// <summary>Its folder tree and chunks.</summary>
    public Datastore Bytes => bytes;

    /// <summary>Why it takes nothing any more, or null.</summary>
    public string? Failure => Volatile.Read(ref failure) ?? (bytes.Volume.State == VolumeState.Failed ? "a sync failed" : null);

    /// <summary>Keeps a reserve free.</summary>
    public SpaceGuard Guard { get; } = new(name, bytes);

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
