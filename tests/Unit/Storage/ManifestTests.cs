// The manifest's parser and writer, and key files: bounds, bad input, what is preserved.
using System.Text;
using System.Text.Json;
using Holdfast.Storage;
using Xunit;

namespace Holdfast.Tests.Unit;

public sealed class ManifestTests
{
    private const string Csum = "0101010101010101010101010101010101010101010101010101010101010101";

    private const string Good =
        "{\"backup-type\":\"vm\",\"backup-id\":\"100\",\"backup-time\":1700000000,\"files\":["
        + "{\"filename\":\"a.img.fidx\",\"crypt-mode\":\"none\",\"size\":34359738368,\"csum\":\"" + Csum + "\"}],"
        + "\"signature\":null,\"unprotected\":{\"odd\":{\"deep\":[1,2.50,1e400,\"x\"]},"
        + "\"notes\":\"line 1\\nline 2\\n\"}}";

    [Fact]
    public void UnknownUnprotectedMembersSurviveRewrites()
    {
        var manifest = Parse(Good);
        manifest.ChunkUploadStats = new ChunkUploadStats(2, 4, 1, 0);
        manifest.VerifyState = new VerifyState("ok", "UPID:a");
        manifest.KeyFingerprint = "aa:bb";
        var again = Manifest.FromBlob(manifest.ToBlob(), "test");
        Assert.Equal("""{"deep":[1,2.50,1e400,"x"]}""", Compact(again.Unprotected["odd"]));
        Assert.Equal("line 1\nline 2\n", again.Notes);
        Assert.Equal(new ChunkUploadStats(2, 4, 1, 0), again.ChunkUploadStats);
        Assert.Equal(new VerifyState("ok", "UPID:a"), again.VerifyState);
        Assert.Equal(manifest.ToJson(), again.ToJson());
        again.Notes = null;
        again.VerifyState = null;
        Assert.False(Parse(Encoding.UTF8.GetString(again.ToJson())).Unprotected.ContainsKey("notes"));
    }

    [Fact]
    public void MissingCryptModeAndUnprotectedAreLegal()
    {
        var json = Good[..Good.IndexOf(",\"signature\"", StringComparison.Ordinal)] + "}";
        var manifest = Parse(json.Replace("\"crypt-mode\":\"none\",", "", StringComparison.Ordinal));
        Assert.Equal(CryptMode.None, manifest.Files[0].CryptMode);
        Assert.Empty(manifest.Unprotected);
    }

    [Theory]
    [InlineData("\"vm\"", "\"qemu\"")]
    [InlineData("\"vm\"", "5")]
    [InlineData("\"100\"", "\"../100\"")]
    [InlineData("\"100\"", "null")]
    [InlineData("1700000000", "0")]
    [InlineData("1700000000", "-5")]
    [InlineData("1700000000", "1e30")]
    [InlineData("1700000000", "253402300800")]
    [InlineData("a.img.fidx", "../../etc/x.fidx")]
    [InlineData("a.img.fidx", "a/b.fidx")]
    [InlineData("a.img.fidx", "a\\u0000.fidx")]
    [InlineData("a.img.fidx", "a.img.exe")]
    [InlineData("a.img.fidx", "")]
    [InlineData("a.img.fidx", "\\ud800.fidx")]
    [InlineData("\"none\"", "\"rot13\"")]
    [InlineData("34359738368", "-1")]
    [InlineData("34359738368", "1.5")]
    [InlineData("34359738368", "9223372036854775808")]
    [InlineData("0101010101", "01010101")]
    [InlineData("0101010101", "0101zz0101")]
    [InlineData("\"line 1\\nline 2\\n\"", "\"\\ud800\"")]
    [InlineData("\"notes\"", "\"odd\"")]
    [InlineData("\"signature\":null", "\"signature\":5")]
    [InlineData("\"unprotected\":{", "\"unprotected\":[],\"x\":{")]
    [InlineData("\"files\":[", "\"files\":[5,")]
    [InlineData("\"files\":[", "\"file\":[")]
    [InlineData("{\"backup-type\"", "[{\"backup-type\"")]
    public void BadManifestsAreRefusedTyped(string from, string to)
    {
        Assert.Contains(from, Good);
        var bad = Good.Replace(from, to, StringComparison.Ordinal);
        Assert.Throws<CorruptDataException>(() => Parse(bad));
    }

    [Fact]
    public void BoundsOfSizeCountAndDepth()
    {
        Assert.Throws<CorruptDataException>(
            () => Manifest.FromJson(new byte[Manifest.MaxJsonSize + 1], "test"));
        var deep = new string('[', 40) + new string(']', 40);
        Assert.Throws<CorruptDataException>(() => Parse(Good.Replace("\"x\"", deep, StringComparison.Ordinal)));
        foreach (var (count, legal) in new[] { (Manifest.MaxFiles, true), (Manifest.MaxFiles + 1, false) })
        {
            var list = Enumerable.Range(0, count)
                .Select(i => $$"""{"filename":"f{{i}}.blob","size":1,"csum":"{{Csum}}"}""");
            var files = string.Join(',', list);
            var json = $$"""{"backup-type":"vm","backup-id":"1","backup-time":5,"files":[{{files}}]}""";
            Assert.Equal(legal, Record.Exception(() => Parse(json)) == null);
        }

        var manifest = Parse(Good);
        Assert.Throws<RefusedException>(() => manifest.Add(manifest.Files[0]));
        Assert.Throws<RefusedException>(() => manifest.Add(manifest.Files[0] with { Name = "../x.blob" }));
    }

