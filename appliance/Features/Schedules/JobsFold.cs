// The fold from the events of jobs, tasks and removals to JobsState. Pure.
using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Holdfast.Features.Events;
using Holdfast.Features.Snapshots;
using Holdfast.Features.Tasks;
using Holdfast.Ledger;
using Holdfast.Wire;

namespace Holdfast.Features.Schedules;

/// <summary>Jobs as the ledger tells them.</summary>
public sealed class JobsFold : IFold<JobsState>
{
    private static readonly ImmutableSortedDictionary<string, string> NoOptions = ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal);

    public string Name => "jobs";

    public int Version => 1;

    public JobsState Initial => JobsState.Empty;

    public bool Knows(string type) => type is "JobCreated/1" or "JobOptionsSet/1" or "JobRemoved/1" or "JobRunStarted/1" or "TaskStarted/1"
        or "TaskFinished/1" or "SnapshotForgotten/1";

    public JobsState Apply(JobsState state, RecordedEvent recorded)
    {
        var timeS = recorded.TimeUs / 1_000_000;
        switch (recorded.Type)
        {
            case "JobCreated/1":
                var created = Event.Read<JobCreated>(recorded);
                var job = new Job(created.Kind, created.Id, NoOptions.AddRange(created.Options), timeS, null);
                return state with { Jobs = state.Jobs.SetItem(JobsState.Key(created.Kind, created.Id), job) };
            case "JobOptionsSet/1":
                return OptionsSet(state, Event.Read<JobOptionsSet>(recorded), timeS);
            case "JobRemoved/1":
                var removed = Event.Read<JobRemoved>(recorded);
                return state with { Jobs = state.Jobs.Remove(JobsState.Key(removed.Kind, removed.Id)) };
            case "JobRunStarted/1":
                var run = Event.Read<JobRunStarted>(recorded);
                return Began(state, JobsState.Key(run.Kind, run.Id), run.Upid, timeS);
            case "TaskStarted/1":
                return TaskBegan(state, Event.Read<TaskStarted>(recorded), timeS);
            case "TaskFinished/1":
                return TaskEnded(state, Event.Read<TaskFinished>(recorded), timeS);
            case "SnapshotForgotten/1":
                var store = Event.Read<SnapshotForgotten>(recorded).Store;
                return state.GarbageSinceS.ContainsKey(store) ? state : state with { GarbageSinceS = state.GarbageSinceS.Add(store, timeS) };
            default:
                return state;
        }
    }

    public void Write(JobsState state, Stream output) => JsonSerializer.Serialize(output, new SerialState(
        [.. state.Jobs.Values.Select(job => new SerialJob(job.Kind, job.Id, new(job.Options), job.SinceS, job.LastRun))],
        new(state.Collections), new(state.GarbageSinceS), new(state.Running)), JobsSerial.Default.SerialState);

    public JobsState Read(Stream input)
    {
        try
        {
            var serial = JsonSerializer.Deserialize(input, JobsSerial.Default.SerialState) ?? throw new InvalidDataException("empty");
            return new JobsState(
                JobsState.Empty.Jobs.AddRange(serial.Jobs.Select(job => KeyValuePair.Create(
                    JobsState.Key(job.Kind, job.Id), new Job(job.Kind, job.Id, NoOptions.AddRange(job.Options), job.SinceS, job.LastRun)))),
                JobsState.Empty.Collections.AddRange(serial.Collections), JobsState.Empty.GarbageSinceS.AddRange(serial.GarbageSinceS),
                JobsState.Empty.Running.AddRange(serial.Running));
        }
        catch (JsonException error)
        {
            throw new InvalidDataException("not a jobs snapshot: " + error.Message);
        }
    }

    /// <summary>A new schedule counts from now on: it has missed nothing.</summary>
    private static JobsState OptionsSet(JobsState state, JobOptionsSet options, long timeS)
    {
        var key = JobsState.Key(options.Kind, options.Id);
        if (!state.Jobs.TryGetValue(key, out var job))
        {
            return state;
        }

        var changed = job.Options.SetItems(options.Set).RemoveRange(options.Removed);
        var counts = changed.GetValueOrDefault("schedule") == job.Schedule && changed.GetValueOrDefault("disable") == job.Options.GetValueOrDefault("disable")
            ? job.SinceS
            : timeS;
        return state with { Jobs = state.Jobs.SetItem(key, job with { Options = changed, SinceS = counts }) };
    }

    private static JobsState TaskBegan(JobsState state, TaskStarted started, long timeS) =>
        Upid.TryParse(started.Upid, out var upid) && upid.WorkerType == "garbage_collection" && started.Store is { } store
            ? Began(state, JobsState.Key(JobsState.Collection, store), started.Upid, timeS) with { GarbageSinceS = state.GarbageSinceS.Remove(store) }
            : state;

    private static JobsState Began(JobsState state, string key, string upid, long timeS)
    {
        var run = new JobRun(upid, timeS, null, null);
        return WithRun(state, key, run) with { Running = state.Running.SetItem(upid, key) };
    }

    private static JobsState TaskEnded(JobsState state, TaskFinished finished, long timeS)
    {
        if (!state.Running.TryGetValue(finished.Upid, out var key))
        {
            return state;
        }

        var run = key.StartsWith(JobsState.Collection + ":", StringComparison.Ordinal)
            ? state.Collections.GetValueOrDefault(key[(JobsState.Collection.Length + 1)..])
            : state.Jobs.GetValueOrDefault(key)?.LastRun;
        var after = state with { Running = state.Running.Remove(finished.Upid) };
        return run is { } last && last.Upid == finished.Upid ? WithRun(after, key, last with { EndS = timeS, State = finished.Status }) : after;
    }

    private static JobsState WithRun(JobsState state, string key, JobRun run)
    {
        if (key.StartsWith(JobsState.Collection + ":", StringComparison.Ordinal))
        {
            return state with { Collections = state.Collections.SetItem(key[(JobsState.Collection.Length + 1)..], run) };
        }

        return state.Jobs.TryGetValue(key, out var job) ? state with { Jobs = state.Jobs.SetItem(key, job with { LastRun = run }) } : state;
    }

    internal sealed record SerialJob(string Kind, string Id, SortedDictionary<string, string> Options, long SinceS, JobRun? LastRun);

    internal sealed record SerialState(
        SerialJob[] Jobs, SortedDictionary<string, JobRun> Collections, SortedDictionary<string, long> GarbageSinceS,
        SortedDictionary<string, string> Running);
}

[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(JobsFold.SerialState))]
internal sealed partial class JobsSerial : JsonSerializerContext;
