// DELETE config/datastore/S: takes a datastore out of the configuration, and with destroy-data its data from the disk. The latter is decided first (the
// maintenance mode `delete` is that decision, docs/write-order.md W5), done next, and told last; a start goes on with what a crash cut off.
using Holdfast.Features.Access;
using Holdfast.Features.Events;
using Holdfast.Features.Tasks;
using Holdfast.Ledger;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Features.Datastores;

/// <summary>What goes with a datastore: jobs on it, entries of the access list below it. The events that say so, each with its stream.</summary>
public delegate IEnumerable<(string Stream, NewEvent Event)> GoesWithDatastore(string store, EventMetadata because);

/// <summary>Removes datastores.</summary>
public sealed class RemoveDatastore(
    Permissions permissions, DatastoreRegistry stores, Func<DatastoresState> datastores, IDatastoreFolders folders, TaskRunner tasks, Recorder recorder,
    ConfigTurn turn, IReadOnlyList<GoesWithDatastore> goesWith)
{
    private const string Removing = "datastore is being deleted";

    /// <summary>How long running operations may take to end.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    private static readonly ParameterSchema Schema = new(
        DatastoreConfig.Name, Parameter.Boolean("keep-job-configs"), Parameter.Boolean("destroy-data"), DatastoreConfig.Digest);

    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("DELETE", DatastoreConfig.Root + "/{name}", Schema, StartAsync)
        {
            Permit = ReadDatastoreConfig.OnStore(permissions, Privileges.DatastoreAllocate),
        },
    ];

    /// <summary>Goes on with what a crash cut off: datastores whose data was to be destroyed.</summary>
    public async Task ResumeAsync()
    {
        foreach (var store in datastores().Stores.Values.Where(store => store.Maintenance is { Type: "delete" }))
        {
            await StartAsync(store.Name, new Caller(AccessState.Root, ""), destroy: true, keepJobs: true).ConfigureAwait(false);
        }
    }

    private async ValueTask<ApiResult> StartAsync(ApiCall call)
    {
        var given = call.Parameters;
        var name = given.Text("name");
        var state = datastores();
        if (!state.Stores.ContainsKey(name))
        {
            return ApiResult.Error(404, $"datastore '{name}' does not exist.");
        }

        if (DatastoreConfig.IsStale(given, state))
        {
            return ApiResult.Error(DatastoreConfig.Modified);
        }

        var task = await StartAsync(name, call.CallerAs<Caller>(), given.Flag("destroy-data"), given.Flag("keep-job-configs")).ConfigureAwait(false);
        return ApiResult.Data(json => json.WriteStringValue(task.Upid.ToString()), json => json.WriteString("digest", DatastoreConfig.DigestOf(state)));
    }

    private Task<RunningTask> StartAsync(string name, Caller by, bool destroy, bool keepJobs) => tasks.StartAsync("delete-datastore", name, by, async task =>
    {
        using var mine = await turn.TakeAsync(task.AbortToken).ConfigureAwait(false);
        if (!datastores().Stores.TryGetValue(name, out var facts))
        {
            throw new TaskFailedException($"datastore '{name}' does not exist.");
        }

        var open = stores.FindAnyway(name);
        await HoldBackAsync(task, open, name).ConfigureAwait(false);
        try
        {
            await (destroy ? DestroyAsync(task, facts, open, keepJobs) : ForgetAsync(task, facts, open, keepJobs)).ConfigureAwait(false);
        }
        catch when (open is not null)
        {
            open.HeldBack = null;
            throw;
        }
    }, name);

    /// <summary>From now on nobody gets it; who has it may end.</summary>
    private async Task HoldBackAsync(RunningTask task, OpenDatastore? open, string name)
    {
        if (open is null)
        {
            return;
        }

        open.HeldBack = Removing;
        try
        {
            var clock = recorder.Clock;
            for (var started = clock.GetTimestamp(); ; await Task.Delay(Pause, clock, task.AbortToken).ConfigureAwait(false))
            {
                var active = ActiveOperations.On(name, tasks, task);
                if (active.None)
                {
                    // Whoever took it back while it waited meant it.
                    task.AbortToken.ThrowIfCancellationRequested();
                    return;
                }

                if (clock.GetElapsedTime(started) > Patience)
                {
                    throw new TaskFailedException(
                        $"datastore '{name}' is in use: {active.Read} reading, {active.Write} writing; let them end, or abort them, and try again");
                }
            }
        }
        catch
        {
            open.HeldBack = null;
            throw;
        }
    }

    private async Task ForgetAsync(RunningTask task, DatastoreFacts facts, OpenDatastore? open, bool keepJobs)
    {
        task.Say("Removing datastore from config...");
        await RecordAsync(task, facts.Name, destroyed: false, keepJobs).ConfigureAwait(false);
        Close(facts.Name, open);
    }

    private async Task DestroyAsync(RunningTask task, DatastoreFacts facts, OpenDatastore? open, bool keepJobs)
    {
        task.Say("Deleting datastore data...");
        if (facts.Maintenance is not { Type: "delete" })
        {
            var doomed = new DatastoreOptionsSet(facts.Name, new(StringComparer.Ordinal) { [StoreOption.MaintenanceMode] = "delete" }, []);
            await recorder.DecideAsync("datastore:" + facts.Name, ExpectedVersion.Any, [Event.Of(doomed, task.Metadata)]).ConfigureAwait(false);
        }

        Close(facts.Name, open);
        IReadOnlyList<string> others;
        using (var volume = folders.Open(facts.Path, out _))
        {
            others = Datastore.Destroy(volume, name => task.Say($"removed '{name}'"), task.AbortToken);
        }

        task.Say("Removing datastore from config...");
        await RecordAsync(task, facts.Name, destroyed: true, keepJobs).ConfigureAwait(false);
        task.Say("Finished deleting data.");
        task.Say(others.Count == 0 && folders.RemoveIfEmpty(facts.Path)
            ? "Removed empty datastore directory."
            : $"The directory stays{(others.Count > 0 ? ", it holds other things: " + string.Join(", ", others.Take(10)) : "")}.");
    }

    private async Task RecordAsync(RunningTask task, string name, bool destroyed, bool keepJobs)
    {
        foreach (var part in keepJobs ? [] : goesWith.SelectMany(of => of(name, task.Metadata)).GroupBy(gone => gone.Stream).ToList())
        {
            foreach (var some in part.Select(gone => gone.Event).Chunk(500))
            {
                await recorder.DecideAsync(part.Key, ExpectedVersion.Any, some).ConfigureAwait(false);
            }
        }

        await recorder.DecideAsync("datastore:" + name, ExpectedVersion.Any, [Event.Of(new DatastoreRemoved(name, destroyed), task.Metadata)])
            .ConfigureAwait(false);
    }

    private void Close(string name, OpenDatastore? open)
    {
        if (open is null)
        {
            return;
        }

        stores.Remove(name);
        try
        {
            open.Bytes.Close();
        }
        catch (StorageException)
        {
            // Its last sync failed: it is let go as a crash would leave it, which whoever takes it up again finds out by its marker.
            open.Bytes.Dispose();
        }
    }
}
