// What a pool gets when it is made here: a scrub a month, and for the disks a short self-test a week and a long one a month. Ordinary jobs: seen, changed and
// removed like any other, and not made again.
using Holdfast.Features.Events;
using Holdfast.Ledger;

namespace Holdfast.Features.Schedules;

/// <summary>Makes those jobs.</summary>
public sealed class DefaultCare(Func<JobsState> jobs, Recorder recorder)
{
    /// <summary>Of a pool that was just made.</summary>
    /// <returns>What was made, for people.</returns>
    public async Task<IReadOnlyList<string>> OfPoolAsync(string pool, EventMetadata because)
    {
        var made = new List<string>();
        var state = jobs();
        await MakeAsync("scrub", "scrub-" + pool, ("pool", pool), ("schedule", "sun *-1..7 02:00")).ConfigureAwait(false);
        if (!state.OfKind("self-test").Any())
        {
            await MakeAsync("self-test", "disks-short", ("test", "short"), ("schedule", "sat 04:00")).ConfigureAwait(false);
            await MakeAsync("self-test", "disks-long", ("test", "long"), ("schedule", "sat *-15..21 05:00")).ConfigureAwait(false);
        }

        return made;

        async Task MakeAsync(string kind, string id, params (string Name, string Value)[] options)
        {
            id = id[..Math.Min(id.Length, IdCharsMax)];
            if (state.Find(kind, id) is not null)
            {
                return;
            }

            var chosen = new SortedDictionary<string, string>(options.ToDictionary(option => option.Name, option => option.Value), StringComparer.Ordinal);
            await recorder.DecideAsync($"job:{kind}:{id}", ExpectedVersion.Any,
                [Event.Of(new JobCreated(kind, id, chosen), because)])
                .ConfigureAwait(false);
            made.Add($"{kind} job '{id}' ({chosen["schedule"]})");
        }
    }

    /// <summary>PBS's longest name of a job.</summary>
    private const int IdCharsMax = 32;
}
