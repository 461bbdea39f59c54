// What second factors are checked with, in the credential file beside the passwords (mode 0600, atomic, durable): TOTP secrets with the last step that was
// used, and hashes of recovery keys, of which a spent one leaves a gap.
using System.Globalization;
using System.Security.Cryptography;

namespace Holdfast.Features.Access;

/// <summary>Secrets of second factors.</summary>
public sealed class TfaSecrets(CredentialStore credentials)
{
    /// <summary>Id and type of the one set of recovery keys a user can have.</summary>
    public const string Recovery = "recovery";

    /// <summary>Keys in a set.</summary>
    public const int RecoveryKeys = 10;

    /// <summary>Rounds for keys of 64 random bits: quick enough for ten of them, dear enough for a stolen file.</summary>
    private const int RecoveryRounds = 5_000;

    private const char Gap = '-';

    /// <summary>What all keys of a user start with; no id can (an id holds no <c>:</c>).</summary>
    public static string Prefix(string userid) => $"tfa:{userid}:";

    public Action PutTotp(string userid, string id, Totp totp) => credentials.Put(Prefix(userid) + id, totp.Stored(lastStep: 0));

    public Action PutRecovery(string userid, IReadOnlyList<string> keys) =>
        credentials.Put(Prefix(userid) + Recovery, string.Join(',', keys.Select(key => PasswordHash.Of(key, RecoveryRounds))));

    public void Remove(string userid, string id) => credentials.Remove(Prefix(userid) + id);

    /// <summary>New recovery keys, as PBS writes them: <c>4695-b647-9af7-9cb1</c>.</summary>
    public static IReadOnlyList<string> NewRecoveryKeys() => [.. Enumerable.Range(0, RecoveryKeys).Select(_ =>
        string.Join('-', Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8)).Chunk(4).Select(four => new string(four))))];

    /// <summary>Which recovery keys are left, by index.</summary>
    public IReadOnlyList<int> RecoveryLeft(string userid) =>
        credentials.Find(Prefix(userid) + Recovery) is { } stored
            ? [.. stored.Split(',').Index().Where(key => key.Item != Gap.ToString(CultureInfo.InvariantCulture)).Select(key => key.Index)]
            : [];

    /// <summary>Uses a code of one entry: right and not used before. Durable when this returns, so that it can't be used again after a crash.</summary>
    public bool UseTotp(string userid, string id, string code, long nowSeconds) => credentials.Change(Prefix(userid) + id, stored =>
        Totp.FromStored(stored) is var (totp, lastStep) && totp.FindStep(code, nowSeconds, lastStep) is { } step ? totp.Stored(step) : null);

    /// <summary>Spends a recovery key; its index, or null if it is none (any more).</summary>
    public int? UseRecovery(string userid, string key)
    {
        int? spent = null;
        credentials.Change(Prefix(userid) + Recovery, stored =>
        {
            var hashes = (stored ?? "").Split(',');
            var at = Array.FindIndex(hashes, hash => PasswordHash.Matches(key, hash));
            if (at < 0)
            {
                return null;
            }

            (hashes[at], spent) = (Gap.ToString(CultureInfo.InvariantCulture), at);
            return string.Join(',', hashes);
        });
        return spent;
    }
}
