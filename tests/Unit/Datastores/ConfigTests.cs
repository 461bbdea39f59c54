// config/datastore: what PBS answers, made, adopted, edited, held back, taken out and destroyed; and what a crash in the middle leaves.
using System.Text.Json;
using Holdfast.Features.Access;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Ledger;
using Holdfast.Storage;
using Xunit;

namespace Holdfast.Tests.Unit.Datastores;

public sealed class ConfigTests
{
    private static readonly object Wish = new { name = "shapes", path = "/data/shapes", comment = "shapes test" };

    [Fact]
    public async Task A_store_is_made_shown_edited_and_taken_out()
    {
        await using var bed = await StoreBed.StartAsync();
        var (status, log) = await bed.TaskAsync("POST", "config/datastore", new Dictionary<string, object>
        {
            ["name"] = "shapes", ["path"] = "/data/shapes", ["comment"] = "shapes test", ["gc-schedule"] = "daily",
        });
        Assert.Equal("OK", status);
        Assert.Contains("Access time update check successful.\nChunkstore create: 1%\nChunkstore create: 2%", log, StringComparison.Ordinal);
        Assert.Contains("Chunkstore create: 100%", log, StringComparison.Ordinal);
        Assert.Equal(65536, bed.Folders.Volumes["/data/shapes"].List(ChunkStore.Folder).Count);
        Assert.False(bed.Folders.Volumes["/data/shapes"].TryStat(FolderCheck.ProbeFolder, out _));

        var one = await bed.CallAsync("GET", "config/datastore/shapes");
        Assert.Contains("""{"data":{"comment":"shapes test","gc-schedule":"daily","name":"shapes","path":"/data/shapes"},"digest":""", one.Text,
            StringComparison.Ordinal);
        var digest = JsonDocument.Parse(one.Text).RootElement.GetProperty("digest").GetString()!;
        Assert.Equal((200, """{"data":null}"""), await bed.CallAsync("PUT", "config/datastore/shapes", new Dictionary<string, object>
        {
            ["comment"] = "changed", ["verify-new"] = true, ["tuning"] = "chunk-order=inode,sync-level=file", ["digest"] = digest,
        }));
        Assert.Equal(SyncLevel.File, bed.Parts.Stores.Find("shapes", out _)!.Bytes.SyncLevel);
        Assert.Equal((400, "detected modified configuration - file changed by other user? Try again."),
            await bed.CallAsync("PUT", "config/datastore/shapes", new { comment = "x", digest }));
        await bed.DataAsync("PUT", "config/datastore/shapes", new Dictionary<string, object> { ["delete"] = new[] { "verify-new", "tuning", "comment" } });
        Assert.Equal("""{"gc-schedule":"daily","name":"shapes","path":"/data/shapes"}""", (await bed.DataAsync("GET", "config/datastore/shapes")).GetRawText());
        Assert.Equal(SyncLevel.FileSystem, bed.Parts.Stores.Find("shapes", out _)!.Bytes.SyncLevel);

        Assert.Equal(("OK", "Removing datastore from config...\nTASK OK"), await bed.TaskAsync("DELETE", "config/datastore/shapes"));
        Assert.Empty(bed.Stores.Stores);
        Assert.Equal((404, "datastore 'shapes' does not exist."), await bed.CallAsync("DELETE", "config/datastore/shapes"));
        Assert.Equal(["DatastoreCreated", "DatastoreOptionsSet", "DatastoreOptionsSet", "DatastoreOptionsSet", "DatastoreRemoved"],
            await bed.EventsAsync("datastore:shapes"));
    }

    [Theory]
    [InlineData("""{"name":"main","path":"/data/x"}""", "parameter verification failed - 'name': datastore 'main' already exists.")]
    [InlineData("""{"name":"shapes2","path":"data/x"}""", "parameter verification failed - 'path': expected an absolute path, 'data/x' is not")]
    [InlineData("""{"name":"shapes2"}""", "parameter verification failed - 'path': property is missing and it is not optional")]
    [InlineData("""{"path":"/data/x"}""", "parameter verification failed - 'name': property is missing and it is not optional")]
    [InlineData("""{"name":"ab","path":"/data/x"}""", "parameter verification failed - 'name': value must be at least 3 characters long")]
    [InlineData("""{"name":"a b c","path":"/data/x"}""", "parameter verification failed - 'name': value does not match the regex pattern")]
    [InlineData("""{"name":"shapes2","path":"/data/x","gc-schedule":"nonsense"}""",
        "parameter verification failed - 'gc-schedule': unable to parse calendar event at 'nonsense' - Context(\"weekday\")")]
    [InlineData("""{"name":"shapes2","path":"/data/x","keep-last":3}""",
        "parameter verification failed - 'keep-last': datastore prune settings have been replaced by prune jobs")]
    [InlineData("""{"name":"shapes2","path":"/data/x","backend":"type=s3"}""",
        "only datastores in a folder are available here: no removable devices, no S3")]
    public async Task A_wrong_wish_is_refused_as_PBS_does(string body, string text)
    {
        await using var bed = await StoreBed.StartAsync();
        await bed.TaskAsync("POST", "config/datastore", new { name = "main", path = "/data/main" });
        Assert.Equal((400, text), await bed.CallAsync("POST", "config/datastore", JsonDocument.Parse(body)));
    }

