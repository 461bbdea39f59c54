// Hashes of passwords and token secrets, and what second factors are checked with: the one thing about access that is not in the ledger, since events are
// exported and read by auditors. Kept whole in memory; every change is durable in the file before it is answered, and the event follows.
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

/// <summary>Passwords of users and secrets of tokens, by id; second factors under keys that are no ids (<c>tfa:u@pbs:…</c>).</summary>
public sealed class CredentialStore
{
    private readonly ICredentialFile file;
    private readonly Lock gate = new();
    private readonly Dictionary<string, string> stored;

    /// <exception cref="InvalidDataException">The file is not a credential file: better to stop than to lock everybody out silently.</exception>
    public CredentialStore(ICredentialFile file)
    {
        this.file = file;
        try
        {
            stored = file.Read() is { } content
                ? JsonSerializer.Deserialize(content, CredentialJson.Default.DictionaryStringString) ?? []
                : [];
        }
        catch (JsonException error)
        {
            throw new InvalidDataException("the credential file can't be read: " + error.Message);
        }
    }

    /// <summary>Does the id have a secret at all?</summary>
    public bool Has(string authId) => Find(authId) is not null;

    /// <summary>What is stored under a key, or null.</summary>
    public string? Find(string key)
    {
        lock (gate)
        {
            return stored.GetValueOrDefault(key);
        }
    }

    /// <summary>Is this its secret? Takes as long for an unknown id as for a known one of the same kind.</summary>
    public bool Matches(string authId, string secret)
    {
        if (Find(authId) is { } hash)
        {
            return PasswordHash.Matches(secret, hash);
        }

        PasswordHash.Matches(secret, AccessState.TokenSeparator(authId) < 0 ? PasswordHash.OfNobody : PasswordHash.OfNoToken);
        return false;
    }

    /// <summary>Sets the secret; durable when this returns.</summary>
    public void Set(string authId, string secret, int rounds) => Put(authId, PasswordHash.Of(secret, rounds));

    /// <summary>Forgets the secret; durable when this returns.</summary>
    public void Remove(string authId) => Put(authId, null);

    /// <summary>Stores a value under a key, or removes it; durable when this returns.</summary>
    /// <returns>Puts back what was there before, for a change whose event could not be recorded.</returns>
    public Action Put(string key, string? value)
    {
        lock (gate)
        {
            var before = stored.GetValueOrDefault(key);
            if (before != value)
            {
                Store(key, value);
            }

            return () => Put(key, before);
        }
    }

    /// <summary>Changes a value in one step: <paramref name="change"/> sees what is there and says what shall be, or null for no change.</summary>
    /// <returns>Was it changed? Durable when this returns.</returns>
    public bool Change(string key, Func<string?, string?> change)
    {
        lock (gate)
        {
            if (change(stored.GetValueOrDefault(key)) is not { } value)
            {
                return false;
            }

            Store(key, value);
            return true;
        }
    }

    /// <summary>Removes all keys that fit, in one durable step.</summary>
    public void RemoveAll(Func<string, bool> which)
    {
        lock (gate)
        {
            var gone = stored.Keys.Where(which).ToList();
            if (gone.Count > 0)
            {
                Write(stored.Where(pair => !gone.Contains(pair.Key)).ToDictionary());
                gone.ForEach(key => stored.Remove(key));
            }
        }
    }

    private void Store(string key, string? value)
    {
        var changed = new Dictionary<string, string>(stored);
        if (value is null)
        {
            changed.Remove(key);
        }
        else
        {
            changed[key] = value;
        }

        Write(changed);
        if (value is null)
        {
            stored.Remove(key);
        }
        else
        {
            stored[key] = value;
        }
    }

    private void Write(Dictionary<string, string> changed) =>
        file.Replace(JsonSerializer.SerializeToUtf8Bytes(changed, CredentialJson.Default.DictionaryStringString));
}

[JsonSerializable(typeof(Dictionary<string, string>))]
internal sealed partial class CredentialJson : JsonSerializerContext;
