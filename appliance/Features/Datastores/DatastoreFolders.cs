// The seam to where datastores lie on the machine: the host gives folders of its file systems, tests give simulated ones.
using Holdfast.Storage;

namespace Holdfast.Features.Datastores;

/// <summary>Folders that carry datastores, by the path that the ledger has for them.</summary>
public interface IDatastoreFolders
{
    /// <summary>The absolute path, with symbolic links followed as far as it exists.</summary>
    string Absolute(string path);

    /// <summary>Why no datastore may lie there (the appliance's own folder, a system folder), or null.</summary>
    string? Problem(string path);

    /// <summary>Opens the folder; what of it is missing is made.</summary>
    /// <param name="made">It was not there.</param>
    /// <exception cref="StorageException">It can't be made or opened.</exception>
    Volume Open(string path, out bool made);

    /// <summary>Removes the folder if it is empty; false if it stays.</summary>
    bool RemoveIfEmpty(string path);
}

/// <summary>Where no folders were given there are none.</summary>
public sealed class NoDatastoreFolders : IDatastoreFolders
{
    public string Absolute(string path) => path;

    public string? Problem(string path) => "this appliance keeps no datastores on disk";

    public Volume Open(string path, out bool made) => throw new RefusedException(Problem(path)!);

    public bool RemoveIfEmpty(string path) => false;
}
