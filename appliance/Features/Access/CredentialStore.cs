// Hashes of passwords and token secrets: the one thing about access that is not in the ledger, since events are exported and read by auditors.
// Kept whole in memory; every change is durable in the file before it is answered, and the event follows.
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Holdfast.Features.Access;

/// <summary>Where the credentials lie; the host gives the real one (mode 0600, replaced atomically and durably).</summary>
public interface ICredentialFile
{
    /// <summary>The whole file, or null if there is none yet.</summary>
    byte[]? Read();

    /// <summary>Replaces it; when this returns, the new content survives a power cut.</summary>
    void Replace(byte[] content);
}

/// <summary>Passwords of users and secrets of tokens, by id.</summary>
public sealed class CredentialStore
{
    private readonly ICredentialFile file;
    private readonly Lock gate = new();
    private readonly Dictionary<string, string> hashes;

    /// <exception cref="InvalidDataException">The file is not a credential file: better to stop than to lock everybody out silently.</exception>
    public CredentialStore(ICredentialFile file)
    {
        this.file = file;
        try
        {
            hashes = file.Read() is { } content
                ? JsonSerializer.Deserialize(content, CredentialJson.Default.DictionaryStringString) ?? []
                : [];
        }
        catch (JsonException error)
        {
            throw new InvalidDataException("the credential file can't be read: " + error.Message);
        }
    }

    /// <summary>Does the id have a secret at all?</summary>
    public bool Has(string authId)
    {
        lock (gate)
        {
            return hashes.ContainsKey(authId);
        }
    }

    /// <summary>Is this its secret? Takes as long for an unknown id as for a known one of the same kind.</summary>
    public bool Matches(string authId, string secret)
    {
        string? stored;
        lock (gate)
        {
            stored = hashes.GetValueOrDefault(authId);
        }

        return stored is null
            ? TakeTheTime(secret)
            : PasswordHash.Matches(secret, stored);
    }

    /// <summary>Sets the secret; durable when this returns.</summary>
    public void Set(string authId, string secret, int rounds)
    {
        var hash = PasswordHash.Of(secret, rounds);
        lock (gate)
        {
            var changed = new Dictionary<string, string>(hashes) { [authId] = hash };
            Store(changed);
            hashes[authId] = hash;
        }
    }

    /// <summary>Forgets the secret; durable when this returns.</summary>
    public void Remove(string authId)
    {
        lock (gate)
        {
            var changed = new Dictionary<string, string>(hashes);
            if (changed.Remove(authId))
            {
                Store(changed);
                hashes.Remove(authId);
            }
        }
    }

    private static bool TakeTheTime(string secret)
    {
        PasswordHash.Matches(secret, PasswordHash.OfNobody);
        return false;
    }

    private void Store(Dictionary<string, string> changed) =>
        file.Replace(JsonSerializer.SerializeToUtf8Bytes(changed, CredentialJson.Default.DictionaryStringString));
}

[JsonSerializable(typeof(Dictionary<string, string>))]
internal sealed partial class CredentialJson : JsonSerializerContext;
