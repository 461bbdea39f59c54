// What decides whether a backup session may start, and how it ends without finish (pbs-protocol.md 2.3, 2.2): locks, times, owners, rights, namespaces.
using Holdfast.Wire;
using Xunit;

namespace Holdfast.Tests.Wire;

public sealed class SessionStartTests(Appliance appliance) : IClassFixture<Appliance>
{
    [Fact]
    public async Task W5_A_connection_that_ends_before_finish_removes_the_snapshot_and_is_told()
    {
        var target = Backups.NewTarget();
        var image = Image.Make(10, 201, 202);
        await using (var writer = await appliance.Client.StartBackupAsync(target))
        {
            await Backups.UploadAsync(writer, target, image);
            Assert.True(Directory.Exists(Backups.Folder(appliance.Daemon, target)));
        }

        var told = await LedgerView.WaitAsync(appliance.Daemon,
            events => events.Exists(one => one.Stream == Backups.Stream(target) && one.Type == "BackupAborted"));
        Assert.Equal(["BackupStarted", "BackupAborted"], told.Where(one => one.Stream == Backups.Stream(target)).Select(one => one.Type));
        await WaitAsync(() => !Directory.Exists(Backups.Folder(appliance.Daemon, target)));
        Assert.Empty(await Backups.ListedAsync(appliance.Client, target));
        // Its chunks stay for who needs them next; the same second is free again.
        Assert.True(File.Exists(Backups.ChunkPath(appliance.Daemon, image.Pieces[0].Digest)));
        await RetryAsync(() => Backups.RunAsync(appliance.Client, target, image));
        await Backups.AssertRestoresAsync(appliance.Client, target, image);
    }

    [Fact]
    public async Task W4_A_connection_cut_right_after_finish_keeps_the_snapshot()
    {
        for (var i = 0; i < 5; i++)
        {
            var target = Backups.NewTarget();
            var image = Image.Make(10, 211);
            var session = await RawSession.OpenAsync(appliance, target);
            await session.OkAsync("POST", $"/fixed_index?archive-name={Backups.ImageName}&size=10");
            await session.UploadAsync("fixed", 1, image.Pieces[0]);
            await session.AppendAsync("fixed", 1, [image.Pieces[0].Digest], [0]);
            await session.OkAsync("POST", $"/fixed_close?wid=1&chunk-count=1&size=10&csum={image.Csum}");
            var conf = Storage.DataBlob.Encode(Backups.Conf);
            await session.BlobAsync(Backups.ConfName, conf);
            await session.BlobAsync(Backups.ManifestName, Backups.Manifest(target, image, conf).ToBlob());
            await session.OkAsync("POST", "/finish");
            session.Cut();
            await Backups.AssertRestoresAsync(appliance.Client, target, image);
            // The group is free for the next one, and nothing was aborted.
            await RetryAsync(() => Backups.RunAsync(appliance.Client, target with { BackupTimeS = target.BackupTimeS + 1 }, image));
            Assert.DoesNotContain(await LedgerView.ReadAsync(appliance.Daemon, Backups.Stream(target)), one => one.Type == "BackupAborted");
        }
    }

    [Fact]
    public async Task One_session_a_group_but_groups_side_by_side()
    {
        var target = Backups.NewTarget();
        await using var first = await appliance.Client.StartBackupAsync(target);
        var refused = await RefusedAsync(target with { BackupTimeS = target.BackupTimeS + 1 });
        Assert.Equal(400, refused.Status);
        Assert.StartsWith($"unable to acquire lock on backup group 'vm/{target.BackupId}'", refused.Text);
        await using var other = await appliance.Client.StartBackupAsync(Backups.NewTarget());
        await using var sameIdOtherType = await appliance.Client.StartBackupAsync(target with { BackupType = "ct" });
    }

    [Fact]
    public async Task Time_goes_forward()
    {
        var target = Backups.NewTarget(1_700_000_100);
        var image = Image.Make(10, 221);
        await Backups.RunAsync(appliance.Client, target, image);
        foreach (var time in (long[])[1_700_000_100, 1_700_000_099])
        {
            var refused = await RefusedAsync(target with { BackupTimeS = time });
            Assert.Equal((400, "backup timestamp is older than last backup."), (refused.Status, refused.Text));
        }

        await Backups.AssertRestoresAsync(appliance.Client, target, image);
    }

