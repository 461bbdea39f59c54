// What to keep: PBS's six numbers (pbs-protocol.md 4.2, 5.1), as parameters of a call, as text of a log, as part of an event.
using System.Globalization;
using System.Text.Json.Serialization;
using Holdfast.Wire;

namespace Holdfast.Features.Prune;

/// <summary>How many snapshots of each kind stay in a group; null = that rule is not applied. Without any rule everything stays.</summary>
public sealed record RetentionPolicy(
    long? KeepLast = null, long? KeepHourly = null, long? KeepDaily = null, long? KeepWeekly = null, long? KeepMonthly = null, long? KeepYearly = null)
{
    private static readonly string[] Names = ["keep-last", "keep-hourly", "keep-daily", "keep-weekly", "keep-monthly", "keep-yearly"];

    /// <summary>The parameters of a call, as PBS has them.</summary>
    public static IReadOnlyList<Parameter> Parameters { get; } =
        [.. Names.Select(name => Parameter.Integer(name) with { Optional = true, Minimum = 1 })];

    /// <summary>True if nothing may be removed.</summary>
    [JsonIgnore]
    public bool KeepsEverything => Numbers.All(number => number is null or 0);

    private long?[] Numbers => [KeepLast, KeepHourly, KeepDaily, KeepWeekly, KeepMonthly, KeepYearly];

    /// <summary>Reads the parameters of a checked call.</summary>
    public static RetentionPolicy Of(ApiParameters parameters) => new(
        parameters.OptionalInteger("keep-last"), parameters.OptionalInteger("keep-hourly"), parameters.OptionalInteger("keep-daily"),
        parameters.OptionalInteger("keep-weekly"), parameters.OptionalInteger("keep-monthly"), parameters.OptionalInteger("keep-yearly"));

    /// <summary>Null if every number that is set is at least 1, else PBS's reason.</summary>
    public string? Validate()
    {
        var numbers = Numbers;
        for (var i = 0; i < numbers.Length; i++)
        {
            if (numbers[i] < 1)
            {
                return string.Create(CultureInfo.InvariantCulture, $"'{Names[i]}': value must have a minimum value of 1 (got {numbers[i]})");
            }
        }

        return null;
    }

    /// <summary><c>--keep-last 5 --keep-daily 7</c>; empty if no rule is set.</summary>
    public override string ToString() => string.Join(' ', Names.Zip(Numbers).Where(pair => pair.Second is not null)
        .Select(pair => string.Create(CultureInfo.InvariantCulture, $"--{pair.First} {pair.Second}")));
}
