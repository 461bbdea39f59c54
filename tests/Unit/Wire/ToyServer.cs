// A real Kestrel on a free port of 127.0.0.1 with a gate and a session that know nothing of backups: what the wire
// tests talk to. The session counts, echoes and records; the gate refuses what the query asks it to refuse.
using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Holdfast.Wire;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Holdfast.Tests.Unit;

internal sealed class ToyServer : IAsyncDisposable, IUpgradeGate
{
    public const string Protocol = "proxmox-backup-protocol-v1";
    private readonly WebApplication _app;
    private readonly X509Certificate2 _certificate;

    private ToyServer(PbsListenerOptions options, IEnumerable<ApiEndpoint> endpoints)
    {
        _certificate = Certificates.Load(Certificates.MakeSelfSigned(["toy"], TimeProvider.System));
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Logging.AddProvider(new ErrorProvider(Errors));
        PbsListener.AddServices(builder.Services);
        builder.WebHost.ConfigureKestrel(k => k.Listen(
            IPAddress.Loopback, 0, l => PbsListener.Configure(k, l, _certificate, this, options)));
        _app = builder.Build();
        var router = new ApiRouter(endpoints.Concat(Endpoints()), TimeProvider.System, NullLogger.Instance);
        _app.Run(PbsListener.Handle(context =>
            router.ServeApiAsync(new KestrelExchange(context), _ => ValueTask.FromResult<object?>("caller"))));
    }

    public int Port { get; private set; }

    public string Fingerprint => Certificates.Fingerprint(_certificate);

    public ConcurrentQueue<ToySession> Sessions { get; } = new();

    public ConcurrentQueue<UpgradeRequest> Requests { get; } = new();

    /// <summary>What the server logged as an error.</summary>
    public ConcurrentQueue<string> Errors { get; } = new();

    /// <summary>Held by the gate until released, to show what happens meanwhile.</summary>
    public SemaphoreSlim? Hold { get; init; }

    public static async Task<ToyServer> StartAsync(
        PbsListenerOptions? options = null, SemaphoreSlim? hold = null, params ApiEndpoint[] endpoints)
    {
        var server = new ToyServer(options ?? new PbsListenerOptions(), endpoints) { Hold = hold };
        await server._app.StartAsync();
        string address = server._app.Services.GetRequiredService<IServer>().Features
            .Get<IServerAddressesFeature>()!.Addresses.First();
        server.Port = new Uri(address).Port;
        return server;
    }

    public async Task<UpgradeDecision> DecideAsync(UpgradeRequest request, CancellationToken cancel)
    {
        Requests.Enqueue(request);
        if (Hold is not null)
        {
            await Hold.WaitAsync(cancel);
        }

        if (request.Query.Contains("refuse", StringComparison.Ordinal))
        {
            return new UpgradeDecision.Refuse(400, "no such toy");
        }

        if (request.Query.Contains("throw", StringComparison.Ordinal))
        {
            throw new InvalidOperationException("secret text");
        }

        var session = new ToySession();
        Sessions.Enqueue(session);
        return new UpgradeDecision.Accept(request.Header("Upgrade") ?? Protocol, session);
    }

    public PbsClientOptions ClientOptions(string auth = "toy@pbs!tok") =>
        new("127.0.0.1", Port, AuthId.Parse(auth)) { Secret = "s3:cret", Fingerprint = Fingerprint };

    public async Task<ToySession> SessionAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        ToySession? session;
        while (!Sessions.TryPeek(out session))
        {
            await Task.Delay(5, limit.Token);
        }

