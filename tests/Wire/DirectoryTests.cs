// Folders over the wire: backed up by the command line, restored to the same bytes, listed and taken out of their archives over the API as PBS answers.
using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Holdfast.Storage;
using Holdfast.Tests.Unit;
using Holdfast.Wire;
using Xunit;

namespace Holdfast.Tests.Wire;

public sealed class DirectoryTests(Appliance appliance) : IClassFixture<Appliance>
{
    private const string Root = "admin/datastore/main/";

    [Fact]
    public async Task A_tree_goes_in_and_comes_back_bit_for_bit()
    {
        using var place = new TreeFolder();
        var (tree, back, worst) = (place.Path + "/tree", place.Path + "/back", place.Path + "/worst");
        Directory.CreateDirectory(tree);
        SampleTree.Make(tree);
        var group = "host/" + Backups.NewTarget().BackupId;
        var first = await BackupAsync(group, 1_700_000_000, $"root.pxar:{tree}");
        Assert.Contains("208 files, 3 folders, 2 hard links", first);
        var again = await BackupAsync(group, 1_700_000_100, $"root.pxar:{tree}");
        Assert.Contains("new 0 B in 0 chunks (sent 0 B)", again);
        await CommandLine.RunAsync(appliance.Daemon, "restore", group, "root.pxar", back);
        await AssertSameAsync(tree, back);
        var (exitCode, text) = await CommandLine.TryAsync(null, "restore", "--datastore", appliance.Daemon.Store, group, "root.pxar", worst);
        Assert.True(exitCode == 0, text);
        await AssertSameAsync(tree, worst);
        var listed = await CommandLine.RunAsync(appliance.Daemon, "catalog", group);
        Assert.Contains("f ./root.pxar.didx/sub/many/file-007-ü 259 2020-09-13T", listed);
        Assert.Equal(listed, (await CommandLine.TryAsync(null, "catalog", "--datastore", appliance.Daemon.Store, group)).Text);
        (exitCode, text) = await CommandLine.TryAsync(appliance.Daemon, "restore", group, "root.pxar", back);
        Assert.Contains("is not empty; --force fills it", text);
        Assert.Equal(1, exitCode);
    }

    [Fact]
    public async Task An_encrypted_tree_needs_its_key_and_the_server_refuses_to_look_into_it()
    {
        using var place = new TreeFolder();
        var (tree, key) = (place.Path + "/tree", place.Path + "/key");
        Directory.CreateDirectory(tree);
        SampleTree.Make(tree);
        await CommandLine.RunAsync(appliance.Daemon, "key", "create", key, "--kdf", "none");
        var target = Backups.NewTarget(type: "host");
        var group = "host/" + target.BackupId;
        await BackupAsync(group, target.BackupTimeS, $"root.pxar:{tree}", "--keyfile", key);
        var (exitCode, text) = await CommandLine.TryAsync(appliance.Daemon, "restore", group, "root.pxar", place.Path + "/none");
        Assert.Equal(1, exitCode);
        Assert.Contains("is encrypted", text);
        await CommandLine.RunAsync(appliance.Daemon, "restore", group, "root.pxar", place.Path + "/back", "--keyfile", key);
        await AssertSameAsync(tree, place.Path + "/back");
        Assert.Contains("root.pxar.didx/hello.txt", await CommandLine.RunAsync(appliance.Daemon, "catalog", group, "--keyfile", key));
        foreach (var (call, what) in new[]
        {
            ("catalog?filepath=root", "catalog.pcat1.didx"), ("catalog?filepath=%2F&archive-name=root.pxar.didx", "root.pxar.didx"),
            ("pxar-file-download?filepath=" + Base64("root.pxar.didx/hello.txt"), "root.pxar.didx"),
            ("download-decoded?file-name=root.pxar.didx", "root.pxar.didx"),
        })
        {
            await RefusedAsync(target, call, $"cannot decode '{what}' - is encrypted");
        }
    }

