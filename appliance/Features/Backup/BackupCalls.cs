// The calls inside a backup session (pbs-protocol.md 2.2) as a route table: parameters and texts here, work in the session's parts.
using Holdfast.Features.Restore;
using Holdfast.Features.Snapshots;
using Holdfast.Features.Verify;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Features.Backup;

/// <summary>Endpoints of a backup session; the caller of each is the session.</summary>
public sealed class BackupCalls(ChunkIntake intake, FinishBackup finish, CorruptChunks? corrupt = null)
{
    /// <summary>A blob's header without payload.</summary>
    private const int BlobBytesMin = 12;

    /// <summary>A chunk is never empty.</summary>
    public const int ChunkBytesMin = 13;

    private static readonly ParameterSchema ChunkParameters = new(
        PbsSchema.Wid(), PbsSchema.Digest(), PbsSchema.ChunkSize(), PbsSchema.EncodedSize(ChunkBytesMin));

    private static readonly ParameterSchema AppendParameters = new(
        PbsSchema.Wid(),
        Parameter.List("digest-list", PbsSchema.Digest()),
        Parameter.List("offset-list", Parameter.Integer("offset") with { Minimum = 0 }));

    private static ParameterSchema CloseParameters(long countMin) => new(
        PbsSchema.Wid(),
        Parameter.Integer("chunk-count") with { Minimum = countMin },
        Parameter.Integer("size") with { Minimum = countMin },
        PbsSchema.Digest("csum"));

