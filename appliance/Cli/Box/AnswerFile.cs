// The answer file: what a box without anybody in front of it shall be set up as. Read and checked as a whole before anything of it is done; the first fault is
// told with its place. docs/install.md has the same members.
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Holdfast.Contracts.Network;
using Holdfast.Wire;

namespace Holdfast.Cli;

/// <summary>A role on a path of the access list.</summary>
internal sealed record AnswerRole(string Path, string Role);

/// <summary>A user; one that is there gets the password and the roles.</summary>
/// <param name="Password">8 to 64 characters; realm pbs only.</param>
internal sealed record AnswerUser(string Userid, string? Password, IReadOnlyList<AnswerRole>? Roles);

/// <summary>The clock.</summary>
internal sealed record AnswerTime(string? Zone, IReadOnlyList<string>? Servers);

/// <summary>A pool to be made; one of that name that is there is left alone.</summary>
internal sealed record AnswerPool(string Name, string Layout, IReadOnlyList<string> Disks);

/// <summary>A datastore: on a pool, or in a folder.</summary>
internal sealed record AnswerDatastore(string Name, string? Pool, string? Path);

/// <summary>The file.</summary>
/// <param name="HoldfastAnswer">Version of the format: 1.</param>
/// <param name="SshKeys">Lines of authorized_keys for root.</param>
internal sealed partial record AnswerFile(
    int HoldfastAnswer, IReadOnlyList<AnswerUser>? Users, AnswerTime? Time, IReadOnlyList<string>? SshKeys, IReadOnlyList<AnswerPool>? Pools,
    IReadOnlyList<AnswerDatastore>? Datastores, NetworkPlan? Network)
{
    public const int BytesMax = 256 * 1024;
    private const int ItemsMax = 64;
    private const int DisksMax = 256;

    private static readonly Dictionary<string, int> DisksMin = new()
    {
        ["single"] = 1, ["mirror"] = 2, ["raidz1"] = 3, ["raidz2"] = 4, ["raidz3"] = 5, ["draid1"] = 3, ["draid2"] = 4, ["draid3"] = 5,
    };

    /// <exception cref="InvalidDataException">The file can't be used; the text says what and where, and holds no password.</exception>
    public static AnswerFile Parse(ReadOnlySpan<byte> json)
    {
        if (json.Length > BytesMax)
        {
            throw new InvalidDataException($"it is larger than {BytesMax / 1024} KiB");
        }

        AnswerFile? file;
        try
        {
            file = JsonSerializer.Deserialize(json, AnswerJson.Default.AnswerFile);
        }
        catch (JsonException error)
        {
            // The parser's text may quote what it read; where it read it is enough.
            string place = error.Path is { Length: > 1 } path ? " at " + path : "";
            throw new InvalidDataException($"line {error.LineNumber + 1}: not JSON, or no member of an answer file{place}");
        }

        return file is null ? throw new InvalidDataException("it is empty") : file.Problem() is { } problem ? throw new InvalidDataException(problem) : file;
    }

    private string? Problem() =>
        HoldfastAnswer != 1 ? "'holdfast-answer' is 1: the version of the format"
        : Many("users", Users) ?? Many("ssh-keys", SshKeys) ?? Many("pools", Pools) ?? Many("datastores", Datastores)
        ?? (Users ?? []).Select(ProblemOf).FirstOrDefault(problem => problem is not null)
        ?? TimeProblem()
        ?? ((SshKeys ?? []).FirstOrDefault(key => !KeyLine().IsMatch(key)) is not null ? "ssh-keys: a line is no public key" : null)
        ?? (Pools ?? []).Select(ProblemOf).FirstOrDefault(problem => problem is not null)
        ?? SharedDisk()
        ?? (Datastores ?? []).Select(ProblemOf).FirstOrDefault(problem => problem is not null)
        ?? (Network?.Problem() is { } network ? "network: " + network : null);

    private static string? Many<T>(string name, IReadOnlyList<T>? list) =>
        list is { Count: > ItemsMax } ? $"{name}: at most {ItemsMax}" : list?.Any(one => one is null) ?? false ? $"{name}: null is none of them" : null;

    private static string? ProblemOf(AnswerUser user) =>
        !PbsSchema.IsUserId(user.Userid ?? "") ? $"users: '{user.Userid}' is no user such as ops@pbs"
        : user.Password is not null && !user.Userid!.EndsWith("@pbs", StringComparison.Ordinal)
            ? $"users: {user.Userid}: only users of realm pbs have a password here"
        : user.Password is not null and not { Length: >= 8 and <= 64 } || !PbsSchema.IsOneLine(user.Password ?? "")
            ? $"users: {user.Userid}: a password has 8 to 64 characters on one line"
        : (user.Roles ?? []).Any(role => role?.Path is null || role.Role is null || !role.Path.StartsWith('/'))
            ? $"users: {user.Userid}: a role has a path that begins with '/', and a name" : null;

    private string? TimeProblem() =>
        Time is null ? null
        : Time.Zone is { } zone && !ZoneName().IsMatch(zone) ? "time: zone: that is no time zone such as Europe/Vienna"
        : Time.Servers is { Count: > 8 } ? "time: servers: at most 8"
        : (Time.Servers ?? []).Any(server => NetworkPlan.Ip(server) is null && !NetworkPlan.IsHostName(server))
            ? "time: servers: one is no address and no name" : null;

    private static string? ProblemOf(AnswerPool pool) =>
        pool.Name is null || !PoolName().IsMatch(pool.Name) ? $"pools: '{pool.Name}' can't be the name of a pool"
        : pool.Layout is null || !DisksMin.TryGetValue(pool.Layout, out int least) ? $"pools: {pool.Name}: layout is one of {string.Join(", ", DisksMin.Keys)}"
        : pool.Disks is null || pool.Disks.Count < least || pool.Disks.Count > DisksMax
            ? $"pools: {pool.Name}: {pool.Layout} has {least} disks or more"
        : pool.Disks.Any(disk => disk is null || !DiskName().IsMatch(disk))
            ? $"pools: {pool.Name}: disks are named by their ids (holdfast disk list)" : null;

    private string? SharedDisk() => (Pools ?? []).SelectMany(pool => pool.Disks).GroupBy(disk => disk, StringComparer.Ordinal)
        .FirstOrDefault(same => same.Count() > 1) is { } twice ? $"pools: disk {twice.Key} is there twice" : null;

    private static string? ProblemOf(AnswerDatastore store) =>
        store.Name is not { Length: >= 3 and <= 32 } || !PbsSchema.IsSafeId(store.Name) ? $"datastores: '{store.Name}' can't be the name of a datastore"
        : store.Pool is null == store.Path is null ? $"datastores: {store.Name}: either a pool or a path"
        : store.Pool is not null && !PoolName().IsMatch(store.Pool) ? $"datastores: {store.Name}: '{store.Pool}' can't be the name of a pool"
        : store.Path is { } path && (!path.StartsWith('/') || path.Contains("..", StringComparison.Ordinal) || !PbsSchema.IsOneLine(path))
            ? $"datastores: {store.Name}: a path begins with '/'" : null;

    [GeneratedRegex(@"\A(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh\.com) [A-Za-z0-9+/]{20,4096}={0,3}( [ -~]{0,200})?\z",
        RegexOptions.CultureInvariant)]
    private static partial Regex KeyLine();

    [GeneratedRegex(@"\A[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z][A-Za-z0-9_+-]*){0,2}\z", RegexOptions.CultureInvariant)]
    private static partial Regex ZoneName();

    [GeneratedRegex(@"\A[A-Za-z][A-Za-z0-9_.-]{0,62}\z", RegexOptions.CultureInvariant)]
    private static partial Regex PoolName();

    [GeneratedRegex(@"\A[A-Za-z0-9/][A-Za-z0-9_.:/+-]{0,255}\z", RegexOptions.CultureInvariant)]
    private static partial Regex DiskName();
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, MaxDepth = 16)]
[JsonSerializable(typeof(AnswerFile))]
internal sealed partial class AnswerJson : JsonSerializerContext;
