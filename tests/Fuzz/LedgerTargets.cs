// Event records, checkpoints, keys, exports, fold snapshots and the head witness.
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Holdfast.Ledger;

namespace Holdfast.Tests.Fuzz;

internal static class LedgerTargets
{
    private const string FoldName = "f";

    private static readonly string Folder = MakeFolder();

    public static IEnumerable<FuzzTarget> All() => [.. Records(), .. Exports(), .. Files()];

    private static IEnumerable<FuzzTarget> Records()
    {
        yield return new(
            nameof(SystemUnderTest.EventRecord), [typeof(EventRecord)], [FirstRecord(Seeds.Export(false))],
            bytes => EventRecord.TryParse(bytes, out var parsed) && parsed.HasValidText())
        {
            AllocationBase = 512, AllocationPerByte = 0,
        };
        using var key = LedgerKey.Create();
        yield return new(
            nameof(SystemUnderTest.Checkpoint), [typeof(Checkpoint)],
            [Checkpoint.Sign(new LedgerHead(7, EventHash.Genesis), key).ToEvent().Data.ToArray()],
            bytes => Checkpoint.TryParse(bytes, out var checkpoint) && checkpoint!.Hash.Length == 32)
        {
            IsText = true,
        };
        byte[][] keys = [key.Public.Der.ToArray(), Encoding.ASCII.GetBytes(key.Public.ToPem()), OtherCurve()];
        yield return new(nameof(SystemUnderTest.PublicKey), [typeof(LedgerPublicKey)], keys, KeyGood)
        {
            Refusals = [typeof(InvalidDataException)], AllocationBase = 64 * 1024, MaxLength = 1024,
        };
    }

    private static IEnumerable<FuzzTarget> Exports()
    {
        byte[][] exports = [Seeds.Export(false), Seeds.Export(true)];
        yield return new(nameof(SystemUnderTest.LedgerExport), [typeof(LedgerExport), typeof(ChainVerifier)], exports, ExportGood)
        {
            AllocationBase = 512 * 1024, AllocationPerByte = 200,
        };
        yield return new(nameof(SystemUnderTest.SealedLedgerExport), [typeof(LedgerExport), typeof(ChainVerifier)], exports[..1], ExportGood)
        {
            AllocationBase = 512 * 1024, AllocationPerByte = 200, Repair = (_, bytes) => Reseal(bytes),
        };
    }

    private static IEnumerable<FuzzTarget> Files()
    {
        var snapshot = new FoldSnapshot(7, new byte[32], 1, Encoding.ASCII.GetBytes("{\"state\":1}"));
        snapshot.Save(Folder, FoldName, 3);
        var path = FoldSnapshot.PathOf(Folder, FoldName);
        byte[][] seeds = [File.ReadAllBytes(path)];
        foreach (var isSealed in (bool[])[false, true])
        {
            var name = isSealed ? SystemUnderTest.SealedFoldSnapshot : SystemUnderTest.FoldSnapshot;
            var folder = Directory.CreateDirectory(Path.Combine(Folder, name.ToString())).FullName;
            yield return new(name.ToString(), [typeof(FoldSnapshot)], seeds, bytes => SnapshotGood(folder, bytes))
            {
                Repair = isSealed ? SealHash : null, AllocationPerByte = 4,
            };
        }

        var head = Path.Combine(Folder, "head");
        new HeadWitness(head).Write(new LedgerHead(42, EventHash.Genesis));
        yield return new(nameof(SystemUnderTest.HeadWitness), [typeof(HeadWitness)], [File.ReadAllBytes(head)], bytes => WitnessGood(head, bytes))
        {
            IsText = true, Refusals = [typeof(InvalidDataException)], MaxLength = 2048, Repair = SealWitness,
        };
    }

