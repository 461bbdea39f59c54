// Targets of the drivers: what the system's tools say, what a UPS's server says, a hardware profile. The seeds are transcripts of the real tools.
using System.Text;
using Holdfast.Agent.Nfs;
using Holdfast.Agent.Sensors;
using Holdfast.Agent.Updates;
using Holdfast.Panel;
using Holdfast.Smart;
using Holdfast.Ups;
using Holdfast.Zfs;

namespace Holdfast.Tests.Fuzz;

internal static class DriverTargets
{
    public static IEnumerable<FuzzTarget> All()
    {
        yield return new(nameof(SystemUnderTest.PoolJson), [typeof(PoolJson)],
            Transcripts("list.json", "datasets.json", "snapshots.json", "status-damaged.json"), JsonGood)
        {
            IsText = true, Refusals = [typeof(InvalidDataException)], AllocationBase = 256 * 1024, AllocationPerByte = 400, MaxLength = 64 * 1024,
        };
        yield return new(nameof(SystemUnderTest.PoolText), [typeof(PoolText), typeof(ImportText), typeof(DatasetText)],
            Transcripts("status-degraded.txt", "status-resilver.txt", "datasets.txt", "import.txt", "list.txt"), TextGood)
        {
            IsText = true, AllocationBase = 256 * 1024, AllocationPerByte = 400, MaxLength = 64 * 1024,
        };
        yield return new(nameof(SystemUnderTest.DiskListing), [typeof(DiskListing)], Transcripts("lsblk.json"),
            bytes => DiskListing.Parse(Text(bytes), _ => []).Count > 0)
        {
            IsText = true, Refusals = [typeof(InvalidDataException)], AllocationBase = 256 * 1024, AllocationPerByte = 400, MaxLength = 64 * 1024,
        };
        yield return new(nameof(SystemUnderTest.SmartReport), [typeof(SmartJson)], Transcripts("smart-sda.json", "smart-nvme0n1.json"),
            bytes => SmartJson.Read("d", Text(bytes)).Problem is null)
        {
            IsText = true, Refusals = [typeof(InvalidDataException)], AllocationBase = 256 * 1024, AllocationPerByte = 400, MaxLength = 64 * 1024,
        };
        yield return new(nameof(SystemUnderTest.NutLine), [typeof(NutLine), typeof(NutUps)],
            Seeds.Texts("VAR ups ups.status \"OL CHRG\"", "UPS ups \"a \\\"b\\\" \\\\c\"", "ERR DATA-STALE"),
            NutGood) { IsText = true, Refusals = [typeof(InvalidDataException)] };
        yield return new(nameof(SystemUnderTest.HardwareProfile), [typeof(HardwareProfile)], Seeds.Texts(
            """{"name":"a","lights":{"health":{"green":{"led":"x"},"red":{"chip":"c","line":3,"active-low":true}}},"button":{"chip":"c","line":4}}""",
            """{"name":"b","lights":{},"display":{"kind":"hd44780-pcf8574","bus":"i2c-1","address":39,"columns":20,"rows":4}}"""), ProfileGood)
        {
            IsText = true, AllocationBase = 256 * 1024, AllocationPerByte = 1000,
        };
        yield return new(nameof(SystemUnderTest.AgentTools), [typeof(UpdateReader), typeof(ChronyTracking)], Seeds.Texts(
            "C0A80101,ntp.example,3,1795651200.1,0.000012,0.000003,0.00001,-1.2,0.001,0.02,0.01,0.001,64.2,Normal\n",
            "A 0.1.0 good runs\nB 0.1.1 trial next\n", "A 1 good runs next\nB - none\n",
            "{\"type\":\"s\",\"data\":\"idle\"}\n{\"type\":\"s\",\"data\":\"\"}\n{\"type\":\"(isi)\",\"data\":[100,\"Installing done.\",1]}\n",
            """{"compatible":"holdfast-x86-64","version":"0.2.0","build":"b","hash":"dce501dce60b3605588db1cbf2f37b0c7e4400e7b1c790cb780837833b4a34ba"}"""),
            ToolsGood) { IsText = true, AllocationBase = 256 * 1024, AllocationPerByte = 400 };
        yield return Nfs();
    }

