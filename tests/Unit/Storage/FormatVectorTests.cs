// The recomputed vectors of the protocol reference (marked V there), and the identity strings of its section 1.5.
using System.Security.Cryptography;
using System.Text;
using Holdfast.Storage;
using Xunit;

namespace Holdfast.Tests.Unit;

public sealed class FormatVectorTests
{
    private static readonly byte[] Hello = Encoding.ASCII.GetBytes("Hello, PBS!");

    [Theory]
    [InlineData("Proxmox Backup uncompressed blob v1.0", "42ab3807be8370a1", BlobKind.Plain)]
    [InlineData("Proxmox Backup zstd compressed blob v1.0", "31b958426fb6a37f", BlobKind.Compressed)]
    [InlineData("Proxmox Backup encrypted blob v1.0", "7b6785be222d4cf0", BlobKind.Encrypted)]
    [InlineData("Proxmox Backup zstd compressed encrypted blob v1.0", "e6591bbf0bbfd80b", BlobKind.EncryptedCompressed)]
    public void BlobMagicIsHashOfSentence(string sentence, string hex, BlobKind kind)
    {
        var magic = SHA256.HashData(Encoding.ASCII.GetBytes(sentence))[..8];
        Assert.Equal(hex, Convert.ToHexStringLower(magic));
        Assert.True(DataBlob.TryKind(magic, out var found));
        Assert.Equal(kind, found);
    }

    [Fact]
    public void IndexMagicsAreHashesOfSentences()
    {
        var dynamicMagic = SHA256.HashData("Proxmox Backup dynamic sized chunk index v1.0"u8)[..8];
        var fixedMagic = SHA256.HashData("Proxmox Backup fixed sized chunk index v1.0"u8)[..8];
        Assert.Equal(dynamicMagic, DynamicIndexReader.Magic.ToArray());
        Assert.Equal(fixedMagic, FixedIndexReader.Magic.ToArray());
    }

    [Fact]
    public void PlainBlobVector()
    {
        var raw = DataBlob.Encode(Hello, compress: false);
        Assert.Equal("42ab3807be8370a1b6df6ca448656c6c6f2c2050425321", Convert.ToHexStringLower(raw));
        Assert.Equal("60f8a364dd53547a0805ae3eda4855d67255d51934c5e489dbc237b8727a6c27", Digest.Of(raw).ToString());
        Assert.Equal("400d1fd5d83a4917c04644cee55e8a3b94a5d2b7847ccc405fd75759f59dd44b", Digest.Of(Hello).ToString());
        Assert.Equal(Hello, DataBlob.DecodeToArray(raw, 100, null, "test"));
    }

    [Fact]
    public void EncryptedBlobVector()
    {
        var raw = Convert.FromHexString(
            "7b6785be222d4cf083e803d6404142434445464748494a4b4c4d4e4f8bebcaac7779a0ba887c54bb5a1a0a8b7de77ab7f37377"
            + "5bdb5842");
        using var crypt = new CryptConfig(StorageTestKit.TestKey);
        Assert.Equal(Hello, DataBlob.DecodeToArray(raw, 100, crypt, "test"));
        Assert.Throws<KeyRequiredException>(() => DataBlob.DecodeToArray(raw, 100, null, "test"));
        using var other = new CryptConfig(new byte[32]);
        Assert.Throws<CorruptDataException>(() => DataBlob.DecodeToArray(raw, 100, other, "test"));
    }

    [Fact]
    public void KeyedDigestVectors()
    {
        using var crypt = new CryptConfig(StorageTestKit.TestKey);
        Assert.Equal(
            "eea1d9d31735c240ab52f4f0444ca55fb1a13abd011cd29570f660ba14f84e9b", crypt.ComputeDigest(Hello).ToString());
        Assert.Equal(
            "348571e12bbbedb529def1f1394316e338a01945d871df9ef792617ceb13d636",
            crypt.ComputeDigest(new byte[4 << 20]).ToString());
        Assert.Equal("0eabd4460b6eb9ca345023dee2b778c790e54a1683b9659c0a57ae199090159b", crypt.Fingerprint.ToString());
        Assert.StartsWith("0e:ab:d4:46:", crypt.FingerprintText);
        Assert.Equal(95, crypt.FingerprintText.Length);
        Assert.EndsWith(":90:15:9b", crypt.FingerprintText);
    }

