// What lsblk and smartctl say, read: transcripts of the real tools, and reports of real kinds of disks that no virtual machine has, shortened to what is read.
using Holdfast.Contracts.Disks;
using Holdfast.Features.Disks;
using Holdfast.Smart;
using Xunit;

namespace Holdfast.Tests.Unit.Drivers;

public sealed class DiskReaderTests
{
    private static readonly HashSet<string> NoRules = [];

    private const string Ata = """
        {"smartctl":{"exit_status":%EXIT%},"device":{"name":"/dev/sda","type":"sat","protocol":"ATA"},"model_name":"ST8000VN004","serial_number":"ZA1",
        "firmware_version":"SC60",
         "rotation_rate":7200,"smart_status":{"passed":true},"temperature":{"current":41},"power_on_time":{"hours":20111},
         "ata_smart_attributes":{"table":[
          {"id":1,"name":"Raw_Read_Error_Rate","value":83,"worst":64,"thresh":44,"when_failed":"","flags":{"string":"POSR-- "},
          "raw":{"value":199999999,"string":"199999999"}},
          {"id":5,"name":"Reallocated_Sector_Ct","value":100,"worst":100,"thresh":10,"when_failed":"","flags":{"string":"PO--CK "},
          "raw":{"value":%R5%,"string":"%R5%"}},
          {"id":187,"name":"Reported_Uncorrect","value":100,"worst":100,"thresh":0,"when_failed":"","flags":{"string":"-O--CK "},
          "raw":{"value":0,"string":"0"}},
          {"id":188,"name":"Command_Timeout","value":100,"worst":99,"thresh":0,"when_failed":"","flags":{"string":"-O--CK "},
          "raw":{"value":4295032833,"string":"4295032833"}},
          {"id":194,"name":"Temperature_Celsius","value":41,"worst":58,"thresh":0,"when_failed":"","flags":{"string":"-O---K "},
          "raw":{"value":85899345961,"string":"41 (0 20 0 0 0)"}},
          {"id":197,"name":"Current_Pending_Sector","value":100,"worst":100,"thresh":0,"when_failed":"","flags":{"string":"-O--C- "},
          "raw":{"value":%R197%,"string":"%R197%"}},
          {"id":198,"name":"Offline_Uncorrectable","value":100,"worst":100,"thresh":0,"when_failed":"","flags":{"string":"----C- "},
          "raw":{"value":0,"string":"0"}},
          {"id":199,"name":"UDMA_CRC_Error_Count","value":200,"worst":200,"thresh":0,"when_failed":"","flags":{"string":"-OSRCK "},
          "raw":{"value":0,"string":"0"}}]},
         "ata_smart_data":{"self_test":{"status":{"value":249,"remaining_percent":90}}},
         "ata_smart_self_test_log":{"extended":{"table":[
          {"type":{"string":"Short offline"},"status":{"value":0,"string":"Completed without error","passed":true},"lifetime_hours":20100},
          {"type":{"string":"Extended offline"},"status":{"value":121,"string":"Completed: read failure","passed":false},"lifetime_hours":19000}]}}}
        """;

    private static SmartReport ReadAta(int exit = 0, long reallocated = 0, long pending = 0) => SmartJson.Read("d", Ata
        .Replace("%EXIT%", exit.ToString(), StringComparison.Ordinal).Replace("%R5%", reallocated.ToString(), StringComparison.Ordinal)
        .Replace("%R197%", pending.ToString(), StringComparison.Ordinal));

