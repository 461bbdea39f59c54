// The rules of who may do what (pbs-protocol.md 1.8), and of keeping secrets: tables over pure functions.
using Holdfast.Features.Access;
using Holdfast.Features.Events;
using Holdfast.Ledger;
using Xunit;

namespace Holdfast.Tests.Unit.Features;

public sealed class AccessTests
{
    private const string User = "u@pbs";
    private const string Token = "u@pbs!pve";

    [Theory]
    // A role on the root reaches the leaf; without propagation it stays where it is.
    [InlineData("/:Admin:1", "/datastore/main", "Datastore.Backup", true)]
    [InlineData("/:Admin:0", "/datastore/main", "Datastore.Backup", false)]
    [InlineData("/:Admin:0", "/", "Sys.Audit", true)]
    // A deeper set replaces the one from above, wholly.
    [InlineData("/:Admin:1 /datastore/main:DatastoreReader:1", "/datastore/main", "Datastore.Backup", false)]
    [InlineData("/:Admin:1 /datastore/main:DatastoreReader:1", "/datastore/main", "Datastore.Read", true)]
    [InlineData("/:Admin:1 /datastore/main:DatastoreReader:1", "/datastore/other", "Datastore.Backup", true)]
    [InlineData("/:DatastoreAudit:1 /datastore/main:DatastoreBackup:0", "/datastore/main/ns", "Datastore.Backup", false)]
    [InlineData("/:DatastoreAudit:1 /datastore/main:DatastoreBackup:0", "/datastore/main/ns", "Datastore.Audit", true)]
    // NoAccess takes the place of whatever stood at the same node, and gives way to what comes after.
    [InlineData("/datastore/main:Admin:1 /datastore/main:NoAccess:1", "/datastore/main", "Datastore.Audit", false)]
    [InlineData("/datastore/main:NoAccess:1 /datastore/main:Admin:1", "/datastore/main", "Datastore.Audit", true)]
    [InlineData("/:Admin:1 /datastore/main:NoAccess:0", "/datastore/main/ns", "Datastore.Audit", true)]
    // Two roles at one node add up.
    [InlineData("/datastore:DatastoreBackup:1 /datastore:DatastoreAudit:1", "/datastore/main/a/b", "Datastore.Audit", true)]
    [InlineData("/datastore/mai:Admin:1", "/datastore/main", "Datastore.Audit", false)]
    public void Roles_come_from_the_deepest_node_with_entries(string entries, string path, string privilege, bool expected)
    {
        var state = State(entries.Split(' ').Select(entry => (entry.Split(':'), User)));
        Assert.Equal(expected, Roles.NamesOf(state.On(path, User)).Split('|').Contains(privilege));
    }

    [Fact]
    public void A_token_never_has_more_than_its_user()
    {
        var onlyToken = State([(["/", "Admin", "1"], Token)]);
        Assert.Equal(Privileges.None, onlyToken.On("/datastore/main", Token));
        var both = State([(["/", "Admin", "1"], Token), (["/", "DatastoreBackup", "1"], User)]);
        Assert.Equal(Privileges.DatastoreBackup, both.On("/datastore/main", Token));
        Assert.Equal(Privileges.All, both.On("/", AccessState.Root));
        Assert.Equal(Privileges.None, both.On("/", AccessState.Root + "!t"));
    }

    [Theory]
    [InlineData("u@pbs", "u@pbs", true)]
    [InlineData("u@pbs!t", "u@pbs", true)]
    [InlineData("u@pbs", "u@pbs!t", false)]
    [InlineData("u@pbs!t", "u@pbs!t", true)]
    [InlineData("u@pbs!t", "u@pbs!s", false)]
    [InlineData("v@pbs", "u@pbs", false)]
    public void A_user_owns_what_his_token_made_and_not_the_other_way(string owner, string caller, bool expected) =>
        Assert.Equal(expected, Ownership.Is(owner, caller));

    [Fact]
    public void Disabled_or_expired_counts_for_user_and_token()
    {
        var fold = new AccessFold();
        var state = Fold(fold, Event.Of(new UserCreated(User, true, 0, null), EventMetadata.System),
            Event.Of(new TokenIssued(Token, true, 100, null), EventMetadata.System));
        Assert.True(state.IsActive(User, 1000));
        Assert.True(state.IsActive(Token, 99));
        Assert.False(state.IsActive(Token, 100));
        Assert.False(state.IsActive("nobody@pbs", 1));
        state = Fold(fold, Event.Of(new UserCreated(User, false, 0, null), EventMetadata.System),
            Event.Of(new TokenIssued(Token, true, 0, null), EventMetadata.System));
        Assert.False(state.IsActive(Token, 1));
    }