    [Fact]
    public void EveryBitFlipOfTheBlobIsFound()
    {
        var good = Parse(Good).ToBlob();
        for (var bit = 0; bit < good.Length * 8; bit++)
        {
            var bad = good.ToArray();
            bad[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Throws<CorruptDataException>(() => Manifest.FromBlob(bad, "test"));
        }
    }

    [Fact]
    public void RandomTextsNeverThrowAnythingElse()
    {
        var random = new Random(11);
        var good = Encoding.UTF8.GetBytes(Good);
        for (var round = 0; round < 20_000; round++)
        {
            var bad = good.ToArray();
            for (var i = random.Next(1, 5); i > 0; i--)
            {
                var value = random.Next(3) == 0 ? random.Next(256) : good[random.Next(good.Length)];
                bad[random.Next(bad.Length)] = (byte)value;
            }

            try
            {
                _ = Manifest.FromJson(bad, "fuzz").ToBlob();
            }
            catch (CorruptDataException)
            {
                // The expected answer.
            }
        }
    }

    [Theory]
    [InlineData(KeyDerivation.None)]
    [InlineData(KeyDerivation.Scrypt)]
    [InlineData(KeyDerivation.Pbkdf2)]
    public void KeyFilesRoundTrip(KeyDerivation derivation)
    {
        var passphrase = derivation == KeyDerivation.None ? null : "päss5";
        var file = KeyFile.Create(StorageTestKit.TestKey, derivation, passphrase, TimeProvider.System, "hint");
        var parsed = KeyFile.Parse(file.ToJson());
        using var crypt = parsed.Open(passphrase);
        using var expected = new CryptConfig(StorageTestKit.TestKey);
        Assert.Equal(expected.Fingerprint, crypt.Fingerprint);
        Assert.Equal(("hint", derivation), (parsed.Hint, parsed.Derivation));
        Assert.Equal(expected.FingerprintText, parsed.Fingerprint);
        if (derivation != KeyDerivation.None)
        {
            Assert.Throws<KeyRequiredException>(() => parsed.Open(null));
            Assert.Throws<KeyRequiredException>(() => parsed.Open("wrong"));
            Assert.Throws<RefusedException>(
                () => KeyFile.Create(StorageTestKit.TestKey, derivation, "four", TimeProvider.System));
        }
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("nonsense")]
    [InlineData("""{"kdf":null,"created":"x","modified":"x","data":"AAAA"}""")]
    [InlineData("""{"kdf":null,"created":"2026-11-21T00:35:36Z","modified":"2026-11-21T00:35:36Z","data":"AAAA"}""")]
    [InlineData("""{"kdf":{"Scrypt":{"n":1073741824,"r":8,"p":1,"salt":"AAAA"}},"data":"AAAA"}""")]
    [InlineData("""{"kdf":{"Scrypt":{"n":65535,"r":8,"p":1,"salt":"AAAA"}},"data":"AAAA"}""")]
    [InlineData("""{"kdf":{"Scrypt":{"n":65536,"r":1024,"p":1,"salt":"AAAA"}},"data":"AAAA"}""")]
    [InlineData("""{"kdf":{"PBKDF2":{"iter":2000000000,"salt":"AAAA"}},"data":"AAAA"}""")]
    [InlineData("""{"kdf":{"PBKDF2":{"iter":-1,"salt":"AAAA"}},"data":"AAAA"}""")]
    [InlineData("""{"kdf":{"Other":{}},"data":"AAAA"}""")]
    [InlineData("""{"kdf":5,"data":"AAAA"}""")]
    public void BadKeyFilesAreRefusedTyped(string json) =>
        Assert.Throws<CorruptDataException>(() => KeyFile.Parse(Encoding.UTF8.GetBytes(json)));

    [Fact]
    public void AKeyFileWithAnotherFingerprintIsRefused()
    {
        var json = Encoding.UTF8.GetString(
            KeyFile.Create(StorageTestKit.TestKey, KeyDerivation.None, null, TimeProvider.System).ToJson());
        var bad = json.Replace("0e:ab", "0e:ac", StringComparison.Ordinal);
        Assert.NotEqual(json, bad);
        Assert.Throws<CorruptDataException>(() => KeyFile.Parse(Encoding.UTF8.GetBytes(bad)).Open(null));
    }

    private static Manifest Parse(string json) => Manifest.FromJson(Encoding.UTF8.GetBytes(json), "test");

    private static string Compact(JsonElement element) => JsonSerializer.Serialize(element);
}
