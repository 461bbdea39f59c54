// What a first start makes: the admin with a random password, and the first datastore. Each step is safe to repeat, so a kill in the middle only means
// that the next start goes on.
using System.Security.Cryptography;
using Holdfast.Features.Access;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Ledger;

namespace Holdfast.Host;

/// <summary>Makes what an empty ledger lacks.</summary>
public sealed class FirstStart(DataFolder folder, CredentialStore credentials, Recorder recorder)
{
    public const string Admin = "admin@pbs";
    private const string MainStore = "main";
    private const int PasswordChars = 20;
    private const string PasswordAlphabet = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

    /// <summary>Creates the admin if nobody exists yet. The password file comes first: an admin whose password nobody knows would be worse
    /// than a password file without admin.</summary>
    public async Task EnsureAdminAsync(AccessState access)
    {
        if (!access.Users.IsEmpty)
        {
            return;
        }

        var password = RandomNumberGenerator.GetString(PasswordAlphabet, PasswordChars);
        folder.WriteInitialPassword(password);
        credentials.Set(Admin, password, PasswordHash.PasswordRounds);
        await AppendAsync("auth:" + Admin, ExpectedVersion.Any,
            Event.Of(new UserCreated(Admin, true, 0, "made at the first start"), EventMetadata.System),
            Event.Of(new AccessGranted("/", Admin, Roles.Admin, true), EventMetadata.System)).ConfigureAwait(false);
    }

    /// <summary>Names the first datastore if there is none and never was; opening makes its folder. One that was taken out stays out.</summary>
    public async Task EnsureDatastoreAsync(DatastoresState datastores)
    {
        if (datastores.Stores.IsEmpty)
        {
            await AppendAsync("datastore:" + MainStore, ExpectedVersion.None,
                Event.Of(new DatastoreCreated(MainStore, "datastores/" + MainStore, null), EventMetadata.System)).ConfigureAwait(false);
        }
    }

    private Task AppendAsync(string stream, long expectedVersion, params NewEvent[] events) =>
        recorder.DecideAsync(stream, expectedVersion, events, TimeSpan.FromSeconds(30));
}
