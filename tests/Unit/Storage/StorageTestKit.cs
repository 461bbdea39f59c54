// What storage tests share: temporary folders, small stores on simulated volumes, a scripted mini-backup.
using System.Formats.Tar;
using System.IO.Compression;
using Holdfast.Storage;

namespace Holdfast.Tests.Unit;

/// <summary>A folder that is gone after the test.</summary>
public sealed class TemporaryFolder : IDisposable
{
    /// <param name="inMemory">On the memory file system where there is one: for what makes many thousand
    /// entries.</param>
    public TemporaryFolder(bool inMemory = false) =>
        Path = inMemory && Directory.Exists("/dev/shm")
            ? Directory.CreateDirectory("/dev/shm/holdfast-test-" + Guid.NewGuid().ToString("N")).FullName
            : Directory.CreateTempSubdirectory("holdfast-test-").FullName;

    public string Path { get; }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

internal static class StorageTestKit
{
    public static readonly DatastoreOptions Options = new() { MakeAllChunkFolders = false };

    public static readonly byte[] TestKey = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];

    public static readonly BackupGroup Group = BackupGroup.Parse("vm/100");

    public static string GoldenFile(string name) => System.IO.Path.Combine(AppContext.BaseDirectory, "golden", name);

    public static void Unpack(string archive, string folder)
    {
        using var packed = File.OpenRead(GoldenFile(archive));
        using var stream = new GZipStream(packed, CompressionMode.Decompress);
        using var reader = new TarReader(stream);
        while (reader.GetNextEntry() is { } entry)
        {
            var path = System.IO.Path.Combine(folder, entry.Name);
            if (entry.EntryType == TarEntryType.Directory)
            {
                Directory.CreateDirectory(path);
            }
            else if (entry.EntryType is TarEntryType.RegularFile or TarEntryType.V7RegularFile)
            {
                Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
                entry.ExtractToFile(path, overwrite: true);
            }
        }
    }

    public static byte[] RandomBytes(int seed, int length)
    {
        var data = new byte[length];
        new Random(seed).NextBytes(data);
        return data;
    }

    public static (Digest Digest, byte[] Raw) Chunk(int seed, int length, CryptConfig? crypt = null)
    {
        var data = RandomBytes(seed, length);
        return (crypt?.ComputeDigest(data) ?? Digest.Of(data), DataBlob.Encode(data, true, crypt));
    }

    public static SnapshotName Snapshot(long time) => SnapshotName.Create(Group, time);

    /// <summary>A small backup: a fixed and a dynamic index of small chunks, a blob, a manifest. What the dynamic index
    /// calls a chunk has any size, so that is where data can be read back from.</summary>
    public static void Backup(Datastore store, SnapshotName name, int seed, bool skipDurable = false, int chunks = 3)
    {
        store.CreateGroup(BackupNamespace.Root, name.Group, "test@pbs");
        var folder = store.CreateSnapshot(BackupNamespace.Root, name);
        var manifest = new Manifest(name);
        using (var index = folder.CreateDynamicIndex("root.pxar.didx"))
        {
            for (var i = 0; i < chunks; i++)
            {
                var (digest, raw) = Chunk(seed + i, 700 + (i * 2000));
                store.Chunks.Insert(digest, raw);
                index.Append(700 + (i * 2000), digest);
            }

            var summary = index.Close();
            manifest.Add(new ManifestFile(summary.Name, CryptMode.None, summary.SizeBytes, summary.Csum));
        }

        var blob = DataBlob.Encode(RandomBytes(seed + 1000, 900));
        folder.WriteBlob("qemu-server.conf.blob", blob);
        manifest.Add(new ManifestFile("qemu-server.conf.blob", CryptMode.None, blob.Length, Digest.Of(blob)));
        if (!skipDurable)
        {
            store.MakeDurable();
        }

        folder.PublishManifest(manifest.ToBlob());
    }

    /// <summary>Reads every archive of a finished snapshot; throws if any of it is not good.</summary>
    public static void ReadBack(Datastore store, SnapshotName name)
    {
        var reader = SnapshotReader.Open(store, BackupNamespace.Root, name);
        foreach (var file in reader.Manifest.Files)
        {
            if (file.Kind == ArchiveKind.Blob)
            {
                reader.ReadBlob(file.Name);
                continue;
            }

            using var index = reader.OpenIndex(file.Name);
            for (var i = 0; i < index.Count; i++)
            {
                var entry = index[i];
                store.Chunks.ReadData(entry.Digest, new byte[entry.SizeBytes], null);
            }
        }
    }
}
