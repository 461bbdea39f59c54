// Datastores on real disks over the API: made, adopted from a real PBS's folder, held back, taken out; and what dashboards and scrapers read of a real box.
using System.Formats.Tar;
using System.IO.Compression;
using System.Text.Json;
using Xunit;

namespace Holdfast.Tests.Wire;

public sealed class StoreTests(Appliance appliance) : IClassFixture<Appliance>, IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("holdfast-stores-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task A_PBSs_folder_is_adopted_read_held_back_and_given_back_as_it_was()
    {
        var path = Path.Combine(folder, "pbs");
        Directory.CreateDirectory(path);
        var golden = File.OpenRead(Path.Combine(AppContext.BaseDirectory, "golden", "datastore.tar.gz"));
        await using (var packed = new GZipStream(golden, CompressionMode.Decompress))
        {
            await TarFile.ExtractToDirectoryAsync(packed, path, overwriteFiles: false);
        }

        path = Directory.Exists(Path.Combine(path, ".chunks")) ? path : Directory.GetDirectories(path).Single();
        Assert.Contains("EEXIST", await TaskAsync("POST", "config/datastore", new { name = "adopted", path }), StringComparison.Ordinal);
        Assert.Equal("OK", await TaskAsync("POST", "config/datastore",
            new Dictionary<string, object> { ["name"] = "adopted", ["path"] = path, ["reuse-datastore"] = true }));
        var snapshots = await DataAsync("GET", "admin/datastore/adopted/snapshots");
        Assert.Contains(snapshots.EnumerateArray(), snapshot =>
            snapshot.GetProperty("backup-id").GetString() == "golden-host" && snapshot.TryGetProperty("verification", out _));
        Assert.Equal("OK", await TaskAsync("POST", "admin/datastore/adopted/reconcile", null));
        await DataAsync("PUT", "config/datastore/adopted", new Dictionary<string, object> { ["maintenance-mode"] = "offline" });
        Assert.Equal(400, (await SendAsync("GET", "admin/datastore/adopted/snapshots", null)).Status);
        Assert.Equal("OK", await TaskAsync("DELETE", "config/datastore/adopted", null));
        Assert.True(File.Exists(Directory.GetFiles(path, "index.json.blob", SearchOption.AllDirectories)[0]));
        Assert.Contains("belongs to the operating system", await TaskAsync("POST", "config/datastore", new { name = "bad", path = "/usr/x" }),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_new_store_has_all_folders_and_can_be_destroyed()
    {
        var path = Path.Combine(folder, "fresh");
        Assert.Equal("OK", await TaskAsync("POST", "config/datastore", new { name = "fresh", path }));
        Assert.Equal(65536, Directory.GetDirectories(Path.Combine(path, ".chunks")).Length);
        Assert.Equal("OK", await TaskAsync("DELETE", "config/datastore/fresh?destroy-data=true", null));
        Assert.False(Directory.Exists(path));
    }

    [Fact]
    public async Task Dashboards_and_scrapers_read_what_is_true_of_this_box()
    {
        var status = await DataAsync("GET", "nodes/localhost/status");
        Assert.Equal(Environment.ProcessorCount, status.GetProperty("cpuinfo").GetProperty("cpus").GetInt32());
        Assert.True(status.GetProperty("memory").GetProperty("total").GetInt64() > status.GetProperty("memory").GetProperty("used").GetInt64());
        Assert.Matches("^([0-9a-f]{2}:){31}[0-9a-f]{2}$", status.GetProperty("info").GetProperty("fingerprint").GetString());
        Assert.Single((await DataAsync("GET", "nodes/localhost/certificates/info")).EnumerateArray());
        Assert.Contains((await DataAsync("GET", "status/datastore-usage")).EnumerateArray(), store =>
            store.GetProperty("store").GetString() == "main" && store.GetProperty("total").GetInt64() > 0);
        Assert.Contains("## DATASTORES", (await DataAsync("GET", "nodes/localhost/report")).GetString(), StringComparison.Ordinal);

        var secret = (await DataAsync("POST", $"access/users/{Daemon.Admin}/token/scrape", new { })).GetProperty("value").GetString();
        await DataAsync("PUT", "access/acl", new Dictionary<string, object> { ["path"] = "/", ["role"] = "Audit", ["auth-id"] = Daemon.Admin + "!scrape" });
        (string, string)[] bearer = [("Authorization", $"Bearer {Daemon.Admin}!scrape:{secret}"), ("Accept", "text/plain;version=0.0.4")];
        foreach (var path in (string[])["../../metrics", "status/metrics"])
        {
            var answer = await appliance.Door.SendAsync("GET", path, headers: bearer);
            Assert.Equal((200, "text/plain; version=0.0.4; charset=utf-8"), (answer.Status, answer.ContentType));
            Assert.Contains("holdfast_datastore_up{datastore=\"main\"} 1\n", answer.Text, StringComparison.Ordinal);
            Assert.EndsWith("# EOF\n", answer.Text, StringComparison.Ordinal);
        }

        Assert.Equal(401, (await appliance.Door.SendAsync("GET", "../../metrics")).Status);
    }

    private Task<Answer> SendAsync(string method, string path, object? json) => appliance.Door.SendAsync(method, path, json, appliance.AdminPass.Headers);

    private async Task<JsonElement> DataAsync(string method, string path, object? json = null)
    {
        var answer = await SendAsync(method, path, json);
        Assert.True(answer.Status == 200, $"{method} {path}: {answer.Status} {answer.Text}");
        return answer.Data;
    }

    /// <summary>Status of the task that a call starts, when it has ended.</summary>
    private async Task<string> TaskAsync(string method, string path, object? json)
    {
        var upid = Uri.EscapeDataString((await DataAsync(method, path, json)).GetString()!);
        for (var i = 0; i < 1200; i++)
        {
            var status = await DataAsync("GET", $"nodes/localhost/tasks/{upid}/status");
            if (status.GetProperty("status").GetString() == "stopped")
            {
                return status.GetProperty("exitstatus").GetString()!;
            }

            await Task.Delay(100);
        }

        throw new TimeoutException(upid);
    }
}
