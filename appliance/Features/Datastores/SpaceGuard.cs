// Keeps a reserve free in a datastore's file system: backups stop before the disk is full, so that garbage collection, prune and the ledger always have room to
// work. Looks at the file system rarely: once for every 64 MiB that were let in.
using System.Globalization;
using Holdfast.Storage;

namespace Holdfast.Features.Datastores;

/// <summary>The reserve of one datastore. Thread-safe.</summary>
public sealed class SpaceGuard(string store, Func<VolumeSpace> look)
{
    private const long MiB = 1 << 20;
    private const long LookEveryBytes = 64 * MiB;
    private const long ReserveMaxBytes = 1024 * MiB;
    private const long SmallDiskBytes = 2048 * MiB;

    private long reserveBytes = -1;
    private long sinceLook = LookEveryBytes;
    private string? refusal;

    /// <summary>What is kept free where nothing was configured: a hundredth of the file system, 64 MiB to 1 GiB; nothing on one below 2 GiB.</summary>
    public static long DefaultReserveBytes(long totalBytes) =>
        totalBytes < SmallDiskBytes ? 0 : Math.Clamp(totalBytes / 100, 64 * MiB, ReserveMaxBytes);

    /// <summary>Takes the reserve from the configuration.</summary>
    public void Configure(DatastoreFacts facts) => Volatile.Write(ref reserveBytes,
        facts.Options.TryGetValue(StoreOption.ReserveMiB, out var text) && long.TryParse(text, CultureInfo.InvariantCulture, out var mib) ? mib * MiB : -1);

    /// <summary>Why no new backup is taken now, or null.</summary>
    public string? Refuse()
    {
        Interlocked.Exchange(ref sinceLook, 0);
        var space = look();
        var reserve = Volatile.Read(ref reserveBytes) is >= 0 and var configured ? configured : DefaultReserveBytes(space.TotalBytes);
        var found = space.AvailableBytes >= reserve
            ? null
            : $"datastore '{store}' is almost full: {space.AvailableBytes / MiB} MiB are free, and {reserve / MiB} MiB are kept for garbage collection "
                + "and the ledger; backups are taken again once there is more";
        Volatile.Write(ref refusal, found);
        return found;
    }

    /// <summary>Lets so many bytes in.</summary>
    /// <exception cref="RefusedException">Nothing is let in any more.</exception>
    public void Admit(long sizeBytes)
    {
        if (Interlocked.Add(ref sinceLook, sizeBytes) < LookEveryBytes && Volatile.Read(ref refusal) is null)
        {
            return;
        }

        if (Refuse() is { } text)
        {
            throw new RefusedException(text);
        }
    }
}