    [Fact]
    public void Disks_are_listed_by_their_lasting_names()
    {
        var links = new Dictionary<string, string[]>
        {
            ["/dev/sda"] = ["scsi-35000c50000000002", "wwn-0x5000c50000000002"],
                ["/dev/nvme0n1"] = ["nvme-QEMU_NVMe_Ctrl_HILNVME0_1", "nvme-QEMU_NVMe_Ctrl_HILNVME0"],
        };
        var disks = DiskListing.Parse(PoolReaderTests.Transcript("lsblk.json"), path => links.GetValueOrDefault(path) ?? []);
        Assert.Equal(7, disks.Count);
        Assert.Equal(("wwn-0x5000c50000000002", "HILSCSI2", 1L << 30, "free"), Of("/dev/sda"));
        Assert.Equal("nvme-QEMU_NVMe_Ctrl_HILNVME0", disks.Single(disk => disk.Path == "/dev/nvme0n1").Id);
        Assert.Equal("HILSATA1", disks.Single(disk => disk.Path == "/dev/sde").Id); // No link: by its serial.
        Assert.Equal("system", disks.Single(disk => disk.Path == "/dev/vda").Use);

        (string, string?, long, string) Of(string path)
        {
            var disk = disks.Single(one => one.Path == path);
            return (disk.Id, disk.Serial, disk.SizeBytes, disk.Use);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("{\"blockdevices\":5}")]
    public void What_is_no_json_of_lsblk_is_refused_with_words(string text) => Assert.Throws<InvalidDataException>(() => DiskListing.Parse(text, _ => []));

    [Fact]
    public void The_virtual_nvme_and_scsi_disks_are_read()
    {
        var nvme = SmartJson.Read("n", PoolReaderTests.Transcript("smart-nvme0n1.json"));
        Assert.Equal(("NVMe", "HILNVME0", true, 50, 0, 0L), (nvme.Protocol, nvme.Serial, nvme.Passed, nvme.TemperatureC, nvme.CriticalWarning,
            nvme.UncorrectableErrors));
        Assert.Empty(SmartRules.Judge(nvme, false, NoRules));
        var scsi = SmartJson.Read("s", PoolReaderTests.Transcript("smart-sda.json"));
        Assert.Equal(("SCSI", (string?)null), (scsi.Protocol, scsi.Problem));
        Assert.DoesNotContain(SmartRules.Judge(scsi, true, NoRules), finding => finding.IsFailing);
    }

    [Fact]
    public void An_ata_disk_is_read_and_packed_counters_are_cut()
    {
        var report = ReadAta();
        Assert.Equal(("ATA", "ZA1", true, 41, 20111L), (report.Protocol, report.Serial, report.Passed, report.TemperatureC, report.PowerOnHours));
        Assert.Equal((0L, 1L, 90), (report.ReallocatedSectors, report.CommandTimeouts, report.SelfTestRemainingPercent));
        Assert.Equal([true, false], report.SelfTests.Select(test => test.Passed));
        Assert.Equal(["command-timeouts"], SmartRules.Judge(report, true, NoRules).Select(finding => finding.Rule));
    }

    [Fact]
    public void Sectors_that_wait_make_it_failing_and_replaced_ones_worn()
    {
        Assert.Contains(SmartRules.Judge(ReadAta(pending: 8), true, NoRules), finding => finding is { Rule: "pending-sectors", IsFailing: true });
        Assert.Contains(SmartRules.Judge(ReadAta(reallocated: 16), true, NoRules), finding =>
            finding is { Rule: "reallocated-sectors", IsFailing: false, Reason: "16 sectors were replaced by spare ones" });
        Assert.Contains(SmartRules.Judge(ReadAta(exit: 16), true, NoRules), finding => finding is { Rule: "attribute-below-threshold", IsFailing: true });
        Assert.DoesNotContain(SmartRules.Judge(ReadAta(exit: 64 + 128), true, NoRules), finding => finding.IsFailing); // History is no verdict.
    }

    [Fact]
    public void A_hot_disk_is_hot_until_it_is_clearly_cooler()
    {
        static SmartReport At(int degrees) => ReadAta() with { TemperatureC = degrees, CommandTimeouts = 0 };
        Assert.Empty(SmartRules.Judge(At(54), true, NoRules));
        Assert.Equal(["hot"], SmartRules.Judge(At(55), true, NoRules).Select(finding => finding.Rule));
        Assert.Equal(["hot"], SmartRules.Judge(At(53), true, new HashSet<string> { "hot" }).Select(finding => finding.Rule));
        Assert.Empty(SmartRules.Judge(At(51), true, new HashSet<string> { "hot" }));
        Assert.Empty(SmartRules.Judge(At(60), false, NoRules)); // Solid state may be warmer.
    }

    [Fact]
    public void Sas_and_nvme_counters_are_found()
    {
        var sas = SmartJson.Read("s", """
            {"smartctl":{"exit_status":0},"device":{"protocol":"SCSI"},"scsi_model_name":"HUH721212AL5200","smart_status":{"passed":true},
            "temperature":{"current":33,"drive_trip":85},
             "scsi_grown_defect_list":3,"scsi_error_counter_log":{"read":{"total_uncorrected_errors":1},"write":{"total_uncorrected_errors":0},
             "verify":{"total_uncorrected_errors":1}},
             "scsi_self_test_0":{"code":{"string":"Background short"},"result":{"value":0,"string":"Completed"},"power_on_time":{"hours":500}}}
            """);
        Assert.Equal((3L, 2L, 85, true), (sas.ReallocatedSectors, sas.UncorrectableErrors, sas.TemperatureMaxC, sas.SelfTests.Single().Passed));
        var nvme = SmartJson.Read("n", """
            {"smartctl":{"exit_status":0},"device":{"protocol":"NVMe"},"smart_status":{"passed":false},
             "nvme_smart_health_information_log":{"critical_warning":5,"temperature":71,"available_spare":8,"available_spare_threshold":10,
             "percentage_used":104,"media_errors":18446744073709551616,
             "unsafe_shutdowns":3},"temperature":{"current":71}}
            """);
        Assert.Equal(long.MaxValue, nvme.UncorrectableErrors); // More than fits.
        Assert.Equal(["critical-warning", "hot", "self-assessment", "spare-low", "uncorrectable-errors", "worn-out"], SmartRules.Judge(nvme, false, NoRules)
            .Select(finding => finding.Rule).Order());
    }

    [Theory]
    [InlineData("{\"smartctl\":{\"exit_status\":2,\"messages\":[{\"string\":\"Smartctl open device failed\"}]}}", "Smartctl open device failed")]
    [InlineData("{\"smartctl\":{\"exit_status\":3}}", "did not understand")]
    public void A_disk_that_does_not_answer_is_said_to_be_unknown(string json, string problem) =>
        Assert.Contains(problem, SmartJson.Read("d", json).Problem, StringComparison.Ordinal);

    [Theory]
    [InlineData("")]
    [InlineData("7")]
    [InlineData("[[[[")]
    public void What_is_no_json_of_smartctl_is_refused_with_words(string text) => Assert.Throws<InvalidDataException>(() => SmartJson.Read("d", text));
}
