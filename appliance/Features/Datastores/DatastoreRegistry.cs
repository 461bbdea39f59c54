// The datastores that are open in this process, by name. Opening them is the host's start; failing one is everybody's duty who sees a sync fail.
using Holdfast.Features.Events;
using Holdfast.Ledger;
using Holdfast.Storage;

namespace Holdfast.Features.Datastores;

/// <summary>Open datastores.</summary>
public sealed class DatastoreRegistry(Recorder recorder, Func<DatastoresState>? facts = null)
{
    private readonly Dictionary<string, OpenDatastore> stores = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> away = new(StringComparer.Ordinal);
    private readonly Lock gate = new();

    /// <summary>Takes up an open datastore under its name.</summary>
    public void Add(OpenDatastore store)
    {
        lock (gate)
        {
            stores.Add(store.Name, store);
        }
    }

    /// <summary>All that are open.</summary>
    public IReadOnlyList<OpenDatastore> All()
    {
        lock (gate)
        {
            return [.. stores.Values];
        }
    }

    /// <summary>All that are open and whose file system answers: for who goes through all of them and must not wait for one.</summary>
    public IReadOnlyList<OpenDatastore> Present()
    {
        lock (gate)
        {
            return [.. stores.Values.Where(store => !away.ContainsKey(store.Name))];
        }
    }

    /// <summary>Why the file system of a datastore is away for now, open or not; null = it is there.</summary>
    public void SetAway(string name, string? why)
    {
        lock (gate)
        {
            if (why is null)
            {
                away.Remove(name);
            }
            else
            {
                away[name] = why;
            }
        }
    }

    /// <summary>Why its file system is away, or null.</summary>
    public string? AwayOf(string name)
    {
        lock (gate)
        {
            return away.GetValueOrDefault(name);
        }
    }

    /// <summary>Takes a datastore out, without closing it.</summary>
    /// <returns>The store, or null if it is not open.</returns>
    public OpenDatastore? Remove(string name)
    {
        lock (gate)
        {
            return stores.Remove(name, out var store) ? store : null;
        }
    }

    /// <summary>The datastore for reading, or null with PBS's text: unknown, or in a maintenance mode that allows no reading.</summary>
    public OpenDatastore? Find(string name, out string problem)
    {
        if (AwayOf(name) is { } why)
        {
            problem = $"datastore '{name}' is unavailable: {why}";
            return null;
        }

        var store = FindAnyway(name);
        problem = store is null ? Absence(name) : "";
        if (store?.HeldBack is { } heldBack)
        {
            problem = $"datastore '{name}' is unavailable: {heldBack}";
            return null;
        }

        if (MaintenanceOf(name) is not { AllowsReading: false } mode)
        {
            return store;
        }

        problem = $"datastore '{name}' is unavailable: {mode.Reason}";
        return null;
    }

    /// <summary>The datastore whatever its maintenance mode is: for who looks after it, not for who uses it.</summary>
    public OpenDatastore? FindAnyway(string name)
    {
        lock (gate)
        {
            return stores.GetValueOrDefault(name);
        }
    }

    /// <summary>The datastore if it takes writes, else null with the reason.</summary>
    public OpenDatastore? FindForWriting(string name, out string problem)
    {
        if (Find(name, out problem) is not { } store)
        {
            return null;
        }

        if (MaintenanceOf(name) is { } mode)
        {
            problem = $"datastore '{name}' is unavailable: {mode.Reason}";
            return null;
        }

        if (store.Failure is not { } failure)
        {
            return store;
        }

        problem = $"datastore '{name}' is unavailable: closed as failed: {failure}";
        return null;
    }

    /// <summary>Configured, but its folder could not be opened, is something else than never heard of.</summary>
    private string Absence(string name) => facts?.Invoke().Stores.ContainsKey(name) == true
        ? $"datastore '{name}' is unavailable: its folder is not open (the log of the appliance says why)"
        : $"no such datastore '{name}'";

    private MaintenanceMode? MaintenanceOf(string name) => facts?.Invoke().Stores.GetValueOrDefault(name)?.Maintenance;

    /// <summary>Looks at an error that came out of a datastore: a failed sync closes the store and is recorded, once.</summary>
    public async Task SawAsync(OpenDatastore store, Exception error)
    {
        if (error is VolumeException { Error: VolumeError.Failed or VolumeError.IoError } && store.Bytes.Volume.State == VolumeState.Failed
            && store.Fail(error.Message))
        {
            await recorder.NoteAsync("datastore:" + store.Name, new DatastoreFailed(store.Name, error.Message), EventMetadata.System)
                .ConfigureAwait(false);
        }
    }
}
