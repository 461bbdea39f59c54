// A backup session on a real folder with one open archive, and requests to it that need no network: what the benchmark and the tests of the chunk path
// share. The exchange is used again and again, as a transport would do it, and allocates nothing itself.
using System.Globalization;
using System.IO.Pipelines;
using Holdfast.Features.Access;
using Holdfast.Features.Backup;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Snapshots;
using Holdfast.Ledger;
using Holdfast.Storage;
using Holdfast.Wire;
using Microsoft.Extensions.Logging.Abstractions;

namespace Holdfast.Tests.Unit;

/// <summary>The chunk path from a request to the renamed file.</summary>
internal sealed class ChunkBench : IDisposable
{
    private readonly string folder;
    private readonly Datastore datastore;
    private readonly BytesInFlight bytes = new(64L * 1024 * 1024, TimeProvider.System);
    private readonly ChunkCalls calls;
    private readonly BackupSession session;

    public ChunkBench(string folder)
    {
        this.folder = folder;
        Directory.CreateDirectory(folder);
        datastore = Datastore.Create(DiskVolume.OpenFolder(folder), new DatastoreOptions { MakeAllChunkFolders = false });
        var ledger = new MemoryLedger(TimeProvider.System);
        var stores = new DatastoreRegistry(new Recorder(ledger, new DeferredAppends(ledger, TimeProvider.System), TimeProvider.System));
        var group = BackupGroup.Parse("vm/1");
        datastore.CreateGroup(BackupNamespace.Root, group, "u@pbs");
        var name = SnapshotName.Create(group, 1_700_000_000);
        session = new BackupSession(
            new GroupKey("main", "", "vm", "1"), name.Time, new Upid("node", 1, 1, 1, 1, "backup", "main:vm/1", AuthId.Parse("u@pbs")),
            new Caller("u@pbs", "127.0.0.1"), new OpenDatastore("main", datastore), datastore.CreateSnapshot(BackupNamespace.Root, name),
            null, benchmark: false, 0, []);
        session.AddWriter(wid => new FixedArchiveWriter(wid, session.Folder.CreateFixedIndex("a.img.fidx", 1L << 34), incremental: false));
        var intake = new ChunkIntake(bytes);
        var faults = new StorageFaults(stores);
        calls = new ChunkCalls(intake, faults, new ApiRouter(
            new BackupCalls(intake, new FinishBackup(new Recorder(ledger, new DeferredAppends(ledger, TimeProvider.System), TimeProvider.System),
                TimeProvider.System, TimeSpan.Zero)).Endpoints, TimeProvider.System, NullLogger.Instance));
    }

    public Datastore Store => datastore;

    /// <summary>Processor time that the handlers of the last measured chunks took, in seconds.</summary>
    public double LastCpuS { get; private set; }

    /// <summary>Answers one request whose body is delivered in blocks while it is read.</summary>
    public async Task<(int Status, string Answer)> CallAsync(string method, string path, string query, byte[] body)
    {
        var exchange = new ReusedExchange();
        exchange.Set(method, path, query);
        var sending = SendAsync(exchange, body);
        await calls.HandleAsync(exchange, session).ConfigureAwait(false);
        await sending.ConfigureAwait(false);
        return (exchange.Status, exchange.TakeAnswer());
    }

    public static string Query(in Digest digest, int sizeBytes, int encodedBytes) => string.Create(
        CultureInfo.InvariantCulture, $"wid=1&digest={digest}&size={sizeBytes}&encoded-size={encodedBytes}");

