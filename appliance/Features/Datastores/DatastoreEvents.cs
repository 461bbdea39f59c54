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

/// <summary>A namespace was created, or found on disk (<paramref name="Discovered"/>).</summary>
public sealed record NamespaceCreated(string Store, string Ns, bool Discovered) : IEventData<NamespaceCreated>
{
    public static string EventType => "NamespaceCreated/1";
    public static JsonTypeInfo<NamespaceCreated> Json => EventJson.Default.NamespaceCreated;
}

/// <summary>A datastore was closed as failed (write order 5): what it said is durable may not be. It takes nothing until reopened and checked.</summary>
public sealed record DatastoreFailed(string Store, string Reason) : IEventData<DatastoreFailed>
{
    public static string EventType => "DatastoreFailed/1";
    public static JsonTypeInfo<DatastoreFailed> Json => EventJson.Default.DatastoreFailed;
}
