// Shows pictures on the outputs of a profile, with their patterns kept going, until nobody says anything for a minute: then it shows that it does not know.
// What can't be reached is named and looked for again; a panel is never a reason for anything else to fail.
using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Holdfast.Contracts.Panel;

namespace Holdfast.Panel;

/// <summary>Switches one output.</summary>
public interface ISwitch : IDisposable
{
    /// <exception cref="IOException">It can't be switched.</exception>
    void Set(bool isOn);
}

/// <summary>Writes lines on a display.</summary>
public interface IDisplay : IDisposable
{
    /// <exception cref="IOException">It can't be written.</exception>
    void Write(IReadOnlyList<string> lines);

    /// <summary>The next writing writes all of it, also what is shown already.</summary>
    void Forget();
}

/// <summary>Opens what a profile names.</summary>
public interface IPanelHardware
{
    /// <exception cref="IOException">It is not there.</exception>
    ISwitch Open(ProfileOutput output);

    /// <exception cref="IOException">It is not there.</exception>
    IDisplay Open(ProfileDisplay display);

    /// <summary>Times at which the button changed, with what it is from then on (true = pressed), until <paramref name="cancel"/>.</summary>
    /// <exception cref="IOException">It is not there.</exception>
    IAsyncEnumerable<(long AtMs, bool IsPressed)> Presses(ProfileOutput button, CancellationToken cancel);
}

/// <summary>The runner.</summary>
public sealed class PanelRunner : IAsyncDisposable
{
    /// <summary>Half of the shortest blink.</summary>
    public static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(62.5);

    /// <summary>A picture counts so long.</summary>
    public static readonly TimeSpan Stale = TimeSpan.FromSeconds(60);

    /// <summary>What is not there is looked for that often: a panel behind a USB adapter comes and goes.</summary>
    public static readonly TimeSpan Again = TimeSpan.FromSeconds(5);

    /// <summary>Unchanged text is written again that seldom: it takes the bus a while.</summary>
    public static readonly TimeSpan TextAgain = TimeSpan.FromSeconds(60);

    private readonly Dictionary<(string Indicator, string Color), Part<ISwitch>> lights = [];
    private readonly Dictionary<(string Indicator, string Color), bool> isOn = [];
    private readonly Part<ISwitch>? buzzer;
    private readonly Part<IDisplay>? display;
    private readonly TimeProvider clock;
    private readonly ConcurrentDictionary<string, string> problems = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource stop = new();
    private readonly Task running;
    private IReadOnlyList<string> written = [];
    private bool sounds;
    private volatile Picture picture = Picture.Unknown;
    private long shownAt;
    private long switchedAt;
    private long writtenAt;

    public PanelRunner(HardwareProfile profile, IPanelHardware hardware, TimeProvider clock)
    {
        (Profile, this.clock) = (profile, clock);
        foreach (var (indicator, colors) in profile.Lights)
        {
            foreach (var (color, output) in colors)
            {
                lights[(indicator, color)] = Of(output, () => isOn.Remove((indicator, color)));
            }
        }

        buzzer = profile.Buzzer is { } sound ? Of(sound, () => sounds = false) : null;
        display = profile.Display is { } screen
            ? new Part<IDisplay>($"display {screen.Bus}:0x{screen.Address:x2}", () => hardware.Open(screen), () => written = [], problems, clock) : null;
        shownAt = clock.GetTimestamp() - (long)(Stale.TotalSeconds * 2 * clock.TimestampFrequency);
        (switchedAt, writtenAt) = (clock.GetTimestamp(), clock.GetTimestamp());
        running = RunAsync();

        Part<ISwitch> Of(ProfileOutput output, Action opened) => new(output.ToString(), () => hardware.Open(output), opened, problems, clock);
    }

    public HardwareProfile Profile { get; }

    /// <summary>What can't be reached at the moment, and why.</summary>
    public IReadOnlyList<string> Problems => [.. problems.OrderBy(one => one.Key, StringComparer.Ordinal).Select(one => $"{one.Key}: {one.Value}")];

    /// <summary>Shows this from now on.</summary>
    public void Show(Picture next) => (picture, shownAt) = (next, clock.GetTimestamp());

    /// <summary>What is shown at the moment: the last picture, or that nobody knows.</summary>
    public Picture Shown => clock.GetElapsedTime(Volatile.Read(ref shownAt)) < Stale ? picture : Picture.Unknown;

