// The agent's door: a unix socket that only known users may use, one request a connection, a few at a time, each with a limit of time. It decides nothing: it
// checks who asks and what for, does the verb, and answers.
using System.Net.Sockets;
using Holdfast.Agent.Pam;
using Holdfast.Contracts.Agent;

namespace Holdfast.Agent;

/// <summary>What an agent may be asked, by whom, and how.</summary>
/// <param name="SocketPath">Where it listens; a left-over socket there is replaced.</param>
/// <param name="AllowedUids">Users that may ask. Root is always one of them.</param>
/// <param name="Pam">Checks passwords.</param>
/// <param name="Say">Takes a line for the journal; never given anything secret.</param>
public sealed record AgentOptions(string SocketPath, IReadOnlySet<uint> AllowedUids, PamPasswords Pam, Action<string> Say)
{
    /// <summary>How long a request may take, the reading of it included.</summary>
    public TimeSpan RequestWithin { get; init; } = TimeSpan.FromSeconds(20);
}

/// <summary>Answers requests until it is disposed.</summary>
public sealed class AgentServer : IAsyncDisposable
{
    private const int RequestsAtOnceMax = 16;

    /// <summary>PAM modules may block for long and can't be stopped; so many threads may be lost in them.</summary>
    private const int PamAtOnceMax = 4;

    private static readonly string[] Verbs = ["check-pam-password", "list-verbs"];

    private readonly AgentOptions options;
    private readonly Socket listener;
    private readonly CancellationTokenSource stop = new();
    private readonly SemaphoreSlim requests = new(RequestsAtOnceMax);
    private readonly SemaphoreSlim pam = new(PamAtOnceMax);
    private readonly Task accepting;

    /// <summary>Listens from now on.</summary>
    /// <exception cref="SocketException">The path can't be bound.</exception>
    public AgentServer(AgentOptions options)
    {
        this.options = options;
        File.Delete(options.SocketPath);
        listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(options.SocketPath));

        // Everybody may knock; the kernel says who it is, and only then is anything read.
        File.SetUnixFileMode(options.SocketPath, (UnixFileMode)0b110_110_110);
        listener.Listen(RequestsAtOnceMax);
        accepting = AcceptAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync().ConfigureAwait(false);
        listener.Dispose();
        await accepting.ConfigureAwait(false);
        File.Delete(options.SocketPath);
        stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await requests.WaitAsync(stop.Token).ConfigureAwait(false);
                var connection = await listener.AcceptAsync(stop.Token).ConfigureAwait(false);
                _ = Task.Run(() => ServeAsync(connection));
            }
            catch (Exception error) when (error is OperationCanceledException or ObjectDisposedException or SocketException)
            {
                if (!stop.IsCancellationRequested)
                {
                    options.Say($"a connection was not accepted: {error.Message}");
                    requests.Release();
                }
            }
        }
    }

    private async Task ServeAsync(Socket connection)
    {
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(stop.Token);
        bound.CancelAfter(options.RequestWithin);
        try
        {
            using (connection)
            {
                var peer = PeerCredentials.Of(connection);
                if (peer.Uid != 0 && !options.AllowedUids.Contains(peer.Uid))
                {
                    options.Say($"refused process {peer.Pid} of user {peer.Uid}: not one of those who may ask");
                    return;
                }

                await using var stream = new NetworkStream(connection);
                var answer = await AnswerAsync(stream, bound.Token).ConfigureAwait(false);
                await AgentFrame.WriteAsync(stream, answer, bound.Token).ConfigureAwait(false);
            }
        }
        catch (Exception error) when (error is IOException or SocketException or OperationCanceledException or EndOfStreamException)
        {
            options.Say($"a request came to nothing: {error.Message}");
        }
        finally
        {
            requests.Release();
        }
    }

    private async Task<AgentAnswer> AnswerAsync(Stream stream, CancellationToken cancel)
    {
        try
        {
            return await AgentFrame.ReadRequestAsync(stream, cancel).ConfigureAwait(false) switch
            {
                ListVerbs => new KnownVerbs(Verbs),
                CheckPamPassword check => await CheckAsync(check, cancel).ConfigureAwait(false),
                _ => new AgentRefusal("unknown verb"),
            };
        }
        catch (InvalidDataException error)
        {
            return new AgentRefusal(error.Message);
        }
    }

    private async Task<AgentAnswer> CheckAsync(CheckPamPassword check, CancellationToken cancel)
    {
        if (check.User is not { Length: > 0 and <= CheckPamPassword.UserCharsMax } || check.User.Any(c => char.IsControl(c) || c is '/' or ':')
            || check.Password is not { Length: <= CheckPamPassword.PasswordCharsMax } || check.Password.Contains('\0'))
        {
            return new AgentRefusal("no user name or password that could be one");
        }

        await pam.WaitAsync(cancel).ConfigureAwait(false);
        var asking = Task.Factory.StartNew(() =>
        {
            try
            {
                return options.Pam.IsRight(check.User, check.Password);
            }
            finally
            {
                pam.Release();
            }
        }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        return new PamVerdict(await asking.WaitAsync(cancel).ConfigureAwait(false));
    }
}
