// POST config/datastore: makes a datastore, or takes an existing folder (a PBS's, or ours from another box) up as one. A task: the folder is checked by
// trying it out, and whatever is wrong is said in its log. The disk comes first, the event next: without its event a folder is just a folder.
using Holdfast.Features.Access;
using Holdfast.Features.Events;
using Holdfast.Features.Snapshots;
using Holdfast.Features.Tasks;
using Holdfast.Ledger;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Features.Datastores;

/// <summary>Creates and adopts datastores.</summary>
/// <param name="exported">Why a folder belongs to others too (it is exported), in words; null = it does not.</param>
public sealed class CreateDatastore(
    Permissions permissions, DatastoreRegistry stores, Func<DatastoresState> datastores, StoreOpening opening, Reconciliation reconciliation,
    TaskRunner tasks, Recorder recorder, ConfigTurn turn, Func<string, string?> exported)
{
    private static readonly ParameterSchema Schema = new(
    [
        DatastoreConfig.Name, Parameter.Text("path") with { MinLength = 1, MaxLength = 4096, Check = RefusePath },
        .. DatastoreConfig.Options, Parameter.Boolean("reuse-datastore"), Parameter.Boolean("overwrite-in-use"),
        Parameter.Text("backing-device") with { Optional = true, MaxLength = 64 }, Parameter.Text("backend") with { Optional = true, MaxLength = 256 },
        Parameter.Boolean("gc-on-unmount"),
    ]);

    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("POST", DatastoreConfig.Root, Schema, StartAsync) { Permit = permissions.Needs("/datastore", Privileges.DatastoreAllocate) },
    ];

    private async ValueTask<ApiResult> StartAsync(ApiCall call)
    {
        var given = call.Parameters;
        var name = given.Text("name");
        if (datastores().Stores.ContainsKey(name))
        {
            return ApiResult.BadParameter("name", $"datastore '{name}' already exists.");
        }

        if (given.Has("backing-device") || (given.OptionalText("backend") is { } backend && backend is not ("filesystem" or "type=filesystem")))
        {
            return ApiResult.Error("only datastores in a folder are available here: no removable devices, no S3");
        }

        if (DatastoreConfig.RefuseLegacy(given) is { } refusal)
        {
            return refusal;
        }

        var wish = new Wish(name, given.Text("path"), DatastoreConfig.Given(given), given.Flag("reuse-datastore"));
        var task = await tasks.StartAsync("create-datastore", name, call.CallerAs<Caller>(), running => RunAsync(running, wish)).ConfigureAwait(false);
        return ApiResult.String(task.Upid.ToString());
    }

    /// <summary>Makes one as part of another task.</summary>
    /// <exception cref="TaskFailedException">It can't be made.</exception>
    public Task MakeAsync(RunningTask task, string name, string path) =>
        DatastoreConfig.Name.RefuseText(name) is { } refusal
            ? throw new TaskFailedException($"'{name}' can't be the name of a datastore: {refusal}")
            : RunAsync(task, new Wish(name, path, new(StringComparer.Ordinal), Reuse: false));

    private async Task RunAsync(RunningTask task, Wish wish)
    {
        using var mine = await turn.TakeAsync(task.AbortToken).ConfigureAwait(false);
        Check(wish);
        var volume = opening.Folders.Open(wish.Path, out var made);
        Datastore bytes;
        try
        {
            bytes = await MakeAsync(task, wish, volume).ConfigureAwait(false);
        }
        catch
        {
            volume.Dispose();
            if (made)
            {
                opening.Folders.RemoveIfEmpty(wish.Path);
            }

            throw;
        }

        try
        {
            await RecordAsync(task, wish).ConfigureAwait(false);
        }
        catch
        {
            bytes.Close();
            throw;
        }

        await TakeUpAsync(task, wish, bytes).ConfigureAwait(false);
    }

    /// <summary>What PBS finds out in the task, in its order.</summary>
    private void Check(Wish wish)
    {
        if (datastores().Stores.ContainsKey(wish.Name))
        {
            throw new TaskFailedException($"parameter verification failed - 'name': datastore '{wish.Name}' already exists.");
        }

        if (wish.Options.TryGetValue(StoreOption.Tuning, out var tuning) && StoreTuning.Parse(tuning, out var problem) is null)
        {
            throw new TaskFailedException(problem);
        }

        if (wish.Options.TryGetValue(StoreOption.MaintenanceMode, out var mode) && UpdateDatastore.RefuseMode(mode) is { } refusal)
        {
            throw new TaskFailedException(refusal);
        }

        var path = opening.Folders.Absolute(wish.Path);
        foreach (var store in datastores().Stores.Values)
        {
            var other = opening.Folders.Absolute(store.Path);
            if (IsWithin(path, other) || IsWithin(other, path))
            {
                throw new TaskFailedException($"parameter verification failed - 'path': nested datastores not allowed: '{store.Name}' already in \"{other}\"");
            }
        }

        if ((opening.Folders.Problem(wish.Path) ?? exported(path)) is { } unfit)
        {
            throw new TaskFailedException($"parameter verification failed - 'path': {unfit}");
        }
    }

    private async Task<Datastore> MakeAsync(RunningTask task, Wish wish, Volume volume)
    {
        var path = opening.Folders.Absolute(wish.Path);
        var exists = volume.TryStat(ChunkStore.Folder, out _);
        if (exists && !wish.Reuse)
        {
            var folder = $"\"{path}/{ChunkStore.Folder}\"";
            throw new TaskFailedException(
                $"unable to create chunk store '{wish.Name}' subdir {folder} - unable to create directory {folder} - EEXIST: File exists");
        }

        if (!exists && wish.Reuse)
        {
            throw new TaskFailedException($"there is no datastore to reuse: \"{path}/{ChunkStore.Folder}\" does not exist");
        }

        var findings = await new FolderCheck(volume, recorder.Clock).RunAsync(isNew: !exists, task.AbortToken).ConfigureAwait(false);
        foreach (var finding in findings)
        {
            task.Say(finding.Text);
        }

        if (findings.FirstOrDefault(finding => finding.IsFatal) is { } fatal)
        {
            throw new TaskFailedException($"\"{path}\" can't carry a datastore: {fatal.Text}");
        }

        var tuning = StoreTuning.Of(wish.Options.GetValueOrDefault(StoreOption.Tuning));
        return exists
            ? Datastore.Open(volume, opening.OptionsOf(tuning))
            : Datastore.Create(volume, opening.OptionsOf(tuning, percent => task.Say($"Chunkstore create: {percent}%")));
    }

    private async Task RecordAsync(RunningTask task, Wish wish)
    {
        var options = new SortedDictionary<string, string>(wish.Options, StringComparer.Ordinal);
        options.Remove(StoreOption.Comment, out var comment);
        List<NewEvent> events = [Event.Of(new DatastoreCreated(wish.Name, wish.Path, comment), task.Metadata)];
        if (options.Count > 0)
        {
            events.Add(Event.Of(new DatastoreOptionsSet(wish.Name, options, []), task.Metadata));
        }

        await recorder.DecideAsync("datastore:" + wish.Name, ExpectedVersion.Any, events).ConfigureAwait(false);
    }

    /// <summary>What lies there becomes known to the ledger before anybody may use it.</summary>
    private async Task TakeUpAsync(RunningTask task, Wish wish, Datastore bytes)
    {
        var store = new OpenDatastore(wish.Name, bytes) { IsRemote = opening.IsRemote(wish.Path) };
        try
        {
            var report = await reconciliation.ReconcileStoreAsync(store).ConfigureAwait(false);
            if (wish.Reuse)
            {
                task.Say($"{report.Discovered} snapshots discovered");
            }
        }
        catch
        {
            // It is configured: the next start, or taking it out and in again, tries anew.
            bytes.Dispose();
            throw;
        }

        stores.Add(store);
    }

    private static bool IsWithin(string path, string folder) =>
        path == folder || path.StartsWith(folder.TrimEnd('/') + "/", StringComparison.Ordinal);

    private static string? RefusePath(string path) =>
        !path.StartsWith('/') ? $"expected an absolute path, '{path}' is not"
        : !PbsSchema.IsOneLine(path) ? "value does not match the regex pattern"
        : null;

    private sealed record Wish(string Name, string Path, SortedDictionary<string, string> Options, bool Reuse);
}
