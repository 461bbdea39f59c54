// How to reach a PBS-speaking server and as whom; and the refusal it may answer with.
namespace Holdfast.Wire;

/// <summary>
/// One server and one identity. With <see cref="Fingerprint"/> only that leaf certificate is trusted, whatever else is
/// wrong with it; without, the system's trust store decides.
/// </summary>
public sealed record PbsClientOptions(string Host, int Port, AuthId AuthId)
{
    /// <summary>The user's password, or the token's secret.</summary>
    public required string Secret { get; init; }

    public string? Fingerprint { get; init; }

    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(120);

    public TimeProvider Clock { get; init; } = TimeProvider.System;

    public override string ToString() => $"{AuthId}@{Host}:{Port}";
}

/// <summary>The server refused: HTTP status and its text.</summary>
public sealed class PbsException(int status, string text) : Exception(text)
{
    public int Status { get; } = status;
}

/// <summary>The snapshot that a session is about.</summary>
public sealed record SessionTarget(string Store, string BackupType, string BackupId, long BackupTimeS)
{
    public string? Namespace { get; init; }

    public bool Benchmark { get; init; }

    internal string Query(bool writer)
    {
        string query = $"store={Percent.Encode(Store)}&backup-type={BackupType}&backup-id={Percent.Encode(BackupId)}"
            + $"&backup-time={BackupTimeS}&debug=false";
        query += string.IsNullOrEmpty(Namespace) ? "" : $"&ns={Percent.Encode(Namespace)}";
        return writer && Benchmark ? query + "&benchmark=true" : query;
    }
}
