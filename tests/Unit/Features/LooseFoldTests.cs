// A fold that changes its state in place while many events come gives the same state as one that never does; texts are shared without being changed.
using System.Text;
using Holdfast.Features.Backup;
using Holdfast.Features.Events;
using Holdfast.Features.Snapshots;
using Holdfast.Ledger;
using Xunit;

namespace Holdfast.Tests.Unit;

public sealed class LooseFoldTests
{
    private static readonly SnapshotContent Content = new([new SnapshotFile("a.img.fidx", "none", 1, new string('a', 64))], null, "notes", null, null, false);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_loosened_state_ends_as_the_one_that_was_never_loosened(int seed)
    {
        var fold = new SnapshotsFold();
        var random = new Random(seed);
        var (strict, loose) = (fold.Initial, fold.Loosen(fold.Initial));
        for (var i = 1; i <= 1500; i++)
        {
            var recorded = Recorded(random, i);
            var before = strict;
            var bytes = i % 100 == 0 ? Bytes(fold, before) : null;
            strict = fold.Apply(strict, recorded);
            loose = fold.Apply(loose, recorded);
            if (bytes is not null)
            {
                Assert.Equal(bytes, Bytes(fold, before)); // immutable, whoever holds it
                Assert.Equal(Bytes(fold, strict), Bytes(fold, fold.Settle(loose)));
                loose = fold.Loosen(loose);
            }
        }

        // Looked at without being settled first, it settles by itself.
        Assert.Equal(
            strict.InStore("main").Select(group => (group.Key, group.Version, group.Snapshots.Count)),
            loose.InStore("main").Select(group => (group.Key, group.Version, group.Snapshots.Count)));
        Assert.True(strict.InStore("main").Sum(group => group.Snapshots.Count) > 50);
    }

    [Fact]
    public void An_archive_of_a_stream_that_is_no_group_changes_nothing()
    {
        var fold = new SnapshotsFold();
        var state = fold.Apply(fold.Initial, Make(1, "group:main::vm/1", Event.Of(Started("main", "", "1", 5), EventMetadata.System)));
        var archive = Event.Of(new ArchiveFinished(5, "a.img.fidx", 1, 1, "", 0, 0, 0, 0, 0), EventMetadata.System);
        foreach (var stream in (string[])["group:main:vm/1", "group:main::vm", "group:", "auth:a@pbs", "group:main::x:vm/1", "group:main::/1"])
        {
            Assert.Equal(Bytes(fold, state), Bytes(fold, fold.Apply(state, Make(2, stream, archive))));
        }

        Assert.Equal(2, fold.Apply(state, Make(2, "group:main::vm/1", archive)).Find(new GroupKey("main", "", "vm", "1"))!.Version);
    }

    [Fact]
    public void Text_is_read_as_it_was_written()
    {
        var random = new Random(3);
        string[] texts =
        [
            "", "a", "vm", "ünï\u20ac", "\"quoted\"\\", "a\u0000b", new string('x', 47), new string('x', 48), new string('x', 49), "\ud83d\ude00",
        ];
        for (var i = 0; i < 5000; i++)
        {
            var text = i < texts.Length ? texts[i] : texts[random.Next(texts.Length)] + random.Next(3000);
            var written = Event.Of(new SnapshotForgotten("main", text, "vm", text, 1), EventMetadata.System);
            var read = Event.Read<SnapshotForgotten>(Make(1, "s", written));
            Assert.Equal((text, text), (read.Ns, read.BackupId));
        }

        var wrong = new NewEvent("SnapshotForgotten/1", Encoding.UTF8.GetBytes(
            """{"store":1,"ns":"","backup-type":"vm","backup-id":"1","backup-time":1}"""), EventMetadata.System);
        Assert.Throws<InvalidDataException>(() => Event.Read<SnapshotForgotten>(Make(1, "s", wrong)));
        var missing = wrong with { Data = Encoding.UTF8.GetBytes("""{"store":null,"ns":"","backup-type":"vm","backup-id":"1","backup-time":1}""") };
        Assert.Throws<InvalidDataException>(() => Event.Read<SnapshotForgotten>(Make(1, "s", missing)));
    }

    private static RecordedEvent Recorded(Random random, long position)
    {
        var (store, ns, id) = (random.Next(9) == 0 ? "other" : "main", random.Next(3) == 0 ? "a/b" : "", $"{random.Next(12)}");
        long time = random.Next(40);
        var made = random.Next(7) switch
        {
            0 or 1 => Event.Of(Started(store, ns, id, time), EventMetadata.System),
            2 => Event.Of(new BackupFinished(store, ns, "vm", id, time, Content, 1, 1, 0, 1), EventMetadata.System),
            3 => Event.Of(new ArchiveFinished(time, "a.img.fidx", 1, 1, "", 0, 0, 0, 0, 0), EventMetadata.System),
            4 => Event.Of(new SnapshotForgotten(store, ns, "vm", id, time), EventMetadata.System),
            5 => Event.Of(new BackupAborted(store, ns, "vm", id, time, "gone"), EventMetadata.System),
            _ => Event.Of(new SnapshotDiscovered(store, ns, "vm", id, time, "a@pbs", Content, ""), EventMetadata.System),
        };
        return Make(position, new GroupKey(store, ns, "vm", id).Stream, made);
    }

    private static BackupStarted Started(string store, string ns, string id, long time) =>
        new(store, ns, "vm", id, time, "a@pbs", $"UPID:{id}:{time}", null, false);

    private static RecordedEvent Make(long position, string stream, NewEvent made) =>
        new(position, stream, position, made.Type, 1_700_000_000_000_000, made.Data, made.Metadata, EventHash.Genesis);

    private static byte[] Bytes(SnapshotsFold fold, SnapshotsState state)
    {
        using var bytes = new MemoryStream();
        fold.Write(state, bytes);
        return bytes.ToArray();
    }
}
