// Paths of the access list: their shape, and which of them mean something (pbs-protocol.md 1.8).
using Holdfast.Wire;

namespace Holdfast.Features.Access;

/// <summary>Paths such as <c>/datastore/main/a</c>.</summary>
public static class AclPath
{
    private const int CharsMax = 512;

    /// <summary>Names below <c>/system</c> that have nothing below them.</summary>
    private static readonly string[] SystemLeaves = ["certificates", "disks", "log", "notifications", "status", "tasks", "time"];

    /// <summary>A parameter that takes one.</summary>
    public static Parameter Parameter() => Wire.Parameter.Text("path") with { MinLength = 1, MaxLength = CharsMax, Format = HasShape };

    /// <summary><c>/</c>, or safe ids with a slash before each.</summary>
    public static bool HasShape(string path) => path == "/" || (path.StartsWith('/') && path[1..].Split('/').All(part => PbsSchema.IsSafeId(part)));

    /// <summary>Does anything look at an entry on this path?</summary>
    public static bool MeansSomething(string path) => path.Split('/', StringSplitOptions.RemoveEmptyEntries) switch
    {
        [] or ["access" or "datastore" or "remote" or "system" or "tape"] => true,
        ["access", "acl" or "users" or "domains" or "openid"] or ["access", "openid", _] => true,
        ["datastore", _, .. var ns] => ns.Length <= PbsSchema.NamespaceMaxDepth,
        ["remote", _, .. var rest] => rest.Length <= 1 + PbsSchema.NamespaceMaxDepth,
        ["system", var leaf] when SystemLeaves.Contains(leaf) => true,
        ["system", "services" or "s3-endpoint" or "encryption-keys", .. var rest] => rest.Length <= 1,
        ["system", "network"] or ["system", "network", "dns" or "interfaces"] or ["system", "network", "interfaces", _] => true,
        ["tape", "device" or "pool" or "job", .. var rest] => rest.Length <= 1,
        _ => false,
    };
}
