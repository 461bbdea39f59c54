// Facts about datastores and their namespaces.
using System.Text.Json.Serialization.Metadata;
using Holdfast.Features.Events;

namespace Holdfast.Features.Datastores;

/// <summary>A datastore was created, or an existing folder taken up.</summary>
/// <param name="Path">Folder; relative to the appliance's data folder, or absolute.</param>
public sealed record DatastoreCreated(string Name, string Path, string? Comment) : IEventData<DatastoreCreated>
{
    public static string EventType => "DatastoreCreated/1";
    public static JsonTypeInfo<DatastoreCreated> Json => EventJson.Default.DatastoreCreated;
}

/// <summary>Options of a datastore were set or taken back, by the names that <c>config/datastore</c> has for them.</summary>
/// <param name="Set">New values, as text.</param>
/// <param name="Removed">Options that have no value any more.</param>
public sealed record DatastoreOptionsSet(string Store, SortedDictionary<string, string> Set, IReadOnlyList<string> Removed) : IEventData<DatastoreOptionsSet>
{
    public static string EventType => "DatastoreOptionsSet/1";
    public static JsonTypeInfo<DatastoreOptionsSet> Json => EventJson.Default.DatastoreOptionsSet;
}

/// <summary>A datastore was taken out of the configuration. Its data stays where it lies unless <paramref name="DestroyData"/>.</summary>
public sealed record DatastoreRemoved(string Store, bool DestroyData) : IEventData<DatastoreRemoved>
{
    public static string EventType => "DatastoreRemoved/1";
    public static JsonTypeInfo<DatastoreRemoved> Json => EventJson.Default.DatastoreRemoved;
}

/// <summary>A namespace was created, or found on disk (<paramref name="Discovered"/>).</summary>
public sealed record NamespaceCreated(string Store, string Ns, bool Discovered) : IEventData<NamespaceCreated>
{
    public static string EventType => "NamespaceCreated/1";
    public static JsonTypeInfo<NamespaceCreated> Json => EventJson.Default.NamespaceCreated;
}

/// <summary>A namespace without groups is no more; its folder is removed after this is recorded.</summary>
/// <param name="Discovered">It was found gone from the disk.</param>
public sealed record NamespaceRemoved(string Store, string Ns, bool Discovered) : IEventData<NamespaceRemoved>
{
    public static string EventType => "NamespaceRemoved/1";
    public static JsonTypeInfo<NamespaceRemoved> Json => EventJson.Default.NamespaceRemoved;
}

/// <summary>A datastore was closed as failed (write order 5): what it said is durable may not be. It takes nothing until reopened and checked.</summary>
public sealed record DatastoreFailed(string Store, string Reason) : IEventData<DatastoreFailed>
{
    public static string EventType => "DatastoreFailed/1";
    public static JsonTypeInfo<DatastoreFailed> Json => EventJson.Default.DatastoreFailed;
}
