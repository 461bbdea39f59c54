// TLS on a connection, in place of Kestrel's UseHttps: the same SslStream, but read and written in large blocks,
// which is what most of the server's time per GiB hangs on. TLS 1.2 and 1.3, no h2 by ALPN.
using System.Buffers;
using System.IO.Pipelines;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.Logging;

namespace Holdfast.Wire;

internal sealed class TlsFront
{
    private const int ReadBytes = 64 * 1024;
    private readonly PbsListenerOptions _options;
    private readonly SslServerAuthenticationOptions _tls;

    public TlsFront(X509Certificate2 certificate, PbsListenerOptions options)
    {
        _options = options;
        _tls = new SslServerAuthenticationOptions
        {
            // The whole context once: a chain is not built anew for every connection.
            ServerCertificateContext = SslStreamCertificateContext.Create(certificate, null, offline: true),
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            ApplicationProtocols = [SslApplicationProtocol.Http11],
            ClientCertificateRequired = false,
            AllowRenegotiation = false,
        };
    }

    public async Task OnConnectionAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        IDuplexPipe below = connection.Transport;
        await using var tls = new SslStream(new PipeStream(below), leaveInnerStreamOpen: false);
        if (!await HandshakeAsync(connection, tls))
        {
            return;
        }

        var feature = new TlsFeature();
        connection.Features.Set<ITlsConnectionFeature>(feature);
        connection.Features.Set<ITlsApplicationProtocolFeature>(feature);
        MemoryPool<byte> pool = connection.Features.Get<IMemoryPoolFeature>()?.MemoryPool ?? MemoryPool<byte>.Shared;
        var above = new Duplex(
            PipeReader.Create(tls, new StreamPipeReaderOptions(pool, ReadBytes, 1024, leaveOpen: true, true)),
            new PeerWriter(PipeWriter.Create(tls, new StreamPipeWriterOptions(pool, leaveOpen: true))));
        connection.Transport = above;
        try
        {
            await next(connection);
        }
        finally
        {
            await above.Input.CompleteAsync();
            await FinishAsync(above.Output);
            connection.Transport = below;
        }
    }

    private async Task<bool> HandshakeAsync(ConnectionContext connection, SslStream tls)
    {
        using var limit = new Deadline(_options.HandshakeTimeout, _options.Clock, connection.ConnectionClosed);
        try
        {
            await tls.AuthenticateAsServerAsync(_tls, limit.Token);
            return true;
        }
        catch (Exception error) when (error is OperationCanceledException or IOException or AuthenticationException
            or InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            // Port scanners, clients that don't trust the certificate, and the slow ones. No secret is in the text.
            _options.Log.LogDebug("TLS handshake with {Peer} failed: {Reason}",
                PeerAddress.Text(connection.RemoteEndPoint), error.Message);
            return false;
        }
    }

    private static async Task FinishAsync(PipeWriter output)
    {
        try
        {
            await output.CompleteAsync(); // flushes what is left
        }
        catch (Exception error) when (error is IOException or OperationCanceledException or ObjectDisposedException
            or InvalidOperationException)
        {
            // The peer went first: it can't get the rest, and the session's end has its own record.
        }
    }

    private sealed class TlsFeature : ITlsConnectionFeature, ITlsApplicationProtocolFeature
    {
        public X509Certificate2? ClientCertificate { get; set; }

        public ReadOnlyMemory<byte> ApplicationProtocol => SslApplicationProtocol.Http11.Protocol;

        public Task<X509Certificate2?> GetClientCertificateAsync(CancellationToken cancellationToken) =>
            Task.FromResult(ClientCertificate);
    }
}

internal sealed record Duplex(PipeReader Input, PipeWriter Output) : IDuplexPipe;
