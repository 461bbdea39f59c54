// The datastore's folders: creation, locks, namespaces, groups, snapshots and what belongs to them.
using Holdfast.Storage;
using Xunit;

namespace Holdfast.Tests.Unit;

public sealed class DatastoreTests
{
    private static readonly SnapshotName Name = StorageTestKit.Snapshot(1_700_000_000);

    private readonly SimulatedVolume volume = new();

    [Fact]
    public void ANewStoreHasPbsLayoutAndModes()
    {
        using var folder = new TemporaryFolder(inMemory: true);
        using (var store = Datastore.Create(DiskVolume.OpenFolder(folder.Path)))
        {
            Assert.Equal(65536, store.Chunks.ListPrefixes().Count);
            StorageTestKit.Backup(store, Name, 1);
            Assert.True(store.Volume.TryStat(".chunks", out var chunks));
            Assert.True(store.Volume.TryStat(".chunks/ffff", out var last));
            Assert.True(store.Volume.TryStat(".lock", out var lockFile));
            var path = $"vm/100/{Name.TimeText}";
            Assert.True(store.Volume.TryStat(path, out var snapshot));
            Assert.True(store.Volume.TryStat(path + "/index.json.blob", out var manifest));
            Assert.Equal(
                (0x1E8, 0x1E8, 0x1A4, 0x1ED, 0x1A4),
                (chunks.Mode, last.Mode, lockFile.Mode, snapshot.Mode, manifest.Mode));
            store.Close();
        }

        Assert.Equal("test@pbs\n", File.ReadAllText(Path.Combine(folder.Path, "vm/100/owner")));
        using var again = DiskVolume.OpenFolder(folder.Path);
        Assert.Throws<RefusedException>(() => Datastore.Create(again));
    }

    [Fact]
    public void OnlyOneWriterAndNeverOnAForeignFolder()
    {
        using var store = Datastore.Create(volume, StorageTestKit.Options);
        Assert.Throws<RefusedException>(() => Datastore.Open(volume));
        using var reader = Datastore.OpenReadOnly(volume);
        Assert.Throws<RefusedException>(reader.MakeDurable);
        Assert.Throws<RefusedException>(() => reader.RemoveSnapshot(BackupNamespace.Root, Name));
        Assert.Throws<RefusedException>(() => Datastore.Open(new SimulatedVolume()));
        var foreign = new SimulatedVolume();
        foreign.MakeFolder("photos");
        Assert.Throws<RefusedException>(() => Datastore.Create(foreign));
    }

    [Fact]
    public void WhereBothKindsOfLockAreOneAStoreOpensAllTheSame()
    {
        volume.LocksAreOne = true;
        using var store = Datastore.Create(volume, StorageTestKit.Options);
        Assert.Throws<RefusedException>(() => Datastore.Open(volume));
        using var foreign = volume.TryLock(Datastore.LockFile, LockMode.Shared, LockKind.Record);
        Assert.NotNull(foreign);
    }

    [Fact]
    public void NamespacesNestToDepthSeven()
    {
        using var store = Datastore.Create(volume, StorageTestKit.Options);
        var ns = BackupNamespace.Root;
        for (var depth = 1; depth <= 7; depth++)
        {
            ns = ns.Child($"n{depth}");
            Assert.True(store.CreateNamespace(ns));
            Assert.False(store.CreateNamespace(ns));
        }

        Assert.Throws<RefusedException>(() => ns.Child("n8"));
        Assert.Throws<RefusedException>(() => store.CreateNamespace(BackupNamespace.Parse("x/y")));
        Assert.Throws<RefusedException>(() => store.CreateNamespace(BackupNamespace.Parse(new string('a', 33))));
        Assert.True(store.CreateNamespace(BackupNamespace.Parse(new string('a', 32))));
        Assert.Equal(9, store.ListNamespaces(BackupNamespace.Root).Count);
        Assert.Equal(3, store.ListNamespaces(BackupNamespace.Root, 1).Count);
        store.CreateGroup(ns, StorageTestKit.Group, "a@pbs");
        store.CreateSnapshot(ns, Name);
        Assert.Equal(ns, Assert.Single(store.DiskScan()).Namespace);
        Assert.False(store.RemoveNamespace(ns));
        store.RemoveSnapshot(ns, Name);
        Assert.True(store.RemoveNamespace(ns));
        Assert.False(store.RemoveNamespace(BackupNamespace.Parse("n1")));
        Assert.Throws<RefusedException>(() => store.ListGroups(ns));
    }

