// Shows pictures on the outputs of a profile, with their patterns kept going, until nobody says anything for a minute: then it shows that it does not know.
// What can't be switched is left out and named; a panel is never a reason for anything else to fail.
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

    private readonly Dictionary<(string Indicator, string Color), ISwitch> lights = [];
    private readonly Dictionary<(string Indicator, string Color), bool> isOn = [];
    private readonly ISwitch? buzzer;
    private readonly IDisplay? display;
    private readonly TimeProvider clock;
    private readonly List<string> problems = [];
    private readonly CancellationTokenSource stop = new();
    private readonly Task running;
    private IReadOnlyList<string> written = [];
    private bool sounds;
    private volatile Picture picture = Picture.Unknown;
    private long shownAt;

    public PanelRunner(HardwareProfile profile, IPanelHardware hardware, TimeProvider clock)
    {
        (Profile, this.clock) = (profile, clock);
        foreach (var (indicator, colors) in profile.Lights)
        {
            foreach (var (color, output) in colors)
            {
                if (Try(() => hardware.Open(output), output.ToString()) is { } light)
                {
                    lights[(indicator, color)] = light;
                }
            }
        }

        buzzer = profile.Buzzer is { } sound ? Try(() => hardware.Open(sound), sound.ToString()) : null;
        display = profile.Display is { } screen ? Try(() => hardware.Open(screen), $"display {screen.Bus}:0x{screen.Address:x2}") : null;
        shownAt = clock.GetTimestamp() - (long)(Stale.TotalSeconds * 2 * clock.TimestampFrequency);
        running = RunAsync();
    }

    public HardwareProfile Profile { get; }

    /// <summary>What can't be reached, and why.</summary>
    public IReadOnlyList<string> Problems
    {
        get
        {
            lock (problems)
            {
                return [.. problems];
            }
        }
    }

    /// <summary>Shows this from now on.</summary>
    public void Show(Picture next) => (picture, shownAt) = (next, clock.GetTimestamp());

    /// <summary>What is shown at the moment: the last picture, or that nobody knows.</summary>
    public Picture Shown => clock.GetElapsedTime(Volatile.Read(ref shownAt)) < Stale ? picture : Picture.Unknown;

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync().ConfigureAwait(false);
        await running.ConfigureAwait(false);
        foreach (var ((name, color), light) in lights)
        {
            Guard(light.Dispose, $"{name}.{color}");
        }

        Guard(() => buzzer?.Dispose(), "buzzer");
        Guard(() => display?.Dispose(), "display");
        stop.Dispose();
    }

    /// <summary>Switches everything as it is to be at a time.</summary>
    public void Apply(long atMs)
    {
        var now = Shown;
        foreach (var ((name, color), light) in lights)
        {
            var indicator = now.Indicators.FirstOrDefault(one => one.Name == name);
            var wanted = indicator is not null && indicator.Color == color && BlinkPattern.All.TryGetValue(indicator.Pattern, out var pattern)
                && pattern.IsOn(atMs);
            if (!isOn.TryGetValue((name, color), out var was) || was != wanted)
            {
                Guard(() => light.Set(wanted), $"{name}.{color}");
                isOn[(name, color)] = wanted;
            }
        }

        if (buzzer is not null && sounds != now.Sounds)
        {
            sounds = now.Sounds;
            Guard(() => buzzer.Set(sounds), "buzzer");
        }

        if (display is not null && !written.SequenceEqual(now.Lines))
        {
            written = now.Lines;
            Guard(() => display.Write(written), "display");
        }
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

    private T? Try<T>(Func<T> open, string what) where T : class
    {
        try
        {
            return open();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Say($"{what}: {error.Message}");
            return null;
        }
    }

    private void Guard(Action act, string what)
    {
        try
        {
            act();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Say($"{what}: {error.Message}");
        }
    }

    private void Say(string problem)
    {
        const int problemsMax = 100;
        lock (problems)
        {
            if (problems.Count < problemsMax && !problems.Contains(problem))
            {
                problems.Add(problem);
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