    [Fact]
    public async Task A_folder_that_is_there_already_is_not_touched()
    {
        var target = Backups.NewTarget();
        await Backups.RunAsync(appliance.Client, target, Image.Make(10, 231));
        var next = target with { BackupTimeS = target.BackupTimeS + 5 };
        Directory.CreateDirectory(Backups.Folder(appliance.Daemon, next));
        var refused = await RefusedAsync(next);
        Assert.Equal((400, "backup directory already exists."), (refused.Status, refused.Text));
    }

    [Fact]
    public async Task A_group_belongs_to_who_made_it_user_and_token_apart()
    {
        var token = await IssueTokenAsync("owner");
        var (_, value) = token;
        await GrantAsync("/datastore/main", token.Id, "DatastoreBackup");
        var byUser = Backups.NewTarget();
        await Backups.RunAsync(appliance.Client, byUser, Image.Make(10, 241));
        var refused = await RefusedAsync(byUser with { BackupTimeS = byUser.BackupTimeS + 1 }, Pass.Token(token.Id, value));
        Assert.Equal((400, $"backup owner check failed ({token.Id} != {Daemon.Admin})"), (refused.Status, refused.Text));

        // The token's own group is also its user's.
        await using var byToken = await appliance.Daemon.ConnectAsync(token.Id, value);
        var group = Backups.NewTarget();
        await Backups.RunAsync(byToken, group, Image.Make(10, 242));
        await Backups.AssertRestoresAsync(byToken, group, Image.Make(10, 242));
        await Backups.RunAsync(appliance.Client, group with { BackupTimeS = group.BackupTimeS + 1 }, Image.Make(10, 242));
        var told = await LedgerView.ReadAsync(appliance.Daemon, Backups.Stream(group));
        Assert.Equal((token.Id, token.Id), (told[0].Actor, told[0].Text("owner")));
        // It sees and reads its own only.
        var seen = (await byToken.GetAsync("admin/datastore/main/snapshots")).GetProperty("data").EnumerateArray()
            .Select(item => item.GetProperty("backup-id").GetString()).Distinct();
        Assert.Equal([group.BackupId], seen);
        var error = await Assert.ThrowsAsync<PbsException>(() => byToken.StartReaderAsync(byUser));
        Assert.Equal($"backup owner check failed ({token.Id} != {Daemon.Admin})", error.Message);
    }

    [Fact]
    public async Task Rights_are_asked_before_anything_else()
    {
        var (id, value) = await IssueTokenAsync("powerless");
        var refused = await RefusedAsync(Backups.NewTarget(), Pass.Token(id, value));
        Assert.Equal((403, "missing permissions 'Datastore.Backup' on '/datastore/main'"), (refused.Status, refused.Text));
        var noStore = await RefusedAsync(Backups.NewTarget() with { Store = "other" });
        Assert.Equal((400, "no such datastore 'other'"), (noStore.Status, noStore.Text));
        var wrong = await RefusedAsync(Backups.NewTarget(), Pass.Token(id, "wrong"));
        Assert.Equal((401, "authentication failed"), (wrong.Status, wrong.Text));
        var reader = await RefusedAsync(Backups.NewTarget(), Pass.Token(id, value), "reader");
        Assert.Equal(403, reader.Status);

        await GrantAsync("/datastore/main", id, "DatastoreReader");
        Assert.Equal(403, (await RefusedAsync(Backups.NewTarget(), Pass.Token(id, value))).Status);
    }

