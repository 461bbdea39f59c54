// The life of jobs: what is to run when, and each run. Events of one job form the stream `job:KIND:ID`; a run's own end is told by its task.
using System.Text.Json.Serialization.Metadata;
using Holdfast.Features.Events;

namespace Holdfast.Features.Schedules;

/// <summary>A job was made.</summary>
/// <param name="Kind"><c>prune</c> or <c>verify</c>.</param>
/// <param name="Options">By the names that <c>config/KIND</c> has for them, as text.</param>
public sealed record JobCreated(string Kind, string Id, SortedDictionary<string, string> Options) : IEventData<JobCreated>
{
    public static string EventType => "JobCreated/1";
    public static JsonTypeInfo<JobCreated> Json => EventJson.Default.JobCreated;
}

/// <summary>Options of a job were set or taken back.</summary>
public sealed record JobOptionsSet(string Kind, string Id, SortedDictionary<string, string> Set, IReadOnlyList<string> Removed) : IEventData<JobOptionsSet>
{
    public static string EventType => "JobOptionsSet/1";
    public static JsonTypeInfo<JobOptionsSet> Json => EventJson.Default.JobOptionsSet;
}

/// <summary>A job was removed. What it has done stays in the ledger.</summary>
public sealed record JobRemoved(string Kind, string Id) : IEventData<JobRemoved>
{
    public static string EventType => "JobRemoved/1";
    public static JsonTypeInfo<JobRemoved> Json => EventJson.Default.JobRemoved;
}

/// <summary>A run of a job began, in one transaction with its task's start.</summary>
/// <param name="DueS">When its schedule asked for it, epoch seconds; null if somebody started it by hand.</param>
public sealed record JobRunStarted(string Kind, string Id, string Upid, long? DueS) : IEventData<JobRunStarted>
{
    public static string EventType => "JobRunStarted/1";
    public static JsonTypeInfo<JobRunStarted> Json => EventJson.Default.JobRunStarted;
}