    [Theory]
    [InlineData("/data/main/inner", "", "parameter verification failed - 'path': nested datastores not allowed: 'main' already in \"/data/main\"")]
    [InlineData("/data", "", "parameter verification failed - 'path': nested datastores not allowed: 'main' already in \"/data/main\"")]
    [InlineData("/data/x", "chunk-order=bogus", "unknown variant `bogus`, expected `none` or `inode`")]
    [InlineData("/etc/x", "", "parameter verification failed - 'path': it belongs to the operating system")]
    public async Task What_PBS_finds_out_in_the_task_fails_there(string path, string tuning, string status)
    {
        await using var bed = await StoreBed.StartAsync();
        await bed.TaskAsync("POST", "config/datastore", new { name = "main", path = "/data/main" });
        object wish = tuning.Length == 0 ? new { name = "other", path } : new { name = "other", path, tuning };
        Assert.Equal(status, (await bed.TaskAsync("POST", "config/datastore", wish)).Status);
        Assert.DoesNotContain("other", bed.Stores.Stores.Keys);
    }

    [Fact]
    public async Task A_folder_that_is_a_store_is_taken_up_only_when_asked_to_and_its_snapshots_appear()
    {
        await using var bed = await StoreBed.StartAsync();
        await bed.TaskAsync("POST", "config/datastore", Wish);
        Add(bed, "vm/100", 1_700_000_000);
        await bed.Parts.Reconciliation.ReconcileStoreAsync(bed.Parts.Stores.Find("shapes", out _)!);
        await bed.TaskAsync("DELETE", "config/datastore/shapes");
        Assert.All(bed.Folds.Snapshots.State.InStore("shapes"), group => Assert.True(group.IsEmpty));

        Assert.Equal(
            "unable to create chunk store 'shapes' subdir \"/data/shapes/.chunks\" - unable to create directory \"/data/shapes/.chunks\" - EEXIST: File exists",
            (await bed.TaskAsync("POST", "config/datastore", Wish)).Status);
        var reuse = new Dictionary<string, object> { ["name"] = "shapes", ["path"] = "/data/shapes", ["reuse-datastore"] = true };
        Assert.Equal(("OK", "Access time update check successful.\n1 snapshots discovered\nTASK OK"), await bed.TaskAsync("POST", "config/datastore", reuse));
        var listed = (await bed.DataAsync("GET", "admin/datastore/shapes/snapshots"))[0];
        Assert.Equal(("100", "somebody@pbs", "a note", true), (listed.GetProperty("backup-id").GetString(), listed.GetProperty("owner").GetString(),
            listed.GetProperty("comment").GetString(), listed.GetProperty("protected").GetBoolean()));
        reuse["name"] = "none";
        reuse["path"] = "/data/none";
        Assert.Equal("there is no datastore to reuse: \"/data/none/.chunks\" does not exist",
            (await bed.TaskAsync("POST", "config/datastore", reuse)).Status);
        Assert.DoesNotContain("/data/none", bed.Folders.Volumes.Keys);
    }