    /// <summary>The route table.</summary>
    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("POST", "/blob", new(PbsSchema.FileName(), PbsSchema.EncodedSize(BlobBytesMin)), BlobAsync) { Kind = ApiKind.Stream },
        new("POST", "/dynamic_index", new(PbsSchema.ArchiveName()), CreateDynamic),
        new("POST", "/fixed_index",
            new(PbsSchema.ArchiveName(), Parameter.Integer("size") with { Optional = true, Minimum = 1 }, PbsSchema.Digest("reuse-csum").AsOptional()),
            CreateFixed),
        new("POST", "/dynamic_chunk", ChunkParameters, call => ChunkAsync<DynamicArchiveWriter>(call, "dynamic")) { Kind = ApiKind.Stream },
        new("POST", "/fixed_chunk", ChunkParameters, call => ChunkAsync<FixedArchiveWriter>(call, "fixed")) { Kind = ApiKind.Stream },
        new("PUT", "/dynamic_index", AppendParameters, call => Append<DynamicArchiveWriter>(call, "dynamic")),
        new("PUT", "/fixed_index", AppendParameters, call => Append<FixedArchiveWriter>(call, "fixed")),
        new("POST", "/dynamic_close", CloseParameters(1), call => Close<DynamicArchiveWriter>(call, "dynamic")),
        new("POST", "/fixed_close", CloseParameters(0), call => Close<FixedArchiveWriter>(call, "fixed")),
        new("GET", "/previous", new(PbsSchema.ArchiveName()), PreviousAsync) { Kind = ApiKind.Stream },
        new("GET", "/previous_backup_time", ParameterSchema.Empty, PreviousTime),
        new("POST", "/speedtest", ParameterSchema.Empty, SpeedtestAsync) { Kind = ApiKind.Stream },
        new("POST", "/finish", ParameterSchema.Empty, FinishAsync),
        new("GET", "/", ParameterSchema.Empty, Index),
    ];

    private async ValueTask<ApiResult> BlobAsync(ApiCall call)
    {
        var session = call.CallerAs<BackupSession>();
        session.EnsureRunning();
        var name = call.Parameters.Text("file-name");
        if (!SafeId.TryArchiveKind(name, out var kind) || kind != ArchiveKind.Blob)
        {
            return ApiResult.Error($"wrong blob file extension: '{name}'");
        }

        var announced = (int)call.Parameters.Integer("encoded-size");
        if (name == SafeId.ManifestName && announced > BackupSession.ManifestBlobBytesMax)
        {
            return ApiResult.Error($"manifest is too large ({announced} > {BackupSession.ManifestBlobBytesMax})");
        }

        var refusal = await intake.WithBlobAsync(call.Exchange, announced, raw => StoreBlob(session, name, raw)).ConfigureAwait(false);
        return refusal is null ? ApiResult.Null : ApiResult.Error(refusal);
    }

    private static string? StoreBlob(BackupSession session, string name, ReadOnlySpan<byte> raw)
    {
        if (DataBlob.Check(raw, out _) is { } fault)
        {
            return fault;
        }

        if (name == SafeId.ManifestName)
        {
            session.HoldManifest(raw.ToArray());
            return null;
        }

        session.Folder.WriteBlob(name, raw);
        session.AddFinished(new ArchiveFinished(session.BackupTime, name, raw.Length, 0, Digest.Of(raw).ToString(), 0, 0, 0, 0, 0));
        return null;
    }

    private ValueTask<ApiResult> CreateDynamic(ApiCall call)
    {
        var session = call.CallerAs<BackupSession>();
        var name = call.Parameters.Text("archive-name");
        var wid = session.AddWriter(wid => new DynamicArchiveWriter(wid, session.Folder.CreateDynamicIndex(name)));
        return ValueTask.FromResult(ApiResult.Number(wid));
    }

    private ValueTask<ApiResult> CreateFixed(ApiCall call)
    {
        var session = call.CallerAs<BackupSession>();
        var name = call.Parameters.Text("archive-name");
        var sizeBytes = call.Parameters.OptionalInteger("size");
        var reuse = call.Parameters.OptionalText("reuse-csum");
        var wid = session.AddWriter(wid =>
        {
            var index = session.Folder.CreateFixedIndex(name, sizeBytes);
            try
            {
                if (reuse is not null)
                {
                    TakeOver(session, index, Digest.Parse(reuse), sizeBytes);
                }

                return new FixedArchiveWriter(wid, index, reuse is not null);
            }
            catch
            {
                index.Dispose();
                throw;
            }
        });
        return ValueTask.FromResult(ApiResult.Number(wid));
    }

    /// <summary>Fills a new index with the previous snapshot's digests, if its checksum is the one the client built on.</summary>
    private void TakeOver(BackupSession session, FixedIndexWriter index, Digest expected, long? sizeBytes)
    {
        if (session.Previous is not { } previous)
        {
            throw new ApiException("cannot reuse index - no valid previous backup exists");
        }

        if (sizeBytes is null)
        {
            throw new ApiException("cannot reuse index - size is needed");
        }

        using var reader = OpenPrevious(session, previous, index.Name) as FixedIndexReader
            ?? throw new ApiException($"cannot reuse index - '{index.Name}' of the previous backup is no fixed index");
        var actual = reader.ComputeCsum();
        if (actual != expected)
        {
            throw new ApiException(
                $"expected csum ({expected}) doesn't match last backup's ({actual}), cannot do incremental backup");
        }

        RequireSound(session, reader);
        index.CopyFrom(reader);
    }

    private async ValueTask<ApiResult> ChunkAsync<T>(ApiCall call, string kind) where T : ArchiveWriter
    {
        var session = call.CallerAs<BackupSession>();
        var parameters = call.Parameters;
        var writer = session.Writer<T>(parameters.Integer("wid"), kind);
        var digest = Digest.Parse(parameters.Text("digest"));
        var refusal = await intake.TakeAsync(
            session, writer, call.Exchange, digest, (int)parameters.Integer("size"), (int)parameters.Integer("encoded-size")).ConfigureAwait(false);
        return refusal is null ? ApiResult.String(digest.ToString()) : ApiResult.Error(refusal);
    }

    private static ValueTask<ApiResult> Append<T>(ApiCall call, string kind) where T : ArchiveWriter
    {
        var session = call.CallerAs<BackupSession>();
        var digests = call.Parameters.Texts("digest-list");
        var offsets = call.Parameters.Integers("offset-list");
        var writer = session.Writer<T>(call.Parameters.Integer("wid"), kind);
        if (digests.Count != offsets.Count)
        {
            return ValueTask.FromResult(ApiResult.Error($"offset list has wrong length ({offsets.Count} != {digests.Count})"));
        }

        var refusal = writer.Append(digests, offsets, session.Known);
        return ValueTask.FromResult(refusal is null ? ApiResult.Null : ApiResult.Error(refusal));
    }

    private static ValueTask<ApiResult> Close<T>(ApiCall call, string kind) where T : ArchiveWriter
    {
        var session = call.CallerAs<BackupSession>();
        var writer = session.Writer<T>(call.Parameters.Integer("wid"), kind);
        var (finished, refusal) = writer.Close(
            session.BackupTime, call.Parameters.Integer("chunk-count"), call.Parameters.Integer("size"), Digest.Parse(call.Parameters.Text("csum")));
        if (finished is null)
        {
            return ValueTask.FromResult(ApiResult.Error(refusal!));
        }

        session.AddFinished(finished);
        return ValueTask.FromResult(ApiResult.Null);
    }

    private async ValueTask<ApiResult> PreviousAsync(ApiCall call)
    {
        var session = call.CallerAs<BackupSession>();
        var name = call.Parameters.Text("archive-name");
        if (!SafeId.TryArchiveKind(name, out var kind))
        {
            return ApiResult.Error("unknown archive type");
        }

        if (session.Previous is not { } previous)
        {
            return ApiResult.Error("no valid previous backup");
        }

        var folder = session.Store.Bytes.OpenSnapshot(session.Group.Namespace, session.Group.At(previous.BackupTime));
        try
        {
            await FileDownload.SendAsync(call.Exchange, folder, previous.Content, name, index =>
            {
                RequireSound(session, index);
                session.Known.AddAll(index);
            }).ConfigureAwait(false);
            return ApiResult.Written.Instance;
        }
        catch (VolumeException error) when (error.Error == VolumeError.NotFound)
        {
            return FileDownload.Missing(name, kind);
        }
    }

    private static ValueTask<ApiResult> PreviousTime(ApiCall call) =>
        ValueTask.FromResult(ApiResult.Number(call.CallerAs<BackupSession>().Previous?.BackupTime));

    private static async ValueTask<ApiResult> SpeedtestAsync(ApiCall call)
    {
        await call.Exchange.DropBodyAsync(call.Aborted).ConfigureAwait(false);
        return ApiResult.Null;
    }

    private async ValueTask<ApiResult> FinishAsync(ApiCall call)
    {
        await finish.RunAsync(call.CallerAs<BackupSession>(), call.Aborted).ConfigureAwait(false);
        return ApiResult.Null;
    }

    private static ValueTask<ApiResult> Index(ApiCall call) => ValueTask.FromResult(ApiResult.Data(json =>
    {
        json.WriteStartArray();
        foreach (var name in (string[])["blob", "dynamic_chunk", "dynamic_close", "dynamic_index", "finish", "fixed_chunk", "fixed_close",
            "fixed_index", "previous", "previous_backup_time", "speedtest"])
        {
            json.WriteStartObject();
            json.WriteString("subdir", name);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }));

    /// <summary>Nothing is built on an index that names a chunk known to be bad: the client then uploads all of it, and so heals it.</summary>
    private void RequireSound(BackupSession session, IndexReader index)
    {
        var store = session.Group.Store;
        if (corrupt?.Known(store) is { Count: > 0 } && IndexSearch.FirstBad(index, digest => corrupt.IsBad(store, digest)) is { } bad)
        {
            throw new ApiException($"no valid previous backup - chunk {bad} of '{index.Name}' was found corrupt or missing");
        }
    }

    private static IndexReader OpenPrevious(BackupSession session, Snapshot previous, string name) =>
        session.Store.Bytes.OpenSnapshot(session.Group.Namespace, session.Group.At(previous.BackupTime)).OpenIndex(name);
}
