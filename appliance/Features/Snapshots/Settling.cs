// The word that the disk shows what was decided of a row of snapshots, said by who did not hold all of them until the end: nothing that was decided of one
// of them meanwhile may be taken for done.
using Holdfast.Features.Events;
using Holdfast.Ledger;

namespace Holdfast.Features.Snapshots;

/// <summary>Tells <see cref="GroupSettled"/> for several snapshots at once.</summary>
public sealed class Settling(Func<SnapshotsState> snapshots, Leases leases, Recorder recorder)
{
    private const int TriesMax = 5;

    /// <summary>Tells of those that nobody is changing. Who decides about a snapshot has its manifest's turn from before the decision until the disk shows it;
    /// so one whose turn is free now, in a stream that has not grown since, has nothing undone. What is left out is done again by the next start.</summary>
    /// <param name="times">Backup times whose changes the disk shows.</param>
    /// <param name="group">Owner and notes of the group, and where it lies, are done too; its lease is held.</param>
    public async Task TellAsync(GroupKey key, IReadOnlyCollection<long> times, bool group, EventMetadata because)
    {
        for (var tries = 0; tries < TriesMax; tries++)
        {
            var version = snapshots().Find(key)?.Version ?? ExpectedVersion.Any;
            var settled = new GroupSettled(key.Store, key.Ns, key.BackupType, key.BackupId,
                [.. times.Where(time => !leases.IsManifestBusy(key, time)).Order()], group);
            if (settled.BackupTimes.Count == 0 && !group)
            {
                return;
            }

            try
            {
                if (await recorder.DecideAsync(key.Stream, version, [Event.Of(settled, because)]).ConfigureAwait(false) is AppendOutcome.Appended)
                {
                    return;
                }
            }
            catch (LedgerUnavailableException)
            {
                return;
            }
        }
    }
}
