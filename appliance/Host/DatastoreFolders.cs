// Where datastores lie on this machine: folders of its file systems, relative ones below the appliance's data folder.
using Holdfast.Contracts.Nfs;
using Holdfast.Features.Datastores;
using Holdfast.Storage;

namespace Holdfast.Host;

/// <summary>Folders on disk.</summary>
public sealed class DatastoreFolders(DataFolder data) : IDatastoreFolders
{
    private const int LinksMax = 40;

    /// <summary>0755, .chunks below it 0750: a PBS opens a store of no other modes.</summary>
    private const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    /// <summary>Trees in which the system, not people, keeps things.</summary>
    private static readonly string[] OfTheSystem = ["/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/run", "/sbin", "/sys", "/usr"];

    public string Absolute(string path) => Resolve(Path.GetFullPath(data.DatastorePath(path)), LinksMax);

    public string? Problem(string path)
    {
        var absolute = Absolute(path);
        var own = Resolve(data.Root, LinksMax);
        if (absolute == "/" || OfTheSystem.Any(folder => IsWithin(absolute, folder)))
        {
            return $"\"{absolute}\" belongs to the operating system";
        }

        return IsWithin(own, absolute) || (IsWithin(absolute, own) && !IsWithin(absolute, own + "/datastores"))
            ? $"\"{absolute}\" and the appliance's own folder \"{own}\" lie one in the other"
            : null;
    }

    public Volume Open(string path, out bool made)
    {
        var absolute = data.DatastorePath(path);
        made = !Directory.Exists(absolute);
        try
        {
            if (made)
            {
                Directory.CreateDirectory(absolute, Mode);
            }

            return DiskVolume.OpenFolder(absolute);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new RefusedException($"\"{absolute}\" can't be made: {error.Message}");
        }
    }

    public bool RemoveIfEmpty(string path)
    {
        try
        {
            Directory.Delete(data.DatastorePath(path));
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static bool IsWithin(string path, string folder) => path == folder || path.StartsWith(folder.TrimEnd('/') + "/", StringComparison.Ordinal);

    /// <summary>Follows links part by part; what does not exist yet has none.</summary>
    private static string Resolve(string path, int linksLeft)
    {
        var resolved = "/";
        foreach (var part in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            resolved = Path.Combine(resolved, part);
            // A server of a mount may be silent: nothing is looked up there.
            if (linksLeft > 0 && !NfsMount.IsBelow(resolved) && Path.Exists(resolved)
                && new DirectoryInfo(resolved).ResolveLinkTarget(returnFinalTarget: false) is { } target)
            {
                resolved = Resolve(target.FullName, --linksLeft);
            }
        }

        return resolved;
    }
}
