// The chunk path from a request to the renamed file, without a network: managed bytes per chunk, and the processor time that is the handler's share of
// what a GiB of new data costs.
using Holdfast.Tests.Unit;

namespace Holdfast.Tests.Bench;

internal static class ChunkRows
{
    private const int ChunkBytes = 4 * Bed.Mib;
    private const int Chunks = 64;
    private const int Runs = 3;

    public static readonly RowGroup Group = new(["chunk.alloc_bytes", "chunk.handler_cpu_s_per_gib"], MeasureAsync);

    private static async Task MeasureAsync(Bed bed, Rows rows)
    {
        var folder = bed.NewFolder("chunks");
        using (var path = new ChunkBench(folder))
        {
            await path.AllocatedPerChunkAsync(ChunkBytes, Chunks, seed: 1).ConfigureAwait(false);
            var (allocated, cpu) = (new double[Runs], new double[Runs]);
            for (var i = 0; i < Runs; i++)
            {
                allocated[i] = await path.AllocatedPerChunkAsync(ChunkBytes, Chunks, seed: 2 + i).ConfigureAwait(false);
                cpu[i] = path.LastCpuS * 1024 * Bed.Mib / ((double)Chunks * ChunkBytes);
            }

            rows.Add("chunk.alloc_bytes", "bytes", allocated);
            rows.Add("chunk.handler_cpu_s_per_gib", "s/GiB", cpu);
        }

        Bed.Remove(folder);
    }
}
