// An exchange carried by Kestrel, HTTP/1.1 or HTTP/2: a thin view of HttpContext that copies nothing.
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Holdfast.Wire;

/// <summary>See <see cref="Exchange"/>. <see cref="Context"/> is for the web page's own needs.</summary>
public sealed class KestrelExchange : Exchange
{
    private readonly string _target;
    private readonly int _mark;

    public KestrelExchange(HttpContext context)
    {
        Context = context;
        _target = context.Features.Get<IHttpRequestFeature>()?.RawTarget ?? "/";
        if (_target.StartsWith("http", StringComparison.OrdinalIgnoreCase))
        {
            // Absolute form: what follows the authority counts.
            int slash = _target.IndexOf("://", StringComparison.Ordinal) is >= 0 and int colon
                ? _target.IndexOf('/', colon + 3)
                : -1;
            _target = slash < 0 ? "/" : _target[slash..];
        }

        _mark = _target.IndexOf('?');
    }

    public HttpContext Context { get; }

    public override string Method => Context.Request.Method;

    public override string Path => _mark < 0 ? _target : _target[.._mark];

    public override string Query => _mark < 0 ? "" : _target[(_mark + 1)..];

    public override ReadOnlySpan<char> PathChars => _mark < 0 ? _target : _target.AsSpan(0, _mark);

    public override ReadOnlySpan<char> QueryChars => _mark < 0 ? default : _target.AsSpan(_mark + 1);

    public override string RemoteAddress => PeerAddress.Text(Context.Connection.RemoteIpAddress);

    public override string? Header(string name)
    {
        Microsoft.Extensions.Primitives.StringValues values = Context.Request.Headers[name];
        return values.Count switch
        {
            0 => null,
            1 => values[0],
            _ => string.Join(name.Equals("Cookie", StringComparison.OrdinalIgnoreCase) ? "; " : ", ", values.ToArray()),
        };
    }

    public override long? BodyLengthBytes => Context.Request.ContentLength;

    public override PipeReader Body => Context.Request.BodyReader;

    public override CancellationToken Aborted => Context.RequestAborted;

    public override bool ResponseStarted => Context.Response.HasStarted || _started;

    private bool _started;

    public override void SetHeader(string name, string value) => Context.Response.Headers[name] = value;

    public override PipeWriter Start(int status, string? contentType, long? lengthBytes)
    {
        if (_started)
        {
            throw new InvalidOperationException("the answer was already started");
        }

        _started = true;
        HttpResponse response = Context.Response;
        response.StatusCode = status;
        response.ContentType = contentType;
        response.ContentLength = lengthBytes;
        return response.BodyWriter;
    }

    public override void Abort() => Context.Abort();
}
