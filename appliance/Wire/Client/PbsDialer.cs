// Opens TLS connections to a server: bounded in time, pinned by fingerprint, without ALPN as PBS clients do.
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace Holdfast.Wire;

internal sealed class PbsDialer(PbsClientOptions options)
{
    private readonly string? _fingerprint = options.Fingerprint is null ? null
        : Certificates.NormaliseFingerprint(options.Fingerprint)
            ?? throw new ArgumentException("not a SHA-256 fingerprint", nameof(options));

    public async ValueTask<Stream> OpenAsync(CancellationToken cancel)
    {
        using var limit = new Deadline(options.ConnectTimeout, options.Clock, cancel);
        string? presented = null;
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, 120);
            await socket.ConnectAsync(options.Host, options.Port, limit.Token);
            var tls = new SslStream(new NetworkStream(socket, ownsSocket: true));
            await tls.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = options.Host,
                    EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
                    RemoteCertificateValidationCallback = (_, certificate, _, errors) =>
                    {
                        presented = certificate is X509Certificate2 leaf ? Certificates.Fingerprint(leaf) : null;
                        return _fingerprint is null ? errors == SslPolicyErrors.None : presented == _fingerprint;
                    },
                },
                limit.Token);
            return tls;
        }
        catch (OperationCanceledException) when (limit.Passed && !cancel.IsCancellationRequested)
        {
            socket.Dispose();
            throw new IOException($"no connection to {options.Host}:{options.Port} within the time limit");
        }
        catch (AuthenticationException refused) when (presented is not null && presented != _fingerprint)
        {
            socket.Dispose();
            throw new AuthenticationException(
                $"the certificate of {options.Host}:{options.Port} " + (_fingerprint is null
                    ? $"is not from an authority that this machine trusts; its fingerprint is {presented}"
                    : $"is not the pinned one; its fingerprint is {presented}, expected is {_fingerprint}"),
                refused);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