    [Fact]
    public void CrcVectorAndBothWaysAgree()
    {
        Assert.Equal(0xCBF43926u, Crc32.Compute("123456789"u8));
        var data = StorageTestKit.RandomBytes(1, 5000);
        for (var length = 0; length < 400; length++)
        {
            Assert.Equal(Crc32.ComputeByTables(data.AsSpan(7, length)), Crc32.Compute(data.AsSpan(7, length)));
        }

        Assert.Equal(Crc32.ComputeByTables(data), Crc32.Compute(data));
    }

    [Fact]
    public void IndexCsumVectors()
    {
        var volume = new SimulatedVolume();
        volume.MakeFolder("s");
        var a = Digest.Of("aaaaaaaaaa"u8);
        var b = Digest.Of("bbbbb"u8);
        using var didx = DynamicIndexWriter.Create(volume, "s", "x.didx", default);
        didx.Append(10, a);
        didx.Append(5, b);
        var summary = didx.Close();
        Assert.Equal("ffc93fd9fa0bd8835163879c25dd2f26fa8de6b31795c7623c683cb95207e664", summary.Csum.ToString());
        Assert.Equal(15, summary.SizeBytes);
        using var fidx = FixedIndexWriter.Create(volume, "s", "x.fidx", 8 << 20, default);
        fidx.SetSlot(1, b);
        fidx.SetSlot(0, a);
        Assert.Equal(
            "289efd4dd2852937409e3b516633fb5a2fc980fc2102bc7ebfc820427139909b", fidx.Close().Csum.ToString());
    }

    [Fact]
    public void ManifestSignatureVector()
    {
        var key = KeyDerivationFunctions.Scrypt("test"u8, default, 65536, 8, 1, 32);
        Assert.Equal(
            "28cdb1a3bef39396c3860e00d448fe7a0efd8244486ab6feb30457681d31597e", Convert.ToHexStringLower(key));
        using var crypt = new CryptConfig(key);
        var manifest = new Manifest(SnapshotName.Parse("host/elsa/2020-06-26T13:56:05Z"));
        Assert.Equal(1593179765, manifest.Snapshot.Time);
        var ones = new Digest(Enumerable.Repeat((byte)1, 32).ToArray());
        var twos = new Digest(Enumerable.Repeat((byte)2, 32).ToArray());
        manifest.Add(new ManifestFile("test1.img.fidx", CryptMode.Encrypt, 200, ones));
        manifest.Add(new ManifestFile("abc.blob", CryptMode.None, 200, twos));
        manifest.Sign(crypt);
        Assert.Equal("d7b446fb7db081662081d4b40fedd858a1d6307a5aff4ecff7d5bf4fd35679e9", manifest.Signature);
        Assert.Null(manifest.CheckSignature(crypt));
        manifest.Add(new ManifestFile("more.blob", CryptMode.None, 1, ones));
        Assert.Equal("wrong signature in manifest", manifest.CheckSignature(crypt));
    }

    [Theory]
    [InlineData("vm/100/2024-05-06T07:08:09Z", 1714979289)]
    [InlineData("host/a.b-c_D/1970-01-01T00:00:01Z", 1)]
    [InlineData("ct/_x/9999-12-31T23:59:59Z", SnapshotName.MaxTime)]
    public void SnapshotNamesRoundTrip(string text, long time)
    {
        Assert.True(SnapshotName.TryParse(text, out var name));
        Assert.Equal(time, name!.Time);
        Assert.Equal(text, name.ToString());
        Assert.Equal(name, SnapshotName.Create(name.Group, time));
    }

