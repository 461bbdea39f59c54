// Takes a bundle in pieces, so that a line that breaks costs one piece, and has the agent look at it: what is not signed for this box is removed at once.
using System.Buffers;
using Holdfast.Contracts.Updates;
using Holdfast.Features.Agent;
using Holdfast.Features.Events;
using Holdfast.Ledger;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Features.Updates;

/// <summary>The upload; one at a time.</summary>
/// <param name="folder">Where the agent looks for it; null = nowhere.</param>
public sealed class UpdateUpload(IAgent agent, UpdateWatch watch, Recorder recorder, Volume? folder)
{
    /// <summary>A slot holds 1 GiB, and the kernel comes beside it.</summary>
    public const long BundleBytesMax = 1536L << 20;

    /// <summary>What one call may bring.</summary>
    public const int PieceBytesMax = 64 << 20;

    /// <summary>Name of a whole bundle; fixed, because the agent takes no path.</summary>
    public const string Name = "bundle.raucb";

    private const string Part = "bundle.part";
    private const long SpareBytes = 512L << 20;
    private const int OwnerOnly = 0x180;
    private static readonly TimeSpan Within = TimeSpan.FromMinutes(2);
    private readonly SemaphoreSlim turn = new(1);

    /// <summary>Takes a piece. The first (offset 0) begins anew; the last has the bundle looked at.</summary>
    /// <returns>What the bundle is once it is whole; null before.</returns>
    /// <exception cref="ApiException">The piece does not fit, there is no room, or the bundle is not for this box.</exception>
    public async Task<BundleFacts?> TakeAsync(Exchange exchange, long offset, long totalBytes, EventMetadata because)
    {
        var length = exchange.BodyLengthBytes;
        if (folder is null)
        {
            throw new ApiException(503, "this appliance has no place for updates");
        }

        if (length is not (> 0 and <= PieceBytesMax) || offset + length > totalBytes)
        {
            throw new ApiException(400, $"a piece has 1 to {PieceBytesMax} bytes, announced, and ends within the bundle");
        }

        if (!await turn.WaitAsync(TimeSpan.Zero).ConfigureAwait(false))
        {
            throw new ApiException(400, "another upload of an update is under way");
        }

        try
        {
            await WriteAsync(folder, exchange, offset, (int)length, totalBytes).ConfigureAwait(false);
            return offset + length == totalBytes ? await LookAsync(folder, totalBytes, because, exchange.Aborted).ConfigureAwait(false) : null;
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>Removes what lies there.</summary>
    public void Remove()
    {
        if (folder is not null && folder.TryStat(Name, out _))
        {
            folder.Unlink(Name);
        }
    }

    private static async Task WriteAsync(Volume folder, Exchange exchange, long offset, int length, long totalBytes)
    {
        if (offset == 0)
        {
            Clear(folder);
            if (folder.Space().AvailableBytes < totalBytes + SpareBytes)
            {
                throw new ApiException(507, $"no room for a bundle of {totalBytes >> 20} MiB: {folder.Space().AvailableBytes >> 20} MiB are free");
            }
        }

        var there = folder.TryStat(Part, out var stat) ? stat.SizeBytes : 0;
        if (there != offset)
        {
            throw new ApiException(400, $"the upload goes on at byte {there}");
        }

        using var file = folder.Open(Part, offset == 0 ? FileUse.Create : FileUse.Write, OwnerOnly);
        var at = offset;
        try
        {
            while (at < offset + length)
            {
                var read = await exchange.Body.ReadAsync(exchange.Aborted).ConfigureAwait(false);
                var taken = read.Buffer.Slice(0, Math.Min(read.Buffer.Length, offset + length - at));
                foreach (var piece in taken)
                {
                    file.Write(piece.Span, at);
                    at += piece.Length;
                }

                exchange.Body.AdvanceTo(taken.End);
                if (read.IsCompleted && at < offset + length)
                {
                    throw new ApiException(400, "the piece ended early");
                }
            }

            file.Sync();
        }
        catch
        {
            // A piece counts whole or not at all.
            file.Truncate(offset);
            throw;
        }
    }

    private async Task<BundleFacts> LookAsync(Volume folder, long sizeBytes, EventMetadata because, CancellationToken cancel)
    {
        folder.Rename(Part, Name);
        folder.SyncFolder("");
        try
        {
            var running = (await watch.LookAsync(cancel).ConfigureAwait(false)).Running;
            var bundle = await agent.AskForAsync<BundleFacts>(new InspectUpdate(), Within, cancel).ConfigureAwait(false);
            if (bundle.Version == running)
            {
                throw new AgentRefusedException($"version {bundle.Version} is the one that runs");
            }

            await recorder.DecideAsync(UpdateWatch.Stream, ExpectedVersion.Any,
                [Event.Of(new UpdateUploaded(bundle.Version, bundle.Build, bundle.ManifestHash, sizeBytes), because)], default, cancel).ConfigureAwait(false);
            return bundle;
        }
        catch (AgentRefusedException refused)
        {
            Remove();
            await recorder.NoteAsync(UpdateWatch.Stream, new UpdateRefused(refused.Message, sizeBytes), because).ConfigureAwait(false);
            throw;
        }
        catch
        {
            Remove();
            throw;
        }
    }

    private static void Clear(Volume folder)
    {
        foreach (var name in (string[])[Part, Name])
        {
            if (folder.TryStat(name, out _))
            {
                folder.Unlink(name);
            }
        }
    }
}
