// An attacker with a backup-only token (DatastoreBackup on one namespace, as docs/operations.md advises) against a real daemon: over HTTP/1.1, inside a backup
// session, and with tricks of spelling. 0 deletions, 0 escalations, and every try is told in the ledger only as what it was.
using Holdfast.Wire;
using Xunit;

namespace Holdfast.Tests.Wire;

/// <summary>On an appliance of its own: nothing of access may change but by the attacker.</summary>
public sealed class AttackTests : IAsyncLifetime
{
    private Daemon appliance = null!;
    private Pass admin = null!;

    public async Task InitializeAsync()
    {
        appliance = await Daemon.StartAsync();
        admin = await appliance.Door.LoginAsync(Daemon.Admin, appliance.Password);
    }

    public async Task DisposeAsync() => await appliance.DisposeAsync();

    [Fact]
    public async Task A_backup_only_token_deletes_nothing_and_escalates_nothing()
    {
        var ns = "atk" + Guid.NewGuid().ToString("N")[..6];
        var user = ns + "@pbs";
        var (token, secret) = await SetUpAsync(ns, user);
        var admins = Backups.NewTarget(ns: ns);
        var elsewhere = Backups.NewTarget();
        var own = Backups.NewTarget(ns: ns);
        await Backups.RunAsync(appliance.Client, admins, Image.Make(10, 901));
        await Backups.RunAsync(appliance.Client, elsewhere, Image.Make(10, 902));
        await using var attacker = await appliance.ConnectAsync(token, secret);
        await Backups.RunAsync(attacker, own, Image.Make(10, 903));
        var before = await AccessAsync();

        var pass = Pass.Token(token, secret);
        var answers = await Task.WhenAll(Tries(ns, user, token, [own, admins, elsewhere])
            .Select(async one => (one, Answer: await appliance.Door.SendAsync(one.Method, one.Path, one.Json, pass))));
        Assert.All(answers, told => Assert.True(told.Answer.Status is 400 or 401 or 403 or 404,
            $"{told.one.Method} {told.one.Path}: {told.Answer.Status} {told.Answer.Text}"));
        await AttackSessionsAsync(own, admins, pass);

        Assert.Equal(before, await AccessAsync());
        await Backups.AssertRestoresAsync(appliance.Client, admins, Image.Make(10, 901));
        await Backups.AssertRestoresAsync(appliance.Client, elsewhere, Image.Make(10, 902));
        await Backups.AssertRestoresAsync(attacker, own, Image.Make(10, 903));
        var brought = (await LedgerView.ReadAsync(appliance)).Where(told => told.Actor == token || told.Actor == user)
            .Select(told => told.Type).Distinct();
        Assert.Empty(brought.Except(
        [
            "BackupStarted", "BackupFinished", "BackupAborted", "ArchiveFinished", "RestoreStarted", "RestoreFinished", "TaskStarted", "TaskFinished",
        ]));
    }

    private async Task<(string Token, string Secret)> SetUpAsync(string ns, string user)
    {
        await appliance.Client.PostAsync("admin/datastore/main/namespace", new { name = ns });
        await appliance.Client.PostAsync("access/users", new { userid = user, password = "correct-horse-7" });
        var issued = (await appliance.Client.PostAsync($"access/users/{user}/token/pve")).GetProperty("data");
        var token = issued.GetProperty("tokenid").GetString()!;
        foreach (var id in (string[])[user, token])
        {
            await appliance.Client.PutAsync("access/acl",
                $"path={Uri.EscapeDataString("/datastore/main/" + ns)}&auth-id={Uri.EscapeDataString(id)}&role=DatastoreBackup");
        }

        return (token, issued.GetProperty("value").GetString()!);
    }

