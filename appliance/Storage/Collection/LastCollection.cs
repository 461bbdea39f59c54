// What a collection leaves for the next one of the same opening of a store. Nobody else writes to the store meanwhile (its locks see to that), so an unchanged
// set of index files and an empty list of new chunks mean that nothing can have become garbage.
namespace Holdfast.Storage;

/// <param name="Files">The index files then, by path.</param>
/// <param name="Referenced">Different chunks that they name.</param>
/// <param name="TrustedRuns">Runs since one looked at everything.</param>
internal sealed record LastCollection(IReadOnlyDictionary<string, IndexFacts> Files, long Referenced, long StillBad, long MissingChunks, int TrustedRuns)
{
    /// <summary>The files among these that were not there; null if one of then has gone or changed.</summary>
    public List<IndexFile>? NewAmong(IReadOnlyList<IndexFile> now)
    {
        var (fresh, same) = (new List<IndexFile>(), 0);
        foreach (var file in now)
        {
            if (!Files.TryGetValue(file.Path, out var then))
            {
                fresh.Add(file);
            }
            else if (then.File == file)
            {
                same++;
            }
        }

        return same == Files.Count ? fresh : null;
    }
}
