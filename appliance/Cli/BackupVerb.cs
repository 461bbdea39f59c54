// `holdfast backup`: folders, images and small files into a datastore, incremental, encrypted or signed if a key is given.
using System.CommandLine;
using Holdfast.Storage;

namespace Holdfast.Cli;

internal sealed class BackupVerb
{
    private readonly Argument<string[]> archives = new("archive")
    {
        Description = "NAME.pxar:FOLDER, NAME.img:PATH (image or block device), NAME.conf:PATH or NAME.log:PATH.",
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly ServerOptions server = new();
    private readonly Option<string?> id = new("--backup-id") { Description = "Group's name; default: the host's name." };
    private readonly Option<string> type = new("--backup-type")
    {
        Description = "host (default), vm or ct.", DefaultValueFactory = _ => "host",
    };

    private readonly Option<long?> time = new("--backup-time") { Description = "Epoch seconds; default: now." };
    private readonly Option<string?> keyFile = KeySource.Option();
    private readonly Option<string?> cryptMode = new("--crypt-mode")
    {
        Description = "encrypt (default with a key), sign-only or none.",
    };

    private readonly Option<string[]> exclude = new("--exclude")
    {
        Description = "Leave out what matches, as in .pxarexclude files: *.bak, /var/cache, tmp/, !keep. Can be given several times.",
    };

    private readonly Option<string[]> includeDev = new("--include-dev")
    {
        Description = "Also take the file system mounted at this path below the folder. Can be given several times.",
    };

    private readonly Option<bool> allFileSystems = new("--all-file-systems") { Description = "Take all file systems mounted below the folder." };
    private readonly Option<int> entriesMax = new("--entries-max")
    {
        Description = "Entries of open folders held in memory.", DefaultValueFactory = _ => TreeWishes.None.MaxEntries,
    };

    private readonly Surroundings surroundings;

    public BackupVerb(Surroundings surroundings)
    {
        this.surroundings = surroundings;
        type.AcceptOnlyFromAmong("host", "vm", "ct");
        cryptMode.AcceptOnlyFromAmong("encrypt", "sign-only", "none");
        Command = new Command("backup", "Backs up folders, images and small files.")
        {
            archives, id, type, time, keyFile, cryptMode, exclude, includeDev, allFileSystems, entriesMax,
        };
        server.AddTo(Command);
        Command.SetAction(RunAsync);
    }

    public Command Command { get; }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancel)
    {
        List<ArchiveSource> sources = ArchiveSource.ParseAll(parsed.GetRequiredValue(archives));
        SnapshotName snapshot = Snapshot(parsed);
        string? keyPath = parsed.GetValue(keyFile);
        CryptMode mode = Mode(parsed.GetValue(cryptMode), keyPath is not null);
        using CryptConfig? crypt = mode == CryptMode.None ? null : KeySource.Open(keyPath);
        long started = surroundings.Clock.GetTimestamp();
        await using ServerAccess access = await server.ConnectAsync(parsed, surroundings, cancel);
        Console.WriteLine($"backup {snapshot} to {access.Repository}"
            + (access.Namespace.IsRoot ? "" : $", namespace {access.Namespace}"));
        if (crypt is not null)
        {
            Console.WriteLine($"{(mode == CryptMode.Encrypt ? "encrypting" : "signing")} with key {crypt.FingerprintText[..23]}");
        }

        var trees = new TreeWishes(
            parsed.GetValue(exclude) ?? [], parsed.GetValue(includeDev) ?? [], parsed.GetValue(allFileSystems), parsed.GetRequiredValue(entriesMax));
        var run = new BackupRun(access, new BackupPlan(sources, snapshot, crypt, mode, trees), surroundings.Clock, Console.WriteLine);
        UploadCount count;
        try
        {
            count = await run.RunAsync(cancel);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            throw new FailedException(run.IsFinishing
                ? $"stopped while the server was finishing: 'holdfast snapshots' tells whether {snapshot} is there"
                : "stopped: the server keeps nothing of this backup");
        }

        Console.WriteLine($"sent {Sizes.Text(count.SentBytes)}, reused {Sizes.Text(count.Bytes - count.NewBytes)} of "
            + $"{Sizes.Text(count.Bytes)}, dedup factor {Sizes.Factor(count.Bytes, count.NewBytes)}");
        Console.WriteLine($"{snapshot} is complete and durable after {Sizes.Text(surroundings.Clock.GetElapsedTime(started))}");
        return 0;
    }

    /// <summary>The mode asked for, or the default; a key is needed for all but none.</summary>
    internal static CryptMode Mode(string? text, bool hasKey)
    {
        CryptMode mode = text switch
        {
            null => hasKey ? CryptMode.Encrypt : CryptMode.None,
            "encrypt" => CryptMode.Encrypt,
            "sign-only" => CryptMode.SignOnly,
            _ => CryptMode.None,
        };
        return mode == CryptMode.None || hasKey ? mode : throw new UsageException($"--crypt-mode {text} needs --keyfile");
    }

    private SnapshotName Snapshot(ParseResult parsed)
    {
        string name = parsed.GetValue(id) ?? Environment.MachineName.Split('.')[0];
        if (!BackupGroup.TryParse($"{parsed.GetRequiredValue(type)}/{name}", out BackupGroup? group))
        {
            throw new UsageException($"'{name}' is no backup id: letters, digits, '_', '-' and '.' are allowed");
        }

        long at = parsed.GetValue(time) ?? surroundings.Clock.GetUtcNow().ToUnixTimeSeconds();
        return at is >= 1 and <= SnapshotName.MaxTime
            ? SnapshotName.Create(group!, at)
            : throw new UsageException("--backup-time must be epoch seconds from 1 on");
    }
}
