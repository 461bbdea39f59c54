// What every Volume promises, run against the real and the simulated one.
using Holdfast.Storage;
using Xunit;

namespace Holdfast.Tests.Unit;

public sealed class DiskVolumeTests : VolumeConformance
{
    private readonly TemporaryFolder folder = new();

    private protected override Volume NewVolume() => DiskVolume.OpenFolder(folder.Path);

    private protected override void CleanUp() => folder.Dispose();
}

public sealed class SimulatedVolumeTests : VolumeConformance
{
    private protected override Volume NewVolume() => new SimulatedVolume();

    private protected override void CleanUp()
    {
        // Memory only.
    }
}

public abstract class VolumeConformance : IDisposable
{
    private readonly Volume volume;

    protected VolumeConformance() => volume = NewVolume();

    public void Dispose()
    {
        volume.Dispose();
        CleanUp();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public void WritesReadsTruncatesAtAnyOffset()
    {
        using var file = volume.Open("f", FileUse.CreateNew);
        file.Write([1, 2, 3], 4);
        Assert.Equal(7, file.SizeBytes);
        var buffer = new byte[10];
        Assert.Equal(7, file.Read(buffer, 0));
        Assert.Equal(new byte[] { 0, 0, 0, 0, 1, 2, 3, 0, 0, 0 }, buffer);
        Assert.Equal(0, file.Read(buffer, 7));
        Assert.Equal(1, file.Read(buffer, 6));
        file.Truncate(5);
        file.Truncate(8);
        Assert.Equal(8, file.Read(buffer, 0));
        Assert.Equal(new byte[] { 0, 0, 0, 0, 1, 0, 0, 0 }, buffer[..8]);
        Assert.Throws<CorruptDataException>(() => file.ReadExactly(new byte[9], 0));
        file.Sync();
        file.StartWriteBack();
        Assert.Equal("f", file.Name);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4095)]
    [InlineData(262144)]
    [InlineData(262145)]
    [InlineData(1048576)]
    [InlineData(4194316)]
    [InlineData(9437189)]
    public void WholeFilesReadBackWhateverTheirLength(int length)
    {
        var data = StorageTestKit.RandomBytes(length, length);
        volume.WriteWhole("f", new byte[length + 5000], sync: false);
        volume.WriteWhole("f", data, sync: length % 2 == 1);
        Assert.True(volume.TryStat("f", out var stat));
        Assert.Equal((length, 0x1A4), (stat.SizeBytes, stat.Mode));
        foreach (var hint in new long[] { 0, length, long.MaxValue })
        {
            var buffer = new byte[length + 10];
            Assert.Equal(length, volume.ReadWhole("f", buffer, hint));
            Assert.Equal(data, buffer[..length]);
            if (length > 0)
            {
                Assert.Throws<CorruptDataException>(() => volume.ReadWhole("f", new byte[length - 1], hint));
            }
        }

        Fails(VolumeError.NotFound, () => volume.ReadWhole("g", new byte[1], 1 << 20));
        Fails(VolumeError.NotFound, () => volume.WriteWhole("g/h", data, sync: false));
    }

    [Fact]
    public void OpenFollowsItsUse()
    {
        Fails(VolumeError.NotFound, () => volume.Open("f", FileUse.Read));
        Fails(VolumeError.NotFound, () => volume.Open("f", FileUse.Write));
        volume.Open("f", FileUse.Create).Dispose();
        Fails(VolumeError.Exists, () => volume.Open("f", FileUse.CreateNew));
        using (var file = volume.Open("f", FileUse.Write))
        {
            file.Write([1, 2, 3], 0);
        }

        using (var reader = volume.Open("f", FileUse.Read))
        {
            Assert.Equal(3, reader.SizeBytes);
            Assert.Throws<VolumeException>(() => reader.Write([1], 0));
        }

        using var again = volume.Open("f", FileUse.Create);
        Assert.Equal(0, again.SizeBytes);
        Fails(VolumeError.NotFound, () => volume.Open("none/f", FileUse.Create));
        volume.MakeFolder("d");
        Assert.Throws<VolumeException>(() => volume.Open("d", FileUse.Write));
        Fails(VolumeError.NotADirectory, () => volume.Open("f/x", FileUse.Create));
    }

    [Fact]
    public void RenameReplacesAndUnlinkRemoves()
    {
        Put("a", 1);
        Put("b", 2);
        volume.MakeFolder("d");
        volume.Rename("a", "d/b");
        volume.Rename("b", "d/b");
        Assert.Equal(2, Get("d/b"));
        Fails(VolumeError.NotFound, () => volume.Rename("a", "c"));
        Fails(VolumeError.NotEmpty, () => volume.RemoveFolder("d"));
        volume.MakeFolder("e");
        Fails(VolumeError.IsADirectory, () => volume.Rename("d/b", "e"));
        volume.RemoveFolder("e");
        volume.Unlink("d/b");
        Fails(VolumeError.NotFound, () => volume.Unlink("d/b"));
        volume.RemoveFolder("d");
        Fails(VolumeError.NotFound, () => volume.RemoveFolder("d"));
        Assert.Empty(volume.List(""));
    }

    [Fact]
    public void AnOpenFileOutlivesItsName()
    {
        Put("a", 7);
        using var file = volume.Open("a", FileUse.Read);
        volume.Unlink("a");
        var buffer = new byte[1];
        Assert.Equal(1, file.Read(buffer, 0));
        Assert.Equal(7, buffer[0]);
    }

