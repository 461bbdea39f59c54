// The chunk path: under 1 KiB of managed memory from request to renamed file, and the same answers as the ordinary way whatever is asked.
using Holdfast.Features.Backup;
using Holdfast.Storage;
using Xunit;

namespace Holdfast.Tests.Unit.Features;

/// <summary>Runs alone: what is allocated is counted for the whole process.</summary>
[CollectionDefinition("alone", DisableParallelization = true)]
public sealed class AloneCollection;

[Collection("alone")]
public sealed class ChunkAllocationTests : IDisposable
{
#if DEBUG
    private const int AllocatedBytesMax = 2048; // unoptimised state machines are objects of their own
#else
    private const int AllocatedBytesMax = 1024;
#endif
    private readonly string folder = Path.Combine(Path.GetTempPath(), "holdfast-chunks-" + Path.GetRandomFileName());
    private readonly ChunkBench bench;

    public ChunkAllocationTests() => bench = new ChunkBench(folder);

    public void Dispose()
    {
        bench.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_chunk_from_request_to_renamed_file_allocates_under_1_KiB()
    {
        const int chunkBytes = 4 * 1024 * 1024;
        await bench.AllocatedPerChunkAsync(chunkBytes, 40, seed: 1);
        var least = double.MaxValue;
        for (var i = 2; i < 5; i++)
        {
            // The least of three: the runtime allocates for itself now and then, the chunk path every time.
            least = Math.Min(least, await bench.AllocatedPerChunkAsync(chunkBytes, 32, seed: i));
        }

        Assert.InRange(least, 1, AllocatedBytesMax);
    }

    [Fact]
    public async Task An_upload_is_stored_and_answered_with_its_digest()
    {
        var (digest, blob) = Chunk(1);
        var (status, answer) = await bench.CallAsync("POST", "/fixed_chunk", ChunkBench.Query(digest, 1000, blob.Length), blob);
        Assert.Equal((200, $"{{\"data\":\"{digest}\"}}"), (status, answer));
        Assert.True(bench.Store.Chunks.Contains(digest));
    }

    [Theory]
    [InlineData("/fixed_chunk", "wid=2&", "fixed writer '2' not registered")]
    [InlineData("/dynamic_chunk", "wid=1&", "dynamic writer '1' not registered")]
    [InlineData("/fixed_chunk", "wid=0&", "parameter verification failed - 'wid': value must have a minimum value of 1 (got 0)")]
    [InlineData("/fixed_chunk", "wid=1&wid=1&", null)]
    [InlineData("/fixed_chunk", "", "parameter verification failed - 'wid': parameter is missing and it is not optional.")]
    public async Task What_is_unusual_has_the_ordinary_answer(string path, string start, string? text)
    {
        var (digest, blob) = Chunk(2);
        var rest = ChunkBench.Query(digest, 1000, blob.Length)["wid=1&".Length..];
        var (status, answer) = await bench.CallAsync("POST", path, start + rest, blob);
        Assert.Equal(400, status);
        Assert.Equal(text ?? answer, answer);
        Assert.False(bench.Store.Chunks.Contains(digest));
    }

    [Fact]
    public async Task Refusals_are_the_same_on_the_short_way_and_on_the_ordinary_one()
    {
        var (digest, blob) = Chunk(3);
        var (other, _) = Chunk(4);
        foreach (var query in (string[])
            [ChunkBench.Query(other, 1000, blob.Length), ChunkBench.Query(digest, 999, blob.Length),
             ChunkBench.Query(digest, 1000, blob.Length + 1), ChunkBench.Query(digest, 1000, blob.Length - 1)])
        {
            var (status, answer) = await bench.CallAsync("POST", "/fixed_chunk", query, blob);
            var ordinary = await bench.CallAsync("POST", "/fixed_chunk", query.Replace("wid=1", "wid=%31", StringComparison.Ordinal), blob);
            Assert.Equal(400, status);
            Assert.Equal(ordinary, (status, answer));
        }
    }

    [Theory]
    [InlineData("wid=1&digest=D&size=1&encoded-size=13", true)]
    [InlineData("encoded-size=16777260&size=16777216&digest=D&wid=256", true)]
    [InlineData("wid=1&digest=D&size=1&encoded-size=12", false)]
    [InlineData("wid=257&digest=D&size=1&encoded-size=13", false)]
    [InlineData("wid=1&digest=D&size=0&encoded-size=13", false)]
    [InlineData("wid=1&digest=D&size=16777217&encoded-size=13", false)]
    [InlineData("wid=1&digest=D&size=1&encoded-size=16777261", false)]
    [InlineData("wid=+1&digest=D&size=1&encoded-size=13", false)]
    [InlineData("wid= 1&digest=D&size=1&encoded-size=13", false)]
    [InlineData("wid=1&digest=D&size=1&encoded-size=13&", false)]
    [InlineData("wid=1&digest=D&size=1&encoded-size=13&x=1", false)]
    [InlineData("wid=1&digest=D0&size=1&encoded-size=13", false)]
    [InlineData("wid=1&digest=D&size=1", false)]
    [InlineData("wid", false)]
    [InlineData("", false)]
    public void Only_plain_uploads_take_the_short_way(string query, bool isPlain)
    {
        var digest = Digest.Of([1]);
        var call = new MemoryExchange("POST", "/dynamic_chunk", query.Replace("D", digest.ToString(), StringComparison.Ordinal), []);
        Assert.Equal(isPlain, ChunkRequest.TryParse(call, out var request));
        Assert.Equal(isPlain, request.Digest == digest && !request.IsFixed);
        Assert.False(ChunkRequest.TryParse(new MemoryExchange("GET", "/dynamic_chunk", call.Query, []), out _));
        Assert.False(ChunkRequest.TryParse(new MemoryExchange("POST", "/dynamic_chunk/", call.Query, []), out _));
    }

    private static (Digest Digest, byte[] Blob) Chunk(byte fill)
    {
        var data = new byte[1000];
        data.AsSpan().Fill(fill);
        return (Digest.Of(data), DataBlob.Encode(data));
    }
}
