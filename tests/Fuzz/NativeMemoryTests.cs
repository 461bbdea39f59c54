// Memory that the managed heap doesn't see: after a warm-up, decoding bad blobs over and over leaves the process as large as
// it was. Runs alone, since it looks at the whole process.
using System.Diagnostics;
using Holdfast.Storage;
using Xunit;

namespace Holdfast.Tests.Fuzz;

[CollectionDefinition(nameof(AloneCollection), DisableParallelization = true)]
public sealed class AloneCollection;

[Collection(nameof(AloneCollection))]
public sealed class NativeMemoryTests
{
    private const long MayGrowBytes = 32L << 20;

    [Fact]
    public void Resident_memory_stays_flat_over_bad_blobs()
    {
        SystemUnderTest[] systems = [SystemUnderTest.BlobDecode, SystemUnderTest.SealedBlobDecode, SystemUnderTest.ChunkUpload];
        var count = Math.Clamp(Targets.Inputs / 5, 1000, 20_000);
        Walk(systems, 0, count);
        var before = Resident();
        Walk(systems, count, count);
        Walk(systems, 2 * count, count);
        Assert.InRange(Resident() - before, long.MinValue, MayGrowBytes);
    }

    [Fact]
    public void Resident_memory_stays_flat_over_large_bombs()
    {
        var bomb = DataBlob.Encode(new byte[64 << 20]);
        var into = new byte[DataBlob.MaxChunkSize];
        Bomb(bomb, into, 3);
        var before = Resident();
        Bomb(bomb, into, 30);
        Assert.InRange(Resident() - before, long.MinValue, MayGrowBytes);
    }

    private static void Bomb(byte[] bomb, byte[] into, int times)
    {
        for (var i = 0; i < times; i++)
        {
            Assert.Throws<CorruptDataException>(() => DataBlob.Decode(bomb, into, null, "b"));
            Assert.Equal(ChunkRefusal.WrongLength, ChunkUpload.Check(bomb, default, DataBlob.MaxChunkSize).Refusal);
        }
    }

    private static void Walk(SystemUnderTest[] systems, long from, long count)
    {
        foreach (var system in systems)
        {
            Assert.Null(new FuzzRun(Targets.All[system.ToString()], Targets.Seed + 1, Targets.Standstill).Run(from, count).Failure);
        }
    }

    private static long Resident()
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        GC.WaitForPendingFinalizers();
        using var self = Process.GetCurrentProcess();
        return self.WorkingSet64;
    }
}
