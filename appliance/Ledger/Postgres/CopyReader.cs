// Reads PostgreSQL's binary COPY stream of the event table: tuples as they come, in one reused buffer, without copying.
// A tuple is a 16-bit field count, an event record, and the hash as an eleventh field.
using System.Buffers.Binary;
using Npgsql;

namespace Holdfast.Ledger;

internal sealed class CopyReader(Stream source) : IAsyncDisposable, IDisposable
{
    private const int HeaderBytes = 19;

    private byte[] buffer = new byte[256 << 10];
    private int start;
    private int end;
    private bool isHeaderRead;
    private bool isEnd;
    private bool isSourceEnd;

    /// <summary>Brings in more bytes. False at the end of the data.</summary>
    public async ValueTask<bool> FillAsync(CancellationToken token)
    {
        if (!MakeRoom())
        {
            return false;
        }
        // The server sends one message a row and the stream hands out one a call: what is there already is gathered
        // here.
        bool isAtOnce;
        do
        {
            var reading = source.ReadAsync(buffer.AsMemory(end), token);
            isAtOnce = reading.IsCompleted;
            Took(await reading.ConfigureAwait(false));
        }
        while (isAtOnce && !isSourceEnd && end < buffer.Length);
        return true;
    }

    /// <summary>As <see cref="FillAsync"/>, blocking, for a reader that has a thread of its own.</summary>
    public bool Fill()
    {
        if (!MakeRoom())
        {
            return false;
        }
        do
        {
            Took(source.Read(buffer.AsSpan(end)));
        }
        while (!isSourceEnd && end < buffer.Length / 2);
        return true;
    }

    /// <summary>Takes the next whole tuple out of the buffer; false = fill again.</summary>
    public bool TryNext(out ReadOnlySpan<byte> record, out ReadOnlySpan<byte> hash)
    {
        record = hash = default;
        if (!isHeaderRead)
        {
            if (end - start < HeaderBytes)
            {
                return false;
            }
            start += HeaderBytes;
            isHeaderRead = true;
        }
        var bytes = buffer.AsSpan(start, end - start);
        if (bytes.Length < 2)
        {
            return false;
        }
        var fields = BinaryPrimitives.ReadInt16BigEndian(bytes);
        if (fields == -1)
        {
            isEnd = true;
            return false;
        }
        var at = 2;
        var last = 2;
        for (var i = 0; i < fields; i++)
        {
            if (bytes.Length < at + 4)
            {
                return false;
            }
            last = at;
            // A NULL (-1) has no bytes; the record then fails to parse and is named as bad by whoever reads it.
            at += 4 + Math.Max(0, BinaryPrimitives.ReadInt32BigEndian(bytes[at..]));
            if (at < 0 || bytes.Length < at)
            {
                return false;
            }
        }
        record = bytes[2..last];
        hash = bytes[Math.Min(last + 4, at)..at];
        start += at;
        return true;
    }

    private bool MakeRoom()
    {
        if (isEnd)
        {
            return false;
        }
        if (isSourceEnd)
        {
            throw new InvalidDataException("the database ended its answer early");
        }
        buffer.AsSpan(start, end - start).CopyTo(buffer);
        end -= start;
        start = 0;
        if (end == buffer.Length)
        {
            if (buffer.Length > 2 * LedgerLimits.MaxRecordBytes)
            {
                throw new InvalidDataException("a row of the ledger is larger than any event can be");
            }
            Array.Resize(ref buffer, buffer.Length * 2);
        }
        return true;
    }

    private void Took(int read)
    {
        end += read;
        isSourceEnd = read == 0;
    }

    public async ValueTask DisposeAsync()
    {
        if (!isEnd && source is NpgsqlRawCopyStream copy)
        {
            try
            {
                await copy.CancelAsync().ConfigureAwait(false);
            }
            catch (Exception e) when (e is NpgsqlException or OperationCanceledException or InvalidOperationException)
            {
                // The reader stopped early or the connection is gone: either way nobody waits for the rest.
            }
        }
        await source.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>As <see cref="DisposeAsync"/>, blocking.</summary>
    public void Dispose()
    {
        if (!isEnd && source is NpgsqlRawCopyStream copy)
        {
            try
            {
                copy.Cancel();
            }
            catch (Exception e) when (e is NpgsqlException or OperationCanceledException or InvalidOperationException)
            {
                // As above.
            }
        }
        source.Dispose();
    }
}
