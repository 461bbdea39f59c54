// What lies in a folder that is to be destroyed or given to others: a datastore, a database, an export. Looks a few levels deep and no further; links are not
// followed.
namespace Holdfast.Agent;

/// <summary>The look.</summary>
public static class FolderUse
{
    /// <summary>Exports of NFS as the kernel has them (exportfs(8)).</summary>
    private const string Exports = "/var/lib/nfs/etab";

    private const int DepthMax = 3;
    private const int FoldersMax = 10_000;

    /// <summary>What keeps it from being destroyed, in words; null = nothing that is known.</summary>
    /// <exception cref="IOException">It can't be looked at.</exception>
    public static string? Of(string folder)
    {
        var (kept, isWhole) = Look(folder);
        return Exported(folder) ?? kept ?? (isWhole ? null : $"more than {FoldersMax} folders lie in {folder}: what they are can't be looked at");
    }

    /// <summary>What must not be given to others: a datastore or a database in the folder; null = none was seen.</summary>
    /// <exception cref="IOException">It can't be looked at.</exception>
    public static string? Kept(string folder) => Look(folder).Kept;

    private static (string? Kept, bool IsWhole) Look(string folder)
    {
        var left = FoldersMax;
        var level = new List<string> { folder };
        for (var depth = 0; depth < DepthMax && level.Count > 0; depth++)
        {
            foreach (var one in level)
            {
                if (Directory.Exists(Path.Combine(one, ".chunks")))
                {
                    return ($"a datastore lies in {one}", true);
                }

                if (File.Exists(Path.Combine(one, "PG_VERSION")))
                {
                    return ($"a database lies in {one}", true);
                }
            }

            level = [.. level.SelectMany(Below).Take(left)];
            left -= level.Count;
        }

        return (null, left > 0);
    }

    private static string? Exported(string folder) => File.Exists(Exports) && File.ReadLines(Exports).Take(10_000)
        .Any(line => line.Split('\t')[0] is var path && (path == folder || path.StartsWith(folder + "/", StringComparison.Ordinal)))
        ? $"{folder} is exported over NFS ('holdfast nfs export list')" : null;

    private static IEnumerable<string> Below(string folder) => Directory.EnumerateDirectories(folder)
        .Where(path => (File.GetAttributes(path) & FileAttributes.ReparsePoint) == 0);
}
