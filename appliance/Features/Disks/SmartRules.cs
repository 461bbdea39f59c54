// What a report of a disk means: published thresholds (hardware-interfaces section 4), each with its reason in figures. Pure. A rule that once said something
// keeps saying it until its figure is clearly better, so that a disk at a limit tells no story again and again. SMART names some failing disks early and
// others never: it does not replace redundancy.
using System.Globalization;
using Holdfast.Contracts.Disks;

namespace Holdfast.Features.Disks;

/// <summary>What a rule says.</summary>
/// <param name="IsFailing">Replace it; else: watch it.</param>
public sealed record SmartFinding(string Rule, bool IsFailing, string Reason);

/// <summary>The rules.</summary>
public static class SmartRules
{
    /// <summary>Degrees below the limit before a hot disk counts as cool.</summary>
    private const int CoolerBy = 3;

    private const int HotSpinningC = 55;
    private const int HotSolidC = 70;
    private const int WornPercent = 80;
    private const int WornOutPercent = 100;
    private const long OldHours = 45_000;

    /// <summary>What speaks against a disk.</summary>
    /// <param name="before">Names of the rules that spoke before.</param>
    public static IReadOnlyList<SmartFinding> Judge(SmartReport report, bool isRotational, IReadOnlySet<string> before)
    {
        var found = new List<SmartFinding>();
        Say("self-assessment", true, report.Passed == false, () => "the disk itself says that it is failing");
        Say("attribute-below-threshold", true, (report.ExitStatus & 16) != 0, () => "an attribute that foretells failure is below its threshold");
        Say("critical-warning", true, report.CriticalWarning > 0, () => $"NVMe critical warning: {Warning(report.CriticalWarning!.Value)}");
        Say("spare-low", true, report.SparePercent < report.SpareThresholdPercent, () =>
            $"{report.SparePercent} % of the spare is left, {report.SpareThresholdPercent} % are its limit");
        Say("pending-sectors", true, report.PendingSectors > 0, () => $"{report.PendingSectors} sectors could not be read and wait for being written");
        Say("offline-uncorrectable", true, report.OfflineUncorrectable > 0, () => $"{report.OfflineUncorrectable} sectors can't be read");
        Say("uncorrectable-errors", true, report.UncorrectableErrors > 0, () => $"{report.UncorrectableErrors} errors that it could not correct");
        Say("self-test-failed", true, report.SelfTests.FirstOrDefault(test => test.Passed is not null) is { Passed: false },
            () => $"its last self-test failed: {report.SelfTests.First(test => test.Passed is not null).Status}");
        Say("worn-out", true, report.WearPercent >= WornOutPercent, () => $"{report.WearPercent} % of its promised life are used up");
        Say("worn", false, report.WearPercent is >= WornPercent and < WornOutPercent, () => $"{report.WearPercent} % of its promised life are used up");
        Say("reallocated-sectors", false, report.ReallocatedSectors > 0, () => $"{report.ReallocatedSectors} sectors were replaced by spare ones");
        Say("command-timeouts", false, report.CommandTimeouts > 0, () => $"{report.CommandTimeouts} commands timed out: look at power and cabling too");
        Say("cable-errors", false, report.CrcErrors > 0, () =>
            $"{report.CrcErrors} transfers were damaged on the way: the cable or the backplane, not the disk");
        Say("old", false, report.PowerOnHours >= OldHours, () =>
            string.Create(CultureInfo.InvariantCulture, $"it has run for {report.PowerOnHours / 8766.0:0.0} years"));
        var limit = report.TemperatureMaxC is > 0 and var own ? own : isRotational ? HotSpinningC : HotSolidC;
        var hot = before.Contains("hot") ? limit - CoolerBy : limit;
        Say("hot", false, report.TemperatureC >= hot, () => $"{report.TemperatureC} degrees, {limit} are its limit");
        return found;

        void Say(string rule, bool isFailing, bool? applies, Func<string> reason)
        {
            if (applies == true)
            {
                found.Add(new SmartFinding(rule, isFailing, reason()));
            }
        }
    }

    private static string Warning(int bits)
    {
        string[] names = ["spare is low", "temperature", "reliability is degraded", "read-only", "volatile memory backup failed",
            "persistent memory unreliable"];
        return string.Join(", ", names.Where((_, bit) => (bits & (1 << bit)) != 0));
    }
}
