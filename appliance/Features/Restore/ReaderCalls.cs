// The calls inside a reader session (pbs-protocol.md 2.4). What is served was checked on the way out: a chunk's checksum, an index against what the ledger
// knows of it. Bad data is an error, never an answer.
using Holdfast.Features.Backup;
using Holdfast.Features.Snapshots;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Features.Restore;

/// <summary>Endpoints of a reader session; the caller of each is the session.</summary>
public sealed class ReaderCalls(BytesInFlight bytes)
{
    private const int SpeedtestBytes = 1024 * 1024;

    /// <summary>The route table.</summary>
    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("GET", "/download", new(PbsSchema.FileName()), DownloadAsync) { Kind = ApiKind.Stream },
        new("GET", "/chunk", new(PbsSchema.Digest()), ChunkAsync) { Kind = ApiKind.Stream },
        new("GET", "/speedtest", ParameterSchema.Empty, Speedtest) { Kind = ApiKind.Stream },
    ];

    private static async ValueTask<ApiResult> DownloadAsync(ApiCall call)
    {
        var session = call.CallerAs<ReaderSession>();
        var name = call.Parameters.Text("file-name");
        if (!SafeId.TryArchiveKind(name, out var kind))
        {
            return ApiResult.Error("unknown archive type");
        }

        try
        {
            session.CountFile(name, await FileDownload.SendAsync(
                call.Exchange, session.OpenFolder(), session.Snapshot.Content, name, session.Allow).ConfigureAwait(false));
            return ApiResult.Written.Instance;
        }
        catch (VolumeException error) when (error.Error == VolumeError.NotFound)
        {
            return FileDownload.Missing(name, kind);
        }
        catch (StorageException error)
        {
            session.Met(error.Message);
            throw;
        }
    }

    private async ValueTask<ApiResult> ChunkAsync(ApiCall call)
    {
        var session = call.CallerAs<ReaderSession>();
        var digest = Digest.Parse(call.Parameters.Text("digest"));
        if (!session.IsAllowed(digest))
        {
            return ApiResult.Error(401, $"download chunk {digest} not allowed");
        }

        var chunks = session.Store.Bytes.Chunks;
        var wanted = chunks.TryGetSize(digest, out var sizeOnDisk) && sizeOnDisk > BytesInFlight.SmallBytes
            ? BytesInFlight.LargeBytes
            : BytesInFlight.SmallBytes;
        var buffer = await bytes.RentAsync(wanted, call.Exchange, session.Share).ConfigureAwait(false);
        try
        {
            var length = chunks.ReadRaw(digest, buffer.GetSpan());
            if (DataBlob.Check(buffer.GetSpan()[..length], out _) is { } fault)
            {
                throw new CorruptDataException("chunk " + digest, fault);
            }

            var writer = call.Exchange.Start(200, "application/octet-stream", length);
            await call.Exchange.WriteBodyAsync(writer, buffer.Memory[..length]).ConfigureAwait(false);
            session.CountChunk(length);
            return ApiResult.Written.Instance;
        }
        catch (StorageException error)
        {
            if (error is CorruptDataException)
            {
                session.Suspect(digest);
            }

            session.Met(error.Message);
            throw;
        }
        finally
        {
            buffer.Return();
        }
    }

    private static ValueTask<ApiResult> Speedtest(ApiCall call)
    {
        var body = new byte[SpeedtestBytes];
        body.AsSpan().Fill((byte)'A');
        return ValueTask.FromResult(ApiResult.Octets(body));
    }
}
