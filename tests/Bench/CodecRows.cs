// What one core does with chunks of 4 MiB, without network and disk: the ceilings under which all else stays. Counted
// in processor time, so that a busy machine gives the same figures.
using Holdfast.Storage;

namespace Holdfast.Tests.Bench;

internal static class CodecRows
{
    private const int ChunkBytes = 4 * Bed.Mib;
    private const int Chunks = 64;
    private const int Runs = 5;

    public static readonly RowGroup Group = new(
    [
        "codec.sha256_mib_per_s", "codec.crc32_mib_per_s", "codec.encode_text_mib_per_s", "codec.encode_random_mib_per_s",
        "codec.encode_encrypted_mib_per_s", "codec.decode_text_mib_per_s", "codec.check_upload_text_mib_per_s",
        "codec.check_upload_random_mib_per_s", "codec.text_ratio",
    ], MeasureAsync);

    private static Task MeasureAsync(Bed bed, Rows rows)
    {
        var (text, random, blob) = (new byte[ChunkBytes], new byte[ChunkBytes], new byte[DataBlob.MaxEncodedSize(ChunkBytes)]);
        TestData.FillText(text, 1);
        TestData.FillRandom(random, 1);
        var crypt = new CryptConfig(new byte[32]);
        var textBlob = DataBlob.Encode(text);
        var randomBlob = DataBlob.Encode(random);
        var (textDigest, randomDigest) = (Digest.Of(text), Digest.Of(random));
        var target = new byte[ChunkBytes];
        DataBlob.Parse(randomBlob, out var header);

        rows.Add("codec.text_ratio", "x", (double)ChunkBytes / textBlob.Length);
        Add(rows, "codec.sha256_mib_per_s", () => Digest.Of(random));
        Add(rows, "codec.crc32_mib_per_s", () => DataBlob.ComputeCrc(randomBlob, header));
        Add(rows, "codec.encode_text_mib_per_s", () => DataBlob.Encode(text, blob));
        Add(rows, "codec.encode_random_mib_per_s", () => DataBlob.Encode(random, blob));
        Add(rows, "codec.encode_encrypted_mib_per_s", () => DataBlob.Encode(random, blob, compress: false, crypt));
        Add(rows, "codec.decode_text_mib_per_s", () => DataBlob.Decode(textBlob, target, null, "chunk"));
        Add(rows, "codec.check_upload_text_mib_per_s", () => Accepted(ChunkUpload.Check(textBlob, textDigest, ChunkBytes)));
        Add(rows, "codec.check_upload_random_mib_per_s",
            () => Accepted(ChunkUpload.Check(randomBlob, randomDigest, ChunkBytes)));
        return Task.CompletedTask;
    }

    private static bool Accepted(ChunkCheck check) =>
        check.IsAccepted ? true : throw new InvalidDataException(check.Message);

    private static void Add<T>(Rows rows, string name, Func<T> work)
    {
        var speeds = new double[Runs];
        for (var run = -1; run < Runs; run++)
        {
            var before = Environment.CpuUsage.TotalTime;
            for (var i = 0; i < Chunks; i++)
            {
                work();
            }

            if (run >= 0) // the first one warms up
            {
                speeds[run] = (double)Chunks * ChunkBytes / Bed.Mib / (Environment.CpuUsage.TotalTime - before).TotalSeconds;
            }
        }

        rows.Add(name, "MiB/CPU s", speeds);
    }
}