        return session;
    }

    public async ValueTask DisposeAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await _app.StopAsync(limit.Token);
        await _app.DisposeAsync();
        _certificate.Dispose();
    }

    private static IEnumerable<ApiEndpoint> Endpoints() =>
    [
        new("GET", "/version", ParameterSchema.Empty, _ => ValueTask.FromResult(ApiResult.String("toy"))),
        new("POST", "/access/ticket", new ParameterSchema(PbsSchema.UserId("username"), PbsSchema.Password()), Login)
        {
            Anonymous = true,
        },
        new("POST", "/raw", new ParameterSchema(), Raw) { Kind = ApiKind.Stream },
    ];

    private static ValueTask<ApiResult> Login(ApiCall call) => ValueTask.FromResult<ApiResult>(
        new ApiResult.Json(w =>
        {
            w.WriteStartObject();
            w.WriteString("username", call.Parameters.Text("username"));
            w.WriteString("ticket", "PBS:toy@pbs:00000000::x");
            w.WriteString("CSRFPreventionToken", "00000000:x");
            w.WriteEndObject();
        })
        {
            TicketStyle = true,
        });

    private static async ValueTask<ApiResult> Raw(ApiCall call)
    {
        var buffer = new byte[1024 * 1024];
        int length = await call.Exchange.ReadBodyAsync(buffer);
        return ApiResult.String(Convert.ToHexStringLower(SHA256.HashData(buffer.AsSpan(0, length))));
    }
}

internal sealed class ErrorProvider(ConcurrentQueue<string> errors) : ILoggerProvider, ILogger
{
    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (IsEnabled(logLevel))
        {
            errors.Enqueue($"{formatter(state, exception)} {exception}");
        }
    }

    public void Dispose()
    {
    }
}

/// <summary>Answers with the length and hash of the body, or with what the path asks for.</summary>
internal sealed class ToySession : IUpgradedSession
{
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _ends;

    public int Ends => Volatile.Read(ref _ends);

    public int Calls;

    public int MostAtOnce;

    /// <summary>Method, path and, for JSON bodies, the body of each call, as it was answered.</summary>
    public ConcurrentQueue<string> Log { get; } = new();

    public Action? Abort { get; private set; }

    public Task Ended => _ended.Task.WaitAsync(TimeSpan.FromSeconds(20));

    public void Attach(Action abort) => Abort = abort;

    public async Task HandleAsync(Exchange call)
    {
        int now = Interlocked.Increment(ref Calls);
        InterlockedMax(now);
        if (call.Path == "/wait")
        {
            await Task.Delay(Timeout.Infinite, call.Aborted);
        }

        if (call.Path == "/deaf")
        {
            await _ended.Task; // hears of no abort: the engine can't end before its session has
        }

        if (call.Path == "/chunk")
        {
            int size = int.Parse(call.Query["digest=".Length..]);
            System.IO.Pipelines.PipeWriter writer = call.Start(200, "application/octet-stream", size);
            await writer.WriteAsync(new byte[size], call.Aborted);
            return;
        }

        var buffer = new byte[9 * 1024 * 1024];
        int length = await call.ReadBodyAsync(buffer, call.Aborted);
        bool isJson = call.Header("Content-Type") == "application/json";
        Log.Enqueue($"{call.Method} {call.Path} " + (isJson ? Encoding.UTF8.GetString(buffer, 0, length) : ""));
        if (call.Query.Contains("fail", StringComparison.Ordinal))
        {
            await call.RespondAsync(400, null, "refused by the toy"u8.ToArray());
            return;
        }

        string hash = Convert.ToHexStringLower(SHA256.HashData(buffer.AsSpan(0, Math.Max(0, length))));
        await call.RespondAsync(
            length < 0 ? 400 : 200, "application/json;charset=UTF-8",
            Encoding.UTF8.GetBytes(
                length < 0 ? "too long" : $"{{\"data\":\"{call.Method} {call.Path} {length} {hash}\"}}"));
    }

    public Task EndAsync(Exception? error)
    {
        Interlocked.Increment(ref _ends);
        _ended.TrySetResult();
        return Task.CompletedTask;
    }

    private void InterlockedMax(int value)
    {
        int seen;
        while ((seen = Volatile.Read(ref MostAtOnce)) < value
            && Interlocked.CompareExchange(ref MostAtOnce, value, seen) != seen)
        {
        }
    }
}
