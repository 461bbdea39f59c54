// What the figures have to reach. A row without an entry is information.
namespace Holdfast.Tests.Bench;

internal static class Targets
{
    public static readonly IReadOnlyDictionary<string, (double Value, bool AtLeast)> All =
        new Dictionary<string, (double, bool)>
        {
            ["backup.new.server_cpu_s_per_gib"] = (4.1, false),
            ["backup.known_speedup_over_new"] = (5, true),
            ["restore.server_cpu_s_per_gib"] = (1.7, false),
            ["verify.mib_per_s"] = (1200, true),
            ["verify.text_mib_per_s"] = (1000, true),
            ["ledger.append_batched_per_s"] = (60_000, true),
            ["ledger.verify_events_per_s"] = (800_000, true),
            ["ledger.fold_events_per_s"] = (300_000, true),
            ["start.with_1m_events_s"] = (2, false),
            ["list.10k_snapshots_ms"] = (15, false),
            ["prune.10k_snapshots_s"] = (0.6, false),
            ["memory.1000_connections_mib"] = (1024, false),
            ["memory.64_sessions_mib"] = (1024, false),
            ["gc.1m_chunks_s"] = (1.1, false),
            ["gc.again_unchanged_s"] = (0.1, false),
            ["gc.peak_mib"] = (184, false),
            ["chunk.alloc_bytes"] = (1024, false),
            ["pxar.backup_100k_files_s"] = (2.8, false),
            ["pxar.restore_100k_files_s"] = (7.3, false),
        };
}
