// Tasks: recorded before and after, logged, abortable, closed after a crash; and the fold that lists them.
using System.Text;
using Holdfast.Features.Access;
using Holdfast.Features.Audit;
using Holdfast.Features.Events;
using Holdfast.Features.Tasks;
using Holdfast.Ledger;
using Holdfast.Storage;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Holdfast.Tests.Unit.Features;

public sealed class TaskTests : IAsyncLifetime
{
    private static readonly Caller Admin = new("admin@pbs", "127.0.0.1");
    private static readonly TimeProvider Clock = TimeProvider.System;

    private readonly MemoryLedger ledger = new(Clock);
    private readonly SimulatedVolume volume = new();
    private Folds folds = null!;
    private DeferredAppends deferred = null!;
    private TaskRunner tasks = null!;

    public async Task InitializeAsync()
    {
        folds = new Folds(ledger, null, Clock, _ => { });
        await folds.Set.StartAsync();
        deferred = new DeferredAppends(ledger, Clock);
        tasks = NewRunner(1);
    }

    public async Task DisposeAsync()
    {
        await tasks.DisposeAsync();
        await deferred.DisposeAsync();
        await folds.Set.DisposeAsync();
    }

    [Fact]
    public async Task A_task_is_recorded_logged_and_listed()
    {
        var task = await tasks.StartAsync("verify", "main:ns/a", Admin, running =>
        {
            running.Say("half\nway");
            running.Warn("odd");
            return Task.CompletedTask;
        }, "main", "ns/a");
        await task.Ended;

        var entry = folds.Tasks.State.Find(task.Upid.ToString())!;
        Assert.Equal(("main", "ns/a", "WARNINGS: 1", "warning"), (entry.Store, entry.Ns, entry.Status, entry.Outcome));
        Assert.Equal("main:ns/a", entry.Parts!.WorkerId);
        var lines = Log(task).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(["half way", "warning: odd", "TASK WARNINGS: 1"], lines.Select(line => line[(line.IndexOf(": ", StringComparison.Ordinal) + 2)..]));
        Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d: ", lines[0]);
        Assert.Empty(tasks.Running);
    }

    [Fact]
    public async Task A_task_whose_name_is_longer_than_a_streams_is_recorded_too()
    {
        var subject = "main:" + string.Join('/', Enumerable.Repeat("a-b-c-d-e-f-g-h-i-j-k-l-m-n-o-p", 7));
        var task = await tasks.StartAsync("prune", subject, Admin, _ => Task.CompletedTask, "main", "");
        await task.Ended;
        Assert.InRange(task.Upid.ToString().Length, 401, 1024);
        Assert.Equal("OK", folds.Tasks.State.Find(task.Upid.ToString())!.Status);
    }

    [Fact]
    public async Task A_failure_is_the_status_and_an_unexpected_one_gives_nothing_away()
    {
        var known = await tasks.StartAsync("prune", "main", Admin, _ => throw new TaskFailedException("it can't be"));
        var odd = await tasks.StartAsync("prune", "main", Admin, _ => throw new InvalidOperationException("secret"));
        await Task.WhenAll(known.Ended, odd.Ended);
        Assert.Equal("it can't be", folds.Tasks.State.Find(known.Upid.ToString())!.Status);
        Assert.Equal("internal error: InvalidOperationException", folds.Tasks.State.Find(odd.Upid.ToString())!.Status);
        Assert.DoesNotContain("secret", Log(odd), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_abort_ends_a_task_and_says_so()
    {
        var task = await tasks.StartAsync("verify", "main", Admin, running => Task.Delay(Timeout.Infinite, running.AbortToken));
        tasks.Find(task.Upid.ToString())!.Abort();
        await task.Ended;
        Assert.Equal(TaskRunner.AbortedText, folds.Tasks.State.Find(task.Upid.ToString())!.Status);
        Assert.Contains("TASK ERROR: " + TaskRunner.AbortedText, Log(task), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_crash_interrupted_is_closed_as_unknown_at_the_next_start()
    {
        var upid = new TaskIds("box", 1, 1, Clock).Next("garbage_collection", "main", "admin@pbs").ToString();
        await ledger.AppendAsync(new Append("task:" + upid, ExpectedVersion.Any, [Event.Of(new TaskStarted(upid, "main", ""), EventMetadata.System)]));
        Assert.Contains(upid, folds.Tasks.State.Running.Keys);
        await NewRunner(2).CloseInterruptedAsync(folds.Tasks.State);
        Assert.Equal(("unknown", "unknown"), (folds.Tasks.State.Find(upid)!.Status, folds.Tasks.State.Find(upid)!.Outcome));
    }

    [Fact]
    public async Task A_log_that_cannot_be_written_does_not_fail_its_task()
    {
        volume.Fault = _ => 28;
        var task = await tasks.StartAsync("verify", "main", Admin, running =>
        {
            running.Say("unheard");
            return Task.CompletedTask;
        });
        await task.Ended;
        Assert.Equal("OK", folds.Tasks.State.Find(task.Upid.ToString())!.Status);
    }

    [Fact]
    public async Task Logs_of_tasks_that_are_no_longer_listed_go_and_no_others()
    {
        var ended = await tasks.StartAsync("prune", "main", Admin, _ => Task.CompletedTask);
        await ended.Ended;
        var hold = new TaskCompletionSource();
        var runs = await tasks.StartAsync("verify", "main", Admin, _ => hold.Task);
        Assert.Equal(0, tasks.RemoveOldLogs(folds.Tasks.State));
        Assert.Equal(1, tasks.RemoveOldLogs(TasksState.Empty));
        Assert.Null(tasks.Logs.Open(ended.Upid));
        Assert.NotNull(tasks.Logs.Open(runs.Upid));
        hold.SetResult();
        await runs.Ended;
    }

    [Fact]
    public async Task The_fold_keeps_a_bounded_number_and_survives_its_own_serial_form()
    {
        var ids = new TaskIds("box", 1, 1, Clock);
        var fold = new TasksFold();
        var state = TasksState.Empty;
        for (var i = 0; i < TasksState.EndedMax + 5; i++)
        {
            var upid = ids.Next("prune", "main", "admin@pbs").ToString();
            state = state.Started(new TaskEntry(upid, "main", "", null, null)).Finished(upid, 1_700_000_000, "OK");
        }

        state = state.Started(new TaskEntry(ids.Next("backup", "main:vm/1", "a@pbs!t").ToString(), "main", "", null, null));
        Assert.Equal(TasksState.EndedMax, state.EndedCount);
        Assert.Equal(TasksState.EndedMax + 1, state.NewestFirst().Count);
        Assert.Null(state.NewestFirst()[0].EndTimeS);
        using var first = new MemoryStream();
        fold.Write(state, first);
        first.Position = 0;
        using var second = new MemoryStream();
        fold.Write(fold.Read(first), second);
        Assert.Equal(first.ToArray(), second.ToArray());
        await Task.CompletedTask;
    }

    private TaskRunner NewRunner(uint pid) => new(
        new TaskIds("box", pid, 1, Clock), new TaskLogs(volume, Clock), new Recorder(ledger, deferred, Clock), NullLogger.Instance);

    private string Log(RunningTask task)
    {
        using var file = tasks.Logs.Open(task.Upid)!;
        var bytes = new byte[file.SizeBytes];
        file.ReadExactly(bytes, 0);
        return Encoding.UTF8.GetString(bytes);
    }
}