    [Fact]
    public async Task A_namespace_must_exist_and_then_is_a_place_of_its_own()
    {
        var ns = "n" + Guid.NewGuid().ToString("N")[..8];
        var target = Backups.NewTarget(ns: ns + "/inner");
        var refused = await RefusedAsync(target);
        Assert.Equal((404, "namespace not found"), (refused.Status, refused.Text));
        await appliance.Client.PostAsync("admin/datastore/main/namespace", new { name = ns });
        await appliance.Client.PostAsync("admin/datastore/main/namespace", new { name = "inner", parent = ns });
        var image = Image.Make(10, 251);
        await Backups.RunAsync(appliance.Client, target, image);
        await Backups.AssertRestoresAsync(appliance.Client, target, image);
        Assert.True(Directory.Exists(Backups.Folder(appliance.Daemon, target)));
        Assert.Equal([target.BackupTimeS], await Backups.ListedAsync(appliance.Client, target));
        Assert.Empty(await Backups.ListedAsync(appliance.Client, target with { Namespace = null }));
        var spaces = (await appliance.Client.GetAsync("admin/datastore/main/namespace", "parent=" + ns)).GetProperty("data");
        Assert.Equal([ns, ns + "/inner"], spaces.EnumerateArray().Select(item => item.GetProperty("ns").GetString()));
    }

    [Fact]
    public async Task A_benchmark_leaves_nothing_and_has_its_own_group()
    {
        var wrongGroup = await RefusedAsync(Backups.NewTarget() with { Benchmark = true });
        Assert.Equal(400, wrongGroup.Status);
        Assert.StartsWith("unable to run benchmark in group", wrongGroup.Text);
        var target = new SessionTarget("main", "host", "benchmark", 1_700_000_000);
        Assert.Equal(400, (await RefusedAsync(target)).Status);
        await using (var writer = await appliance.Client.StartBackupAsync(target with { Benchmark = true }))
        {
            await writer.SpeedtestAsync(new byte[1 << 20]);
        }

        await LedgerView.WaitAsync(appliance.Daemon,
            events => events.Exists(one => one.Stream == Backups.Stream(target) && one.Type == "BackupAborted"));
        await WaitAsync(() => !Directory.Exists(Backups.Folder(appliance.Daemon, target)));
        Assert.Empty(await Backups.ListedAsync(appliance.Client, target));
    }

    [Fact]
    public async Task The_upgrade_itself_must_be_right()
    {
        var query = RawSession.Query(Backups.NewTarget());
        foreach (var (protocol, text) in ((string, string)[])[("websocket", "invalid protocol name"), ("", "missing Upgrade header")])
        {
            var (session, refusal) = await RawSession.TryOpenAsync(appliance.Daemon.Port, "backup", query, appliance.AdminPass.Headers, protocol);
            Assert.Null(session);
            Assert.Equal((400, text), (refusal!.Status, refusal.Text));
        }

        var (_, bad) = await RawSession.TryOpenAsync(appliance.Daemon.Port, "backup", query.Replace("backup-type=vm", "backup-type=xx"),
            appliance.AdminPass.Headers);
        Assert.Equal(400, bad!.Status);
        Assert.StartsWith("parameter verification failed - 'backup-type'", bad.Text);
    }

    private async Task<Answer> RefusedAsync(SessionTarget target, (string, string)[]? headers = null, string kind = "backup")
    {
        var (session, refusal) = await RawSession.TryOpenAsync(
            appliance.Daemon.Port, kind, RawSession.Query(target), headers ?? appliance.AdminPass.Headers);
        Assert.Null(session);
        return refusal!;
    }

    private async Task<(string Id, string Secret)> IssueTokenAsync(string name)
    {
        var issued = (await appliance.Client.PostAsync($"access/users/{Daemon.Admin}/token/{name}")).GetProperty("data");
        return (issued.GetProperty("tokenid").GetString()!, issued.GetProperty("value").GetString()!);
    }

    private Task GrantAsync(string path, string authId, string role) =>
        appliance.Client.PutAsync("access/acl", $"path={Uri.EscapeDataString(path)}&auth-id={Uri.EscapeDataString(authId)}&role={role}");

    private static async Task WaitAsync(Func<bool> condition)
    {
        for (var i = 0; i < 600 && !condition(); i++)
        {
            await Task.Delay(50);
        }

        Assert.True(condition());
    }

    /// <summary>The group is given back a moment after the connection has ended.</summary>
    private static async Task RetryAsync(Func<Task> act)
    {
        for (var i = 0; ; i++)
        {
            try
            {
                await act();
                return;
            }
            catch (PbsException refused) when (i < 100 && refused.Message.StartsWith("unable to acquire lock", StringComparison.Ordinal))
            {
                await Task.Delay(100);
            }
        }
    }
}
