// Reads `chronyc -c tracking`: one line of fourteen values with commas between (chronyc(1)). Pure.
using System.Globalization;
using Holdfast.Contracts.Sensors;

namespace Holdfast.Agent.Sensors;

/// <summary>The reader.</summary>
public static class ChronyTracking
{
    private const int Values = 14;
    private const int SourceCharsMax = 253;

    /// <summary>Reference id of chrony's own clock (<c>local</c>): it says "Normal" then, and follows nothing.</summary>
    private const string Itself = "7F7F0101";

    /// <summary>Reference id, reference name, stratum, reference time, offset (positive = slow), ..., leap status.</summary>
    /// <exception cref="InvalidDataException">Not such a line.</exception>
    public static ClockFacts Parse(string said)
    {
        var values = said.Trim().Split(',');
        if (values.Length != Values || !int.TryParse(values[2], NumberStyles.None, CultureInfo.InvariantCulture, out var stratum)
            || !double.TryParse(values[4], NumberStyles.Float, CultureInfo.InvariantCulture, out var offset) || !double.IsFinite(offset)
            || values[1].Length > SourceCharsMax)
        {
            throw new InvalidDataException("chronyc said what nobody understands");
        }

        var isSynchronised = values[^1] is "Normal" or "Insert second" or "Delete second" && stratum is > 0 and < 16 && values[0] != Itself;
        return new ClockFacts(isSynchronised, isSynchronised && values[1].Length > 0 ? values[1] : null, stratum, offset);
    }
}