    [Fact]
    public async Task Archives_are_listed_and_taken_apart_as_PBS_does()
    {
        var target = await GoldenAsync("host/golden-host/2026-11-21T00:35:37Z");
        foreach (var root in new[] { "root", "%2F" })
        {
            Assert.Equal(
                """[{"filepath":"L3Jvb3QucHhhci5kaWR4","leaf":false,"text":"root.pxar.didx","type":"d"}]""",
                await ListAsync(target, $"catalog?filepath={root}"));
        }

        var sub = await ListAsync(target, "catalog?filepath=" + Base64("root.pxar.didx/docs/deep/er"));
        var path64 = Convert.ToBase64String("root.pxar.didx/docs/deep/er/data.json"u8);
        Assert.Equal(
            $$"""[{"filepath":"{{path64}}","leaf":true,"mtime":1700000000,"size":228897,"text":"data.json","type":"f"}]""", sub);
        var byName = await ListAsync(target, $"catalog?filepath={Base64("/docs/deep")}&archive-name=root.pxar.didx");
        Assert.Equal($$"""[{"filepath":"{{Convert.ToBase64String("/docs/deep/er"u8)}}","leaf":false,"text":"er","type":"d"}]""", byName);
        Assert.Equal(8, JsonDocument.Parse(await ListAsync(target, "catalog?filepath=%2F&archive-name=root.pxar.didx")).RootElement.GetArrayLength());
        foreach (var path in new[] { "root.pxar.didx/docs/hardlink-hello.txt", "/root.pxar.didx/hello.txt" })
        {
            Assert.Equal("hello proxmox\n", (await DownloadAsync(target, "pxar-file-download?filepath=" + Base64(path))).Text);
        }

        Assert.Equal("hello proxmox\n", (await DownloadAsync(target, $"pxar-file-download?filepath={Base64("/hello.txt")}&archive-name=root.pxar.didx")).Text);
        await RefusedAsync(target, "catalog?filepath=" + Base64("root.pxar.didx/nosuch"), "path \"root.pxar.didx/nosuch\" not found in catalog");
        await RefusedAsync(target, "catalog?filepath=%21%21%21", "base64 decoding of path failed - error decoding base64 data");
        await RefusedAsync(target, "pxar-file-download?filepath=" + Base64("root.pxar.didx/nosuch"), "error opening '\"nosuch\"'");
        await RefusedAsync(target, "pxar-file-download?filepath=" + Base64("root.pxar.didx/link-to-hello"),
            $"cannot download file of type Symlink(Symlink {{ data: [{string.Join(", ", "hello.txt"u8.ToArray())}, 0] }})");
        await RefusedAsync(target, "pxar-file-download?filepath=" + Base64("other.pxar.didx/x"), "archive not found in manifest");
        var decoded = await DownloadAsync(target, "download-decoded?file-name=root.pxar.didx");
        Assert.Equal(1_025_646, decoded.Body.Length);
        Assert.NotNull(PxarTestKit.Open(decoded.Body).Find("docs/readme.md"u8));
        await RefusedAsync(target, "download-decoded?file-name=nosuch.blob", "File open failed: No such file or directory (os error 2)");
    }

    [Fact]
    public async Task A_split_archive_is_listed_and_taken_apart_by_its_two_halves()
    {
        var target = await GoldenAsync("host/split-host/2026-11-21T00:35:43Z");
        foreach (var name in new[] { "root.mpxar.didx", "root.ppxar.didx", "root.pxar.didx" })
        {
            var listed = await ListAsync(target, $"catalog?filepath={Base64("/docs")}&archive-name={name}");
            Assert.Equal(4, JsonDocument.Parse(listed).RootElement.GetArrayLength());
            var file = await DownloadAsync(target, $"pxar-file-download?filepath={Base64("/docs/deep/er/data.json")}&archive-name={name}");
            Assert.Equal(228_897, file.Body.Length);
        }
    }

    [Fact]
    public async Task A_folder_leaves_as_zip_or_as_tar_and_is_told()
    {
        var target = await GoldenAsync("host/golden-host/2026-11-21T00:35:37Z");
        var zip = await DownloadAsync(target, "pxar-file-download?filepath=" + Base64("root.pxar.didx/docs"));
        using (var archive = new ZipArchive(new MemoryStream(zip.Body)))
        {
            Assert.Equal(
                ["docs/", "docs/deep/", "docs/deep/er/", "docs/deep/er/data.json", "docs/hardlink-hello.txt", "docs/readme.md", "docs/ünïcode näme.txt"],
                archive.Entries.Select(entry => entry.FullName));
            using var reader = new StreamReader(archive.GetEntry("docs/hardlink-hello.txt")!.Open());
            Assert.Equal("hello proxmox\n", await reader.ReadToEndAsync());
        }

        var tar = await DownloadAsync(target, "pxar-file-download?tar=true&filepath=" + Base64("root.pxar.didx/"));
        var entries = new List<(string Name, string Link)>();
        using (var reader = new TarReader(new MemoryStream(Unzstd(tar.Body))))
        {
            while (await reader.GetNextEntryAsync(copyData: true) is { } entry)
            {
                entries.Add((entry.Name, entry.LinkName ?? ""));
            }
        }

        Assert.Equal(14, entries.Count);
        Assert.Contains(("abs-link", "/etc/hostname"), entries);
        Assert.Contains(("hello.txt", "docs/hardlink-hello.txt"), entries);
        var told = (await LedgerView.WaitAsync(appliance.Daemon, events => events.Count(told => IsOf(told, target) && told.Text("form") == "tar.zst") == 1))
            .Where(one => IsOf(one, target)).ToList();
        Assert.Equal([("docs", "zip"), ("", "tar.zst")], told.Select(one => (one.Text("path").Trim('/'), one.Text("form"))));
        var ends = await LedgerView.WaitAsync(appliance.Daemon, events => told.All(one => events.Any(end => EndOf(end, one))));
        Assert.Equal(zip.Body.Length, ends.Single(end => EndOf(end, told[0])).Number("bytes-sent"));
    }

