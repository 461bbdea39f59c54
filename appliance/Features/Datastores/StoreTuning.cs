// The tuning options of a datastore (pbs-protocol.md 4.3): PBS's property string, checked with PBS's words. What Holdfast does not need is kept and shown,
// so that a configuration can move between the two.
using System.Globalization;
using Holdfast.Storage;

namespace Holdfast.Features.Datastores;

/// <summary>Parsed tuning; null = not set.</summary>
/// <param name="ChunkOrder"><c>none</c> or <c>inode</c>. Verification reads in disk order in either case.</param>
/// <param name="SyncLevel"><c>none</c>, <c>file</c> or <c>filesystem</c>.</param>
/// <param name="GcAtimeSafetyCheck">PBS's; our garbage collection does not rest on access times.</param>
/// <param name="GcAtimeCutoffMinutes">PBS's, likewise.</param>
/// <param name="GcCacheCapacity">PBS's, digests.</param>
/// <param name="VerificationWorkers">Threads that check chunks, where a verification does not say.</param>
/// <param name="VerificationReaders">Threads that read chunks, likewise.</param>
public sealed record StoreTuning(
    string? ChunkOrder, string? SyncLevel, bool? GcAtimeSafetyCheck, long? GcAtimeCutoffMinutes, long? GcCacheCapacity,
    int? VerificationWorkers, int? VerificationReaders)
{
    /// <summary>Nothing set.</summary>
    public static readonly StoreTuning None = new(null, null, null, null, null, null, null);

    private static readonly IReadOnlyList<string> Keys =
    [
        "chunk-order", "sync-level", "gc-atime-safety-check", "gc-atime-cutoff", "gc-cache-capacity", "default-verification-workers",
        "default-verification-readers",
    ];

    /// <summary>Never below one sync of the file system: a backup that is acknowledged is durable, whatever <c>none</c> asks for.</summary>
    public SyncLevel EffectiveSyncLevel => SyncLevel == "file" ? Storage.SyncLevel.File : Storage.SyncLevel.FileSystem;

    /// <summary>The tuning of a datastore as it was configured; <see cref="None"/> where nothing was.</summary>
    public static StoreTuning Of(string? text) => text is null ? None : Parse(text, out _) ?? None;

    /// <summary>The tuning behind a property string; null with PBS's refusal.</summary>
    public static StoreTuning? Parse(string text, out string problem)
    {
        var tuning = None;
        problem = "";
        foreach (var (key, value) in PropertyString.Split(text, ""))
        {
            var number = 0L;
            problem = key switch
            {
                "chunk-order" => value is "none" or "inode" ? "" : $"unknown variant `{value}`, expected `none` or `inode`",
                "sync-level" => value is "none" or "file" or "filesystem" ? ""
                    : $"unknown variant `{value}`, expected one of `none`, `file`, `filesystem`",
                "gc-atime-safety-check" => Wire.Parameter.ParseBoolean(value) is null ? $"'{key}': Unable to parse boolean option." : "",
                "gc-atime-cutoff" => Number(key, value, 1, 2880, out number),
                "gc-cache-capacity" => Number(key, value, 0, 8L << 20, out number),
                "default-verification-workers" or "default-verification-readers" => Number(key, value, 1, VerifyJob.ThreadsMax, out number),
                _ => $"unknown field `{key}`, expected one of {string.Join(", ", Keys.Select(known => $"`{known}`"))}",
            };
            if (problem.Length > 0)
            {
                return null;
            }

            tuning = key switch
            {
                "chunk-order" => tuning with { ChunkOrder = value },
                "sync-level" => tuning with { SyncLevel = value },
                "gc-atime-safety-check" => tuning with { GcAtimeSafetyCheck = Wire.Parameter.ParseBoolean(value) },
                "gc-atime-cutoff" => tuning with { GcAtimeCutoffMinutes = number },
                "gc-cache-capacity" => tuning with { GcCacheCapacity = number },
                "default-verification-workers" => tuning with { VerificationWorkers = (int)number },
                _ => tuning with { VerificationReaders = (int)number },
            };
        }

        return tuning;
    }

    private static string Number(string key, string value, long least, long most, out long number) =>
        long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number >= least && number <= most
            ? ""
            : string.Create(CultureInfo.InvariantCulture, $"'{key}': must be a number from {least} to {most}");
}
