// A file that is nothing but weight, in the file system of the ledger: when that is about to be full, it is thrown off, and the ledger has room to go on while
// somebody makes space. It is laid down again once there is plenty.
using System.Security.Cryptography;
using System.Text.Json.Serialization.Metadata;
using Holdfast.Features.Events;
using Holdfast.Ledger;
using Holdfast.Storage;

namespace Holdfast.Features.Node;

/// <summary>The file system of the ledger was almost full, and the ballast was thrown off.</summary>
public sealed record BallastThrownOff(long SizeBytes, long AvailableBytes) : IEventData<BallastThrownOff>
{
    public static string EventType => "BallastThrownOff/1";
    public static JsonTypeInfo<BallastThrownOff> Json => EventJson.Default.BallastThrownOff;
}

/// <summary>There is room again, and the ballast lies where it was.</summary>
public sealed record BallastLaidDown(long SizeBytes) : IEventData<BallastLaidDown>
{
    public static string EventType => "BallastLaidDown/1";
    public static JsonTypeInfo<BallastLaidDown> Json => EventJson.Default.BallastLaidDown;
}

/// <summary>The ballast.</summary>
/// <param name="data">Volume in the ledger's file system.</param>
public sealed class Ballast(Volume data, Recorder recorder)
{
    public const string FileName = "ballast";
    public const long SizeBytes = 64L << 20;

    /// <summary>Below it the ballast goes.</summary>
    public const long AlmostFullBytes = 32L << 20;

    /// <summary>Above it there is plenty.</summary>
    public const long PlentyBytes = 1L << 30;

    private const int PieceBytes = 1 << 20;
    private const string Aside = FileName + ".new";

    /// <summary>Looks, and does what is to be done.</summary>
    public async Task CheckAsync()
    {
        try
        {
            var available = data.Space().AvailableBytes;
            var isThere = data.TryStat(FileName, out var stat);
            if (isThere && available < AlmostFullBytes)
            {
                data.Unlink(FileName);
                await recorder.NoteAsync("node:ballast", new BallastThrownOff(stat.SizeBytes, available), EventMetadata.System).ConfigureAwait(false);
            }
            else if (!isThere && available > PlentyBytes)
            {
                LayDown();
                await recorder.NoteAsync("node:ballast", new BallastLaidDown(SizeBytes), EventMetadata.System).ConfigureAwait(false);
            }
        }
        catch (StorageException)
        {
            // The next look tries again; what is wrong with the disk is told by those who need it.
        }
    }

    /// <summary>Random bytes: a file system that compresses would make nothing of zeros.</summary>
    private void LayDown()
    {
        var piece = new byte[PieceBytes];
        using (var file = data.Open(Aside, FileUse.Create))
        {
            for (var at = 0L; at < SizeBytes; at += PieceBytes)
            {
                RandomNumberGenerator.Fill(piece);
                file.Write(piece, at);
            }

            file.Sync();
        }

        data.Rename(Aside, FileName);
        data.SyncFolder("");
    }
}
