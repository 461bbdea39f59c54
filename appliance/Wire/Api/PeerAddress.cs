// How a peer's address is written in events and logs: IPv4 as itself also when it came through a dual-stack socket.
using System.Net;

namespace Holdfast.Wire;

/// <summary>Text of peer addresses.</summary>
public static class PeerAddress
{
    public static string Text(EndPoint? endPoint) => Text((endPoint as IPEndPoint)?.Address);

    public static string Text(IPAddress? address) =>
        address is null ? "unknown" : (address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).ToString();
}