    private static bool EndOf(Told end, Told start) => end.Type == "FileDownloadFinished" && end.Text("download") == start.Text("download");

    private static bool IsOf(Told told, SessionTarget target) => told.Type == "FileDownloadStarted" && told.Text("backup-id") == target.BackupId;

    private static string Base64(string path) => Uri.EscapeDataString(Convert.ToBase64String(Encoding.UTF8.GetBytes(path)));

    private static byte[] Unzstd(byte[] frame)
    {
        byte[] blob = [0x31, 0xb9, 0x58, 0x42, 0x6f, 0xb6, 0xa3, 0x7f, 0, 0, 0, 0, .. frame];
        _ = DataBlob.Parse(blob, out var header);
        DataBlob.WriteCrc(blob, header);
        return DataBlob.DecodeToArray(blob, DataBlob.MaxChunkSize, null, "tar");
    }

    private static string Of(SessionTarget target) => $"backup-type={target.BackupType}&backup-id={target.BackupId}&backup-time={target.BackupTimeS}";

    private static async Task AssertSameAsync(string expected, string actual)
    {
        var (left, right) = (await PxarTestKit.ArchiveAsync(expected), await PxarTestKit.ArchiveAsync(actual));
        var withOwner = TreeNode.IsPrivileged;
        Assert.Equal(
            PxarTestKit.Describe(PxarTestKit.Open(left.Archive), withOwner), PxarTestKit.Describe(PxarTestKit.Open(right.Archive), withOwner));
    }

    private Task<string> BackupAsync(string group, long time, params string[] arguments) => CommandLine.RunAsync(
        appliance.Daemon, ["backup", .. arguments, "--backup-id", group["host/".Length..], "--backup-time", $"{time}"]);

    private Task<Answer> CallAsync(SessionTarget target, string call) =>
        appliance.Door.SendAsync("GET", $"{Root}{call}&{Of(target)}", headers: appliance.AdminPass.Headers);

    private async Task<string> ListAsync(SessionTarget target, string call)
    {
        var answer = await CallAsync(target, call);
        Assert.True(answer.Status == 200, answer.Text);
        return answer.Data.GetRawText();
    }

    private async Task<Answer> DownloadAsync(SessionTarget target, string call)
    {
        var answer = await CallAsync(target, call);
        Assert.True(answer.Status == 200, answer.Text);
        Assert.Equal("application/octet-stream", answer.ContentType);
        return answer;
    }

    private async Task RefusedAsync(SessionTarget target, string call, string text)
    {
        var answer = await CallAsync(target, call);
        Assert.Equal((400, text), (answer.Status, answer.Text));
    }

    /// <summary>A snapshot of the real client, uploaded as it is into a group of its own.</summary>
    private async Task<SessionTarget> GoldenAsync(string snapshot)
    {
        using var place = new TreeFolder();
        await using (var packed = File.OpenRead(Path.Combine(AppContext.BaseDirectory, "golden", "datastore.tar.gz")))
        await using (var stream = new GZipStream(packed, CompressionMode.Decompress))
        {
            await TarFile.ExtractToDirectoryAsync(stream, place.Path, overwriteFiles: true);
        }

        using var store = Datastore.OpenReadOnly(DiskVolume.OpenFolder(Path.Combine(place.Path, "datastore")));
        var reader = SnapshotReader.Open(store, BackupNamespace.Root, SnapshotName.Parse(snapshot));
        var target = Backups.NewTarget(type: "host");
        var manifest = new Manifest(Backups.Name(target));
        await using var writer = await appliance.Client.StartBackupAsync(target);
        foreach (var file in reader.Manifest.Files.Where(file => file.Kind == ArchiveKind.DynamicIndex))
        {
            using var index = reader.OpenIndex(file.Name);
            var upload = new IndexUpload(writer, IndexKind.Dynamic, await writer.CreateDynamicIndexAsync(file.Name));
            for (var i = 0; i < index.Count; i++)
            {
                var raw = new byte[DataBlob.MaxRawChunkSize];
                var length = store.Chunks.ReadRaw(index[i].Digest, raw);
                await upload.AddAsync(index[i].Digest.ToString(), index[i].Start, (int)index[i].SizeBytes, raw.AsMemory(0, length));
            }

            await upload.CloseAsync(file.Csum.ToString(), file.SizeBytes);
            manifest.Add(file);
        }

        await writer.UploadBlobAsync(SafeId.ManifestName, manifest.ToBlob());
        await writer.FinishAsync();
        return target;
    }
}
