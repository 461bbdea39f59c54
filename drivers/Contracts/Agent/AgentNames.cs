// The names of requests on the wire, read off the closed list itself, so that no name is written down twice.
using System.Reflection;
using System.Text.Json.Serialization;

namespace Holdfast.Contracts.Agent;

/// <summary>Verbs by their names.</summary>
public static class AgentNames
{
    private static readonly Dictionary<Type, string> Names = typeof(AgentRequest).GetCustomAttributes<JsonDerivedTypeAttribute>(inherit: false)
        .ToDictionary(listed => listed.DerivedType, listed => (string)listed.TypeDiscriminator!);

    /// <summary>All requests of the list.</summary>
    public static IReadOnlyCollection<Type> Requests => Names.Keys;

    /// <summary>The name of a request, <c>check-pam-password</c>.</summary>
    /// <exception cref="KeyNotFoundException">No request of the list.</exception>
    public static string Of(Type request) => Names[request];
}
