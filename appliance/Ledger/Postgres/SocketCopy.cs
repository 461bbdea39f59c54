// A COPY read straight off PostgreSQL's unix socket, blocking, on a thread of its own: the bulk readers' way into the embedded
// server. The driver connects in a way that makes the runtime serve the socket through its event loop for ever after (two changes of
// thread for each of the server's 8 KiB) and takes two calls a row; here a system call brings what is there, and rows are what lies between
// four-byte lengths. Whoever is not reached by a unix socket, or asks for a password, is read through the driver.
using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using Npgsql;

namespace Holdfast.Ledger;

/// <summary>The payload of one <c>COPY ... TO STDOUT</c>, as the server's messages carry it.</summary>
internal sealed class SocketCopy : Stream
{
    private const int ProtocolVersion = 3 << 16;
    private const int FrameBytes = 5;
    private const int BufferBytes = 256 << 10;

    private readonly Socket socket;
    private readonly byte[] buffer = new byte[BufferBytes];
    private int start;
    private int end;
    private int leftOfRow;
    private bool isDone;

    private SocketCopy(Socket socket) => this.socket = socket;

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => false;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Connects and starts the copy; null = this server is not for us (not on a unix socket, or it wants to know more than a name).</summary>
    /// <exception cref="LedgerUnavailableException">It is not there, or refuses; the text says what it said.</exception>
    public static SocketCopy? TryStart(NpgsqlConnectionStringBuilder settings, string sql)
    {
        if (settings.Host is not ['/', ..] host)
        {
            return null;
        }
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
        {
            ReceiveTimeout = settings.CommandTimeout * 1000,
            SendTimeout = settings.CommandTimeout * 1000,
        };
        var copy = new SocketCopy(socket);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint($"{host}/.s.PGSQL.{settings.Port}"));
            copy.Send(Hello(settings));
            if (copy.IsWelcome())
            {
                copy.Send(Query(sql));
                copy.Await('H');
                return copy;
            }
        }
        catch (SocketException e)
        {
            copy.Dispose();
            throw Away(e);
        }
        catch
        {
            copy.Dispose();
            throw;
        }
        copy.Dispose();
        return null;
    }

    /// <summary>Bytes of as many rows as are there, at least one byte; 0 = the server has sent all.</summary>
    public override int Read(Span<byte> to)
    {
        var got = 0;
        while (got < to.Length && (got == 0 || HasMore()))
        {
            if (leftOfRow == 0 && !NextRow())
            {
                break;
            }
            if (start == end)
            {
                Receive();
            }
            var some = Math.Min(Math.Min(leftOfRow, end - start), to.Length - got);
            buffer.AsSpan(start, some).CopyTo(to[got..]);
            start += some;
            leftOfRow -= some;
            got += some;
        }
        return got;
    }

    /// <inheritdoc/>
    public override int Read(byte[] to, int offset, int count) => Read(to.AsSpan(offset, count));

    /// <inheritdoc/>
    public override void Flush()
    {
    }

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void Write(byte[] from, int offset, int count) => throw new NotSupportedException();

    /// <summary>Closes the connection; a copy that is not at its end ends with it.</summary>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            socket.Dispose();
        }
        base.Dispose(disposing);
    }

    /// <summary>The message that opens a connection: who we are, and the session's settings.</summary>
    private static byte[] Hello(NpgsqlConnectionStringBuilder settings)
    {
        var user = settings.Username ?? "";
        string[] words =
        [
            "user", user, "database", settings.Database ?? user, "application_name", settings.ApplicationName ?? "",
            "options", settings.Options ?? "", "client_encoding", "UTF8",
        ];
        var text = Encoding.UTF8.GetBytes(string.Join('\0', words) + "\0\0");
        var message = new byte[8 + text.Length];
        BinaryPrimitives.WriteInt32BigEndian(message, message.Length);
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(4), ProtocolVersion);
        text.CopyTo(message, 8);
        return message;
    }

    private static byte[] Query(string sql)
    {
        var text = Encoding.UTF8.GetBytes(sql + "\0");
        var message = new byte[FrameBytes + text.Length];
        message[0] = (byte)'Q';
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(1), 4 + text.Length);
        text.CopyTo(message, FrameBytes);
        return message;
    }

    private static LedgerUnavailableException Away(Exception e) => new($"the ledger can't be read: {e.Message}", e);

    /// <summary>What the server said in an error message: field <c>M</c>, between zero bytes.</summary>
    private static LedgerUnavailableException Refusal(ReadOnlySpan<byte> fields)
    {
        foreach (var range in fields.Split((byte)0))
        {
            if (fields[range] is [(byte)'M', .. var text])
            {
                return new LedgerUnavailableException($"the ledger can't be read: {Encoding.UTF8.GetString(text)}");
            }
        }
        return new LedgerUnavailableException("the ledger can't be read: the database refuses without a word");
    }

    /// <summary>Reads until the server is ready; false = it wants to be convinced first.</summary>
    private bool IsWelcome()
    {
        while (true)
        {
            var (kind, bytes) = Frame();
            var body = Body(bytes);
            if (kind == 'R' && (body.Length < 4 || BinaryPrimitives.ReadInt32BigEndian(body) != 0))
            {
                return false;
            }
            if (kind == 'Z')
            {
                return true;
            }
        }
    }

    private void Await(char wanted)
    {
        for (var kind = '\0'; kind != wanted;)
        {
            (kind, var bytes) = Frame();
            Body(bytes);
            if (kind is 'Z' or 'C' or 'c' or 'd')
            {
                throw new InvalidDataException($"the database answered {kind} where {wanted} was due");
            }
        }
    }

    /// <summary>Goes to the next piece of payload that has bytes; false = all has been sent.</summary>
    private bool NextRow()
    {
        while (!isDone && leftOfRow == 0)
        {
            var (kind, bytes) = Frame();
            if (kind == 'd')
            {
                leftOfRow = bytes;
                continue;
            }
            Body(bytes);
            isDone = kind is 'c' or 'C' or 'Z';
        }
        return !isDone;
    }

    /// <summary>True if the next bytes of payload can be had without waiting for the server.</summary>
    private bool HasMore() => leftOfRow > 0 ? end > start : end - start >= FrameBytes && !isDone;

    /// <summary>Kind of the next message and the bytes that follow; its refusals are thrown.</summary>
    private (char Kind, int Bytes) Frame()
    {
        Need(FrameBytes);
        var kind = (char)buffer[start];
        var bytes = BinaryPrimitives.ReadInt32BigEndian(buffer.AsSpan(start + 1)) - 4;
        start += FrameBytes;
        if (bytes < 0 || (kind != 'd' && bytes > BufferBytes - FrameBytes))
        {
            throw new InvalidDataException("the database sent a message of an impossible length");
        }
        return kind == 'E' ? throw Refusal(Body(bytes)) : (kind, bytes);
    }

    /// <summary>The message's bytes, until the next read.</summary>
    private ReadOnlySpan<byte> Body(int bytes)
    {
        Need(bytes);
        start += bytes;
        return buffer.AsSpan(start - bytes, bytes);
    }

    private void Need(int bytes)
    {
        while (end - start < bytes)
        {
            if (buffer.Length - start < bytes)
            {
                buffer.AsSpan(start, end - start).CopyTo(buffer);
                (start, end) = (0, end - start);
            }
            Receive();
        }
    }

    private void Receive()
    {
        if (start == end)
        {
            start = end = 0;
        }
        try
        {
            var got = socket.Receive(buffer.AsSpan(end));
            end += got > 0 ? got : throw new LedgerUnavailableException("the ledger can't be read: the database closed the connection");
        }
        catch (SocketException e)
        {
            throw Away(e);
        }
    }

    private void Send(ReadOnlySpan<byte> message)
    {
        while (message.Length > 0)
        {
            message = message[socket.Send(message)..];
        }
    }
}
