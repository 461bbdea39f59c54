// Tells when a datastore fills up, and when that is over: one event for each threshold crossed, in both directions.
using Holdfast.Features.Events;
using Holdfast.Ledger;
using Holdfast.Storage;

namespace Holdfast.Features.Datastores;

/// <summary>The watch.</summary>
public sealed class SpaceWatch(DatastoreRegistry stores, Func<DatastoresState> datastores, Func<SpaceState> told, Recorder recorder)
{
    /// <summary>Looks at every open datastore once.</summary>
    public async Task CheckAsync()
    {
        foreach (var store in stores.Present())
        {
            if (!datastores().Stores.TryGetValue(store.Name, out var facts) || SpaceOf(store) is not { } space)
            {
                continue;
            }

            store.Guard.Configure(facts);
            var before = told().Of(store.Name);
            var used = UsedPercent(space);
            var level = SpaceThresholds.Level(facts.Thresholds, before, used);
            if (level == before)
            {
                continue;
            }

            var stream = "datastore:" + store.Name;
            var percent = Math.Round(used, 1);
            await (level > before
                ? recorder.NoteAsync(stream, new DatastoreSpaceLow(store.Name, level, percent, space.AvailableBytes), EventMetadata.System)
                : recorder.NoteAsync(stream, new DatastoreSpaceRegained(store.Name, level, percent, space.AvailableBytes), EventMetadata.System))
                .ConfigureAwait(false);
        }
    }

    /// <summary>As df(1) has it: of what people may use, not of what the file system keeps for itself.</summary>
    public static double UsedPercent(VolumeSpace space) =>
        space.UsedBytes + space.AvailableBytes is > 0 and var all ? 100.0 * space.UsedBytes / all : 0;

    private static VolumeSpace? SpaceOf(OpenDatastore store)
    {
        try
        {
            return store.Space();
        }
        catch (Exception error) when (error is StorageException or ObjectDisposedException)
        {
            return null;
        }
    }
}
