// Tasks and jobs as clients see them: the list, a log polled as the reference client does, an abort, a job that runs (pbs-protocol.md 4.3, 4.5).
using System.Text.Json;
using Holdfast.Wire;
using Xunit;

namespace Holdfast.Tests.Wire;

public sealed class TaskApiTests(Appliance appliance) : IClassFixture<Appliance>
{
    private const string Tasks = "nodes/localhost/tasks";

    [Fact]
    public async Task A_backup_is_a_task_with_a_log_that_a_client_can_poll()
    {
        var target = Backups.NewTarget();
        await Backups.RunAsync(appliance.Client, target, Image.Make(100, 901));
        var task = await FindAsync($"typefilter=backup&store=main&limit=0", one => one.GetProperty("worker_id").GetString() == $"main:vm/{target.BackupId}");
        Assert.Equal("OK", task.GetProperty("status").GetString());
        var upid = task.GetProperty("upid").GetString()!;
        Assert.True(Upid.TryParse(upid, out _));

        // In pieces, each starting where the last ended; numbers never jump, "active" and "total" are always there.
        var lines = new List<string>();
        for (var start = 1; ; start = lines.Count + 1)
        {
            var answer = await GetAsync($"{Tasks}/{Uri.EscapeDataString(upid)}/log?start={start}&limit=2&test-status=true");
            var page = answer.GetProperty("data").EnumerateArray().ToList();
            Assert.Equal(Enumerable.Range(start, page.Count), page.Select(line => line.GetProperty("n").GetInt32()));
            Assert.False(answer.GetProperty("active").GetBoolean());
            lines.AddRange(page.Select(line => line.GetProperty("t").GetString()!));
            if (lines.Count >= answer.GetProperty("total").GetInt32())
            {
                break;
            }

            Assert.Equal(2, page.Count);
        }

        Assert.Contains("starting new backup on datastore 'main'", lines[0], StringComparison.Ordinal);
        Assert.EndsWith(": TASK OK", lines[^1], StringComparison.Ordinal);
        var status = (await GetAsync($"{Tasks}/{Uri.EscapeDataString(upid)}/status")).GetProperty("data");
        Assert.Equal(("stopped", "OK", "backup"), (Text(status, "status"), Text(status, "exitstatus"), Text(status, "type")));
    }

    [Fact]
    public async Task An_aborted_backup_ends_its_session_and_says_so()
    {
        var target = Backups.NewTarget();
        await using var writer = await appliance.Client.StartBackupAsync(target);
        var task = await FindAsync("running=true", one => Text(one, "worker_id") == $"main:vm/{target.BackupId}");
        var upid = Uri.EscapeDataString(Text(task, "upid"));
        Assert.Equal(200, (await appliance.Door.SendAsync("DELETE", $"{Tasks}/{upid}", headers: appliance.AdminPass.Headers)).Status);
        var ended = await FindAsync("statusfilter=error&limit=0", one => Text(one, "upid") == Text(task, "upid"));
        Assert.Equal("abort requested - aborting task", Text(ended, "status"));
        Assert.Empty(await Backups.ListedAsync(appliance.Client, target));
    }

    [Fact]
    public async Task A_job_is_made_shown_run_changed_and_removed()
    {
        var id = "job-" + Guid.NewGuid().ToString("N")[..8];
        var headers = appliance.AdminPass.Headers;
        Assert.Equal(200, (await appliance.Door.SendAsync("POST", "config/prune", new Dictionary<string, object>
        {
            ["id"] = id, ["store"] = "main", ["schedule"] = "daily 02:00", ["keep-last"] = 5, ["comment"] = "c", ["ns"] = "nowhere",
        }, headers)).Status);
        var twice = await appliance.Door.SendAsync("POST", "config/prune", new { id, store = "main", schedule = "daily" }, headers);
        Assert.Equal((400, $"parameter verification failed - 'id': job '{id}' already exists."), (twice.Status, twice.Text));
        var bad = await appliance.Door.SendAsync("POST", "config/prune", new { id = id + "x", store = "main", schedule = "Daily" }, headers);
        Assert.Equal(400, bad.Status);
        Assert.Contains("'schedule': unable to parse calendar event at", bad.Text, StringComparison.Ordinal);

        var config = (await GetAsync("config/prune/" + id)).GetProperty("data");
        Assert.Equal((5, "daily 02:00"), (config.GetProperty("keep-last").GetInt32(), Text(config, "schedule")));
        var admin = await JobAsync(id);
        Assert.True(admin.GetProperty("next-run").GetInt64() > DateTimeOffset.UtcNow.ToUnixTimeSeconds());
        Assert.Equal(200, (await appliance.Door.SendAsync("PUT", "config/prune/" + id, new Dictionary<string, object>
        {
            ["delete"] = new[] { "ns", "comment" }, ["keep-daily"] = 7,
        }, headers)).Status);
        var upid = (await appliance.Door.SendAsync("POST", $"admin/prune/{id}/run", headers: headers)).Data.GetString()!;
        var ended = await FindAsync("typefilter=prunejob&limit=0", one => Text(one, "upid") == upid && one.TryGetProperty("status", out _));
        Assert.Equal("OK", Text(ended, "status"));
        admin = await JobAsync(id);
        Assert.Equal((upid, "OK"), (Text(admin, "last-run-upid"), Text(admin, "last-run-state")));
        Assert.False(admin.TryGetProperty("comment", out _));
        Assert.Equal(200, (await appliance.Door.SendAsync("DELETE", "config/prune/" + id, headers: headers)).Status);
        var gone = await appliance.Door.SendAsync("GET", "config/prune/" + id, headers: headers);
        Assert.Equal((400, $"no such prune '{id}'"), (gone.Status, gone.Text));
    }

    private static string Text(JsonElement element, string name) => element.TryGetProperty(name, out var value) ? value.GetString() ?? "" : "";

    private async Task<JsonElement> GetAsync(string path)
    {
        var answer = await appliance.Door.SendAsync("GET", path, headers: appliance.AdminPass.Headers);
        Assert.True(answer.Status == 200, answer.Text);
        return answer.Json;
    }

    private async Task<JsonElement> JobAsync(string id) =>
        (await GetAsync("admin/prune?store=main")).GetProperty("data").EnumerateArray().Single(job => Text(job, "id") == id);

    /// <summary>The first task of a list that fits; waits for it, since a session's end is recorded after its last answer.</summary>
    private async Task<JsonElement> FindAsync(string query, Func<JsonElement, bool> fits)
    {
        for (var i = 0; ; i++)
        {
            var list = (await GetAsync($"{Tasks}?{query}")).GetProperty("data").EnumerateArray().ToList();
            var at = list.FindIndex(one => fits(one));
            if (at >= 0)
            {
                return list[at];
            }

            Assert.True(i < 600, $"no such task within a minute in {query}");
            await Task.Delay(100);
        }
    }
}
