// All jobs with their last runs, as the ledger tells them: a power cut loses none of it. Garbage collection has no configuration of its own (its
// schedule is the datastore's), but runs like any job.
using System.Collections.Immutable;

namespace Holdfast.Features.Schedules;

/// <summary>The last run of a job.</summary>
/// <param name="StartS">Epoch seconds.</param>
/// <param name="EndS">Null while it runs.</param>
/// <param name="State">The task's status; null while it runs.</param>
public sealed record JobRun(string Upid, long StartS, long? EndS, string? State);

/// <summary>One job.</summary>
/// <param name="Options">As text, by option name.</param>
/// <param name="SinceS">When its present schedule was set: from then on it counts.</param>
public sealed record Job(string Kind, string Id, ImmutableSortedDictionary<string, string> Options, long SinceS, JobRun? LastRun)
{
    /// <summary>Datastore that it works on.</summary>
    public string Store => Options.GetValueOrDefault("store", "");

    public string Ns => Options.GetValueOrDefault("ns", "");

    public string? Schedule => Options.GetValueOrDefault("schedule");

    public bool IsDisabled => Flag("disable");

    /// <summary>Does it run also while backups are usual, or under way?</summary>
    public bool IgnoresBackupWindow => Flag(IgnoreBackupWindow);

    /// <summary>Holdfast's own option; jobs keep out of observed backup windows without it.</summary>
    public const string IgnoreBackupWindow = "ignore-backup-window";

    public long? Number(string option) =>
        Options.TryGetValue(option, out var text) ? long.Parse(text, System.Globalization.CultureInfo.InvariantCulture) : null;

    public bool Flag(string option, bool otherwise = false) => Options.TryGetValue(option, out var text) ? text == "true" : otherwise;
}

/// <summary>All jobs.</summary>
/// <param name="Jobs">By <c>kind:id</c>, sorted.</param>
/// <param name="Collections">Last garbage collection of each datastore.</param>
/// <param name="GarbageSinceS">Datastores of which snapshots went since the last collection began, and when the first of them went.</param>
/// <param name="Running">Which job or collection (<c>gc:STORE</c>) a running task belongs to.</param>
public sealed record JobsState(
    ImmutableSortedDictionary<string, Job> Jobs, ImmutableSortedDictionary<string, JobRun> Collections,
    ImmutableSortedDictionary<string, long> GarbageSinceS, ImmutableSortedDictionary<string, string> Running)
{
    public const string Collection = "gc";

    public static readonly JobsState Empty = new(
        ImmutableSortedDictionary.Create<string, Job>(StringComparer.Ordinal), ImmutableSortedDictionary.Create<string, JobRun>(StringComparer.Ordinal),
        ImmutableSortedDictionary.Create<string, long>(StringComparer.Ordinal), ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal));

    public Job? Find(string kind, string id) => Jobs.GetValueOrDefault(Key(kind, id));

    public IEnumerable<Job> OfKind(string kind) => Jobs.Values.Where(job => job.Kind == kind);

    public static string Key(string kind, string id) => kind + ":" + id;
}
