// What the network is like, as ip(8) and resolvectl(1) tell of it in JSON. What they leave out is left out; what is no JSON of theirs is an error.
using System.Text.Json;
using Holdfast.Contracts.Network;
using Holdfast.Contracts.Programs;

namespace Holdfast.Agent.Network;

/// <summary>Reads links, routes and name servers.</summary>
public sealed class NetworkReader(IPrograms programs)
{
    private const int Most = 256;

    /// <exception cref="IOException">ip(8) failed.</exception>
    public async Task<IReadOnlyList<LinkFacts>> LinksAsync(CancellationToken cancel) =>
        Links(await IpAsync(["-json", "-details", "address", "show"], cancel).ConfigureAwait(false));

    /// <inheritdoc cref="LinksAsync"/>
    public async Task<IReadOnlyList<RouteFacts>> RoutesAsync(CancellationToken cancel) =>
    [
        .. Routes(await IpAsync(["-json", "-4", "route", "show"], cancel).ConfigureAwait(false)),
        .. Routes(await IpAsync(["-json", "-6", "route", "show"], cancel).ConfigureAwait(false)),
    ];

    /// <summary>Empty where resolved does not run.</summary>
    public async Task<IReadOnlyList<string>> DnsAsync(CancellationToken cancel)
    {
        if (!programs.Has("resolvectl"))
        {
            return [];
        }

        var said = await programs.RunAsync("resolvectl", ["dns"], cancel: cancel).ConfigureAwait(false);
        return said.ExitStatus == 0 ? Dns(said.Output) : [];
    }

    /// <summary><c>ip -json -details address show</c>.</summary>
    /// <exception cref="InvalidDataException">It is something else.</exception>
    public static IReadOnlyList<LinkFacts> Links(string json) => Read(json, links => links.Select(link =>
    {
        var name = Text(link, "ifname") ?? throw new InvalidDataException("ip told of an interface without a name");
        var flags = Texts(link, "flags");
        return new LinkFacts(
            name, Kind(link), Text(link, "address") is { Length: 17 } mac ? mac : null, Number(link, "mtu"), flags.Contains("UP"), flags.Contains("LOWER_UP"),
            Text(link, "master") ?? Text(link, "link"),
            [.. List(link, "addr_info").Where(address => Text(address, "local") is not null)
                .Select(address => $"{Text(address, "local")}/{Number(address, "prefixlen")}").Take(Most)]);
    }));

    /// <summary><c>ip -json route show</c>.</summary>
    /// <exception cref="InvalidDataException">It is something else.</exception>
    public static IReadOnlyList<RouteFacts> Routes(string json) => Read(json, routes => routes.Where(route => Text(route, "dst") is not null)
        .Select(route => new RouteFacts(Text(route, "dst")!, Text(route, "gateway"), Text(route, "dev"))));

    /// <summary><c>resolvectl dns</c>: a line a link, its servers after the colon.</summary>
    public static IReadOnlyList<string> Dns(string text) =>
    [
        .. text.Split('\n').Select(line => line.IndexOf(": ", StringComparison.Ordinal) is > 0 and var colon ? line[(colon + 2)..] : "")
            .SelectMany(servers => servers.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(server => NetworkPlan.Ip(server.Split('%', '#')[0]) is not null).Distinct(StringComparer.Ordinal).Take(16),
    ];

    private async Task<string> IpAsync(IReadOnlyList<string> arguments, CancellationToken cancel)
    {
        var said = await programs.RunAsync("ip", arguments, cancel: cancel).ConfigureAwait(false);
        return said.ExitStatus == 0 ? said.Output : throw new ProgramFailedException("ip: " + said.Errors.Trim().Split('\n')[0]);
    }

    private static IReadOnlyList<T> Read<T>(string json, Func<IEnumerable<JsonElement>, IEnumerable<T>> take)
    {
        try
        {
            // Of an empty list ip says nothing at all.
            using var document = JsonDocument.Parse(json.AsSpan().Trim().IsEmpty ? "[]" : json, new JsonDocumentOptions { MaxDepth = 16 });
            var list = document.RootElement;
            return list.ValueKind == JsonValueKind.Array
                ? [.. take(list.EnumerateArray().Where(item => item.ValueKind == JsonValueKind.Object && item.EnumerateObject().Any())).Take(Most)]
                : throw new InvalidDataException("ip said no list");
        }
        catch (JsonException error)
        {
            throw new InvalidDataException("ip said something that is no JSON: " + error.Message);
        }
    }

    private static string Kind(JsonElement link)
    {
        var kind = link.TryGetProperty("linkinfo", out var info) && info.ValueKind == JsonValueKind.Object ? Text(info, "info_kind") : null;
        return (kind, Text(link, "link_type")) switch
        {
            ("bond" or "vlan" or "bridge", _) => kind,
            (null, "loopback") => "loopback",
            (null, "ether") => "eth",
            _ => "other",
        };
    }

    private static string? Text(JsonElement of, string name) =>
        of.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static int Number(JsonElement of, string name) =>
        of.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) ? number : 0;

    private static List<string> Texts(JsonElement of, string name) =>
        [.. List(of, name, JsonValueKind.String).Select(value => value.GetString()!)];

    private static IEnumerable<JsonElement> List(JsonElement of, string name, JsonValueKind kind = JsonValueKind.Object) =>
        of.TryGetProperty(name, out var list) && list.ValueKind == JsonValueKind.Array ? list.EnumerateArray().Where(item => item.ValueKind == kind) : [];
}