    [Fact]
    public void OwnerAndNotesOfAGroup()
    {
        using var store = Datastore.Create(volume, StorageTestKit.Options);
        Assert.Null(store.GetOwner(BackupNamespace.Root, StorageTestKit.Group));
        Assert.Equal("a@pbs!t", store.CreateGroup(BackupNamespace.Root, StorageTestKit.Group, "a@pbs!t"));
        Assert.Equal("a@pbs!t", store.CreateGroup(BackupNamespace.Root, StorageTestKit.Group, "b@pbs"));
        store.SetOwner(BackupNamespace.Root, StorageTestKit.Group, "b@pbs");
        Assert.Equal("b@pbs", store.GetOwner(BackupNamespace.Root, StorageTestKit.Group));
        foreach (var bad in new[] { "", "a\nb", new string('a', 600) })
        {
            Assert.Throws<RefusedException>(
                () => store.SetOwner(BackupNamespace.Root, StorageTestKit.Group, bad));
        }

        Assert.Equal("", store.GetGroupNotes(BackupNamespace.Root, StorageTestKit.Group));
        store.SetGroupNotes(BackupNamespace.Root, StorageTestKit.Group, "ünï\ncode\n");
        Assert.Equal("ünï\ncode\n", store.GetGroupNotes(BackupNamespace.Root, StorageTestKit.Group));
        using var held = store.TryLockGroup(BackupNamespace.Root, StorageTestKit.Group);
        Assert.NotNull(held);
        Assert.Null(store.TryLockGroup(BackupNamespace.Root, StorageTestKit.Group));
    }

    [Fact]
    public void SnapshotLife()
    {
        using var store = Datastore.Create(volume, StorageTestKit.Options);
        StorageTestKit.Backup(store, Name, 1);
        var folder = store.OpenSnapshot(BackupNamespace.Root, Name);
        var fault = Assert.Throws<RefusedException>(() => store.CreateSnapshot(BackupNamespace.Root, Name));
        Assert.Equal("backup directory already exists.", fault.Message);
        Assert.True(folder.IsFinished);
        Assert.Equal(
            ["index.json.blob", "qemu-server.conf.blob", "root.pxar.didx"], folder.ListFiles().Select(f => f.Name));

        folder.UpdateManifest(m => m.Notes = "hello");
        Assert.Equal("hello", folder.ReadManifest().Notes);
        StorageTestKit.ReadBack(store, Name);

        var log = DataBlob.Encode("log"u8);
        Assert.Throws<RefusedException>(() => folder.WriteClientLog(log.AsSpan(0, 12)));
        folder.WriteClientLog(log);
        var second = Assert.Throws<RefusedException>(() => folder.WriteClientLog(log));
        Assert.Equal("backup already contains a log.", second.Message);

        folder.SetProtected(true);
        Assert.True(Assert.Single(store.DiskScan()).IsProtected);
        Assert.Throws<RefusedException>(() => store.RemoveSnapshot(BackupNamespace.Root, Name));
        folder.SetProtected(false);
        Assert.True(store.RemoveSnapshot(BackupNamespace.Root, Name));
        Assert.False(store.RemoveSnapshot(BackupNamespace.Root, Name));
        Assert.False(store.GroupExists(BackupNamespace.Root, StorageTestKit.Group));
        Assert.Throws<RefusedException>(() => store.OpenSnapshot(BackupNamespace.Root, Name));
    }

