// An exchange without a network, and a clock whose timers fire at once but remember what was asked of them.
using System.IO.Pipelines;
using Holdfast.Wire;

namespace Holdfast.Tests.Unit;

internal sealed class MemoryExchange(string method, string path, string query, byte[] body, string remote = "127.0.0.1") : Exchange
{
    private readonly MemoryStream _answer = new();
    private readonly PipeReader _body = PipeReader.Create(new MemoryStream(body));
    private PipeWriter? _writer;

    public Dictionary<string, string> RequestHeaders { get; } = new(StringComparer.OrdinalIgnoreCase);

    public Dictionary<string, string> AnswerHeaders { get; } = new(StringComparer.OrdinalIgnoreCase);

    public int Status { get; private set; }

    public string? ContentType { get; private set; }

    public long? Length { get; private set; }

    public bool WasAborted { get; private set; }

    public string Answer => System.Text.Encoding.UTF8.GetString(_answer.ToArray());

    public override string Method => method;

    public override string Path => path;

    public override string Query => query;

    public override string RemoteAddress => remote;

    public override long? BodyLengthBytes => body.Length;

    /// <summary>Read in place of the bytes, to show what happens when a line breaks.</summary>
    public PipeReader? BrokenBody { get; init; }

    public override PipeReader Body => BrokenBody ?? _body;

    public override CancellationToken Aborted => CancellationToken.None;

    public override bool ResponseStarted => _writer is not null;

    public override string? Header(string name) => RequestHeaders.GetValueOrDefault(name);

    public override void SetHeader(string name, string value) => AnswerHeaders[name] = value;

    public override PipeWriter Start(int status, string? contentType, long? lengthBytes)
    {
        (Status, ContentType, Length) = (status, contentType, lengthBytes);
        return _writer = PipeWriter.Create(_answer, new StreamPipeWriterOptions(leaveOpen: true));
    }

    public override void Abort() => WasAborted = true;
}

internal sealed class InstantClock(DateTimeOffset now) : TimeProvider
{
    public List<TimeSpan> Delays { get; } = [];

    public DateTimeOffset Now { get; set; } = now;

    public override DateTimeOffset GetUtcNow() => Now;

    public override long GetTimestamp() => 1; // no time passes, so the whole delay is asked for

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        Delays.Add(dueTime);
        return System.CreateTimer(callback, state, TimeSpan.Zero, Timeout.InfiniteTimeSpan);
    }
}
