// A request and its answer without any network: what a handler reads and writes lies in memory.
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using Holdfast.Wire;

namespace Holdfast.Tests.Crash;

internal sealed class MemoryExchange(string method, string pathAndQuery, byte[] body, string? contentType = null) : Exchange
{
    private readonly MemoryStream answer = new();
    private PipeWriter? writer;

    public int Status { get; private set; }

    public string Text => Encoding.UTF8.GetString(answer.ToArray());

    public JsonElement Data => JsonDocument.Parse(answer.ToArray()).RootElement.GetProperty("data");

    public override string Method => method;

    public override string Path => pathAndQuery.Split('?')[0];

    public override string Query => pathAndQuery.Contains('?') ? pathAndQuery[(pathAndQuery.IndexOf('?') + 1)..] : "";

    public override string RemoteAddress => "127.0.0.1";

    public override string? Header(string name) => name.Equals("Content-Type", StringComparison.OrdinalIgnoreCase) ? contentType : null;

    public override long? BodyLengthBytes => body.Length;

    public override PipeReader Body { get; } = PipeReader.Create(new System.Buffers.ReadOnlySequence<byte>(body));

    public override CancellationToken Aborted => CancellationToken.None;

    public override bool ResponseStarted => writer is not null;

    public override void SetHeader(string name, string value)
    {
    }

    public override PipeWriter Start(int status, string? type, long? lengthBytes)
    {
        Status = status;
        return writer = PipeWriter.Create(answer);
    }

    public override void Abort() => Status = -1;
}
