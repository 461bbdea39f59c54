// Bytes to back up, the same for the same number on every machine.
using System.Runtime.InteropServices;
using System.Text;

namespace Holdfast.Tests.Bench;

internal static class TestData
{
    private static readonly byte[][] Words = MakeWords();

    /// <summary>Incompressible.</summary>
    public static void FillRandom(Memory<byte> part, int number) => new Random(number).NextBytes(part.Span);

    /// <summary>Like text: words of a vocabulary, some far more frequent than others, and numbers between them.</summary>
    public static void FillText(Memory<byte> part, int number)
    {
        var random = new Random(number);
        var span = part.Span;
        while (span.Length > 0)
        {
            var draw = random.NextDouble();
            var word = Words[(int)(Words.Length * draw * draw)];
            var length = Math.Min(word.Length, span.Length);
            word.AsSpan(0, length).CopyTo(span);
            span = span[length..];
        }
    }

    /// <summary>Turns data into other data that compresses as well: every byte is exchanged for another.</summary>
    public static void Salt(Span<byte> data, byte salt)
    {
        var pattern = salt * 0x0101010101010101UL;
        foreach (ref var word in MemoryMarshal.Cast<byte, ulong>(data))
        {
            word ^= pattern;
        }
    }

    private static byte[][] MakeWords()
    {
        var random = new Random(1);
        var words = new byte[20_000][];
        for (var i = 0; i < words.Length; i++)
        {
            var letters = new char[random.Next(2, 9)];
            for (var k = 0; k < letters.Length; k++)
            {
                letters[k] = (char)('a' + random.Next(26));
            }

            words[i] = Encoding.ASCII.GetBytes(new string(letters) + (i % 40 == 0 ? ".\n" : " "));
        }

        return words;
    }
}