    /// <summary>Uploads chunks one after the other and returns the managed bytes allocated per chunk between the request being there and its answer
    /// being there. Everything that belongs to the measuring itself - blobs, addresses, the pipe's blocks - is made before.</summary>
    public async Task<double> AllocatedPerChunkAsync(int sizeBytes, int count, int seed)
    {
        var random = new Random(seed);
        var uploads = new (string Query, byte[] Blob)[count];
        for (var i = 0; i < count; i++)
        {
            var data = new byte[sizeBytes];
            random.NextBytes(data);
            var blob = DataBlob.Encode(data);
            var digest = Digest.Of(data);
            uploads[i] = (Query(digest, sizeBytes, blob.Length), blob);
            Directory.CreateDirectory(Path.Combine(folder, ChunkStore.FolderOf(digest.Prefix))); // a store has them all from its start
        }

        var exchange = new ReusedExchange();
        var allocated = 0L;
        LastCpuS = 0;
        foreach (var (query, blob) in uploads)
        {
            exchange.Set("POST", "/fixed_chunk", query);
            exchange.Put(blob);
            var before = GC.GetTotalAllocatedBytes(precise: true);
            var cpuBefore = Environment.CpuUsage.TotalTime;
            await calls.HandleAsync(exchange, session).ConfigureAwait(false);
            LastCpuS += (Environment.CpuUsage.TotalTime - cpuBefore).TotalSeconds;
            allocated += GC.GetTotalAllocatedBytes(precise: true) - before;
            exchange.CheckAnswered();
        }

        return allocated / (double)count;
    }

    public void Dispose()
    {
        session.Release();
        datastore.Close();
        bytes.Dispose();
    }

    private static async Task SendAsync(ReusedExchange exchange, byte[] body)
    {
        for (var at = 0; at < body.Length; at += 65536)
        {
            await exchange.WriteAsync(body.AsMemory(at, Math.Min(65536, body.Length - at))).ConfigureAwait(false);
        }

        exchange.EndBody();
    }

    /// <summary>An exchange over two pipes that serves any number of requests in turn.</summary>
    private sealed class ReusedExchange : Exchange
    {
        private readonly Pipe request = new(new PipeOptions(pauseWriterThreshold: 0, useSynchronizationContext: false));
        private readonly Pipe answer = new(new PipeOptions(pauseWriterThreshold: 0, useSynchronizationContext: false));
        private string method = "";
        private string path = "";
        private string query = "";
        private bool isEnded;
        private bool started;

        public int Status { get; private set; }

        public override string Method => method;

        public override string Path => path;

        public override string Query => query;

        public override string RemoteAddress => "127.0.0.1";

        public override long? BodyLengthBytes => null;

        public override PipeReader Body => request.Reader;

        public override CancellationToken Aborted => CancellationToken.None;

        public override bool ResponseStarted => started;

        public override string? Header(string name) => null;

        public override void SetHeader(string name, string value)
        {
        }

        public override PipeWriter Start(int status, string? contentType, long? lengthBytes)
        {
            (Status, started) = (status, true);
            return answer.Writer;
        }

        public override void Abort() => Status = -1;

        public void Set(string newMethod, string newPath, string newQuery)
        {
            (method, path, query, started, Status) = (newMethod, newPath, newQuery, false, 0);
            if (isEnded)
            {
                request.Reader.Complete();
                request.Reset();
                isEnded = false;
            }
        }

        public void Put(byte[] body)
        {
            for (var at = 0; at < body.Length;)
            {
                var span = request.Writer.GetSpan(65536);
                var part = Math.Min(span.Length, body.Length - at);
                body.AsSpan(at, part).CopyTo(span);
                request.Writer.Advance(part);
                at += part;
            }

            EndBody();
        }

        public async Task WriteAsync(ReadOnlyMemory<byte> part) => await request.Writer.WriteAsync(part).ConfigureAwait(false);

        public void EndBody()
        {
            request.Writer.Complete();
            isEnded = true;
        }

        public void CheckAnswered()
        {
            if (Status != 200 || !answer.Reader.TryRead(out var read))
            {
                throw new InvalidOperationException($"not answered as hoped: {Status}");
            }

            answer.Reader.AdvanceTo(read.Buffer.End);
        }

        public string TakeAnswer()
        {
            if (!answer.Reader.TryRead(out var read))
            {
                return "";
            }

            var text = System.Text.Encoding.UTF8.GetString(System.Buffers.BuffersExtensions.ToArray(read.Buffer));
            answer.Reader.AdvanceTo(read.Buffer.End);
            return text;
        }
    }
}
