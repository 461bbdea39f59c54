// Does what an answer file asks for, in an order in which each step finds what it needs, the network last. Each step looks first whether it is done already,
// so a power cut in the middle only means that the next start goes on.
using System.Text.Json;
using Holdfast.Contracts.Network;

namespace Holdfast.Cli;

/// <summary>One run.</summary>
internal sealed class AnswerRun(LocalBox box, string sshKeys, CancellationToken cancel)
{
    private const string Node = "nodes/localhost/";
    private readonly List<string> done = [];

    /// <summary>What was done so far, for people; no secrets.</summary>
    public string Done => done.Count == 0 ? "nothing was left to do" : string.Join("; ", done);

    /// <summary>What can be known to be wrong before anything is done; null = nothing.</summary>
    public async Task<string?> ProblemAsync(AnswerFile file)
    {
        var roles = Texts(await box.GetAsync("access/roles", cancel), "roleid");
        foreach (AnswerUser user in file.Users ?? [])
        {
            if ((user.Roles ?? []).FirstOrDefault(role => !roles.Contains(role.Role)) is { } unknown)
            {
                return $"users: {user.Userid}: there is no role {unknown.Role}";
            }
        }

        if (file.Pools is { Count: > 0 })
        {
            var pools = Texts(await box.GetAsync(Node + "disks/zfs", cancel), "name");
            JsonElement disks = await box.GetAsync(Node + "disks/list", cancel);
            foreach (AnswerPool pool in file.Pools.Where(pool => !pools.Contains(pool.Name)))
            {
                if (pool.Disks.FirstOrDefault(disk => !IsThere(disks, disk)) is { } missing)
                {
                    return $"pools: {pool.Name}: there is no disk {missing}";
                }
            }
        }

        if (file.Network is { } plan)
        {
            var ports = Texts(await box.GetAsync(Node + "network", cancel), "iface");
            if (plan.Interfaces.FirstOrDefault(one => one.Type == "eth" && !ports.Contains(one.Name)) is { } missing)
            {
                return $"network: interface {missing.Name} does not exist; there are {string.Join(", ", ports)}";
            }
        }

        return null;
    }

    /// <exception cref="FailedException">A task did not end well.</exception>
    /// <exception cref="Wire.PbsException">The appliance refused a step.</exception>
    public async Task RunAsync(AnswerFile file)
    {
        await UsersAsync(file.Users ?? []);
        await TimeAsync(file.Time);
        if (file.SshKeys is { Count: > 0 } keys)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(sshKeys)!, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            await File.WriteAllTextAsync(sshKeys, string.Join('\n', keys) + "\n", cancel);
            File.SetUnixFileMode(sshKeys, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            done.Add("SSH keys");
        }

        await PoolsAsync(file.Pools ?? []);
        await DatastoresAsync(file.Datastores ?? []);
        if (file.Network is { } plan)
        {
            JsonElement change = await box.PostAsync(
                Node + "network-plan", new Parameters().Set("plan", NetworkPlanJson.ToJson(plan)).Set("confirm-within", 60), cancel);
            await box.PostAsync(Node + "network-change", new Parameters().Set("change", change.GetString()), cancel);
            done.Add("network");
        }
    }

    private async Task UsersAsync(IReadOnlyList<AnswerUser> users)
    {
        var there = Texts(await box.GetAsync("access/users", cancel), "userid");
        foreach (AnswerUser user in users)
        {
            if (!there.Contains(user.Userid))
            {
                await box.PostAsync("access/users", new Parameters().Set("userid", user.Userid).Set("password", user.Password), cancel);
            }
            else if (user.Password is not null)
            {
                await box.PutAsync("access/password", new Parameters().Set("userid", user.Userid).Set("password", user.Password), cancel);
            }

            foreach (AnswerRole role in user.Roles ?? [])
            {
                await box.PutAsync("access/acl", new Parameters().Set("path", role.Path).Set("role", role.Role).Set("auth-id", user.Userid), cancel);
            }

            done.Add("user " + user.Userid);
        }
    }

    private async Task TimeAsync(AnswerTime? time)
    {
        if (time?.Zone is { } zone)
        {
            await box.PutAsync(Node + "time", new Parameters().Set("timezone", zone), cancel);
            done.Add("time zone");
        }

        if (time?.Servers is { Count: > 0 } servers)
        {
            await box.PutAsync(Node + "time-servers", new Parameters().Set("server", servers.ToArray()), cancel);
            done.Add("time servers");
        }
    }

    private async Task PoolsAsync(IReadOnlyList<AnswerPool> pools)
    {
        var there = pools.Count == 0 ? [] : Texts(await box.GetAsync(Node + "disks/zfs", cancel), "name");
        foreach (AnswerPool pool in pools.Where(pool => !there.Contains(pool.Name)))
        {
            await box.FollowAsync(
                await box.PostAsync(Node + "disks/zfs", new Parameters().Set("name", pool.Name).Set("raidlevel", pool.Layout)
                    .Set("devices", string.Join(',', pool.Disks)), cancel), cancel);
            done.Add("pool " + pool.Name);
        }
    }

    private async Task DatastoresAsync(IReadOnlyList<AnswerDatastore> stores)
    {
        var there = Texts(await box.GetAsync("config/datastore", cancel), "name");
        foreach (AnswerDatastore store in stores.Where(store => !there.Contains(store.Name)))
        {
            JsonElement upid = store.Pool is { } pool
                ? await box.PostAsync($"{Node}pools/{Uri.EscapeDataString(pool)}/datastore", new Parameters().Set("name", store.Name), cancel)
                : await box.PostAsync("config/datastore", new Parameters().Set("name", store.Name).Set("path", store.Path), cancel);
            await box.FollowAsync(upid, cancel);
            done.Add("datastore " + store.Name);
        }
    }

    private static HashSet<string> Texts(JsonElement list, string member) => list.ValueKind != JsonValueKind.Array ? [] : list.EnumerateArray()
        .Where(item => item.TryGetProperty(member, out JsonElement text) && text.ValueKind == JsonValueKind.String)
        .Select(item => item.GetProperty(member).GetString()!).ToHashSet(StringComparer.Ordinal);

    private static bool IsThere(JsonElement disks, string name) => disks.ValueKind == JsonValueKind.Array && disks.EnumerateArray()
        .Any(disk => disk.EnumerateObject().Any(member => member.Value.ValueKind == JsonValueKind.String && member.Value.GetString() is { } text
            && (text == name || "/dev/disk/by-id/" + text == name)));
}
