// Runs what mounts and unmounts where everybody sees it: a sandboxed agent lives in a mount namespace of its own, whose mounts nobody else would see. There
// systemd runs the program for us, in the host's; where the agent is in the host's namespace itself, it is run as any other.
using Holdfast.Contracts.Programs;

namespace Holdfast.Agent.Programs;

/// <summary>Programs in the host's mount namespace.</summary>
public sealed class HostPrograms : IPrograms
{
    private static readonly string[] Through = ["--quiet", "--wait", "--collect", "--pipe", "--property=KillMode=mixed", "--"];

    private readonly IPrograms programs;

    private HostPrograms(IPrograms programs) => this.programs = programs;

    /// <summary>The way to run them from here: a unit that was given a namespace of its own may not even see that it was.</summary>
    public static IPrograms Of(IPrograms programs) =>
        Directory.Exists("/run/systemd/system") && programs.Has("systemd-run") && (Namespace("1") is not { } first || Namespace("self") != first)
            ? new HostPrograms(programs) : programs;

    public bool Has(string program) => programs.Has(program);

    public Task<ProgramResult> RunAsync(
        string program, IReadOnlyList<string> arguments, ProgramLimits? limits = null, string? input = null, CancellationToken cancel = default) =>
        programs.Has(program)
            ? programs.RunAsync("systemd-run", [.. Through, program, .. arguments], limits, input, cancel)
            : throw new ProgramFailedException($"{program} is not installed");

    public IAsyncEnumerable<string> LinesAsync(string program, IReadOnlyList<string> arguments, CancellationToken cancel) =>
        programs.LinesAsync(program, arguments, cancel);

    private static string? Namespace(string process)
    {
        try
        {
            return File.ResolveLinkTarget($"/proc/{process}/ns/mnt", returnFinalTarget: false)?.Name;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