    private static FuzzTarget Nfs() => new(nameof(SystemUnderTest.NfsText), [typeof(NfsText)], Seeds.Texts(
        "101 30 0:51 / /mnt/hold\\040fast rw,nosuid shared:41 - nfs4 10.0.0.9:/backup rw,vers=4.2\n", "/mnt/datastore/dumps\t10.1.0.0/24(rw,sync)\n",
        "device a:/b mounted on /m with fstype nfs4 statvers=1.1\n\tage:\t77\n\tbytes:\t1 2 3 4 500 600 7 8\n\tper-op statistics\n\tREAD: 9 10 1 4\n",
        "1048576 1000 250\n"), NfsGood) { IsText = true, AllocationBase = 256 * 1024, AllocationPerByte = 400 };

    private static bool NfsGood(byte[] bytes)
    {
        var text = Text(bytes);
        var traffic = NfsText.Traffic(text);
        FuzzTarget.Broken(traffic.Values.Any(one => one.Timeouts < 0 || one.AgeS < 0), "a count below nothing");
        FuzzTarget.Broken(NfsText.Space(text) is { SizeBytes: < 0 } or { AvailableBytes: < 0 }, "a size below nothing");
        return NfsText.Mounts(text).Count > 0 | NfsText.Exports(text).Count > 0 | traffic.Count > 0 | NfsText.Space(text) is not null;
    }

    private static bool ToolsGood(byte[] bytes)
    {
        var text = Text(bytes);
        FuzzTarget.Broken(UpdateReader.Reason(text).Length > 500, "a reason of more than 500 characters");
        return Reads(() => UpdateReader.Slots(text)) | Reads(() => UpdateReader.Progress(text)) | Reads(() => UpdateReader.Bundle(text))
            | Reads(() => ChronyTracking.Parse(text));

        static bool Reads<T>(Func<T> read)
        {
            try
            {
                return read() is not null;
            }
            catch (InvalidDataException)
            {
                return false;
            }
        }
    }

    private static string Text(byte[] bytes) => Encoding.UTF8.GetString(bytes);

    private static byte[][] Transcripts(params string[] names) =>
        [.. names.Select(name => File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "transcripts", name)))];

    private static bool JsonGood(byte[] bytes)
    {
        var text = Text(bytes);
        var pools = PoolJson.WithList(PoolJson.Status(text), text);
        return pools.Count > 0 | PoolJson.Datasets(text).Count > 0 | PoolJson.Snapshots(text).Count > 0;
    }

    private static bool TextGood(byte[] bytes)
    {
        var text = Text(bytes);
        var pools = PoolText.WithList(PoolText.Status(text), text);
        return pools.Count > 0 | ImportText.Pools(text).Count > 0 | DatasetText.Datasets(text).Count > 0 | text.Contains("tank", StringComparison.Ordinal);
    }

    private static bool NutGood(byte[] bytes)
    {
        var words = NutLine.Words(Text(bytes));
        var again = NutLine.Words(string.Join(' ', words.Select(NutLine.Quote)));
        FuzzTarget.Broken(!words.SequenceEqual(again), "words do not survive being put together");
        if (words.Count > 2)
        {
            var reading = NutUps.Reading(words[0], new Dictionary<string,
                string> { ["ups.status"] = words[1], ["battery.charge"] = words[2], ["battery.runtime"] = words[^1] });
            FuzzTarget.Broken(reading.ChargePercent < 0 || reading.RuntimeS < 0, "a reading below nothing");
        }

        return words.Count > 0;
    }

    private static bool ProfileGood(byte[] bytes)
    {
        var profile = HardwareProfile.Read(Text(bytes), out var problems);
        FuzzTarget.Broken(profile is null == (problems.Count == 0), "a profile is either sound or has problems");
        return profile is not null;
    }
}
