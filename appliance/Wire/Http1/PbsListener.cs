// Sets up one listening port as a PBS client expects it: TLS without h2 by ALPN, plaintext redirected, HTTP/1.1 on
// keep-alive connections, and upgrade requests turned into sessions. The rest of the program sees only the gate.
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Holdfast.Wire;

/// <summary>Limits of a listener; the defaults are the product's.</summary>
public sealed record PbsListenerOptions
{
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    public ILogger Log { get; init; } = NullLogger.Instance;

    /// <summary>From the first byte of a request head, or of the connection, to its last.</summary>
    public TimeSpan HeadTimeout { get; init; } = TimeSpan.FromSeconds(10);

    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a connection may lie idle between requests; not inside a session.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(130);

    public int MaxHeadBytes { get; init; } = 32 * 1024;

    /// <summary>A silent session peer is asked by PING after this time ...</summary>
    public TimeSpan PingDelay { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>... and cut when it doesn't answer for this long.</summary>
    public TimeSpan PingTimeout { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>How long calls may go on after their connection has closed, before the session is ended regardless.</summary>
    public TimeSpan EngineGrace { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// What a stream may send ahead of its reader. All streams together (<see cref="MaxStreams"/>) stay within <see cref="WindowBytes"/>: streams whose
    /// handlers wait for memory could otherwise fill the connection's window, and those that have memory would wait for it for ever.
    /// </summary>
    public int StreamWindowBytes { get; init; } = 256 * 1024;

    /// <summary>What a connection may send ahead of its readers.</summary>
    public int WindowBytes { get; init; } = 8 * 1024 * 1024;

    public int MaxFrameBytes { get; init; } = 1024 * 1024;

    /// <summary>Clients queue further requests on their side.</summary>
    public int MaxStreams { get; init; } = 32;
}

/// <summary>Configures Kestrel. Call <see cref="AddServices"/>, <see cref="Configure"/> and <see
/// cref="Handle"/>.</summary>
public static class PbsListener
{
    /// <summary>
    /// Before the host is built and after Kestrel was added (the last one to name a pool wins): buffers of
    /// <see cref="BlockPool"/> size and socket options.
    /// </summary>
    public static void AddServices(IServiceCollection services)
    {
        services.Replace(ServiceDescriptor.Singleton<IMemoryPoolFactory<byte>, BlockPoolFactory>());
        services.Configure<SocketTransportOptions>(o => o.NoDelay = true);
    }

    /// <summary>Makes <paramref name="listen"/> a PBS port. The limits of HTTP/2 hold for the whole server.</summary>
    public static void Configure(
        KestrelServerOptions server, ListenOptions listen, X509Certificate2 certificate, IUpgradeGate gate,
        PbsListenerOptions? options = null)
    {
        if (server.ApplicationServices.GetRequiredService<IMemoryPoolFactory<byte>>() is not BlockPoolFactory)
        {
            // Nothing but the processor's time would show it: half as much again per GiB.
            throw new InvalidOperationException("AddServices must be called, and after Kestrel was added");
        }

        options ??= new PbsListenerOptions();
        if ((long)options.StreamWindowBytes * options.MaxStreams > options.WindowBytes)
        {
            throw new ArgumentException("the windows of all streams must fit into the connection's: waiting streams would block the others", nameof(options));
        }

        SetLimits(server, options);
        listen.Protocols = HttpProtocols.Http1AndHttp2;
        var sockets = new SocketFront(options);
        var tls = new TlsFront(certificate, options);
        var front = new UpgradeFront(gate, options);
        listen.Use(next => connection => sockets.OnConnectionAsync(connection, next));
        listen.Use(next => connection => tls.OnConnectionAsync(connection, next));
        listen.Use(next => connection => front.OnConnectionAsync(connection, next));
    }

    /// <summary>The application: calls of sessions go to their session, all else to <paramref name="http1"/>.</summary>
    public static RequestDelegate Handle(RequestDelegate http1) => context =>
    {
        if (context.Features.Get<SessionConnection>() is { } session)
        {
            return session.HandleAsync(context);
        }

        LimitOrdinaryRequest(context);
        return http1(context);
    };

    private static void SetLimits(KestrelServerOptions server, PbsListenerOptions options)
    {
        server.AddServerHeader = false;
        server.AllowAlternateSchemes = true; // a client's HTTP/2 library may not know that TLS lies below
        KestrelServerLimits limits = server.Limits;
        limits.KeepAliveTimeout = TimeSpan.FromDays(365); // it would cut silent sessions; HeadPump has its own
        limits.RequestHeadersTimeout = options.HeadTimeout;
        limits.MaxRequestHeadersTotalSize = options.MaxHeadBytes + 64;
        limits.MaxRequestLineSize = options.MaxHeadBytes;
        limits.MaxResponseBufferSize = 256 * 1024;
        limits.MaxRequestBufferSize = Math.Max(1024 * 1024, limits.MaxRequestLineSize);

        // QEMU pauses for minutes in the middle of a body: inside sessions only PING and TCP decide about liveness.
        limits.MaxRequestBodySize = null;
        limits.MinRequestBodyDataRate = null;
        limits.MinResponseDataRate = null;
        limits.Http2.InitialStreamWindowSize = options.StreamWindowBytes;
        limits.Http2.InitialConnectionWindowSize = options.WindowBytes;
        limits.Http2.MaxFrameSize = options.MaxFrameBytes;
        limits.Http2.MaxStreamsPerConnection = options.MaxStreams;
        limits.Http2.MaxRequestHeaderFieldSize = 16 * 1024;
        limits.Http2.KeepAlivePingDelay = options.PingDelay;
        limits.Http2.KeepAlivePingTimeout = options.PingTimeout;
    }

    private static void LimitOrdinaryRequest(HttpContext context)
    {
        IFeatureCollection features = context.Features;
        var rate = new MinDataRate(240, TimeSpan.FromSeconds(10));
        if (features.Get<IHttpMinRequestBodyDataRateFeature>() is { } body)
        {
            body.MinDataRate = rate;
        }

        if (features.Get<IHttpMinResponseDataRateFeature>() is { } response)
        {
            response.MinDataRate = rate;
        }

        if (features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            size.MaxRequestBodySize = 128 * 1024 * 1024;
        }
    }
}
