// What the ledger knows of NFS: what is to be exported and mounted (the box forgets both at a restart, and does as the ledger says), and what became of it.
using System.Text.Json.Serialization.Metadata;
using Holdfast.Features.Events;

namespace Holdfast.Features.Nfs;

/// <summary>A dataset is exported from now on.</summary>
/// <param name="Clients">Networks that may mount it.</param>
/// <param name="Squash"><c>all</c>, <c>root</c>, <c>none</c>: see <see cref="Contracts.Nfs.NfsExport"/>.</param>
public sealed record NfsExportCreated(string Export, IReadOnlyList<string> Clients, bool IsReadOnly, string Squash) : IEventData<NfsExportCreated>
{
    public static string EventType => "NfsExportCreated/1";
    public static JsonTypeInfo<NfsExportCreated> Json => EventJson.Default.NfsExportCreated;
}

/// <summary>It no longer is.</summary>
public sealed record NfsExportRemoved(string Export) : IEventData<NfsExportRemoved>
{
    public static string EventType => "NfsExportRemoved/1";
    public static JsonTypeInfo<NfsExportRemoved> Json => EventJson.Default.NfsExportRemoved;
}

/// <summary>For a while the kernel has not exported what it should.</summary>
/// <param name="Why">For people.</param>
public sealed record NfsExportsDown(string Why) : IEventData<NfsExportsDown>
{
    public static string EventType => "NfsExportsDown/1";
    public static JsonTypeInfo<NfsExportsDown> Json => EventJson.Default.NfsExportsDown;
}

/// <summary>It does again.</summary>
public sealed record NfsExportsUp(int Exports) : IEventData<NfsExportsUp>
{
    public static string EventType => "NfsExportsUp/1";
    public static JsonTypeInfo<NfsExportsUp> Json => EventJson.Default.NfsExportsUp;
}

/// <summary>A folder of a server is mounted from now on, below <c>/mnt/holdfast</c>.</summary>
public sealed record NfsMountCreated(string Mount, string Server, string Remote, string Version, bool IsReadOnly) : IEventData<NfsMountCreated>
{
    public static string EventType => "NfsMountCreated/1";
    public static JsonTypeInfo<NfsMountCreated> Json => EventJson.Default.NfsMountCreated;
}

/// <summary>It no longer is.</summary>
/// <param name="IsLazy">It was taken from sight without waiting for its server.</param>
public sealed record NfsMountRemoved(string Mount, bool IsLazy) : IEventData<NfsMountRemoved>
{
    public static string EventType => "NfsMountRemoved/1";
    public static JsonTypeInfo<NfsMountRemoved> Json => EventJson.Default.NfsMountRemoved;
}

/// <summary>For a while a mount has not been of use: its server is silent or answers with errors, or it can't be mounted.</summary>
/// <param name="Why">For people.</param>
public sealed record NfsServerLost(string Mount, string Server, string Why) : IEventData<NfsServerLost>
{
    public static string EventType => "NfsServerLost/1";
    public static JsonTypeInfo<NfsServerLost> Json => EventJson.Default.NfsServerLost;
}

/// <summary>The mount is of use again, for a while already.</summary>
public sealed record NfsServerBack(string Mount, string Server) : IEventData<NfsServerBack>
{
    public static string EventType => "NfsServerBack/1";
    public static JsonTypeInfo<NfsServerBack> Json => EventJson.Default.NfsServerBack;
}
