// How drivers run the system's own tools (zpool, smartctl, networkctl): a name and a list of arguments, never a shell, with a limit of time and of output.
// Behind it stands the system or, in tests, a transcript.
namespace Holdfast.Contracts.Programs;

/// <summary>What a program said and how it ended.</summary>
/// <param name="ExitStatus">0 to 255; 128 + n if signal n ended it.</param>
/// <param name="Output">Its standard output, UTF-8 as it came.</param>
/// <param name="Errors">Its standard error, at most 64 KiB of it, for people.</param>
public sealed record ProgramResult(int ExitStatus, string Output, string Errors);

/// <summary>Limits of one run.</summary>
/// <param name="Within">It is killed after that.</param>
/// <param name="OutputBytesMax">It is killed when it says more.</param>
public sealed record ProgramLimits(TimeSpan Within, int OutputBytesMax = 4 * 1024 * 1024)
{
    public static readonly ProgramLimits Default = new(TimeSpan.FromSeconds(15));
}

/// <summary>A program that is not there, took too long, or said too much. What it said at all is in the message.</summary>
public sealed class ProgramFailedException(string message) : IOException(message);

/// <summary>Runs programs.</summary>
public interface IPrograms
{
    /// <summary>Whether <paramref name="program"/> is installed.</summary>
    bool Has(string program);

    /// <summary>Runs a program to its end.</summary>
    /// <param name="program">Its name without folder; looked for in the system's own folders only.</param>
    /// <param name="input">What it reads; null = nothing.</param>
    /// <exception cref="ProgramFailedException">It is not there, or went over a limit.</exception>
    Task<ProgramResult> RunAsync(
        string program, IReadOnlyList<string> arguments, ProgramLimits? limits = null, string? input = null, CancellationToken cancel = default);

    /// <summary>Lines of a program that runs until <paramref name="cancel"/>, such as one that follows events. Lines beyond 64 KiB are cut.</summary>
    /// <exception cref="ProgramFailedException">It is not there.</exception>
    IAsyncEnumerable<string> LinesAsync(string program, IReadOnlyList<string> arguments, CancellationToken cancel);
}
