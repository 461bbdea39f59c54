// When the garbage of a datastore is due to be collected: by its calendar event, or after prune has removed something.
using System.Text.Json;
using Holdfast.Features.Datastores;

namespace Holdfast.Features.Schedules;

/// <summary>Due times of collections, from the state as it is now.</summary>
public sealed class CollectionSchedule(Func<JobsState> jobs, Func<DatastoresState> datastores, TimeProvider clock)
{
    /// <summary>A datastore's <c>gc-schedule</c> that means: whenever prune has removed something.</summary>
    public const string AfterPrune = "after-prune";

    /// <summary>When the datastore's next collection is due, epoch seconds; in the past if it waits already; null = never by itself.</summary>
    public long? DueS(DatastoreFacts store)
    {
        var state = jobs();
        if (store.GcSchedule == AfterPrune)
        {
            return state.GarbageSinceS.TryGetValue(store.Name, out var sinceS) ? sinceS : null;
        }

        return Scheduler.NextRunS(store.GcSchedule, store.GcScheduleSinceS, state.Collections.GetValueOrDefault(store.Name), clock.LocalTimeZone,
            clock.GetUtcNow().ToUnixTimeSeconds());
    }

    /// <summary>The last run of a datastore's collection that was started as a task.</summary>
    public JobRun? LastRun(string store) => jobs().Collections.GetValueOrDefault(store);

    /// <summary>Writes <c>schedule</c> and <c>next-run</c> into an open object, as far as there are any.</summary>
    public void Write(Utf8JsonWriter json, string store)
    {
        if (!datastores().Stores.TryGetValue(store, out var facts) || facts.GcSchedule is not { } schedule)
        {
            return;
        }

        if (DueS(facts) is { } dueS)
        {
            json.WriteNumber("next-run", dueS);
        }

        json.WriteString("schedule", schedule);
    }
}
