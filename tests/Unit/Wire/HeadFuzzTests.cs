// The head and chunk parsers on seeded garbage: never an exception, never beyond their limits, and the same answer
// whichever way the bytes are cut into pieces.
using System.Buffers;
using System.Text;
using Holdfast.Wire;
using Xunit;

namespace Holdfast.Tests.Unit;

public sealed class HeadFuzzTests
{
    private const string Good = "GET //api2/json/backup?store=a&backup-time=1 HTTP/1.1\r\nHost: x\r\n"
        + "Cookie: PBSAuthCookie=abc\r\nContent-Length: 12\r\nupgrade: proxmox-backup-protocol-v1\r\n\r\n"
        + "GET / HTTP/1.1\r\n\r\n";

    [Fact]
    public void Header_values_are_UTF_8_as_the_Rust_client_sends_them_or_else_Latin_1()
    {
        foreach ((Encoding encoding, string name) in ((Encoding, string)[])[(Encoding.UTF8, "spécial@pbs"), (Encoding.Latin1, "spécial@pbs")])
        {
            byte[] bytes = encoding.GetBytes($"GET / HTTP/1.1\r\nAuthorization: PBSAPIToken {name}!t:s\r\n\r\n");
            Assert.Equal(HeadParse.Complete, RequestHead.TryParse(new ReadOnlySequence<byte>(bytes), 4096, out RequestHead? head, out _));
            Assert.Equal($"PBSAPIToken {name}!t:s", head!.Header("Authorization"));
        }
    }

    [Fact]
    public void Mutated_heads_are_parsed_or_refused()
    {
        var random = new Random(4711);
        int complete = 0;
        for (int round = 0; round < 20_000; round++)
        {
            byte[] bytes = Encoding.Latin1.GetBytes(Good);
            for (int n = random.Next(4); n >= 0; n--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            var all = new ReadOnlySequence<byte>(bytes);
            HeadParse whole = RequestHead.TryParse(all, 4096, out RequestHead? head, out _);
            int cut = random.Next(bytes.Length);
            HeadParse split = RequestHead.TryParse(Pieces(bytes, cut), 4096, out RequestHead? other, out _);
            Assert.Equal(whole, split);
            Assert.Equal(head?.LengthBytes, other?.LengthBytes);
            Assert.Equal(head?.BodyLength, other?.BodyLength);
            complete += whole == HeadParse.Complete ? 1 : 0;
        }

        Assert.InRange(complete, 1000, 19_999);
    }

    [Fact]
    public void Head_is_bounded_also_without_an_end()
    {
        var bytes = new ReadOnlySequence<byte>(new byte[5000]);
        Assert.Equal(HeadParse.Bad, RequestHead.TryParse(bytes, 4096, out _, out string why));
        Assert.Equal("request head too large", why);
        Assert.Equal(HeadParse.Partial, RequestHead.TryParse(bytes.Slice(0, 4000), 4096, out _, out _));
    }

    [Fact]
    public void Chunked_bodies_end_where_they_end_however_they_are_cut()
    {
        byte[] bytes = Encoding.ASCII.GetBytes(
            "5;a=b\r\nhello\r\n1F\r\n" + new string('x', 31) + "\r\n0\r\nA: b\r\n\r\nNEXT");
        for (int cut = 0; cut <= bytes.Length; cut++)
        {
            var body = new ChunkedBody();
            int taken = body.Take(bytes.AsSpan(0, cut));
            taken += taken == cut ? body.Take(bytes.AsSpan(cut)) : 0;
            Assert.True(body.IsDone);
            Assert.Equal(bytes.Length - 4, taken);
        }
    }

    [Theory]
    [InlineData("\r\n")]
    [InlineData("g\r\n")]
    [InlineData("5\nhello\r\n")]
    [InlineData("5\r\nhelloX\r\n")]
    [InlineData("1000000000000000\r\n")]
    [InlineData("-1\r\n")]
    public void Wrong_chunks_are_bad(string text)
    {
        var body = new ChunkedBody();
        body.Take(Encoding.ASCII.GetBytes(text));
        Assert.True(body.IsBad);
    }

    private static ReadOnlySequence<byte> Pieces(byte[] bytes, int cut)
    {
        var first = new Segment(bytes.AsMemory(0, cut), null);
        var second = new Segment(bytes.AsMemory(cut), first);
        return new ReadOnlySequence<byte>(first, 0, second, bytes.Length - cut);
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> memory, Segment? before)
        {
            Memory = memory;
            if (before is not null)
            {
                RunningIndex = before.RunningIndex + before.Memory.Length;
                before.Next = this;
            }
        }
    }
}
