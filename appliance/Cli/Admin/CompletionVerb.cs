// `holdfast completion bash|zsh|fish`: a script for the shell that asks this program what may come next.
using System.CommandLine;

namespace Holdfast.Cli;

internal static class CompletionVerb
{
    private const string Bash = """
        # holdfast: completion for bash. In ~/.bashrc: eval "$(holdfast completion bash)"
        _holdfast() {
            local word="${COMP_WORDS[COMP_CWORD]}"
            COMPREPLY=($(compgen -W "$(holdfast "[suggest:${COMP_POINT}]" "${COMP_LINE}" 2>/dev/null)" -- "$word"))
        }
        complete -o default -F _holdfast holdfast
        """;

    private const string Zsh = """
        # holdfast: completion for zsh. In ~/.zshrc: eval "$(holdfast completion zsh)"
        _holdfast() {
            local -a found
            found=("${(@f)$(holdfast "[suggest:${CURSOR}]" "${BUFFER}" 2>/dev/null)}")
            compadd -a found || _files
        }
        compdef _holdfast holdfast
        """;

    private const string Fish = """
        # holdfast: completion for fish. In ~/.config/fish/config.fish: holdfast completion fish | source
        complete -c holdfast -a '(holdfast "[suggest:"(commandline -C)"]" (commandline -cp) 2>/dev/null)'
        """;

    public static Command Command()
    {
        var shell = new Argument<string>("shell") { Description = "bash, zsh or fish." };
        shell.AcceptOnlyFromAmong("bash", "zsh", "fish");
        var command = new Command("completion", "Prints a script that lets the shell complete this command.") { shell };
        Examples.Of(command, "eval \"$(holdfast completion bash)\"", "holdfast completion fish | source");
        command.SetAction(parsed =>
        {
            Console.WriteLine(parsed.GetRequiredValue(shell) switch { "bash" => Bash, "zsh" => Zsh, _ => Fish });
            return 0;
        });
        return command;
    }
}
