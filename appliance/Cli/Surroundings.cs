// What a command finds around it: clock, environment variables under both names, and a terminal that can ask for a secret.
using System.Collections;

namespace Holdfast.Cli;

internal sealed class Surroundings(TimeProvider clock)
{
    public TimeProvider Clock { get; } = clock;

    /// <summary>HOLDFAST_name, else PBS_name; null if neither is set or both are empty.</summary>
    public static string? Variable(string name) => NotEmpty("HOLDFAST_" + name) ?? NotEmpty("PBS_" + name);

    /// <summary>All environment variables.</summary>
    public static IReadOnlyDictionary<string, string> Environment()
    {
        var variables = new Dictionary<string, string>();
        foreach (DictionaryEntry entry in System.Environment.GetEnvironmentVariables())
        {
            variables[(string)entry.Key] = (string?)entry.Value ?? "";
        }

        return variables;
    }

    /// <summary>Asks on the terminal without echo.</summary>
    /// <exception cref="FailedException">There is no terminal; the text says how to give the secret instead.</exception>
    public static string AskSecret(string what, string otherwise)
    {
        if (Console.IsInputRedirected)
        {
            throw new FailedException($"no {what}: {otherwise}");
        }

        return Terminal.ReadSecret($"{what}: ");
    }

    private static string? NotEmpty(string name) =>
        System.Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
}