    [Fact]
    public void The_fold_reads_back_what_it_writes()
    {
        var fold = new AccessFold();
        var state = Fold(fold,
            Event.Of(new UserCreated(User, true, 0, "a comment"), EventMetadata.System),
            Event.Of(new TokenIssued(Token, true, 7, null), EventMetadata.System),
            Event.Of(new AccessGranted("/", User, "Admin", true), EventMetadata.System),
            Event.Of(new AccessGranted("/datastore/main", Token, "DatastoreBackup", false), EventMetadata.System),
            Event.Of(new AccessWithdrawn("/", User, "Admin"), EventMetadata.System));
        var bytes = new MemoryStream();
        fold.Write(state, bytes);
        bytes.Position = 0;
        var again = new MemoryStream();
        fold.Write(fold.Read(bytes), again);
        Assert.Equal(bytes.ToArray(), again.ToArray());
        Assert.Throws<InvalidDataException>(() => fold.Read(new MemoryStream([1, 2, 3])));
        Assert.False(state.Acl.ContainsKey("/"));
    }

    [Fact]
    public void A_secret_matches_only_itself()
    {
        var stored = PasswordHash.Of("correct horse", 10);
        Assert.True(PasswordHash.Matches("correct horse", stored));
        Assert.False(PasswordHash.Matches("correct horsf", stored));
        Assert.False(PasswordHash.Matches("", stored));
        string[] brokenOnes =
            ["", "$", "$pbkdf2-sha512$$$", "$pbkdf2-sha512$99999999999$a$b", stored[..^4], stored + "$x", stored.Replace("512", "256")];
        foreach (var broken in brokenOnes)
        {
            Assert.False(PasswordHash.Matches("correct horse", broken));
        }
    }

    [Fact]
    public void Credentials_survive_only_once_they_are_stored()
    {
        var file = new MemoryCredentialFile();
        new CredentialStore(file).Set(User, "secret-1", 1);
        var again = new CredentialStore(file);
        Assert.True(again.Matches(User, "secret-1"));
        Assert.False(again.Matches(Token, "secret-1"));
        file.Fails = true;
        Assert.Throws<IOException>(() => again.Set(User, "secret-2", 1));
        Assert.True(again.Matches(User, "secret-1"));
        file.Fails = false;
        again.Remove(User);
        Assert.False(new CredentialStore(file).Matches(User, "secret-1"));
        file.Content = "not json"u8.ToArray();
        Assert.Throws<InvalidDataException>(() => new CredentialStore(file));
    }

    [Fact]
    public void A_flood_of_refused_logins_is_a_bounded_number_of_events()
    {
        var refused = new RefusedLogins();
        for (var i = 0; i < 10_000; i++)
        {
            refused.Add($"user{i}@pbs\n" + new string('x', 500), "192.0.2.1", 120);
        }

        refused.Add("late@pbs", "192.0.2.1", 181);
        Assert.DoesNotContain(refused.Take(125), sum => sum.MinuteStart == 120);
        var sums = refused.Take(185);
        Assert.InRange(sums.Count, 1, RefusedLogins.PairsPerMinuteMax + 2);
        Assert.Equal(10_000, sums.Where(sum => sum.MinuteStart == 120).Sum(sum => sum.Count));
        Assert.All(sums, sum => Assert.True(sum.Account.Length <= 64 && !sum.Account.Any(char.IsControl)));
        Assert.Equal(1, refused.Take(185, all: true).Sum(sum => sum.Count));
    }

    private static AccessState State(IEnumerable<(string[] Entry, string Id)> entries) => Fold(new AccessFold(), [.. entries.Select(entry =>
        Event.Of(new AccessGranted(entry.Entry[0], entry.Id, entry.Entry[1], entry.Entry[2] == "1"), EventMetadata.System))]);

    internal static TState Fold<TState>(IFold<TState> fold, params NewEvent[] events)
    {
        var state = fold.Initial;
        long position = 0;
        foreach (var fresh in events)
        {
            position++;
            Assert.True(fold.Knows(fresh.Type));
            state = fold.Apply(state, new RecordedEvent(
                position, "test", position, fresh.Type, position, fresh.Data, fresh.Metadata, ReadOnlyMemory<byte>.Empty));
        }

        return state;
    }

    private sealed class MemoryCredentialFile : ICredentialFile
    {
        public byte[]? Content { get; set; }

        public bool Fails { get; set; }

        public byte[]? Read() => Content;

        public void Replace(byte[] content) => Content = Fails ? throw new IOException("disk full") : content;
    }
}
