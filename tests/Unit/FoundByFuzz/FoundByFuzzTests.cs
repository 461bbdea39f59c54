// What fuzzing found, each with the input that showed it, so that it stays found without a fuzz run.
using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using Holdfast.Features.Access;
using Holdfast.Features.Datastores;
using Holdfast.Features.Settings;
using Holdfast.Ledger;
using Holdfast.Storage;
using Holdfast.Wire;
using Xunit;

namespace Holdfast.Tests.Unit;

public sealed class FoundByFuzzTests
{
    private const string Manifest =
        """{"backup-type":"vm","backup-id":"100","backup-time":5,"files":[],"signature":null,"unprotected":{"notes":"N","key-fingerprint":"aa"}}""";

    /// <summary>A blank at the end of a message was lost when the mode was read back.</summary>
    [Theory]
    [InlineData("read-only,message=\"moving \"")]
    [InlineData("offline,message=\"\tback, \\\"soon\\\" \"")]
    public void A_maintenance_mode_survives_its_own_text(string text)
    {
        var mode = MaintenanceMode.Parse(text, out _)!;
        Assert.Equal(mode, MaintenanceMode.Parse(mode.ToString(), out _));
    }

    /// <summary>An event that never comes made a closure for each of its thousand steps.</summary>
    [Fact]
    public void Looking_for_an_event_that_never_comes_allocates_little()
    {
        var never = CalendarEvent.Parse("sat,sun..tue *-2-0 12:5,10..20/5", out _)!;
        Assert.Null(never.Next(1_800_000_000, TimeZoneInfo.Utc));
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Null(never.Next(1_800_000_000, TimeZoneInfo.Utc));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 2048);
    }

    /// <summary>Was taken, and then every read of the notes (a listing, a finish) threw.</summary>
    [Fact]
    public void Manifest_with_broken_utf8_is_refused_not_kept_for_later()
    {
        var json = Encoding.UTF8.GetBytes(Manifest);
        Assert.Equal("N", Storage.Manifest.FromJson(json, "m").Notes);
        json[json.AsSpan().IndexOf((byte)'N')] = 0xED;
        Assert.Throws<CorruptDataException>(() => Storage.Manifest.FromJson(json, "m"));
    }

    /// <summary>An empty frame of zstd 0.5: libzstd built with its old formats decoded it, past the check of windows.</summary>
    [Fact]
    public void Zstd_of_before_its_first_release_is_no_data()
    {
        byte[] frame = [0x25, 0xB5, 0x2F, 0xFD, 0, 0xC0, 0, 0];
        var blob = DataBlob.Encode(frame, compress: false);
        new byte[] { 0x31, 0xb9, 0x58, 0x42, 0x6f, 0xb6, 0xa3, 0x7f }.CopyTo(blob, 0);
        Assert.Null(DataBlob.Check(blob, out _));
        var error = Assert.Throws<CorruptDataException>(() => DataBlob.Decode(blob, new byte[100], null, "b"));
        Assert.Equal("unable to decompress blob", error.Reason);
        Assert.Equal("unable to decompress blob", ChunkUpload.Check(blob, Digest.Of([]), 100).Message);
    }

    /// <summary>The search met only pairs of offsets that ascend, and ended at an entry that does not hold the byte.</summary>
    [Fact]
    public void Search_among_offsets_that_do_not_ascend_finds_no_wrong_entry()
    {
        long[] ends = [100, 1000, 10, 50, 2000];
        var file = new byte[IndexReader.HeaderSize + (ends.Length * DynamicIndexReader.EntrySize)];
        DynamicIndexReader.Magic.CopyTo(file);
        for (var i = 0; i < ends.Length; i++)
        {
            BitConverter.TryWriteBytes(file.AsSpan(IndexReader.HeaderSize + (i * DynamicIndexReader.EntrySize)), ends[i]);
        }

        using var index = IndexReader.Open(new MemoryFile("i", file));
        for (var offset = 0; offset < 2000; offset++)
        {
            try
            {
                var entry = index[index.Find(offset)];
                Assert.InRange(offset, entry.Start, entry.End - 1);
            }
            catch (CorruptDataException)
            {
                // What is right for most of them: nobody knows where the byte is.
            }
        }

        Assert.Throws<CorruptDataException>(() => index.Find(500));
    }

    /// <summary>holdfastd ended with an unhandled InvalidOperationException instead of naming the file.</summary>
    [Theory]
    [InlineData("{\"Data\":\"\\ud800\"}")]
    [InlineData("{\"\\ud800\":\"x\"}")]
    [InlineData("{\"Data\":\"\u00ff\"}")]
    public void Settings_that_are_no_unicode_are_refused_by_name(string latin)
    {
        var error = Assert.Throws<SettingsException>(() => ApplianceSettings.Load(
            new Dictionary<string, string>(), new Dictionary<string, string>(), _ => Encoding.Latin1.GetBytes(latin)));
        Assert.Contains("holdfast.json", error.Message, StringComparison.Ordinal);
    }

    /// <summary>secp256k1 has 256 bits as well and passed for P-256.</summary>
    [Fact]
    public void Key_of_another_curve_of_256_bits_is_no_ledger_key()
    {
        using var other = ECDsa.Create(ECCurve.CreateFromValue("1.3.132.0.10"));
        Assert.Throws<InvalidDataException>(() => LedgerPublicKey.FromDer(other.ExportSubjectPublicKeyInfo()));
        using var own = LedgerKey.Create();
        using var again = LedgerPublicKey.FromDer(own.Public.Der.Span);
        Assert.Equal(own.Public.Fingerprint, again.Fingerprint);
    }

    /// <summary>An imported event may hold any 64-bit time; reading it as an instant threw.</summary>
    [Theory]
    [InlineData(long.MaxValue, 9999)]
    [InlineData(long.MinValue, 1)]
    [InlineData(0, 1970)]
    public void Time_of_an_event_is_an_instant_whatever_it_holds(long timeUs, int year) =>
        Assert.Equal(year, Recorded("X/1", "{}", timeUs).Time.Year);

    /// <summary>A member that folds rely on was null where the stored text lacked it: ArgumentNullException in the fold.</summary>
    [Theory]
    [InlineData("{\"enable\":true,\"expire\":0}")]
    [InlineData("{\"userid\":null,\"enable\":true,\"expire\":0}")]
    public void Event_without_a_text_that_is_never_null_is_refused_in_words(string json)
    {
        var error = Assert.Throws<InvalidDataException>(() => new AccessFold().Apply(AccessState.Empty, Recorded("UserCreated/1", json, 0)));
        Assert.Contains("userid", error.Message, StringComparison.Ordinal);
    }

    /// <summary>Of a shape that the fold doesn't expect (nulls, a key twice): the start ended instead of reading the ledger anew.</summary>
    [Theory]
    [InlineData("[{\"Name\":\"main\",\"Path\":\"p\"}]")]
    [InlineData("[null]")]
    [InlineData("[{\"Path\":\"p\",\"Namespaces\":[]}]")]
    [InlineData("[{\"Name\":\"a\",\"Path\":\"p\",\"Namespaces\":[]},{\"Name\":\"a\",\"Path\":\"q\",\"Namespaces\":[]}]")]
    public void Fold_snapshot_of_another_shape_is_discarded(string state)
    {
        var projection = new Projection<DatastoresState>(new DatastoresFold());
        Assert.False(projection.TryRestore(new FoldSnapshot(1, EventHash.Genesis, 0, Encoding.UTF8.GetBytes(state))));
        Assert.Empty(projection.State.Stores);
    }

    /// <summary>Asking for each of 127 headers of one name joined all of them anew each time: half a gigabyte for 32 KiB.</summary>
    [Fact]
    public void One_header_sent_many_times_is_joined_in_one_go()
    {
        var text = "GET / HTTP/1.1\r\n" + string.Concat(Enumerable.Repeat($"A: {new string('b', 240)}\r\n", 127)) + "\r\n";
        var bytes = new ReadOnlySequence<byte>(Encoding.ASCII.GetBytes(text));
        Assert.Equal(HeadParse.Complete, RequestHead.TryParse(bytes, 32 * 1024, out var head, out _));
        _ = head!.Header("a");
        var before = GC.GetAllocatedBytesForCurrentThread();
        var joined = head.Header("A")!;
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal((127 * 240) + (126 * 2), joined.Length);
        Assert.InRange(allocated, joined.Length * 2, joined.Length * 3);
    }

    private static RecordedEvent Recorded(string type, string json, long timeUs) => new(
        1, "s", 1, type, timeUs, Encoding.UTF8.GetBytes(json), new EventMetadata("a", "", "", ""), EventHash.Genesis);
}
