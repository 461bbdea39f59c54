// Bytes, rates and spans as people read them.
using System.Globalization;

namespace Holdfast.Cli;

internal static class Sizes
{
    private static readonly string[] Units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

    /// <summary>"0 B", "1.500 KiB", "12.25 GiB": four significant digits at most.</summary>
    public static string Text(double bytes)
    {
        int unit = 0;
        while (bytes >= 1024 && unit < Units.Length - 1)
        {
            bytes /= 1024;
            unit++;
        }

        string format = unit == 0 ? "0" : bytes < 10 ? "0.000" : bytes < 100 ? "0.00" : "0.0";
        return bytes.ToString(format, CultureInfo.InvariantCulture) + " " + Units[unit];
    }

    /// <summary>"0.4 s", "12.0 s", "3 min 05 s", "2 h 07 min".</summary>
    public static string Text(TimeSpan span)
    {
        if (span.TotalSeconds < 60)
        {
            return span.TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture) + " s";
        }

        return span.TotalHours < 1
            ? string.Create(CultureInfo.InvariantCulture, $"{(int)span.TotalMinutes} min {span.Seconds:00} s")
            : string.Create(CultureInfo.InvariantCulture, $"{(int)span.TotalHours} h {span.Minutes:00} min");
    }

    /// <summary>How many bytes were stored for each byte that had to be sent: "3.20"; "all known" if none was.</summary>
    public static string Factor(long totalBytes, long newBytes) => newBytes == 0
        ? "all known"
        : ((double)totalBytes / newBytes).ToString("0.00", CultureInfo.InvariantCulture);
}