    private static IEnumerable<(string Method, string Path, object? Json)> Tries(string ns, string user, string token, SessionTarget[] targets)
    {
        const string Store = "admin/datastore/main/";
        foreach (var target in targets)
        {
            var group = $"ns={target.Namespace}&backup-type={target.BackupType}&backup-id={target.BackupId}";
            var snapshot = $"{group}&backup-time={target.BackupTimeS}";
            foreach (var door in (string[])[Store, "/" + Store, "admin//datastore/main/", "admin/datastore/%6Dain/"])
            {
                yield return ("DELETE", door + "snapshots?" + snapshot, null);
            }

            yield return ("DELETE", Store + "groups?" + group, null);
            yield return ("POST", Store + "prune?" + group + "&keep-last=1", null);
            foreach (var owner in (string[])[user, "root@pam", Daemon.Admin])
            {
                yield return ("POST", $"{Store}change-owner?{group}&new-owner={owner}", null);
            }
        }

        var foreign = $"ns={ns}&backup-type={targets[1].BackupType}&backup-id={targets[1].BackupId}&backup-time={targets[1].BackupTimeS}";
        yield return ("PUT", Store + "protected?protected=false&" + foreign, null);
        yield return ("PUT", Store + "notes?notes=x&" + foreign, null);
        yield return ("GET", Store + "download?file-name=index.json.blob&" + foreign, null);
        foreach (var other in (string[])["", ns + "/..", "..", ns + "x"])
        {
            yield return ("GET", Store + "snapshots?ns=" + Uri.EscapeDataString(other), null);
            yield return ("DELETE", Store + "namespace?delete-groups=true&ns=" + Uri.EscapeDataString(other), null);
            yield return ("POST", Store + "prune-datastore?keep-last=1&ns=" + Uri.EscapeDataString(other), null);
        }

        yield return ("DELETE", $"{Store}namespace?delete-groups=true&ns={ns}", null);
        yield return ("POST", Store + "namespace", new { parent = ns, name = "deeper" });
        yield return ("POST", Store + "gc", null);
        yield return ("DELETE", "config/datastore/main?destroy-data=true", null);
        yield return ("PUT", "config/datastore/main", new { comment = "mine" });
        foreach (var id in (string[])[token, user, "root@pam"])
        {
            yield return ("PUT", "access/acl", new Dictionary<string, string> { ["path"] = "/", ["role"] = "Admin", ["auth-id"] = id });
        }

        yield return ("PUT", "access/acl", new Dictionary<string, object>
        {
            ["path"] = "/", ["role"] = "Admin", ["auth-id"] = Daemon.Admin, ["delete"] = true,
        });
        yield return ("POST", "access/roles", new { roleid = "Mine", privs = new[] { "Datastore.Prune" } });
        yield return ("POST", "access/users", new { userid = "mine@pbs", password = "12345678" });
        yield return ("PUT", "access/users/" + user, new { comment = "mine" });
        yield return ("DELETE", "access/users/" + user, null);
        yield return ("DELETE", "access/users/" + Daemon.Admin, null);
        yield return ("POST", $"access/users/{user}/token/more", null);
        yield return ("PUT", $"access/users/{user}/token/pve", new { regenerate = true });
        yield return ("PUT", "access/password", new Dictionary<string, string>
        {
            ["userid"] = Daemon.Admin, ["password"] = "12345678", ["confirmation-password"] = "correct-horse-7",
        });
        yield return ("POST", $"access/tfa/{Daemon.Admin}", new { type = "recovery", password = "correct-horse-7" });
        yield return ("PUT", $"access/users/{Daemon.Admin}/unlock-tfa", null);
    }

    // Into somebody else's group, over a snapshot that is there, out of the namespace, and to chunks that are somebody else's.
    private async Task AttackSessionsAsync(SessionTarget own, SessionTarget admins, (string, string)[] pass)
    {
        foreach (var (kind, target) in ((string, SessionTarget)[])
            [
                ("backup", admins with { BackupTimeS = admins.BackupTimeS + 5 }), ("backup", own), ("backup", own with { Namespace = null }),
                ("reader", admins), ("reader", own with { Namespace = null }),
            ])
        {
            var (session, refusal) = await RawSession.TryOpenAsync(appliance.Port, kind, RawSession.Query(target), pass);
            Assert.Null(session);
            Assert.True(refusal!.Status is 400 or 403, refusal.Text);
        }

        var (writing, problem) = await RawSession.TryOpenAsync(
            appliance.Port, "backup", RawSession.Query(own with { BackupTimeS = own.BackupTimeS + 5 }), pass);
        Assert.True(writing is not null, problem?.Text);
        await using (writing)
        {
            // To name a chunk is not to have it: only chunks of one's own previous snapshot count as known.
            await writing!.OkAsync("POST", "/dynamic_index?archive-name=a.didx");
            var stolen = Image.Make(10, 901).Pieces[0].Digest;
            await writing.RefusedAsync("no such chunk " + stolen, "PUT", "/dynamic_index", json: new Dictionary<string, object>
            {
                ["wid"] = 1, ["digest-list"] = new[] { stolen }, ["offset-list"] = new[] { 0 },
            });
        }
    }

    /// <summary>Users with tokens, access list and roles as the admin sees them.</summary>
    private async Task<List<string>> AccessAsync()
    {
        var lines = new List<string>();
        foreach (var path in (string[])["access/acl", "access/users?include_tokens=1", "access/roles"])
        {
            lines.AddRange((await appliance.Door.SendAsync("GET", path, headers: admin.Headers)).Data.EnumerateArray().Select(item => item.GetRawText()));
        }

        return [.. lines.Order(StringComparer.Ordinal)];
    }
}
