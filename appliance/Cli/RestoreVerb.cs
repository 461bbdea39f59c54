// `holdfast restore`: one archive of a snapshot, from a server or from a datastore's folder, every byte checked on the way. Folders come back as folders.
using System.CommandLine;
using Holdfast.Storage;

namespace Holdfast.Cli;

internal sealed class RestoreVerb
{
    private readonly Argument<string> snapshot = new("snapshot")
    {
        Description = "TYPE/ID/TIME as 'holdfast snapshots' lists it; TYPE/ID takes the newest.",
    };

    private readonly Argument<string> archive = new("archive") { Description = "root.pxar, disk.img, vm.conf, ..." };
    private readonly Argument<string> target = new("target") { Description = "Folder (for .pxar), file, block device, or - for standard output." };
    private readonly Option<string?> keyFile = KeySource.Option();
    private readonly Option<bool> force = new("--force") { Description = "Replace an existing file, once the restore is complete; fill an existing folder." };
    private readonly Option<string[]> patterns = new("--pattern")
    {
        Description = "Restore only what matches of a folder: *.conf, /etc/ssh, docs/. Can be given several times; ! in front leaves out.",
    };

    private readonly SourceOptions source = new();
    private readonly Surroundings surroundings;

    public RestoreVerb(Surroundings surroundings)
    {
        this.surroundings = surroundings;
        Command = new Command("restore", "Restores an archive.") { snapshot, archive, target, keyFile, force, patterns };
        source.AddTo(Command);
        Command.SetAction(RunAsync);
    }

    public Command Command { get; }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancel)
    {
        string to = parsed.GetRequiredValue(target);
        using CryptConfig? crypt = KeySource.Open(parsed.GetValue(keyFile));
        long started = surroundings.Clock.GetTimestamp();
        await using ISnapshotSource store = await source.OpenAsync(parsed, surroundings, cancel);
        SnapshotName name = await SnapshotChecks.ResolveAsync(store, parsed.GetRequiredValue(snapshot), cancel);
        await using IOpenSnapshot opened = await store.OpenAsync(name, crypt, cancel);
        string wanted = parsed.GetRequiredValue(archive);
        IReadOnlyList<string> only = parsed.GetValue(patterns) ?? [];
        if (to != "-" && OpenTree.Find(opened.Manifest, wanted) is { } tree)
        {
            SnapshotChecks.Require(opened.Manifest, tree.Archive.Name, crypt);
            return await RestoreTreeAsync(
                name, opened, new TreeRestore.Wish(tree.Archive, tree.Payload, to, only, parsed.GetValue(force)), started, cancel);
        }

        ManifestFile file = SnapshotChecks.Require(opened.Manifest, wanted, crypt);
        if (only.Count > 0)
        {
            throw new UsageException($"--pattern is for folders: {wanted} is restored whole");
        }

        // Standard output may be the archive itself.
        TextWriter say = to == "-" ? Console.Error : Console.Out;
        var progress = new Progress(ArchiveNames.Short(file.Name), file.SizeBytes, surroundings.Clock);
        using RestoreTarget output = RestoreTarget.Open(to, file.SizeBytes, parsed.GetValue(force));
        var written = new CountingStream(output.Output);
        try
        {
            await opened.RestoreAsync(file, written, progress, cancel);
            output.Commit();
        }
        catch (Exception fault)
        {
            progress.End();
            throw Failed(fault, output, to, written.Position);
        }

        progress.End();
        TimeSpan took = surroundings.Clock.GetElapsedTime(started);
        string checks = crypt is not null && opened.Manifest.Signature is not null ? "chunks, index and signature checked" : "all checked";
        say.WriteLine($"{name} {ArchiveNames.Short(file.Name)}: {Sizes.Text(written.Position)} restored to {to} in {Sizes.Text(took)} "
            + $"({Sizes.Text(written.Position / Math.Max(0.001, took.TotalSeconds))}/s), {checks}");
        return 0;
    }

    private async Task<int> RestoreTreeAsync(
        SnapshotName name, IOpenSnapshot opened, TreeRestore.Wish wish, long started, CancellationToken cancel)
    {
        try
        {
            (ExtractCount count, int problems) = await new TreeRestore(opened, surroundings.Clock).RunAsync(wish, cancel);
            TimeSpan took = surroundings.Clock.GetElapsedTime(started);
            Console.WriteLine($"{name} {ArchiveNames.Short(wish.Archive.Name)}: {count.Files} files, {count.Folders} folders, {count.HardLinks} hard links, "
                + $"{count.Others} others, {Sizes.Text(count.Bytes)} restored to {wish.Target} in {Sizes.Text(took)}");
            if (!TreeNode.IsPrivileged)
            {
                Console.WriteLine("owners were not restored: only root can give files away");
            }

            return problems == 0 ? 0 : throw new FailedException($"{problems} times something could not be restored as it was, see above");
        }
        catch (Exception fault) when (fault is not FailedException and not UsageException)
        {
            string text = fault is OperationCanceledException ? "stopped" : Faults.Explain(fault).Text;
            throw new FailedException($"{text}; {wish.Target} holds what was restored so far and is NOT complete", fault);
        }
    }

    private static FailedException Failed(Exception fault, RestoreTarget output, string to, long written)
    {
        string text = fault is OperationCanceledException ? "stopped" : Faults.Explain(fault).Text;
        return new FailedException(
            output.IsInPlace
                ? $"{text}; {(to == "-" ? "standard output" : to)} holds the first {Sizes.Text(written)} and is NOT complete"
                : $"{text}; nothing was left at {to}",
            fault);
    }

    /// <summary>Counts what went through in order.</summary>
    private sealed class CountingStream(Stream inner) : Stream
    {
        private long count;

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => count;

        public override long Position
        {
            get => count;
            set => throw new NotSupportedException();
        }

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await inner.WriteAsync(buffer, cancellationToken);
            count += buffer.Length;
        }

        public override void Write(byte[] buffer, int offset, int count)
        {
            inner.Write(buffer, offset, count);
            this.count += count;
        }

        public override void Flush() => inner.Flush();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
