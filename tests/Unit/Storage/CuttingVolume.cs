// A volume on which reads of one file end too early, as a driver or a network file system with a fault does it: without an error.
using Holdfast.Storage;

namespace Holdfast.Tests.Unit;

internal sealed class CuttingVolume(SimulatedVolume disk, string cut) : Volume
{
    protected override VolumeFile OpenCore(string path, FileUse use, int mode)
    {
        var file = disk.Open(path, use, mode);
        return path == cut ? new CutFile(file) : file;
    }

    protected override bool TryStatCore(string path, out VolumeStat stat) => disk.TryStat(path, out stat);

    protected override List<VolumeEntry> ListCore(string path, int maxEntries) => disk.List(path, maxEntries);

    protected override VolumeSpace SpaceCore() => disk.Space();

    protected override void MakeFolderCore(string path, int mode) => throw new InvalidOperationException();

    protected override void RenameCore(string from, string to) => throw new InvalidOperationException();

    protected override void UnlinkCore(string path) => throw new InvalidOperationException();

    protected override void RemoveFolderCore(string path) => throw new InvalidOperationException();

    protected override bool TouchCore(string path) => throw new InvalidOperationException();

    protected override void SyncFolderCore(string path) => throw new InvalidOperationException();

    protected override void SyncAllCore() => throw new InvalidOperationException();

    protected override IDisposable? TryLockCore(string path, LockMode mode, LockKind kind) => throw new InvalidOperationException();

    protected override bool TryChangeLockCore(IDisposable held, LockMode mode) => throw new InvalidOperationException();

    protected override void Dispose(bool disposing)
    {
        // The disk is the test's.
    }

    private sealed class CutFile(VolumeFile file) : VolumeFile
    {
        public override string Name => file.Name;

        public override long SizeBytes => file.SizeBytes;

        public override int Read(Span<byte> buffer, long offset)
        {
            var end = file.SizeBytes - 8;
            return offset >= end ? 0 : file.Read(buffer[..(int)Math.Min(buffer.Length, end - offset)], offset);
        }

        public override void Write(ReadOnlySpan<byte> data, long offset) => throw new InvalidOperationException();

        public override void Truncate(long sizeBytes) => throw new InvalidOperationException();

        public override void Sync() => throw new InvalidOperationException();

        public override void StartWriteBack() => throw new InvalidOperationException();

        protected override void Dispose(bool disposing) => file.Dispose();
    }
}
