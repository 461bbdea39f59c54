// The endpoints as a tree of path segments. A fixed segment wins over a `{name}`; there is no backtracking, as in PBS.
namespace Holdfast.Wire;

internal sealed record RouteMatch(ApiEndpoint Endpoint, IReadOnlyDictionary<string, string> Values);

internal sealed class RouteTable
{
    private readonly Node _root = new();

    private sealed class Node
    {
        public Dictionary<string, Node> Fixed { get; } = new(StringComparer.Ordinal);

        public Node? Any { get; set; }

        public string? AnyName { get; set; }

        public Dictionary<string, ApiEndpoint> Endpoints { get; } = new(StringComparer.Ordinal);
    }

    /// <summary>Throws InvalidOperationException for a path given twice or a wildcard with two names.</summary>
    public void Add(ApiEndpoint endpoint)
    {
        Node node = _root;
        foreach (string segment in endpoint.Path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            node = segment.StartsWith('{') ? Wildcard(node, segment[1..^1]) : FixedChild(node, segment);
        }

        if (!node.Endpoints.TryAdd(endpoint.Method, endpoint))
        {
            throw new InvalidOperationException($"two endpoints for {endpoint.Method} {endpoint.Path}");
        }
    }

    public RouteMatch? Find(string method, string[] segments, int from)
    {
        Node? node = _root;
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        for (int i = from; i < segments.Length && node is not null; i++)
        {
            if (node.Fixed.TryGetValue(segments[i], out Node? child))
            {
                node = child;
            }
            else if (node.Any is not null && Percent.Decode(segments[i]) is { } value)
            {
                values[node.AnyName!] = value;
                node = node.Any;
            }
            else
            {
                node = null;
            }
        }

        return node is not null && node.Endpoints.TryGetValue(method, out ApiEndpoint? endpoint)
            ? new RouteMatch(endpoint, values)
            : null;
    }

    private static Node FixedChild(Node node, string segment)
    {
        if (!node.Fixed.TryGetValue(segment, out Node? child))
        {
            node.Fixed[segment] = child = new Node();
        }

        return child;
    }

    private static Node Wildcard(Node node, string name)
    {
        if (node.AnyName is not null && node.AnyName != name)
        {
            throw new InvalidOperationException($"one place, two names: {{{node.AnyName}}} and {{{name}}}");
        }

        node.AnyName = name;
        return node.Any ??= new Node();
    }
}