    [Fact]
    public async Task Data_is_destroyed_with_its_access_entries_and_nothing_else_and_a_crash_only_delays_it()
    {
        var (ledger, folders) = (new MemoryLedger(TimeProvider.System), new SimulatedFolders());
        await using (var bed = await StoreBed.StartAsync(ledger, folders))
        {
            await bed.TaskAsync("POST", "config/datastore", Wish);
            Add(bed, "vm/100", 1_700_000_000);
            folders.Volumes["/data/shapes"].WriteWhole("mine.txt", "keep"u8, sync: true);
            await bed.Recorder.NoteAsync("auth:acl", new AccessGranted("/datastore/shapes/a", StoreBed.Reader, "DatastoreReader", true), EventMetadata.System);
            var before = folders.Volumes["/data/shapes"].Calls;
            folders.Volumes["/data/shapes"].Fault =
                call => call.Operation == "unlink" && call.Path.EndsWith("index.json.blob", StringComparison.Ordinal) ? 5 : 0;
            var (status, _) = await bed.TaskAsync("DELETE", "config/datastore/shapes?destroy-data=true");
            Assert.Contains("failed: IoError", status, StringComparison.Ordinal);
            Assert.Equal("datastore 'shapes' is unavailable: datastore is being deleted",
                (await bed.CallAsync("GET", "admin/datastore/shapes/snapshots")).Text);
            Assert.Equal((400, "datastore 'shapes' is being deleted, its maintenance mode stays"),
                await bed.CallAsync("PUT", "config/datastore/shapes", new Dictionary<string, object> { ["delete"] = new[] { "maintenance-mode" } }));
            Assert.True(folders.Volumes["/data/shapes"].Calls > before);
        }

        folders.Volumes["/data/shapes"].Fault = null;
        await using var next = await StoreBed.StartAsync(ledger, folders);
        Assert.Empty(next.Stores.Stores);
        Assert.Equal(["mine.txt"], folders.Volumes["/data/shapes"].List("").Select(entry => entry.Name));
        Assert.Equal("DatastoreRemoved", (await next.EventsAsync("datastore:shapes"))[^1]);

        folders.Volumes["/data/shapes"].Unlink("mine.txt");
        await next.TaskAsync("POST", "config/datastore", Wish);
        await next.Recorder.NoteAsync("auth:acl", new AccessGranted("/datastore/shapes/a", StoreBed.Reader, "DatastoreReader", true), EventMetadata.System);
        var (ok, log) = await next.TaskAsync("DELETE", "config/datastore/shapes?destroy-data=true");
        Assert.Equal("OK", ok);
        Assert.StartsWith("Deleting datastore data...\nremoved '.chunks'", log, StringComparison.Ordinal);
        Assert.EndsWith("Removing datastore from config...\nFinished deleting data.\nRemoved empty datastore directory.\nTASK OK", log,
            StringComparison.Ordinal);
        Assert.Empty(folders.Volumes);
        Assert.DoesNotContain("/datastore/shapes/a", next.Folds.Access.State.Acl.Keys);
    }

    [Fact]
    public async Task A_store_in_use_stays()
    {
        await using var bed = await StoreBed.StartAsync();
        await bed.TaskAsync("POST", "config/datastore", Wish);
        var going = new TaskCompletionSource();
        var admin = new Caller(StoreBed.Admin, "192.0.2.1");
        var reading = await bed.Parts.Tasks.StartAsync("verify", "shapes", admin, task => going.Task.WaitAsync(task.AbortToken), "shapes");
        Assert.Equal("""{"read":1,"write":0}""", (await ActiveAsync(bed)).GetRawText());
        var upid = (await bed.CallAsync("DELETE", "config/datastore/shapes", wait: false)).Text;
        Assert.Contains("UPID:", upid, StringComparison.Ordinal);
        while (bed.Parts.Stores.FindAnyway("shapes")!.HeldBack is null)
        {
            await Task.Yield(); // until the task has begun
        }

        Assert.Equal("datastore 'shapes' is unavailable: datastore is being deleted",
            (await bed.CallAsync("GET", "admin/datastore/shapes/status", wait: false)).Text);
        bed.Parts.Tasks.Running.Single(task => task.Upid.WorkerType == "delete-datastore").Abort();
        going.SetResult();
        await reading.Ended;
        await bed.IdleAsync();
        Assert.Equal(200, (await bed.CallAsync("GET", "admin/datastore/shapes/status")).Status);
    }

    [Fact]
    public async Task Only_folders_that_can_carry_a_store_become_one()
    {
        await Refused(volume => volume.FreeInodes = 1000, "only 1000 free inodes");
        await Refused(volume => volume.Fault = call => call.Operation == "fsync folder" ? 5 : 0, "syncing fails with an I/O error");
        await Refused(volume => volume.Fault = call => call.Operation == "mkdir" ? 13 : 0, "must belong to the user that holdfastd runs as");
        await Refused(volume => volume.Fault = call => call.Operation == "create" ? 30 : 0, "mounted read-only");
        await Refused(volume => volume.Fault = call => call.Operation == "lock" ? 37 : 0, "locks don't work there");
        await Refused(volume => volume.WriteWhole("mine.txt", "x"u8, sync: false), "datastore path not empty");

        static async Task Refused(Action<SimulatedVolume> spoil, string text)
        {
            await using var bed = await StoreBed.StartAsync();
            var volume = bed.Folders.Volumes["/data/shapes"] = new SimulatedVolume();
            spoil(volume);
            var (status, _) = await bed.TaskAsync("POST", "config/datastore", Wish);
            Assert.Contains(text, status, StringComparison.Ordinal);
            Assert.Empty(bed.Stores.Stores);
        }
    }

