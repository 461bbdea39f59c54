// The manifest of a snapshot (reference 3.10): what it holds, signed if there is a key, and an unprotected part that
// the server may change. Reading is bounded and strict, writing keeps the signed members equal in value and the
// unprotected ones that it does not know.
using System.Security.Cryptography;
using System.Text.Json;

namespace Holdfast.Storage;

/// <summary>How many chunks an upload brought: sizes in bytes.</summary>
public readonly record struct ChunkUploadStats(long Count, long SizeBytes, long CompressedSizeBytes, long Duplicates);

/// <summary>Outcome of the last verification of a snapshot.</summary>
public sealed record VerifyState(string State, string Upid)
{
    public bool IsFailed => State == "failed";
}

/// <summary>Parsed or growing manifest. Not for several threads at once.</summary>
public sealed class Manifest
{
    /// <summary>Largest JSON text that is read: a manifest is some hundred bytes per archive.</summary>
    public const int MaxJsonSize = 16 * 1024 * 1024;

    public const int MaxFiles = 10_000;

    private readonly List<ManifestFile> files = [];
    private readonly Dictionary<string, JsonElement> unprotected = [];

    public Manifest(SnapshotName snapshot) => Snapshot = snapshot;

    public SnapshotName Snapshot { get; }

    public IReadOnlyList<ManifestFile> Files => files;

    /// <summary>64 hex digits, or null if nobody signed.</summary>
    public string? Signature { get; internal set; }

    /// <summary>The members outside the signature, by name.</summary>
    public IReadOnlyDictionary<string, JsonElement> Unprotected => unprotected;

    /// <summary>Fingerprint text of the key that archives are encrypted or signed with.</summary>
    public string? KeyFingerprint
    {
        get => Text("key-fingerprint");
        set => Set("key-fingerprint", value);
    }

    public string? Notes
    {
        get => Text("notes");
        set => Set("notes", value);
    }

    public VerifyState? VerifyState
    {
        get => unprotected.TryGetValue("verify_state", out var value) && value.ValueKind == JsonValueKind.Object
            && ManifestJson.Text(value, "state") is { } state && ManifestJson.Text(value, "upid") is { } upid
                ? new VerifyState(state, upid)
                : null;
        set => SetObject("verify_state", value is null ? null : writer =>
        {
            writer.WriteString("state", value.State);
            writer.WriteString("upid", value.Upid);
        });
    }

    public ChunkUploadStats? ChunkUploadStats
    {
        get => unprotected.TryGetValue("chunk_upload_stats", out var value) && value.ValueKind == JsonValueKind.Object
            ? new ChunkUploadStats(
                ManifestJson.Number(value, "count"), ManifestJson.Number(value, "size"),
                ManifestJson.Number(value, "compressed_size"), ManifestJson.Number(value, "duplicates"))
            : null;
        set => SetObject("chunk_upload_stats", value is not { } stats ? null : writer =>
        {
            writer.WriteNumber("compressed_size", stats.CompressedSizeBytes);
            writer.WriteNumber("count", stats.Count);
            writer.WriteNumber("duplicates", stats.Duplicates);
            writer.WriteNumber("size", stats.SizeBytes);
        });
    }

    /// <summary>Decodes and parses index.json.blob.</summary>
    /// <exception cref="CorruptDataException">Not a manifest.</exception>
    public static Manifest FromBlob(ReadOnlySpan<byte> raw, string subject) =>
        ManifestJson.Parse(DataBlob.DecodeToArray(raw, MaxJsonSize, null, subject), subject);

    /// <summary>Parses the JSON text.</summary>
    /// <exception cref="CorruptDataException">Not a manifest.</exception>
    public static Manifest FromJson(ReadOnlyMemory<byte> json, string subject) => ManifestJson.Parse(json, subject);

    /// <summary>Adds an archive.</summary>
    /// <exception cref="RefusedException">Bad or double name, or too many.</exception>
    public void Add(ManifestFile file)
    {
        if (!SafeId.TryArchiveKind(file.Name, out _) || file.SizeBytes < 0 || files.Count >= MaxFiles
            || files.Exists(f => f.Name == file.Name))
        {
            throw new RefusedException("archive cannot be added to the manifest");
        }

        files.Add(file);
    }

    internal void AddChecked(ManifestFile file) => files.Add(file);

    /// <summary>The archive of that name.</summary>
    public ManifestFile? Find(string name) => files.Find(f => f.Name == name);

    /// <summary>Signs with the key and notes its fingerprint.</summary>
    public void Sign(CryptConfig crypt)
    {
        Signature = crypt.Sign(ManifestJson.Canonical(this)).ToString();
        KeyFingerprint = crypt.FingerprintText;
    }

    /// <summary>Checks the signature. Null if it is good, else what is wrong ("no signature" included).</summary>
    public string? CheckSignature(CryptConfig crypt)
    {
        if (Signature == null)
        {
            return "manifest is not signed";
        }

        if (KeyFingerprint is { } fingerprint && fingerprint != crypt.FingerprintText)
        {
            return $"wrong key - manifest's key {fingerprint[..Math.Min(23, fingerprint.Length)]} "
                + $"does not match provided key {crypt.FingerprintText[..23]}";
        }

        var expected = crypt.Sign(ManifestJson.Canonical(this));
        return Digest.TryParse(Signature, out var given)
            && CryptographicOperations.FixedTimeEquals(given.Bytes, expected.Bytes)
                ? null
                : "wrong signature in manifest";
    }

    /// <summary>Pretty JSON, members sorted by name, as PBS writes it.</summary>
    public byte[] ToJson() => ManifestJson.Pretty(this);

    /// <summary>The JSON as a compressed DataBlob: the content of index.json.blob.</summary>
    public byte[] ToBlob() => DataBlob.Encode(ToJson());

    /// <summary>Sets or (null) removes an unprotected member.</summary>
    public void SetUnprotected(string name, JsonElement? value)
    {
        if (value is { } element)
        {
            unprotected[name] = element.Clone();
        }
        else
        {
            unprotected.Remove(name);
        }
    }

    private string? Text(string name) =>
        unprotected.TryGetValue(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;

    private void Set(string name, string? value) =>
        SetUnprotected(name, value is null ? null : ManifestJson.Element(w => w.WriteStringValue(value)));

    private void SetObject(string name, Action<Utf8JsonWriter>? members) =>
        SetUnprotected(name, members is null ? null : ManifestJson.Element(writer =>
        {
            writer.WriteStartObject();
            members(writer);
            writer.WriteEndObject();
        }));
}
