// PUT config/datastore/S: options set and unset, the maintenance mode among them. What has changed is one event; sync level and maintenance mode count at
// once, running sessions go on.
using Holdfast.Features.Access;
using Holdfast.Features.Events;
using Holdfast.Ledger;
using Holdfast.Wire;

namespace Holdfast.Features.Datastores;

/// <summary>Edits datastores.</summary>
public sealed class UpdateDatastore(
    Permissions permissions, DatastoreRegistry stores, Func<DatastoresState> datastores, StoreOpening opening, Recorder recorder, ConfigTurn turn)
{
    private const string Path = DatastoreConfig.Root + "/{name}";

    private static readonly ParameterSchema Schema = new(
    [
        DatastoreConfig.Name, .. DatastoreConfig.Options, DatastoreConfig.Digest,
        Parameter.List("delete", Parameter.Text("") with { Choices = [.. StoreOption.All, .. DatastoreConfig.LegacyPrune, "gc-on-unmount"] }).AsOptional(),
    ]);

    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("PUT", Path, Schema, UpdateAsync) { Permit = ReadDatastoreConfig.OnStore(permissions, Privileges.DatastoreModify) },
    ];

    /// <summary>Why a maintenance mode can't be set by hand, or null.</summary>
    internal static string? RefuseMode(string text) => MaintenanceMode.Parse(text, out var problem) switch
    {
        null => problem,
        { Type: "read-only" or "offline" } => null,
        { Type: var type } => $"maintenance mode '{type}' is set by the appliance itself, not by hand",
    };

    private async ValueTask<ApiResult> UpdateAsync(ApiCall call)
    {
        var given = call.Parameters;
        var name = given.Text("name");
        if (DatastoreConfig.RefuseLegacy(given) is { } legacy)
        {
            return legacy;
        }

        using var mine = await turn.TakeAsync(call.Aborted).ConfigureAwait(false);
        var state = datastores();
        if (!state.Stores.TryGetValue(name, out var store))
        {
            return ApiResult.Error($"no such datastore '{name}'");
        }

        if (DatastoreConfig.IsStale(given, state))
        {
            return ApiResult.Error(DatastoreConfig.Modified);
        }

        if (Refuse(given, store) is { } refusal)
        {
            return ApiResult.Error(refusal);
        }

        var set = DatastoreConfig.Given(given);
        var removed = given.Texts("delete").ToHashSet(StringComparer.Ordinal);
        if (given.OptionalText(StoreOption.Comment) is { } comment && string.IsNullOrWhiteSpace(comment))
        {
            removed.Add(StoreOption.Comment);
        }

        var changed = new SortedDictionary<string, string>(
            set.Where(pair => store.Options.GetValueOrDefault(pair.Key) != pair.Value).ToDictionary(), StringComparer.Ordinal);
        string[] gone = [.. removed.Where(option => store.Options.ContainsKey(option) && !set.ContainsKey(option)).Order(StringComparer.Ordinal)];
        if (changed.Count + gone.Length == 0)
        {
            return ApiResult.Null;
        }

        try
        {
            // Not cancelled by a caller who leaves.
            await recorder.DecideAsync("datastore:" + name, ExpectedVersion.Any,
                [Event.Of(new DatastoreOptionsSet(name, changed, gone), call.CallerAs<Caller>().Because($"PUT {DatastoreConfig.Root}/{name}"))])
                .ConfigureAwait(false);
        }
        catch (LedgerUnavailableException)
        {
            return ApiResult.Error(503, LedgerAway.Text);
        }

        if (stores.FindAnyway(name) is { } open && datastores().Stores.TryGetValue(name, out var now))
        {
            open.Bytes.SyncLevel = opening.LevelOf(now.Tuning);
        }

        return ApiResult.Null;
    }

    private static string? Refuse(ApiParameters given, DatastoreFacts store)
    {
        if (given.OptionalText(StoreOption.Tuning) is { } tuning && StoreTuning.Parse(tuning, out var problem) is null)
        {
            return problem;
        }

        if (given.OptionalText(StoreOption.MaintenanceMode) is { } mode && RefuseMode(mode) is { } refusal)
        {
            return refusal;
        }

        // Once its data is doomed there is no way back: some of it may be gone already.
        return store.Maintenance is { Type: "delete" }
            && (given.Has(StoreOption.MaintenanceMode) || given.Texts("delete").Contains(StoreOption.MaintenanceMode))
            ? $"datastore '{store.Name}' is being deleted, its maintenance mode stays"
            : null;
    }
}