    [Theory]
    [InlineData("vm/100/2024-5-6T7:8:9Z")]
    [InlineData("vm/100/2024-05-06T07:08:09+00:00")]
    [InlineData("vm/100/2024-13-06T07:08:09Z")]
    [InlineData("vm/100/1970-01-01T00:00:00Z")]
    [InlineData("vm/../2024-05-06T07:08:09Z")]
    [InlineData("vm/.a/2024-05-06T07:08:09Z")]
    [InlineData("vm/-a/2024-05-06T07:08:09Z")]
    [InlineData("vm/a/b/2024-05-06T07:08:09Z")]
    [InlineData("vm/a\0/2024-05-06T07:08:09Z")]
    [InlineData("vm/ä/2024-05-06T07:08:09Z")]
    [InlineData("qm/100/2024-05-06T07:08:09Z")]
    [InlineData("VM/100/2024-05-06T07:08:09Z")]
    [InlineData("vm//2024-05-06T07:08:09Z")]
    [InlineData("")]
    [InlineData("/")]
    public void BadSnapshotNamesAreRefused(string text) => Assert.False(SnapshotName.TryParse(text, out _));

    [Theory]
    [InlineData("", "", true)]
    [InlineData("a", "ns/a", true)]
    [InlineData("a/b_c/D.e", "ns/a/ns/b_c/ns/D.e", true)]
    [InlineData("1/2/3/4/5/6/7", "ns/1/ns/2/ns/3/ns/4/ns/5/ns/6/ns/7", true)]
    [InlineData("1/2/3/4/5/6/7/8", "", false)]
    [InlineData("a//b", "", false)]
    [InlineData("/a", "", false)]
    [InlineData("a/", "", false)]
    [InlineData("a/../b", "", false)]
    [InlineData(".", "", false)]
    public void NamespacesMapToFolders(string text, string folder, bool legal)
    {
        Assert.Equal(legal, BackupNamespace.TryParse(text, out var ns));
        Assert.Equal(folder, ns.Folder);
    }

    [Theory]
    [InlineData("drive-scsi0.img.fidx", true)]
    [InlineData("root.pxar.didx", true)]
    [InlineData("a.blob", true)]
    [InlineData(".blob", false)]
    [InlineData("../x.blob", false)]
    [InlineData("x/y.blob", false)]
    [InlineData("x.blob\0", false)]
    [InlineData("x.BLOB", false)]
    [InlineData("x.blob.tmp1", false)]
    [InlineData("fidx", false)]
    public void ArchiveNames(string name, bool legal) => Assert.Equal(legal, SafeId.TryArchiveKind(name, out _));

    [Fact]
    public void ArchiveNameLengthLimit()
    {
        Assert.True(SafeId.TryArchiveKind(new string('a', SafeId.MaxLength - 5) + ".blob", out _));
        Assert.False(SafeId.TryArchiveKind(new string('a', SafeId.MaxLength - 4) + ".blob", out _));
        Assert.False(SafeId.TryArchiveKind(new string('a', 5000) + ".blob", out _));
    }

    [Fact]
    public void DigestsParseFormatAndOrder()
    {
        var text = "FF" + new string('0', 61) + "a";
        Assert.True(Digest.TryParse(text, out var digest));
        Assert.Equal(text.ToLowerInvariant(), digest.ToString());
        Assert.Equal(0xFF00, digest.Prefix);
        Assert.True(default(Digest).CompareTo(digest) < 0);
        Assert.True(default(Digest).IsZero);
        Assert.False(Digest.TryParse(text.AsSpan(1), out _));
        Assert.False(Digest.TryParse(text + "0", out _));
        Assert.False(Digest.TryParse(new string('g', 64), out _));
        Assert.Equal(".chunks/ff00/" + digest, ChunkStore.PathOf(digest));
    }
}
