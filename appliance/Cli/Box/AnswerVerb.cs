// `holdfast answer`: checks an answer file, or sets this box up by one, once. What became of it is an event, a line on the console, and the exit status.
using System.CommandLine;
using System.Security.Cryptography;
using Holdfast.Wire;

namespace Holdfast.Cli;

internal static class AnswerVerb
{
    private static readonly Option<string?> Data = new("--data") { Description = "Data folder of the appliance (default: HOLDFAST_DATA, else ./data)." };

    public static Command Command(Surroundings surroundings)
    {
        var file = new Argument<string>("file") { Description = "holdfast-answer.json; docs/install.md has its members." };
        var check = new Command("check", "Says whether an answer file can be used; nothing is done.") { file };
        Examples.Of(check, "holdfast answer check holdfast-answer.json");
        check.SetAction(async (parsed, cancel) =>
        {
            Read(parsed.GetRequiredValue(file), out _);
            await Console.Out.WriteLineAsync("the file can be used".AsMemory(), cancel);
            return 0;
        });

        var sshKeys = new Option<string>("--ssh-keys")
        {
            Description = "Where SSH keys go.", DefaultValueFactory = _ => "/state/etc/ssh/authorized_keys",
        };
        var outcome = new Option<string?>("--outcome") { Description = "File that gets the line of what became of it." };
        var apply = new Command("apply", "Sets this box up by an answer file, once; on the box, as root.") { file, Data, sshKeys, outcome };
        Examples.Of(apply, "holdfast answer apply holdfast-answer.json --data /state/holdfast");
        apply.SetAction(async (parsed, cancel) =>
        {
            (int status, string text) = await ApplyAsync(
                surroundings, parsed.GetRequiredValue(file), LedgerPlace.Of(parsed.GetValue(Data)), parsed.GetRequiredValue(sshKeys), cancel);
            if (parsed.GetValue(outcome) is { } path)
            {
                await File.WriteAllTextAsync(path, text + "\n", cancel);
            }

            Console.WriteLine(Tables.Printable(text));
            return status;
        });
        return new Command("answer", "Sets a box up without anybody in front of it.") { check, apply };
    }

    private static AnswerFile Read(string path, out string digest)
    {
        byte[] bytes;
        using (FileStream stream = File.OpenRead(path))
        {
            bytes = new byte[(int)Math.Min(stream.Length, AnswerFile.BytesMax + 1)];
            stream.ReadExactly(bytes);
        }

        digest = Convert.ToHexStringLower(SHA256.HashData(bytes));
        try
        {
            return AnswerFile.Parse(bytes);
        }
        catch (InvalidDataException error)
        {
            throw new FailedException("the answer file can't be used: " + error.Message);
        }
    }

    private static async Task<(int Status, string Text)> ApplyAsync(
        Surroundings surroundings, string path, LedgerPlace place, string sshKeys, CancellationToken cancel)
    {
        await using LocalBox box = await LocalBox.ConnectAsync(place, surroundings.Clock, cancel);
        if ((await box.GetAsync("nodes/localhost/answer", cancel)).TryGetProperty("applied", out _))
        {
            return (0, "this box was set up by an answer file before: another one is not looked at");
        }

        string digest = new('0', 64);
        AnswerFile file;
        var run = new AnswerRun(box, sshKeys, cancel);
        try
        {
            file = Read(path, out digest);
            if (await run.ProblemAsync(file) is { } problem)
            {
                return await TellAsync("refused", 2, "the answer file can't be used: " + problem);
            }
        }
        catch (Exception error) when (error is FailedException or PbsException)
        {
            return await TellAsync("refused", 2, error.Message);
        }

        try
        {
            await run.RunAsync(file);
            return await TellAsync("applied", 0, "the box was set up by the answer file: " + run.Done);
        }
        catch (Exception error) when (error is FailedException or PbsException or IOException or UnauthorizedAccessException)
        {
            return await TellAsync("failed", 1, $"the answer file was done in part ({run.Done}), then: {error.Message}");
        }

        async Task<(int, string)> TellAsync(string outcome, int status, string text)
        {
            string told = text.Length <= 4000 ? text : text[..4000];
            await box.PostAsync("nodes/localhost/answer", new Parameters().Set("outcome", outcome).Set("digest", digest).Set("text", told), cancel);
            return (status, text);
        }
    }
}