    private static bool KeyGood(byte[] bytes)
    {
        var isPem = bytes.AsSpan().StartsWith("-----"u8);
        using var key = isPem ? LedgerPublicKey.FromPem(Encoding.UTF8.GetString(bytes)) : LedgerPublicKey.FromDer(bytes);
        key.Verify("x"u8, bytes.AsSpan(0, Math.Min(64, bytes.Length)));
        var name = key.Der.Span.IndexOf((ReadOnlySpan<byte>)[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]);
        FuzzTarget.Broken(name < 0, "a key of another curve passes as P-256");
        return key.Fingerprint.Length == 64;
    }

    private static bool ExportGood(byte[] bytes)
    {
        var report = Seeds.Now(LedgerExport.VerifyAsync(new MemoryStream(bytes)));
        FuzzTarget.Broken(report.ToString().Length == 0 || (report.IsGood && !report.Chain.IsGood), "a verdict without a text");
        return report.IsGood;
    }

    private static bool SnapshotGood(string folder, byte[] bytes)
    {
        File.WriteAllBytes(FoldSnapshot.PathOf(folder, FoldName), bytes);
        return FoldSnapshot.Load(folder, FoldName, 3) is { Hash.Length: 32 };
    }

    private static bool WitnessGood(string path, byte[] bytes)
    {
        File.WriteAllBytes(path, bytes);
        var head = new HeadWitness(path).Read();
        FuzzTarget.Broken(head is not null && head.Hash.Length != 32, "a head with a short hash");
        return head is not null;
    }

    /// <summary>In memory where there is such a place, and gone when the process is.</summary>
    private static string MakeFolder()
    {
        var place = Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath();
        var folder = Directory.CreateDirectory(Path.Combine(place, $"holdfast-fuzz-{Environment.ProcessId}")).FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        return folder;
    }

    private static byte[] FirstRecord(byte[] export)
    {
        var at = ExportFormatSizes.Magic + 5 + 48;
        var length = BinaryPrimitives.ReadInt32BigEndian(export.AsSpan(at + 1));
        return export.AsSpan(at + 5, length - 32).ToArray();
    }

    private static byte[] OtherCurve()
    {
        using var other = ECDsa.Create(ECCurve.CreateFromValue("1.3.132.0.10"));
        return other.ExportSubjectPublicKeyInfo();
    }

    private static byte[] SealHash(FuzzRandom random, byte[] bytes)
    {
        if (bytes.Length >= 32)
        {
            SHA256.HashData(bytes.AsSpan(0, bytes.Length - 32), bytes.AsSpan(bytes.Length - 32));
        }

        return bytes;
    }

    private static byte[] SealWitness(FuzzRandom random, byte[] bytes)
    {
        var text = Encoding.ASCII.GetString(bytes).TrimEnd('\n');
        var space = text.LastIndexOf(' ');
        return space < 0 || random.OneIn(3) ? bytes : Encoding.ASCII.GetBytes(
            $"{text[..space]} {Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(text[..space])))[..16]}\n");
    }

    /// <summary>Puts hash chain, count, head and digest of an unsigned export right, as far as its frames go.</summary>
    private static byte[] Reseal(byte[] bytes)
    {
        using var hasher = new EventHash();
        var previous = new byte[32];
        long count = 0;
        var at = ExportFormatSizes.Magic;
        while (at + 5 <= bytes.Length)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(at + 1));
            if (length < 0 || length > bytes.Length - at - 5)
            {
                break;
            }

            var payload = bytes.AsSpan(at + 5, length);
            if (bytes[at] == 'H' && length >= 48)
            {
                payload.Slice(8, 32).CopyTo(previous);
            }
            else if (bytes[at] == 'E' && length > 32)
            {
                count++;
                hasher.Compute(previous, payload[..^32], payload[^32..]);
                payload[^32..].CopyTo(previous);
            }
            else if (bytes[at] == 'Z' && length == 80)
            {
                BinaryPrimitives.WriteInt64BigEndian(payload, count);
                previous.CopyTo(payload[16..]);
                SHA256.HashData(bytes.AsSpan(0, at), payload[48..]);
            }

            at += 5 + length;
        }

        return bytes;
    }

    private static class ExportFormatSizes
    {
        public const int Magic = 25;
    }
}
