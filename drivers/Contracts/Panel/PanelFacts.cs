// What a front panel shows and what is done to it: indicators with colour and pattern, lines of a display, a buzzer; presses of a button. A pattern says as
// much as a colour, for those who can't tell colours apart.
using System.Text.Json.Serialization;
using Holdfast.Contracts.Agent;
using Holdfast.Contracts.Panel;

namespace Holdfast.Contracts.Panel
{
    /// <summary>How a light is on over time.</summary>
    /// <param name="Name"><c>off</c>, <c>solid</c>, <c>slow</c>, <c>fast</c>, <c>locate</c>, <c>rebuild</c>, <c>predicted</c>.</param>
    /// <param name="OnMs">Length of one blink.</param>
    /// <param name="Count">Blinks before the pause; 0 = always on, or off if <paramref name="OnMs"/> is 0.</param>
    public sealed record BlinkPattern(string Name, int OnMs, int OffMs, int Count, int PauseMs)
    {
        /// <summary>All there are; the last three as SFF-8489 (IBPI) has them.</summary>
        public static readonly IReadOnlyDictionary<string, BlinkPattern> All = new BlinkPattern[]
        {
            new("off", 0, 0, 0, 0), new("solid", 1, 0, 0, 0), new("slow", 1000, 1000, 1, 0), new("fast", 250, 250, 1, 0), new("locate", 125, 125, 1, 0),
            new("rebuild", 500, 500, 1, 0), new("predicted", 125, 125, 2, 500),
        }.ToDictionary(pattern => pattern.Name);

        /// <summary>Whether the light is on at a time.</summary>
        public bool IsOn(long atMs)
        {
            if (Count == 0)
            {
                return OnMs > 0;
            }

            var (one, at) = (OnMs + OffMs, atMs % ((long)(OnMs + OffMs) * Count + PauseMs));
            return at < (long)one * Count && at % one < OnMs;
        }
    }

    /// <summary>One light.</summary>
    /// <param name="Name"><c>power</c>, <c>health</c>, <c>activity</c>, <c>attention</c>, <c>network</c>, <c>tape</c>, <c>disk1</c> and so on.</param>
    /// <param name="Color"><c>off</c>, <c>green</c>, <c>amber</c>, <c>red</c>, <c>blue</c>.</param>
    /// <param name="Pattern">Of <see cref="BlinkPattern.All"/>.</param>
    /// <param name="Text">The same in words.</param>
    public sealed record Indicator(string Name, string Color, string Pattern, string Text);

    /// <summary>All that the panel shows.</summary>
    /// <param name="Lines">Of the display, ASCII.</param>
    /// <param name="Sounds">Whether the buzzer is to be heard.</param>
    public sealed record Picture(IReadOnlyList<Indicator> Indicators, IReadOnlyList<string> Lines, bool Sounds)
    {
        public const int IndicatorsMax = 128;
        public const int LinesMax = 8;
        public const int LineCharsMax = 40;

        /// <summary>What is shown when nobody says what is: never a green light of before.</summary>
        public static readonly Picture Unknown = new(
            [new("power", "green", "slow", "on, service silent"), new("health", "amber", "fast", "unknown"), new("attention", "amber", "fast", "unknown")],
            ["Holdfast", "service is silent"], false);
    }

    /// <summary>Shows a picture until another comes, or for a minute. Changes nothing but lights, and is not recorded.</summary>
    public sealed record ShowPicture(Picture Picture) : AgentRequest;

    /// <summary>What panel there is. Answered by <see cref="PanelSeen"/>.</summary>
    public sealed record ReadPanel : AgentRequest;

    /// <summary>Presses of the panel's button, a watch; each answer is a <see cref="ButtonPressed"/>.</summary>
    public sealed record WatchButton : AgentRequest;

    /// <summary>The profile that is in use. <paramref name="Problems"/>: outputs that can't be reached, and why.</summary>
    public sealed record PanelSeen(string? Profile, IReadOnlyList<string> Outputs, IReadOnlyList<string> Problems) : AgentAnswer;

    /// <summary>The button was pressed.</summary>
    /// <param name="Press"><c>short</c>, <c>long</c> (two seconds), <c>held</c> (six).</param>
    public sealed record ButtonPressed(string Press) : AgentAnswer;
}

namespace Holdfast.Contracts.Agent
{
    [JsonDerivedType(typeof(ShowPicture), "show-picture")]
    [JsonDerivedType(typeof(ReadPanel), "read-panel")]
    [JsonDerivedType(typeof(WatchButton), "watch-button")]
    public abstract partial record AgentRequest;

    [JsonDerivedType(typeof(PanelSeen), "panel-seen")]
    [JsonDerivedType(typeof(ButtonPressed), "button-pressed")]
    public abstract partial record AgentAnswer;
}
