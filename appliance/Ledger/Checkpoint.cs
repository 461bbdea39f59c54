// A checkpoint: the signed statement "at this position the chain had this hash", itself an event in stream "ledger".
// Who can rewrite the table can't sign; who reads a checkpoint needs nothing but the public key.
using System.Buffers.Binary;
using System.Text;
using System.Text.Json;

namespace Holdfast.Ledger;

/// <summary>Content of an event <c>LedgerCheckpointSigned/1</c>.</summary>
/// <param name="Position">Signed position, before the checkpoint's own.</param>
/// <param name="Hash">Hash of the event at that position, 32 bytes.</param>
/// <param name="Signature">64 bytes, IEEE P1363.</param>
/// <param name="KeyFingerprint">SHA-256 of the key's SubjectPublicKeyInfo, lower-case hex.</param>
public sealed record Checkpoint(
    long Position, ReadOnlyMemory<byte> Hash, ReadOnlyMemory<byte> Signature, string KeyFingerprint)
{
    /// <summary>Stream of checkpoints and of what else the ledger says about itself.</summary>
    public const string StreamName = "ledger";

    /// <summary>Type of the event.</summary>
    public const string TypeName = "LedgerCheckpointSigned/1";

    private const int MaxJsonBytes = 1024;

    /// <summary>Signs a head.</summary>
    public static Checkpoint Sign(LedgerHead head, LedgerKey key) =>
        new(head.Position, head.Hash, key.Sign(Message(head.Position, head.Hash.Span)), key.Public.Fingerprint);

    /// <summary>True if the signature is this key's.</summary>
    public bool IsSignedBy(LedgerPublicKey key) => key.Verify(Message(Position, Hash.Span), Signature.Span);

    /// <summary>The event to append.</summary>
    public NewEvent ToEvent() => new(TypeName, JsonBytes(), EventMetadata.System);

    /// <summary>Reads the data of an event. False if it is not a checkpoint's.</summary>
    public static bool TryParse(ReadOnlySpan<byte> data, out Checkpoint? checkpoint)
    {
        checkpoint = null;
        if (data.Length > MaxJsonBytes)
        {
            return false;
        }
        try
        {
            using var json = JsonDocument.Parse(data.ToArray(), new JsonDocumentOptions { MaxDepth = 2 });
            var root = json.RootElement;
            if (root.ValueKind != JsonValueKind.Object
                || !root.TryGetProperty("position", out var position) || !position.TryGetInt64(out var at)
                || Text(root, "hash") is not { Length: 64 } hash || Text(root, "key") is not { Length: 64 } key
                || Text(root, "signature") is not { } signature)
            {
                return false;
            }
            checkpoint = new Checkpoint(at, Convert.FromHexString(hash), Convert.FromBase64String(signature), key);
            return true;
        }
        catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException)
        {
            return false; // The caller names the position; why exactly the text is no checkpoint adds nothing.
        }
    }

    private static string? Text(JsonElement root, string name) =>
        root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    // Base64 of standard alphabet, hex and digits: nothing here needs escaping.
    private byte[] JsonBytes() => Encoding.UTF8.GetBytes(
        $"{{\"position\":{Position},\"hash\":\"{Convert.ToHexStringLower(Hash.Span)}\","
        + $"\"signature\":\"{Convert.ToBase64String(Signature.Span)}\",\"key\":\"{KeyFingerprint}\"}}");

    /// <summary>What is signed: a fixed prefix, the position (8 bytes, big-endian) and the hash.</summary>
    private static byte[] Message(long position, ReadOnlySpan<byte> hash)
    {
        var prefix = "holdfast ledger checkpoint 1\n"u8;
        var message = new byte[prefix.Length + 8 + hash.Length];
        prefix.CopyTo(message);
        BinaryPrimitives.WriteInt64BigEndian(message.AsSpan(prefix.Length), position);
        hash.CopyTo(message.AsSpan(prefix.Length + 8));
        return message;
    }
}
