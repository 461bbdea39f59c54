// Where PostgreSQL is installed on this machine, and of which major version it is.
using System.Diagnostics;
using System.Globalization;

namespace Holdfast.Ledger;

/// <summary>A folder with <c>postgres</c> and <c>initdb</c> of one version.</summary>
/// <param name="Folder">Absolute path.</param>
/// <param name="Major">Major version, e.g. 15.</param>
public sealed record PostgresBinaries(string Folder, int Major)
{
    private const string Distribution = "/usr/lib/postgresql";

    /// <summary>Finds the newest, or those of <paramref name="wantedMajor"/> if they are there: the configured folder only, or Debian's folders and then
    /// PATH. So a system with two major versions on board goes on with the one that made the ledger, and can be left for the system of before.</summary>
    /// <exception cref="EmbeddedPostgresException">None found.</exception>
    public static PostgresBinaries Find(string? configuredFolder = null, int? wantedMajor = null, string distribution = Distribution)
    {
        if (configuredFolder is not null)
        {
            return At(configuredFolder)
                ?? throw new EmbeddedPostgresException(
                $"no PostgreSQL programs (postgres, initdb) in {configuredFolder}");
        }
        List<PostgresBinaries> found = Directory.Exists(distribution)
            ? [.. Directory.GetDirectories(distribution).Select(d => At(Path.Combine(d, "bin"))).OfType<PostgresBinaries>()]
            : [];
        var path = Environment.GetEnvironmentVariable("PATH") ?? "";
        return found.Find(b => b.Major == wantedMajor)
            ?? found.MaxBy(b => b.Major)
            ?? path.Split(':',
            StringSplitOptions.RemoveEmptyEntries).Select(At).OfType<PostgresBinaries>().FirstOrDefault()
            ?? throw new EmbeddedPostgresException(
                "PostgreSQL is not installed (no postgres and initdb under /usr/lib/postgresql or in PATH); install "
                    + "it, or set "
                + "Ledger:ConnectionString to use a server elsewhere");
    }

    private static PostgresBinaries? At(string folder)
    {
        var program = Path.Combine(folder, "postgres");
        if (!Path.IsPathRooted(folder) || !File.Exists(program) || !File.Exists(Path.Combine(folder, "initdb")))
        {
            return null;
        }
        var start =
            new ProcessStartInfo(program, "--version") { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var line = process.StandardOutput.ReadToEnd(); // "postgres (PostgreSQL) 15.14 (Debian ...)"
        process.WaitForExit();
        var version = line.Split(' ', StringSplitOptions.RemoveEmptyEntries).ElementAtOrDefault(2) ?? "";
        var digits = new string(version.TakeWhile(char.IsAsciiDigit).ToArray());
        return int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var major)
            ? new PostgresBinaries(folder, major)
            : null;
    }
}

/// <summary>The private PostgreSQL can't be made or started; the text says why and what to do.</summary>
public sealed class EmbeddedPostgresException(string message, Exception? inner = null) : Exception(message, inner);
