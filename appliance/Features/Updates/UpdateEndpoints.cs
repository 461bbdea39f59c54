// Versions of the appliance over the API: which there are, a bundle in pieces, installing it beside the version that runs, going back. Installing changes
// nothing of what runs; what was installed is tried by the next start.
using System.Text.Json;
using Holdfast.Contracts.Agent;
using Holdfast.Contracts.Updates;
using Holdfast.Features.Access;
using Holdfast.Features.Agent;
using Holdfast.Features.Events;
using Holdfast.Features.Tasks;
using Holdfast.Ledger;
using Holdfast.Wire;

namespace Holdfast.Features.Updates;

/// <summary>Endpoints of this slice.</summary>
public sealed class UpdateEndpoints(
    Permissions permissions, UpdateWatch watch, UpdateUpload upload, Func<UpdateState> told, AgentActs acts, TaskRunner tasks, Recorder recorder)
{
    private const string Root = "/nodes/{node}/update";
    private const string On = "/system/update";
    private static readonly TimeSpan Within = TimeSpan.FromMinutes(2);

    /// <summary>So long an installation is followed without a word from the agent.</summary>
    private static readonly TimeSpan SilentMax = TimeSpan.FromMinutes(10);

    private static readonly TimeSpan Between = TimeSpan.FromSeconds(2);

    private readonly SemaphoreSlim beginning = new(1);

    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("GET", Root, new(PbsSchema.Node()), call => BoxCalls.AnswerAsync(() => ShowAsync(call)))
        {
            Permit = permissions.Needs(On, Privileges.SysAudit),
        },
        Changes("/bundle", UploadAsync, Parameter.Integer("offset") with { Minimum = 0, Maximum = UpdateUpload.BundleBytesMax },
            Parameter.Integer("total") with { Minimum = 1, Maximum = UpdateUpload.BundleBytesMax }) with { Kind = ApiKind.Stream },
        Changes("/install", InstallAsync),
        Changes("/rollback", GoBackAsync),
    ];

    private ApiEndpoint Changes(string verb, Func<ApiCall, Task<ApiResult>> handler, params Parameter[] more) =>
        new("POST", Root + verb, new([PbsSchema.Node(), .. more]), call => BoxCalls.AnswerAsync(() => handler(call)))
        {
            Permit = permissions.Needs(On, Privileges.SysModify),
        };

    private async Task<ApiResult> ShowAsync(ApiCall call)
    {
        var facts = await watch.LookAsync(call.Aborted).ConfigureAwait(false);
        var state = told();
        return ApiResult.Data(json =>
        {
            json.WriteStartObject();
            Text("confirmed", state.Confirmed);
            json.WriteBoolean("development", facts.IsDevelopment);
            Text("fell-back-from", state.FellBackFrom);
            if (facts.IsInstalling)
            {
                Text("installing", state.Installing ?? "unknown");
                json.WriteNumber("percent", facts.Percent);
            }

            Text("next", facts.Slots.First(slot => slot.IsNext).Version);
            json.WriteString("running", facts.Running);
            json.WriteStartArray("slots");
            foreach (var slot in facts.Slots)
            {
                json.WriteStartObject();
                json.WriteString("name", slot.Name);
                json.WriteString("state", slot.State);
                json.WriteString("version", slot.Version);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            Text("uploaded", state.Uploaded);
            json.WriteEndObject();

            void Text(string name, string? value)
            {
                if (value is not null)
                {
                    json.WriteString(name, value);
                }
            }
        });
    }

    private async Task<ApiResult> UploadAsync(ApiCall call)
    {
        if (told().Installing is { } installing)
        {
            return ApiResult.Error($"version {installing} is being installed");
        }

        var bundle = await upload.TakeAsync(call.Exchange, call.Parameters.Integer("offset"), call.Parameters.Integer("total"),
            call.CallerAs<Caller>().Because("POST update/bundle")).ConfigureAwait(false);
        return bundle is null ? ApiResult.Null : ApiResult.Data(json =>
        {
            json.WriteStartObject();
            json.WriteString("build", bundle.Build);
            json.WriteString("hash", bundle.ManifestHash);
            json.WriteString("version", bundle.Version);
            json.WriteEndObject();
        });
    }

    // One at a time up to the event that says so.
    private async Task<ApiResult> InstallAsync(ApiCall call)
    {
        await beginning.WaitAsync(call.Aborted).ConfigureAwait(false);
        try
        {
            return await BeginAsync(call).ConfigureAwait(false);
        }
        finally
        {
            beginning.Release();
        }
    }

    private async Task<ApiResult> BeginAsync(ApiCall call)
    {
        var facts = await watch.LookAsync(call.Aborted).ConfigureAwait(false);
        if (told() is not { Uploaded: { } version, UploadedHash: { } hash })
        {
            return ApiResult.Error("no update was uploaded");
        }

        if (facts.IsInstalling || told().Installing is not null)
        {
            return ApiResult.Error("an update is being installed already");
        }

        // From before the event on: a look in between would take what has not begun for what has ended.
        var followed = watch.Follow();
        try
        {
            var task = await tasks.StartAsync("update", version, call.CallerAs<Caller>(), FollowedAsync,
                with: _ => [Event.Of(new UpdateInstallStarted(version, facts.Running), call.CallerAs<Caller>().Because("POST update/install"))])
                .ConfigureAwait(false);
            return ApiResult.Data(json => json.WriteStringValue(task.Upid.ToString()));
        }
        catch
        {
            followed.Dispose();
            throw;
        }

        async Task FollowedAsync(RunningTask running)
        {
            using (followed)
            {
                await InstallAsync(running, version, hash, facts.Running).ConfigureAwait(false);
            }
        }
    }

    private async Task InstallAsync(RunningTask task, string version, string hash, string running)
    {
        task.Say($"installing version {version} beside {running}, which goes on running");
        try
        {
            await acts.DoAsync<AgentDone>(new InstallUpdate(version, hash), task.Metadata, Within, task.AbortToken).ConfigureAwait(false);
        }
        catch (AgentAwayException)
        {
            task.Say("the agent gave no answer; whether it has begun will be seen");
        }
        catch (AgentRefusedException refused)
        {
            await FailAsync(refused.Message).ConfigureAwait(false);
        }

        var facts = await FollowAsync(task).ConfigureAwait(false);
        var slot = facts.Find(version);
        if (facts.LastError is not null || slot is null || slot.State == "none")
        {
            await FailAsync(facts.LastError ?? "it does not lie in its slot afterwards").ConfigureAwait(false);
        }

        await recorder.NoteAsync(UpdateWatch.Stream, new UpdateInstalled(version, slot!.Name), task.Metadata).ConfigureAwait(false);
        upload.Remove();
        task.Say($"version {version} is installed in slot {slot.Name}: the next start tries it, and goes back to {running} if it does not come up healthy");

        async Task FailAsync(string why)
        {
            await recorder.NoteAsync(UpdateWatch.Stream, new UpdateInstallFailed(version, why), task.Metadata).ConfigureAwait(false);
            throw new TaskFailedException(why);
        }
    }

    // An agent that is away for a while is no end: what it was told goes on without it, and a later look tells how it went.
    private async Task<UpdateFacts> FollowAsync(RunningTask task)
    {
        var heardAt = recorder.Clock.GetTimestamp();
        for (var shown = "";;)
        {
            try
            {
                var facts = await watch.LookAsync(task.AbortToken).ConfigureAwait(false);
                heardAt = recorder.Clock.GetTimestamp();
                if (!facts.IsInstalling)
                {
                    return facts;
                }

                var now = $"{facts.Percent} %: {facts.Doing}";
                if (now != shown)
                {
                    task.Say(shown = now);
                }
            }
            catch (Exception error) when (error is AgentAwayException or AgentRefusedException)
            {
                if (recorder.Clock.GetElapsedTime(heardAt) >= SilentMax)
                {
                    throw new TaskFailedException($"nobody says how it goes on: {error.Message}");
                }
            }

            await Task.Delay(Between, recorder.Clock, task.AbortToken).ConfigureAwait(false);
        }
    }

    private async Task<ApiResult> GoBackAsync(ApiCall call)
    {
        var facts = await watch.LookAsync(call.Aborted).ConfigureAwait(false);
        var other = facts.Slots.First(slot => !slot.Runs);
        if (other.Version is null || other.State == "none" || facts.IsInstalling)
        {
            return ApiResult.Error(facts.IsInstalling ? "an update is being installed" : "there is no other version on this box");
        }

        var because = call.CallerAs<Caller>().Because("POST update/rollback");
        await acts.DoAsync<AgentDone>(new ChooseOtherVersion(other.Version), because, Within).ConfigureAwait(false);
        await recorder.NoteAsync(UpdateWatch.Stream, new OtherVersionChosen(other.Version, facts.Running), because).ConfigureAwait(false);
        return ApiResult.Data(json => json.WriteStringValue(other.Version));
    }
}
