// What a backup is made of, as said on the command line: NAME.pxar:FOLDER, NAME.img:PATH, NAME.conf:PATH, NAME.log:PATH.
using Holdfast.Storage;

namespace Holdfast.Cli;

/// <summary>One archive to make. <paramref name="Name"/> is the archive's file name in the snapshot (`disk.img.fidx`).</summary>
internal sealed record ArchiveSource(string Name, string Path, ArchiveKind Kind)
{
    /// <summary>Parses one argument.</summary>
    /// <exception cref="UsageException">Not such an argument, or a kind that isn't made here.</exception>
    public static ArchiveSource Parse(string argument)
    {
        int colon = argument.IndexOf(':');
        if (colon < 1 || colon == argument.Length - 1)
        {
            throw new UsageException($"'{argument}': NAME.pxar:FOLDER, NAME.img:PATH or NAME.conf:PATH is wanted");
        }

        string name = argument[..colon];
        string path = argument[(colon + 1)..];
        string full = ArchiveNames.Full(name);
        if (!SafeId.TryArchiveKind(full, out ArchiveKind kind) || full == SafeId.ManifestName || full == SafeId.ClientLogName)
        {
            throw new UsageException($"'{name}' can't name an archive: NAME.pxar, NAME.img, NAME.conf or NAME.log is wanted");
        }

        return kind == ArchiveKind.DynamicIndex && !full.EndsWith(".pxar.didx", StringComparison.Ordinal)
            ? throw new UsageException($"'{name}' can't name an archive of a folder: NAME.pxar is wanted")
            : new ArchiveSource(full, path, kind);
    }

    /// <summary>Parses all; double names are refused.</summary>
    public static List<ArchiveSource> ParseAll(IEnumerable<string> arguments)
    {
        List<ArchiveSource> all = [.. arguments.Select(Parse)];
        string? twice = all.GroupBy(one => one.Name).FirstOrDefault(group => group.Count() > 1)?.Key;
        return twice is null ? all : throw new UsageException($"archive '{ArchiveNames.Short(twice)}' is named twice");
    }
}

/// <summary>People write `disk.img`; the snapshot holds `disk.img.fidx`.</summary>
internal static class ArchiveNames
{
    private static readonly string[] Endings = [".fidx", ".didx", ".blob"];

    /// <summary>File name in the snapshot; names that already are one stay as they are.</summary>
    public static string Full(string name) =>
        Endings.Any(ending => name.EndsWith(ending, StringComparison.Ordinal)) ? name
            : name.EndsWith(".img", StringComparison.Ordinal) ? name + ".fidx"
            : name.EndsWith(".pxar", StringComparison.Ordinal) || name.EndsWith(".pcat1", StringComparison.Ordinal)
                || name.EndsWith(".mpxar", StringComparison.Ordinal) || name.EndsWith(".ppxar", StringComparison.Ordinal)
                ? name + ".didx"
            : name.EndsWith(".conf", StringComparison.Ordinal) || name.EndsWith(".log", StringComparison.Ordinal)
                || name.EndsWith(".json", StringComparison.Ordinal) || name.EndsWith(".key", StringComparison.Ordinal)
                ? name + ".blob"
            : name;

    /// <summary>As people write it.</summary>
    public static string Short(string full) =>
        Endings.Any(ending => full.EndsWith(ending, StringComparison.Ordinal)) ? full[..^5] : full;
}
