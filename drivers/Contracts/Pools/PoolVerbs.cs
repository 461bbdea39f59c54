// What may be done to pools. Every name is checked against what exists before anything is run; a disk is named by its id of ListDisks and must be free.
using System.Text.Json.Serialization;
using Holdfast.Contracts.Agent;
using Holdfast.Contracts.Pools;

namespace Holdfast.Contracts.Pools
{
    /// <summary>Makes a pool.</summary>
    /// <param name="Layout"><c>single</c>, <c>mirror</c>, <c>raidz1</c>, <c>raidz2</c>, <c>raidz3</c>, <c>draid1</c> to <c>draid3</c>.</param>
    /// <param name="Disks">Ids of free disks.</param>
    /// <param name="Special">Mirror for metadata: none, or two to four disks.</param>
    /// <param name="Log">Intent log: none, one or two.</param>
    /// <param name="Cache">Second-level cache.</param>
    /// <param name="Spares">Taken when a disk fails.</param>
    public sealed record CreatePool(
        string Name, string Layout, IReadOnlyList<string> Disks, IReadOnlyList<string> Special, IReadOnlyList<string> Log, IReadOnlyList<string> Cache,
        IReadOnlyList<string> Spares) : AgentAct;

    /// <summary>Takes a pool into use, by its name or, where two have the same, its guid.</summary>
    /// <param name="IsForced">Also if another machine used it last and did not let go of it.</param>
    public sealed record ImportPool(string Pool, bool IsForced) : AgentAct;

    /// <summary>Lets go of a pool: it is unmounted and can be moved to another machine.</summary>
    public sealed record ExportPool(string Pool) : AgentAct;

    /// <summary>Replaces a disk by a free one, and resilvers.</summary>
    /// <param name="Vdev">Guid or name of the disk in the pool.</param>
    /// <param name="Disk">Id of the new disk; null = another in the same place.</param>
    public sealed record ReplacePoolDisk(string Pool, string Vdev, string? Disk) : AgentAct;

    /// <summary>Adds a free disk beside another: a mirror of one more, or a wider raidz.</summary>
    public sealed record AttachPoolDisk(string Pool, string Vdev, string Disk) : AgentAct;

    /// <summary>Takes a disk out of use, or back.</summary>
    public sealed record SetPoolDiskOnline(string Pool, string Vdev, bool IsOnline) : AgentAct;

    /// <summary>Sets error counters to nothing, of a disk or the whole pool.</summary>
    public sealed record ClearPoolErrors(string Pool, string? Vdev) : AgentAct;

    /// <summary>Reads and checks all that is in the pool.</summary>
    /// <param name="Action"><c>start</c> (also goes on), <c>pause</c>, <c>stop</c>.</param>
    public sealed record ScrubPool(string Pool, string Action) : AgentAct;

    /// <summary>Tells solid state disks what is free.</summary>
    public sealed record TrimPool(string Pool) : AgentAct;

    /// <summary>Adds a spare disk.</summary>
    public sealed record AddPoolSpare(string Pool, string Disk) : AgentAct;

    /// <summary>Makes a file system for a datastore, mounted below <c>/mnt/datastore</c> and owned by the service.</summary>
    /// <param name="Dataset"><c>tank/main</c>.</param>
    /// <param name="QuotaBytes">0 = none.</param>
    public sealed record CreatePoolDataset(string Dataset, long QuotaBytes) : AgentAct;

    /// <summary>Sets how much a file system may hold; 0 = as much as there is.</summary>
    public sealed record SetDatasetQuota(string Dataset, long QuotaBytes) : AgentAct;

