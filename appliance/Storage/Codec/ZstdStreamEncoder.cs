// One zstd frame of any length, made piece by piece: what is put in comes out compressed in the buffer behind it. Memory is that of one native context.
using System.Buffers;

namespace Holdfast.Storage;

/// <summary>Streaming compressor, a buffer in front of a buffer. Not for several threads.</summary>
public sealed unsafe class ZstdStreamEncoder : IBufferWriter<byte>, IDisposable
{
    private const int InputBytes = 128 * 1024;
    private const int OutputBytes = 64 * 1024;
    private const int GoOn = 0;
    private const int End = 2;

    private readonly IBufferWriter<byte> output;
    private byte[] input = new byte[InputBytes];
    private nint context = NativeCodec.ZstdCreateCompress();
    private int filled;

    public ZstdStreamEncoder(IBufferWriter<byte> output)
    {
        this.output = output;
        if (context == 0)
        {
            throw new InvalidOperationException("no memory for a codec context");
        }
    }

    ~ZstdStreamEncoder() => Free();

    public void Advance(int count)
    {
        filled += count;
        if (filled >= InputBytes / 2)
        {
            Run(GoOn);
        }
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        if (input.Length - filled < Math.Max(1, sizeHint))
        {
            Run(GoOn);
            input = input.Length < sizeHint ? new byte[sizeHint] : input;
        }

        return input.AsMemory(filled);
    }

    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    /// <summary>Ends the frame.</summary>
    public void Finish() => Run(End);

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Run(int mode)
    {
        nuint left;
        var from = new NativeCodec.ZstdBuffer { Size = (nuint)filled };
        fixed (byte* source = input)
        {
            from.Data = source;
            do
            {
                var span = output.GetSpan(OutputBytes);
                fixed (byte* target = span)
                {
                    var to = new NativeCodec.ZstdBuffer { Data = target, Size = (nuint)span.Length };
                    left = NativeCodec.ZstdCompressStream(context, &to, &from, mode);
                    if (NativeCodec.ZstdIsError(left) != 0)
                    {
                        throw new InvalidOperationException("zstd compression failed");
                    }

                    output.Advance((int)to.Position);
                }
            }
            while (mode == End ? left > 0 : from.Position < from.Size);
        }

        filled = 0;
    }

    private void Free()
    {
        _ = NativeCodec.ZstdFreeCompress(context);
        context = 0;
    }
}