    [Fact]
    public void ListsWithKindsAndBound()
    {
        volume.MakeFolder("d");
        Assert.Empty(volume.List("d"));
        Put("d/f", 1);
        volume.MakeFolder("d/g");
        Put("d/ünï", 1);
        var found = volume.List("d").OrderBy(e => e.Name, StringComparer.Ordinal).ToList();
        Assert.Equal([new("f", EntryKind.File), new("g", EntryKind.Folder), new("ünï", EntryKind.File)], found);
        Fails(VolumeError.TooManyEntries, () => volume.List("d", 2));
        Assert.Equal(3, volume.List("d", 3).Count);
        Fails(VolumeError.NotFound, () => volume.List("e"));
        Fails(VolumeError.NotADirectory, () => volume.List("d/f"));
        Fails(VolumeError.Exists, () => volume.MakeFolder("d"));
        Fails(VolumeError.NotFound, () => volume.MakeFolder("x/y"));
    }

    [Fact]
    public void StatTellsKindSizeAndMode()
    {
        Assert.False(volume.TryStat("f", out _));
        Put("f", 1);
        volume.MakeFolder("d", 0x1C0);
        Assert.True(volume.TryStat("f", out var file));
        Assert.Equal((EntryKind.File, 1L, 0x1A4), (file.Kind, file.SizeBytes, file.Mode));
        Assert.True(volume.TryStat("d", out var folder));
        Assert.Equal((EntryKind.Folder, 0x1C0), (folder.Kind, folder.Mode));
        Assert.NotEqual(file.Inode, folder.Inode);
        Assert.True(volume.TryStat("", out _));
        Assert.True(volume.Space().AvailableBytes > 0);
    }

    [Fact]
    public void TouchMovesOnlyTheAccessTime()
    {
        Put("f", 1);
        Assert.True(volume.TryStat("f", out var before));
        while (true)
        {
            // File times advance with the kernel's tick; every round of the real volume takes some of it.
            Assert.True(volume.Touch("f"));
            Assert.True(volume.TryStat("f", out var after));
            Assert.Equal(before.ModifyTimeNs, after.ModifyTimeNs);
            if (after.AccessTimeNs > before.AccessTimeNs)
            {
                break;
            }
        }

        Assert.False(volume.Touch("g"));
    }

    [Theory]
    [InlineData("..")]
    [InlineData("a/../b")]
    [InlineData("/a")]
    [InlineData("a/")]
    [InlineData("a//b")]
    [InlineData(".")]
    [InlineData("a/./b")]
    [InlineData("a\0b")]
    public void PathsThatCouldLeaveTheRootAreRefused(string path)
    {
        Fails(VolumeError.AccessDenied, () => volume.Open(path, FileUse.Create));
        Fails(VolumeError.AccessDenied, () => volume.MakeFolder(path));
        Fails(VolumeError.AccessDenied, () => volume.Rename("x", path));
        Fails(VolumeError.AccessDenied, () => volume.Rename(path, "x"));
        Fails(VolumeError.AccessDenied, () => volume.List(path));
        Fails(VolumeError.AccessDenied, () => volume.TryStat(path, out _));
        Assert.False(Volume.IsLegalPath(new string('a', Volume.MaxPathLength + 1)));
        Assert.True(Volume.IsLegalPath(new string('a', Volume.MaxPathLength)));
    }

    [Theory]
    [InlineData(LockKind.Flock)]
    [InlineData(LockKind.Record)]
    public void LocksExcludeEachOther(LockKind kind)
    {
        Put("f", 1);
        using (var first = volume.TryLock("f", LockMode.Shared, kind))
        {
            Assert.NotNull(first);
            using var second = volume.TryLock("f", LockMode.Shared, kind);
            Assert.NotNull(second);
            Assert.Null(volume.TryLock("f", LockMode.Exclusive, kind));
        }

        using (var alone = volume.TryLock("f", LockMode.Exclusive, kind))
        {
            Assert.NotNull(alone);
            Assert.Null(volume.TryLock("f", LockMode.Shared, kind));
        }

        using var after = volume.TryLock("f", LockMode.Exclusive, kind);
        Assert.NotNull(after);
    }

    [Fact]
    public void FoldersCanBeLockedAndSynced()
    {
        volume.MakeFolder("d");
        using var first = volume.TryLock("d", LockMode.Exclusive);
        Assert.NotNull(first);
        Assert.Null(volume.TryLock("d", LockMode.Exclusive));
        volume.SyncFolder("d");
        volume.SyncFolder("");
        volume.SyncAll();
        Fails(VolumeError.NotFound, () => volume.SyncFolder("e"));
        Assert.Equal(VolumeState.Healthy, volume.State);
    }

    private protected abstract Volume NewVolume();

    private protected abstract void CleanUp();

    private static void Fails(VolumeError error, Action call) =>
        Assert.Equal(error, Assert.Throws<VolumeException>(call).Error);

    private void Put(string path, byte value)
    {
        using var file = volume.Open(path, FileUse.Create);
        file.Write([value], 0);
    }

    private byte Get(string path)
    {
        using var file = volume.Open(path, FileUse.Read);
        var buffer = new byte[1];
        file.ReadExactly(buffer, 0);
        return buffer[0];
    }
}
