// What a first start makes, and what no later start makes again.
using Holdfast.Features.Access;
using Holdfast.Features.Audit;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Host;
using Holdfast.Ledger;
using Xunit;

namespace Holdfast.Tests.Unit.Host;

public sealed class FirstStartTests
{
    [Fact]
    public async Task The_first_datastore_is_made_once_and_stays_out_when_it_was_taken_out()
    {
        var path = Directory.CreateTempSubdirectory("holdfast-first-").FullName;
        try
        {
            await using var ledger = new MemoryLedger(TimeProvider.System);
            await using var deferred = new DeferredAppends(ledger, TimeProvider.System);
            var folds = new Folds(ledger, null, TimeProvider.System, _ => { });
            await folds.Set.StartAsync();
            var recorder = new Recorder(ledger, deferred, TimeProvider.System);
            using var folder = new DataFolder(path);
            var first = new FirstStart(folder, new CredentialStore(folder), recorder);
            await first.EnsureDatastoreAsync(folds.Datastores.State);
            await first.EnsureDatastoreAsync(folds.Datastores.State);
            Assert.Equal(["main"], folds.Datastores.State.Stores.Keys);
            Assert.Equal(1, ledger.Head.Position);

            await recorder.NoteAsync("datastore:main", new DatastoreRemoved("main", false), EventMetadata.System);
            await first.EnsureDatastoreAsync(folds.Datastores.State);
            Assert.Empty(folds.Datastores.State.Stores);
            await folds.Set.DisposeAsync();
        }
        finally
        {
            Directory.Delete(path, recursive: true);
        }
    }

    [Fact]
    public void Whatever_is_secret_is_its_owners_alone()
    {
        const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        var path = Directory.CreateTempSubdirectory("holdfast-first-").FullName;
        try
        {
            using var folder = new DataFolder(Path.Combine(path, "data"));
            folder.WriteInitialPassword("first password");
            folder.TicketKey();
            folder.Certificate(TimeProvider.System);
            new CredentialStore(folder).Set("a@pbs", "secret word", 1);
            Assert.Equal(Owner | UnixFileMode.UserExecute, File.GetUnixFileMode(folder.Root));
            Assert.All((string[])["initial-admin-password", "keys/ticket.key", "tls/key.pem", "credentials.json"],
                name => Assert.Equal(Owner, File.GetUnixFileMode(folder.At(name))));
        }
        finally
        {
            Directory.Delete(path, recursive: true);
        }
    }
}
