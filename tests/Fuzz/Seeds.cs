// Good inputs to start from: the small files of the golden datastore that a real PBS wrote, and what our own code builds.
using System.Buffers.Binary;
using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using Holdfast.Ledger;
using Holdfast.Storage;

namespace Holdfast.Tests.Fuzz;

internal static class Seeds
{
    public const string ManifestText =
        """{"backup-type":"vm","backup-id":"100","backup-time":1714980000,"files":"""
        + """[{"filename":"drive-scsi0.img.fidx","crypt-mode":"none","size":4194304,"csum":"00112233445566778899aabbccddeeff"""
        + """00112233445566778899aabbccddeeff"},{"filename":"qemu-server.conf.blob","crypt-mode":"encrypt","size":120,"csum":"ff"""
        + """112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"}],"signature":null,"unprotected":"""
        + """{"notes":"a \u00fc b","verify_state":{"state":"ok","upid":"UPID:x:00000001:00000001:00000001:00000001:v::root@pam:"},"chunk_upload_stats":"""
        + """{"count":1,"size":4194304,"compressed_size":22,"duplicates":0},"key-fingerprint":"aa:bb"}}""";

    private const int LargestGolden = 8 * 1024;

    private static readonly Lazy<IReadOnlyList<(string Name, byte[] Bytes)>> GoldenFiles = new(ReadGolden);

    public static readonly CryptConfig Key = new([.. Enumerable.Range(0, 32).Select(i => (byte)i)]);

    public static byte[][] Texts(params string[] texts) => [.. texts.Select(Encoding.UTF8.GetBytes)];

    /// <summary>Files of the golden store with that ending, at most <paramref name="count"/>.</summary>
    public static IEnumerable<byte[]> Golden(string ending, int count) =>
        GoldenFiles.Value.Where(f => f.Name.EndsWith(ending, StringComparison.Ordinal)).Select(f => f.Bytes).Take(count);

    public static byte[] GoldenKey() => File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "golden", "enc.key"));

    public static byte[] Data(int length) => [.. Enumerable.Range(0, length).Select(i => (byte)(i * 7 / 5))];

    public static byte[][] Blobs() =>
    [
        DataBlob.Encode(Data(100), compress: false), DataBlob.Encode(Data(700)), DataBlob.Encode(new byte[40_000]),
        DataBlob.Encode(Data(60), compress: false, Key), DataBlob.Encode(new byte[3000], true, Key), DataBlob.Encode([]),
        .. Golden(".blob", 4),
    ];

    public static byte[] FixedIndex(long size, long chunkSize)
    {
        var count = (int)((size + chunkSize - 1) / chunkSize);
        var file = new byte[IndexReader.HeaderSize + (count * Digest.Size)];
        FixedIndexReader.Magic.CopyTo(file);
        BinaryPrimitives.WriteInt64LittleEndian(file.AsSpan(64), size);
        BinaryPrimitives.WriteInt64LittleEndian(file.AsSpan(72), chunkSize);
        Data(count * Digest.Size).CopyTo(file, IndexReader.HeaderSize);
        return file;
    }

    public static byte[] DynamicIndex(params long[] ends)
    {
        var file = new byte[IndexReader.HeaderSize + (ends.Length * DynamicIndexReader.EntrySize)];
        DynamicIndexReader.Magic.CopyTo(file);
        for (var i = 0; i < ends.Length; i++)
        {
            var entry = file.AsSpan(IndexReader.HeaderSize + (i * DynamicIndexReader.EntrySize));
            BinaryPrimitives.WriteInt64LittleEndian(entry, ends[i]);
            entry.Slice(8, 32).Fill((byte)i);
        }

        return file;
    }

    /// <summary>A ledger export of a few events and a checkpoint, signed or not.</summary>
    public static byte[] Export(bool isSigned)
    {
        using var key = LedgerKey.Create();
        var ledger = new MemoryLedger(TimeProvider.System);
        var by = new EventMetadata("admin@pbs", "192.0.2.7", "UPID:x:y", "c-1");
        for (var i = 0; i < 4; i++)
        {
            Now(ledger.AppendAsync(new Append(
                $"s{i % 2}", -1, [new NewEvent("Happened/1", Encoding.UTF8.GetBytes($"{{\"n\":{i}}}"), by)])));
        }

        Now(ledger.AppendAsync(new Append(Checkpoint.StreamName, -1, [Checkpoint.Sign(ledger.Head, key).ToEvent()])));
        var file = new MemoryStream();
        Now(LedgerExport.WriteAsync(ledger, file, isSigned ? key : null, TimeProvider.System));
        return file.ToArray();
    }

    /// <summary>The result of work over memory, which ends before it returns.</summary>
    public static T Now<T>(Task<T> task) =>
        task.IsCompleted ? task.GetAwaiter().GetResult() : throw new InvalidOperationException("work over memory did not end at once");

    private static IReadOnlyList<(string, byte[])> ReadGolden()
    {
        var files = new List<(string, byte[])>();
        using var packed = File.OpenRead(Path.Combine(AppContext.BaseDirectory, "golden", "datastore.tar.gz"));
        using var reader = new TarReader(new GZipStream(packed, CompressionMode.Decompress));
        while (reader.GetNextEntry() is { } entry)
        {
            if (entry.DataStream is { Length: > 0 and <= LargestGolden } data)
            {
                var bytes = new byte[data.Length];
                data.ReadExactly(bytes);
                files.Add((entry.Name, bytes));
            }
        }

        return files;
    }
}
