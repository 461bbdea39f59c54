// Sizes as people read them, in binary units, as PBS's logs have them.
using System.Globalization;

namespace Holdfast.Features.GarbageCollection;

internal static class Sizes
{
    private static readonly string[] Units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

    /// <summary><c>591 B</c>, <c>9.538 MiB</c>: four digits at most.</summary>
    public static string Text(long sizeBytes)
    {
        double value = sizeBytes;
        var unit = 0;
        while (value >= 1024 && unit < Units.Length - 1)
        {
            value /= 1024;
            unit++;
        }

        var form = unit == 0 ? "0" : value >= 100 ? "0.#" : value >= 10 ? "0.##" : "0.###";
        return value.ToString(form, CultureInfo.InvariantCulture) + " " + Units[unit];
    }
}
