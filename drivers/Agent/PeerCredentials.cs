// Who is at the other end of a unix socket, as the kernel knows it (unix(7), SO_PEERCRED): nothing that the peer says, and nothing that it could forge.
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Holdfast.Agent;

/// <summary>Process, user and group of the peer at the time it connected.</summary>
public readonly record struct PeerCredentials(int Pid, uint Uid, uint Gid)
{
    private const int SolSocket = 1;
    private const int SoPeerCred = 17;
    private const int StructBytes = 12;

    /// <exception cref="SocketException">The kernel does not say.</exception>
    public static PeerCredentials Of(Socket socket)
    {
        Span<byte> raw = stackalloc byte[StructBytes];
        var length = socket.GetRawSocketOption(SolSocket, SoPeerCred, raw);
        return length == StructBytes ? MemoryMarshal.Read<PeerCredentials>(raw) : throw new SocketException((int)SocketError.InvalidArgument);
    }
}
