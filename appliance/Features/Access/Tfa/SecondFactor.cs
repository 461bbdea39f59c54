// The second step of a login (pbs-protocol.md 1.6, TFA): what is asked for, whether the answer is right, and the locks after many wrong ones, as PBS has them:
// eight wrong TOTP codes in a row lock TOTP until a recovery key or an admin opens it; a hundred wrong answers of any kind lock all for an hour.
// Locks do not count on the box itself, so that nobody at the network can lock out who stands before it.
using System.Buffers;
using System.Net;
using System.Text;
using System.Text.Json;
using Holdfast.Features.Events;
using Holdfast.Ledger;

namespace Holdfast.Features.Access;

/// <summary>Asks for and checks second factors.</summary>
public sealed class SecondFactor(Func<AccessState> access, TfaSecrets secrets, Recorder recorder, TimeProvider clock)
{
    /// <summary>Wrong TOTP codes in a row.</summary>
    public const int TotpFailuresMax = 8;

    /// <summary>Wrong answers in a row.</summary>
    public const int FailuresMax = 100;

    /// <summary>How long all second factors are locked then.</summary>
    public const int LockedS = 3600;

    private readonly Lock gate = new();

    /// <summary>Wrong answers in a row by user; only of users who have second factors, so bounded by their number.</summary>
    private readonly Dictionary<string, (int Totp, int All, long LockedUntil)> failures = new(StringComparer.Ordinal);

    /// <summary>What is asked of a user after the password, as PBS's challenge; null: nothing.</summary>
    public string? Challenge(string userid)
    {
        if (access().Tfa.GetValueOrDefault(userid) is not { IsAsked: true } tfa)
        {
            return null;
        }

        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            if (tfa.Entries.Any(entry => entry is { Type: "totp", Enable: true }))
            {
                json.WriteBoolean("totp", true);
            }

            var left = HasRecovery(tfa) ? secrets.RecoveryLeft(userid) : [];
            if (left.Count > 0)
            {
                json.WriteStartArray("recovery");
                foreach (var index in left)
                {
                    json.WriteNumberValue(index);
                }

                json.WriteEndArray();
            }

            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    /// <summary>Is this a right answer (<c>totp:123456</c>, <c>recovery:KEY</c>)? It counts once.</summary>
    public async Task<bool> VerifyAsync(string userid, string answer, string source)
    {
        if (access().Tfa.GetValueOrDefault(userid) is not { IsAsked: true } tfa)
        {
            return false;
        }

        var colon = answer.IndexOf(':', StringComparison.Ordinal);
        var (kind, value) = colon < 0 ? ("", "") : (answer[..colon], answer[(colon + 1)..]);
        var now = clock.GetUtcNow().ToUnixTimeSeconds();
        var metadata = new EventMetadata(userid, source, "POST /access/ticket", "");
        if (IsLocked(tfa, kind, source, now))
        {
            return false;
        }

        if (await UseAsync(tfa, kind, value, now, metadata).ConfigureAwait(false))
        {
            Forget(userid);
            return true;
        }

        await CountAsync(tfa, kind, now, metadata).ConfigureAwait(false);
        return false;
    }

    /// <summary>Forgets the wrong answers of a user, as an admin may.</summary>
    public void Forget(string userid)
    {
        lock (gate)
        {
            failures.Remove(userid);
        }
    }

    /// <summary>Is a lock on this user's second factors?</summary>
    public static bool IsLocked(TfaAccount? tfa, long nowSeconds) => tfa is not null && (tfa.TotpLocked || tfa.LockedUntil > nowSeconds);

    private bool IsLocked(TfaAccount tfa, string kind, string source, long nowSeconds)
    {
        if (IPAddress.TryParse(source, out var address) && IPAddress.IsLoopback(address))
        {
            return false;
        }

        lock (gate)
        {
            // What is counted here stands for the event while the ledger is away.
            var (totp, _, lockedUntil) = failures.GetValueOrDefault(tfa.Userid);
            return Math.Max(tfa.LockedUntil, lockedUntil) > nowSeconds || (kind == "totp" && (tfa.TotpLocked || totp >= TotpFailuresMax));
        }
    }

    private async Task<bool> UseAsync(TfaAccount tfa, string kind, string value, long nowSeconds, EventMetadata metadata)
    {
        if (kind == "totp")
        {
            return tfa.Entries.Where(entry => entry is { Type: "totp", Enable: true })
                .Any(entry => secrets.UseTotp(tfa.Userid, entry.Id, value, nowSeconds));
        }

        if (kind != TfaSecrets.Recovery || !HasRecovery(tfa)
            || await Task.Run(() => secrets.UseRecovery(tfa.Userid, value)).ConfigureAwait(false) is not { } index)
        {
            return false;
        }

        await recorder.NoteAsync("auth:" + tfa.Userid, new RecoveryKeyUsed(tfa.Userid, index), metadata).ConfigureAwait(false);
        if (tfa.TotpLocked)
        {
            await recorder.NoteAsync("auth:" + tfa.Userid, new SecondFactorsUnlocked(tfa.Userid), metadata).ConfigureAwait(false);
        }

        return true;
    }

    private async Task CountAsync(TfaAccount tfa, string kind, long nowSeconds, EventMetadata metadata)
    {
        int totp, all;
        lock (gate)
        {
            (totp, all, var lockedUntil) = failures.GetValueOrDefault(tfa.Userid);
            (totp, all) = (kind == "totp" ? totp + 1 : totp, all + 1);
            failures[tfa.Userid] = all == FailuresMax ? (totp, 0, nowSeconds + LockedS) : (totp, all, lockedUntil);
        }

        if (totp == TotpFailuresMax && kind == "totp")
        {
            await recorder.NoteAsync("auth:" + tfa.Userid, new TotpLocked(tfa.Userid, totp), metadata).ConfigureAwait(false);
        }

        if (all == FailuresMax)
        {
            await recorder.NoteAsync("auth:" + tfa.Userid, new SecondFactorsLocked(tfa.Userid, all, nowSeconds + LockedS), metadata)
                .ConfigureAwait(false);
        }
    }

    private static bool HasRecovery(TfaAccount tfa) => tfa.Entries.Any(entry => entry is { Type: TfaSecrets.Recovery, Enable: true });
}