    [Fact]
    public async Task Modes_are_set_and_taken_back_and_only_those_for_people_can_be()
    {
        await using var bed = await StoreBed.StartAsync();
        await bed.TaskAsync("POST", "config/datastore", Wish);
        await SetAsync("type=read-only,message=test message");
        Assert.Contains("\"maintenance\":\"read-only,message=test message\"", (await bed.CallAsync("GET", "admin/datastore")).Text, StringComparison.Ordinal);
        Assert.Contains("\"maintenance-mode\":\"read-only,message=test message\"", (await bed.CallAsync("GET", "config/datastore/shapes")).Text,
            StringComparison.Ordinal);
        Assert.Equal((400, "datastore 'shapes' is unavailable: read-only maintenance mode: test message"),
            await bed.CallAsync("POST", "admin/datastore/shapes/namespace", new { name = "mm" }));
        Assert.Equal(200, (await bed.CallAsync("GET", "admin/datastore/shapes/status")).Status);
        await SetAsync("offline");
        Assert.Equal((400, "datastore 'shapes' is unavailable: offline maintenance mode: "), await bed.CallAsync("GET", "admin/datastore/shapes/status"));
        Assert.Equal((400, "unknown variant `bogus`, expected one of `read-only`, `offline`, `delete`, `unmount`, `s3-refresh`"),
            await bed.CallAsync("PUT", "config/datastore/shapes", new Dictionary<string, object> { ["maintenance-mode"] = "type=bogus" }));
        Assert.Equal((400, "maintenance mode 'delete' is set by the appliance itself, not by hand"),
            await bed.CallAsync("PUT", "config/datastore/shapes", new Dictionary<string, object> { ["maintenance-mode"] = "delete" }));
        await bed.DataAsync("PUT", "config/datastore/shapes", new Dictionary<string, object> { ["delete"] = new[] { "maintenance-mode" } });
        Assert.Equal(200, (await bed.CallAsync("GET", "admin/datastore/shapes/status")).Status);

        Task SetAsync(string mode) => bed.DataAsync("PUT", "config/datastore/shapes", new Dictionary<string, object> { ["maintenance-mode"] = mode });
    }

    [Theory]
    [InlineData("chunk-order=inode,sync-level=none", "")]
    [InlineData("gc-atime-cutoff=10,gc-cache-capacity=0,gc-atime-safety-check=no,default-verification-readers=2", "")]
    [InlineData("", "")]
    [InlineData("sync-level=all", "unknown variant `all`, expected one of `none`, `file`, `filesystem`")]
    [InlineData("gc-atime-cutoff=0", "'gc-atime-cutoff': must be a number from 1 to 2880")]
    [InlineData("colour=red", "unknown field `colour`, expected one of `chunk-order`, `sync-level`, `gc-atime-safety-check`, `gc-atime-cutoff`, "
        + "`gc-cache-capacity`, `default-verification-workers`, `default-verification-readers`")]
    public void Tuning_is_read_as_PBS_reads_it(string text, string problem)
    {
        var tuning = StoreTuning.Parse(text, out var said);
        Assert.Equal((problem.Length == 0, problem), (tuning is not null, said));
        Assert.Equal(SyncLevel.FileSystem, (tuning ?? StoreTuning.None).EffectiveSyncLevel);
    }

    private static async Task<JsonElement> ActiveAsync(StoreBed bed) =>
        JsonDocument.Parse((await bed.CallAsync("GET", "admin/datastore/shapes/active-operations", wait: false)).Text).RootElement.GetProperty("data");

    /// <summary>A finished snapshot as a PBS would leave it: foreign owner, a note, protected.</summary>
    private static void Add(StoreBed bed, string group, long time)
    {
        var bytes = bed.Parts.Stores.Find("shapes", out _)!.Bytes;
        var name = SnapshotName.Create(BackupGroup.Parse(group), time);
        bytes.CreateGroup(BackupNamespace.Root, BackupGroup.Parse(group), "somebody@pbs");
        var folder = bytes.CreateSnapshot(BackupNamespace.Root, name);
        var manifest = new Manifest(name) { Notes = "a note" };
        folder.PublishManifest(manifest.ToBlob());
        folder.SetProtected(true);
    }
}