    /// <summary>Sets properties of a file system (zfsprops(7)); null = as it is. What was written before keeps its record size and compression.</summary>
    /// <param name="QuotaBytes">With snapshots and children; 0 = none.</param>
    /// <param name="RefQuotaBytes">Of its own data alone; 0 = none.</param>
    /// <param name="RecordSizeBytes">A power of two, 4 KiB to 1 MiB.</param>
    /// <param name="Compression">One of <see cref="Compressions"/>.</param>
    /// <param name="Atime"><c>on</c>, <c>off</c>.</param>
    public sealed record SetDatasetProperties(
        string Dataset, long? QuotaBytes, long? RefQuotaBytes, long? RecordSizeBytes, string? Compression, string? Atime) : AgentAct
    {
        public const long RecordSizeMinBytes = 4096;
        public const long RecordSizeMaxBytes = 1 << 20;

        public static readonly IReadOnlyList<string> Compressions = ["off", "lz4", "zstd", "zstd-fast", "gzip", "zle"];
    }

    /// <summary>Destroys a file system with all that is in it. Refused while it has children or snapshots, while a datastore or a database lies in it, while
    /// it is exported, and where it can't be looked into (not mounted below <c>/mnt/datastore</c>).</summary>
    /// <param name="Confirm">The name of the dataset once more.</param>
    public sealed record DestroyPoolDataset(string Dataset, string Confirm) : AgentAct;

    /// <summary>Sets what a write that asks to be durable means: <c>standard</c>, <c>always</c>, <c>disabled</c>.</summary>
    public sealed record SetDatasetSync(string Dataset, string Sync) : AgentAct;

    /// <summary>Keeps a file system as it is now.</summary>
    /// <param name="Snapshot"><c>tank/main@name</c>.</param>
    /// <param name="Hold">Tag that keeps it from being destroyed; null = none.</param>
    public sealed record SnapshotDataset(string Snapshot, string? Hold) : AgentAct;

    /// <summary>Lets a hold go, or destroys a snapshot that nothing holds.</summary>
    public sealed record RemoveDatasetSnapshot(string Snapshot, string? Hold) : AgentAct;
}

namespace Holdfast.Contracts.Agent
{
    [JsonDerivedType(typeof(ReadPools), "read-pools")]
    [JsonDerivedType(typeof(ListImportablePools), "list-importable-pools")]
    [JsonDerivedType(typeof(WatchPools), "watch-pools")]
    [JsonDerivedType(typeof(CreatePool), "create-pool")]
    [JsonDerivedType(typeof(ImportPool), "import-pool")]
    [JsonDerivedType(typeof(ExportPool), "export-pool")]
    [JsonDerivedType(typeof(ReplacePoolDisk), "replace-pool-disk")]
    [JsonDerivedType(typeof(AttachPoolDisk), "attach-pool-disk")]
    [JsonDerivedType(typeof(SetPoolDiskOnline), "set-pool-disk-online")]
    [JsonDerivedType(typeof(ClearPoolErrors), "clear-pool-errors")]
    [JsonDerivedType(typeof(ScrubPool), "scrub-pool")]
    [JsonDerivedType(typeof(TrimPool), "trim-pool")]
    [JsonDerivedType(typeof(AddPoolSpare), "add-pool-spare")]
    [JsonDerivedType(typeof(CreatePoolDataset), "create-pool-dataset")]
    [JsonDerivedType(typeof(SetDatasetQuota), "set-dataset-quota")]
    [JsonDerivedType(typeof(SetDatasetProperties), "set-dataset-properties")]
    [JsonDerivedType(typeof(DestroyPoolDataset), "destroy-pool-dataset")]
    [JsonDerivedType(typeof(SetDatasetSync), "set-dataset-sync")]
    [JsonDerivedType(typeof(SnapshotDataset), "snapshot-dataset")]
    [JsonDerivedType(typeof(RemoveDatasetSnapshot), "remove-dataset-snapshot")]
    public abstract partial record AgentRequest;

    [JsonDerivedType(typeof(PoolsSeen), "pools-seen")]
    [JsonDerivedType(typeof(ImportablePools), "importable-pools")]
    [JsonDerivedType(typeof(PoolEvent), "pool-event")]
    public abstract partial record AgentAnswer;
}