    /// <summary>The button's changes, for as long as somebody listens; while it can't be reached that is one of the problems, and it is looked for.</summary>
    /// <param name="follow">Its changes, once: ends with an IOException when it is gone.</param>
    public async IAsyncEnumerable<(long AtMs, bool IsPressed)> FollowAsync(
        Func<CancellationToken, IAsyncEnumerable<(long AtMs, bool IsPressed)>> follow, [EnumeratorCancellation] CancellationToken cancel)
    {
        var name = $"button {Profile.Button}";
        while (true)
        {
            await using var changes = follow(cancel).GetAsyncEnumerator(cancel);
            while (await NextAsync(changes).ConfigureAwait(false))
            {
                problems.TryRemove(name, out _);
                yield return changes.Current;
            }

            await Task.Delay(Again, clock, cancel).ConfigureAwait(false);
        }

        async Task<bool> NextAsync(IAsyncEnumerator<(long, bool)> changes)
        {
            try
            {
                return await changes.MoveNextAsync().ConfigureAwait(false);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                problems[name] = error.Message;
                return false;
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync().ConfigureAwait(false);
        await running.ConfigureAwait(false);
        foreach (var light in lights.Values)
        {
            light.Dispose();
        }

        buzzer?.Dispose();
        display?.Dispose();
        stop.Dispose();
    }

    /// <summary>Switches everything as it is to be at a time.</summary>
    public void Apply(long atMs)
    {
        var now = Shown;

        // Also what has not changed, now and then: what was unplugged says so only when it is switched.
        var isDue = IsDue(ref switchedAt, Again);
        foreach (var ((name, color), light) in lights)
        {
            var indicator = now.Indicators.FirstOrDefault(one => one.Name == name);
            var wanted = indicator is not null && indicator.Color == color && BlinkPattern.All.TryGetValue(indicator.Pattern, out var pattern)
                && pattern.IsOn(atMs);
            if (light.IsReached() && (isDue || !isOn.TryGetValue((name, color), out var was) || was != wanted) && light.Do(one => one.Set(wanted)))
            {
                isOn[(name, color)] = wanted;
            }
        }

        if (buzzer is not null && buzzer.IsReached() && (isDue || sounds != now.Sounds) && buzzer.Do(one => one.Set(now.Sounds)))
        {
            sounds = now.Sounds;
        }

        if (display is null || !display.IsReached())
        {
            return;
        }

        var isTextDue = IsDue(ref writtenAt, TextAgain);
        if ((isTextDue || !written.SequenceEqual(now.Lines)) && display.Do(one =>
            {
                if (isTextDue)
                {
                    one.Forget();
                }

                one.Write(now.Lines);
            }))
        {
            written = now.Lines;
        }
    }

    private bool IsDue(ref long doneAt, TimeSpan every)
    {
        if (clock.GetElapsedTime(doneAt) < every)
        {
            return false;
        }

        doneAt = clock.GetTimestamp();
        return true;
    }

    private async Task RunAsync()
    {
        using var timer = new PeriodicTimer(Tick, clock);
        var started = clock.GetTimestamp();
        try
        {
            do
            {
                Apply((long)clock.GetElapsedTime(started).TotalMilliseconds);
            }
            while (await timer.WaitForNextTickAsync(stop.Token).ConfigureAwait(false));
        }
        catch (OperationCanceledException)
        {
            // The agent stops.
        }
    }

    /// <summary>A part of the panel that may be away: what went wrong with it is a problem until it can be reached again.</summary>
    /// <param name="opened">It is there anew, in a state that nobody knows.</param>
    private sealed class Part<T>(string name, Func<T> open, Action opened, ConcurrentDictionary<string, string> problems, TimeProvider clock) : IDisposable
        where T : class, IDisposable
    {
        private T? part;
        private long? triedAt;

        /// <summary>Opens it if it is not open and was not tried a moment ago.</summary>
        public bool IsReached()
        {
            if (part is not null || (triedAt is { } at && clock.GetElapsedTime(at) < Again))
            {
                return part is not null;
            }

            triedAt = clock.GetTimestamp();
            if (!Guard(() => part = open()))
            {
                return false;
            }

            problems.TryRemove(name, out _);
            opened();
            return true;
        }

        /// <summary>Does something with it; false: it is away from now on.</summary>
        public bool Do(Action<T> act)
        {
            if (Guard(() => act(part!)))
            {
                return true;
            }

            // What goes away says so again when it is let go of.
            var gone = part!;
            part = null;
            triedAt = clock.GetTimestamp();
            Guard(gone.Dispose);
            return false;
        }

        public void Dispose() => Guard(() => part?.Dispose());

        private bool Guard(Action act)
        {
            try
            {
                act();
                return true;
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                problems[name] = error.Message;
                return false;
            }
        }
    }
}

/// <summary>Turns changes of a button into presses. Pure.</summary>
public static class ButtonPresses
{
    public const int DebounceMs = 20;
    public const int LongMs = 2000;
    public const int HeldMs = 6000;

    /// <summary>The press that ended, or null if it was none.</summary>
    public static string? Of(long pressedMs, long releasedMs) => (releasedMs - pressedMs) switch
    {
        < DebounceMs => null,
        < LongMs => "short",
        < HeldMs => "long",
        _ => "held",
    };
}
