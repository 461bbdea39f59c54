// The table of all targets, and the settings of a run from the environment: INPUTS for each target, SEED, and TARGET with
// INDEX to replay one input of one of them.
namespace Holdfast.Tests.Fuzz;

internal static class Targets
{
    public static readonly TimeSpan Standstill = TimeSpan.FromSeconds(60);

    private static readonly Lazy<IReadOnlyDictionary<string, FuzzTarget>> Table = new(() =>
        ((IEnumerable<FuzzTarget>)[.. StorageTargets.All(), .. ArchiveTargets.All(), .. WireTargets.All(), .. LedgerTargets.All(), .. FeatureTargets.All(),
            .. DriverTargets.All()])
            .ToDictionary(target => target.Name, StringComparer.Ordinal));

    public static IReadOnlyDictionary<string, FuzzTarget> All => Table.Value;

    public static long Seed => Number("SEED", 1);

    public static long Inputs => Number("INPUTS", 100_000);

    public static string? Only => Environment.GetEnvironmentVariable("TARGET") is { Length: > 0 } name ? name : null;

    public static long? Index => Environment.GetEnvironmentVariable("INDEX") is { Length: > 0 } ? Number("INDEX", 0) : null;

    private static long Number(string name, long otherwise) =>
        long.TryParse(Environment.GetEnvironmentVariable(name), out var number) ? number : otherwise;
}