    [Fact]
    public void BlobsAreCheckedByNameAndCrc()
    {
        using var store = Datastore.Create(volume, StorageTestKit.Options);
        store.CreateGroup(BackupNamespace.Root, StorageTestKit.Group, "a@pbs");
        var folder = store.CreateSnapshot(BackupNamespace.Root, Name);
        var raw = DataBlob.Encode("conf"u8);
        folder.WriteBlob("a.conf.blob", raw);
        folder.WriteBlob("a.conf.blob", raw);
        raw[^1] ^= 1;
        Assert.Equal(DataBlob.WrongCrcText, Refused(() => folder.WriteBlob("a.conf.blob", raw)));
        Assert.Equal("wrong blob file extension: 'x.fidx'", Refused(() => folder.WriteBlob("x.fidx", raw)));
        Refused(() => folder.WriteBlob("../x.blob", raw));
        Refused(() => folder.WriteBlob("index.json.blob", raw));
        Refused(() => folder.OpenFile("../owner"));
        Refused(() => folder.OpenFile(".protected"));
        Assert.Throws<CorruptDataException>(() => folder.PublishManifest(raw));
        var other = new Manifest(StorageTestKit.Snapshot(5));
        Assert.Throws<CorruptDataException>(() => folder.PublishManifest(other.ToBlob()));
        Assert.False(folder.IsFinished);
        Assert.Throws<CorruptDataException>(folder.ReadManifest);
    }

    [Fact]
    public void SnapshotLocksAreSharedOrExclusive()
    {
        using var store = Datastore.Create(volume, StorageTestKit.Options);
        StorageTestKit.Backup(store, Name, 1);
        using var one = store.TryLockSnapshot(BackupNamespace.Root, Name, LockMode.Shared);
        using var two = store.TryLockSnapshot(BackupNamespace.Root, Name, LockMode.Shared);
        Assert.NotNull(one);
        Assert.NotNull(two);
        Assert.Null(store.TryLockSnapshot(BackupNamespace.Root, Name, LockMode.Exclusive));
    }

    [Fact]
    public async Task DamageOfAnyArchiveIsFoundOnRestore()
    {
        using var store = Datastore.Create(volume, StorageTestKit.Options);
        StorageTestKit.Backup(store, Name, 1);
        foreach (var (name, size) in store.OpenSnapshot(BackupNamespace.Root, Name).ListFiles())
        {
            var path = $"vm/100/{Name.TimeText}/{name}";
            for (var bit = 0L; bit < size * 8; bit += name.EndsWith("didx", StringComparison.Ordinal) ? 29 : 61)
            {
                volume.FlipBit(path, bit);
                await ReadsRightOrCorrupt(store, name);
                volume.FlipBit(path, bit);
            }
        }

        StorageTestKit.ReadBack(store, Name);
    }

    [Fact]
    public async Task ManyCallersShareSyncsAndAllAreServed()
    {
        using var store = Datastore.Create(volume, StorageTestKit.Options);
        var syncs = 0;
        volume.Fault = call =>
        {
            syncs += call.Operation == "syncfs" ? 1 : 0;
            return 0;
        };
        await Task.WhenAll(Enumerable.Range(0, 32).Select(i => Task.Run(() =>
        {
            var (digest, raw) = StorageTestKit.Chunk(i, 300);
            store.Chunks.Insert(digest, raw);
            store.MakeDurable();
        })));
        Assert.InRange(syncs, 1, 32);
        var after = volume.Crash(0); // seed 0 or any other: all of it was synced
        for (var i = 0; i < 32; i++)
        {
            using var left = Datastore.OpenReadOnly(after);
            left.Chunks.ReadData(StorageTestKit.Chunk(i, 300).Digest, new byte[300], null);
        }
    }

    private static async Task ReadsRightOrCorrupt(Datastore store, string damaged)
    {
        try
        {
            var reader = SnapshotReader.Open(store, BackupNamespace.Root, Name);
            foreach (var file in reader.Manifest.Files)
            {
                using var output = new MemoryStream();
                await reader.RestoreAsync(file.Name, output);
                var expected = file.Kind == ArchiveKind.Blob
                    ? StorageTestKit.RandomBytes(1001, 900)
                    : [.. Enumerable.Range(0, 3).SelectMany(i => StorageTestKit.RandomBytes(1 + i, 700 + (i * 2000)))];
                Assert.Equal(expected, output.ToArray());
            }

            // Only bits that carry no content may pass: uuid, times and filler of the index header.
            Assert.EndsWith(".didx", damaged);
        }
        catch (CorruptDataException)
        {
            // Found.
        }
    }

    private static string Refused(Action call) => Assert.Throws<RefusedException>(call).Message;
}
