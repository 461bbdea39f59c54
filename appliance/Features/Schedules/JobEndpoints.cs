// Jobs over the API (pbs-protocol.md 4.3): `config/KIND` makes and changes them, `admin/KIND` shows when they ran and will run, and starts one.
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Holdfast.Features.Access;
using Holdfast.Features.Events;
using Holdfast.Ledger;
using Holdfast.Wire;

namespace Holdfast.Features.Schedules;

/// <summary>Endpoints of one kind of job.</summary>
public sealed class JobEndpoints(JobKind kind, Permissions permissions, Func<JobsState> jobs, JobRuns runs, Recorder recorder, TimeProvider clock)
{
    private const string ChangedMeanwhile = "detected modified configuration - file changed by other user? Try again.";

    private static readonly Parameter ConfigDigest = PbsSchema.Digest().AsOptional();

    private string Config => "/config/" + kind.Name;

    private string Admin => "/admin/" + kind.Name;

    /// <summary>The endpoints of this kind.</summary>
    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("GET", Config, ParameterSchema.Empty, call => List(call, withRuns: false)),
        new("POST", Config, new([PbsSchema.JobId(), .. kind.Options]), CreateAsync),
        new("GET", Config + "/{id}", new(PbsSchema.JobId()), Get),
        new("PUT", Config + "/{id}", new(
            [PbsSchema.JobId(), .. kind.Options.Select(option => option.AsOptional()), ConfigDigest,
                Parameter.List("delete", Parameter.Text("delete") with { Choices = Deletable }).AsOptional()]), UpdateAsync),
        new("DELETE", Config + "/{id}", new(PbsSchema.JobId(), ConfigDigest), RemoveAsync),
        new("GET", Admin, new(PbsSchema.Store().AsOptional()), call => List(call, withRuns: true)),
        new("POST", Admin + "/{id}/run", new(PbsSchema.JobId()), RunAsync),
    ];

    private string[] Deletable => [.. kind.Options.Where(option => option.Optional).Select(option => option.Name)];

    private ValueTask<ApiResult> List(ApiCall call, bool withRuns)
    {
        var caller = call.CallerAs<Caller>();
        var store = withRuns ? call.Parameters.OptionalText("store") : null;
        var all = jobs().OfKind(kind.Name).ToList();
        var visible = all.Where(job => (store is null || job.Store == store) && MayAny(caller, job.Options, kind.ToSee | kind.ToChange));
        return Answer(ApiResult.Data(json =>
        {
            json.WriteStartArray();
            foreach (var job in visible)
            {
                Write(json, job, withRuns);
            }

            json.WriteEndArray();
        }, json => json.WriteString("digest", DigestOf(all))));
    }

    private ValueTask<ApiResult> Get(ApiCall call)
    {
        var job = Find(call);
        Require(call, job.Options, kind.ToSee | kind.ToChange);
        return Answer(ApiResult.Data(json => Write(json, job, withRuns: false), json => json.WriteString("digest", Digest())));
    }

    private async ValueTask<ApiResult> CreateAsync(ApiCall call)
    {
        var id = call.Parameters.Text("id");
        var options = Given(call.Parameters);
        Require(call, options, kind.ToChange);
        if (jobs().Find(kind.Name, id) is not null)
        {
            return ApiResult.BadParameter("id", $"job '{id}' already exists.");
        }

        return kind.Refuse(options) ?? await AppendAsync(call, id, Event.Of(new JobCreated(kind.Name, id, options), Because(call))).ConfigureAwait(false);
    }

    private async ValueTask<ApiResult> UpdateAsync(ApiCall call)
    {
        var job = Find(call);
        Require(call, job.Options, kind.ToChange);
        if (IsOutdated(call))
        {
            return ApiResult.Error(ChangedMeanwhile);
        }

        var set = Given(call.Parameters);
        var removed = call.Parameters.Texts("delete").Where(name => job.Options.ContainsKey(name) && !set.ContainsKey(name)).Distinct().Order().ToList();
        var after = job.Options.SetItems(set).RemoveRange(removed);
        Require(call, after, kind.ToChange); // a job can't be moved to where its mover has no rights
        return kind.Refuse(after)
            ?? await AppendAsync(call, job.Id, Event.Of(new JobOptionsSet(kind.Name, job.Id, set, removed), Because(call))).ConfigureAwait(false);
    }

    private async ValueTask<ApiResult> RemoveAsync(ApiCall call)
    {
        var job = Find(call);
        Require(call, job.Options, kind.ToChange);
        return IsOutdated(call)
            ? ApiResult.Error(ChangedMeanwhile)
            : await AppendAsync(call, job.Id, Event.Of(new JobRemoved(kind.Name, job.Id), Because(call))).ConfigureAwait(false);
    }

    private async ValueTask<ApiResult> RunAsync(ApiCall call)
    {
        var job = Find(call);
        Require(call, job.Options, kind.ToChange);
        return ApiResult.String((await runs.StartAsync(job, call.CallerAs<Caller>(), null).ConfigureAwait(false)).Upid.ToString());
    }

    /// <summary>Unknown jobs are refused after the rights: who may see no job learns nothing of which exist.</summary>
    private Job Find(ApiCall call)
    {
        var id = call.Parameters.Text("id");
        return jobs().Find(kind.Name, id) ?? throw (permissions.State.AnywhereBelow(kind.Below, call.CallerAs<Caller>().AuthId, kind.ToSee | kind.ToChange)
            ? new ApiException($"no such {kind.Noun} '{id}'")
            : new ApiException(403, "permission check failed"));
    }

    private bool MayAny(Caller caller, IReadOnlyDictionary<string, string> options, Privileges any) =>
        (permissions.On(kind.PathOf(options), caller) & any) != 0;

    private void Require(ApiCall call, IReadOnlyDictionary<string, string> options, Privileges any)
    {
        if (!MayAny(call.CallerAs<Caller>(), options, any))
        {
            throw new ApiException($"missing permissions '{Roles.NamesOf(any)}' on '{kind.PathOf(options)}'");
        }
    }

    private SortedDictionary<string, string> Given(ApiParameters parameters)
    {
        var given = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var option in kind.Options.Where(option => parameters.Has(option.Name)))
        {
            given[option.Name] = option.Type switch
            {
                ParameterType.Integer => parameters.Integer(option.Name).ToString(CultureInfo.InvariantCulture),
                ParameterType.Boolean => parameters.Flag(option.Name) ? "true" : "false",
                _ => parameters.Text(option.Name),
            };
        }

        return given;
    }

    private void Write(Utf8JsonWriter json, Job job, bool withRuns)
    {
        json.WriteStartObject();
        json.WriteString("id", job.Id);
        foreach (var option in kind.Options)
        {
            if (job.Options.TryGetValue(option.Name, out var value))
            {
                json.WritePropertyName(option.Name);
                WriteValue(json, option, value);
            }
        }

        if (withRuns)
        {
            WriteRuns(json, job);
        }

        json.WriteEndObject();
    }

    private static void WriteValue(Utf8JsonWriter json, Parameter option, string value)
    {
        switch (option.Type)
        {
            case ParameterType.Integer:
                json.WriteNumberValue(long.Parse(value, CultureInfo.InvariantCulture));
                break;
            case ParameterType.Boolean:
                json.WriteBooleanValue(value == "true");
                break;
            default:
                json.WriteStringValue(value);
                break;
        }
    }

    private void WriteRuns(Utf8JsonWriter json, Job job)
    {
        if (job.LastRun is { } last)
        {
            json.WriteString("last-run-upid", last.Upid);
            if (last.EndS is { } end)
            {
                json.WriteNumber("last-run-endtime", end);
                json.WriteString("last-run-state", last.State);
            }
        }

        if (!job.IsDisabled && NextRunS(job) is { } next)
        {
            json.WriteNumber("next-run", next);
        }
    }

    private long? NextRunS(Job job) =>
        Scheduler.NextRunS(job.Schedule, job.SinceS, job.LastRun, clock.LocalTimeZone, clock.GetUtcNow().ToUnixTimeSeconds());

    private bool IsOutdated(ApiCall call) =>
        call.Parameters.OptionalText("digest") is { } seen && !seen.Equals(Digest(), StringComparison.OrdinalIgnoreCase);

    private string Digest() => DigestOf(jobs().OfKind(kind.Name));

    /// <summary>SHA-256 over the configuration of all jobs of the kind: changes whenever one does. Without any it is that of nothing, as PBS's.</summary>
    private static string DigestOf(IEnumerable<Job> all)
    {
        var text = new StringBuilder();
        foreach (var job in all)
        {
            text.Append(job.Kind).Append(": ").Append(job.Id).Append('\n');
            foreach (var (name, value) in job.Options)
            {
                text.Append('\t').Append(name).Append(' ').Append(value).Append('\n');
            }
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    private EventMetadata Because(ApiCall call) => call.CallerAs<Caller>().Because($"{call.Exchange.Method} {Config}");

    private async Task<ApiResult> AppendAsync(ApiCall call, string id, NewEvent change)
    {
        try
        {
            await recorder.DecideAsync($"job:{kind.Name}:{id}", ExpectedVersion.Any, [change], default, call.Aborted).ConfigureAwait(false);
            return ApiResult.Null;
        }
        catch (LedgerUnavailableException)
        {
            return ApiResult.Error(503, LedgerAway.Text);
        }
    }

    private static ValueTask<ApiResult> Answer(ApiResult result) => ValueTask.FromResult(result);
}
