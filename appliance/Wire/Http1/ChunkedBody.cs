// Follows a chunked body without decoding it, only to know where it ends. Strict where readers differ.
namespace Holdfast.Wire;

/// <summary>A state machine over the bytes of one chunked body.</summary>
public sealed class ChunkedBody
{
    private const int MaxLineBytes = 1024;
    private const int MaxTrailerBytes = 8 * 1024;
    private State _state = State.Size;
    private long _left;
    private int _digits;
    private int _lineBytes;
    private int _trailerBytes;
    private bool _lineEmpty = true;

    private enum State
    {
        Size, Extension, SizeEnd, Data, DataReturn, DataEnd, Trailer, TrailerEnd, Done, Bad,
    }

    public bool IsDone => _state == State.Done;

    public bool IsBad => _state == State.Bad;

    /// <summary>Takes bytes up to the end of the body; returns how many belong to it.</summary>
    public int Take(ReadOnlySpan<byte> bytes)
    {
        int at = 0;
        while (at < bytes.Length && _state is not (State.Done or State.Bad))
        {
            if (_state == State.Data)
            {
                int step = (int)Math.Min(_left, bytes.Length - at);
                _left -= step;
                at += step;
                _state = _left == 0 ? State.DataReturn : State.Data;
            }
            else
            {
                Step(bytes[at++]);
            }
        }

        return at;
    }

    private void Step(byte b)
    {
        _state = _state switch
        {
            State.Size => Size(b),
            State.Extension => ++_lineBytes > MaxLineBytes || b == '\n' ? State.Bad
                : b == '\r' ? State.SizeEnd : State.Extension,
            State.SizeEnd => b != '\n' ? State.Bad : _left == 0 ? StartTrailer() : State.Data,
            State.DataReturn => b == '\r' ? State.DataEnd : State.Bad,
            State.DataEnd => b == '\n' ? StartSize() : State.Bad,
            State.Trailer => Trailer(b),
            State.TrailerEnd => b != '\n' ? State.Bad : _lineEmpty ? State.Done : StartTrailer(),
            _ => State.Bad,
        };
    }

    private State Size(byte b)
    {
        if (char.IsAsciiHexDigit((char)b))
        {
            int digit = b <= '9' ? b - '0' : (b | 0x20) - 'a' + 10;
            _left = (_left << 4) | (uint)digit;
            return ++_digits > 15 ? State.Bad : State.Size;
        }

        return _digits == 0 ? State.Bad : b == '\r' ? State.SizeEnd : b == ';' ? State.Extension : State.Bad;
    }

    private State StartSize()
    {
        (_left, _digits, _lineBytes) = (0, 0, 0);
        return State.Size;
    }

    private State StartTrailer()
    {
        _lineEmpty = true;
        return State.Trailer;
    }

    private State Trailer(byte b)
    {
        if (b == '\r')
        {
            return State.TrailerEnd;
        }

        _lineEmpty = false;
        return ++_trailerBytes > MaxTrailerBytes || b == '\n' ? State.Bad : State.Trailer;
    }
}
