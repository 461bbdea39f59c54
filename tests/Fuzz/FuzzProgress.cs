// Where every target stands, as lines of text in a mapped file (fuzz-progress.txt in the folder that HOLDFAST_OUT names): what an
// input that takes the whole process down (a stack that overflows, a fault in native code) leaves behind to replay it by.
using System.Globalization;
using System.IO.MemoryMappedFiles;
using System.Text;

namespace Holdfast.Tests.Fuzz;

/// <summary>One target's line; costs some nanoseconds an input. Does nothing without HOLDFAST_OUT.</summary>
internal sealed class FuzzProgress
{
    private const int LineBytes = 96;
    private const int LinesMax = 256;
    private const int Digits = 12;
    private static readonly MemoryMappedViewAccessor? File = Open();
    private static int lines;
    private readonly long at = -1;
    private readonly byte[] digits = new byte[Digits];

    public FuzzProgress(string target, long seed)
    {
        var line = Interlocked.Increment(ref lines) - 1;
        var text = Encoding.ASCII.GetBytes($"SEED={seed.ToString(CultureInfo.InvariantCulture)} TARGET={target} INDEX=");
        if (File is not null && line < LinesMax && text.Length + Digits + 1 < LineBytes)
        {
            File.WriteArray((long)line * LineBytes, text, 0, text.Length);
            at = ((long)line * LineBytes) + text.Length;
            At(0);
        }
    }

    public void At(long index)
    {
        if (at < 0 || !index.TryFormat(digits, out _, "D12", CultureInfo.InvariantCulture))
        {
            return;
        }

        File!.WriteArray(at, digits, 0, Digits);
    }

    private static MemoryMappedViewAccessor? Open()
    {
        if (Environment.GetEnvironmentVariable("HOLDFAST_OUT") is not { Length: > 0 } folder)
        {
            return null;
        }

        Directory.CreateDirectory(folder);
        var path = Path.Combine(folder, "fuzz-progress.txt");
        System.IO.File.WriteAllText(path, string.Concat(Enumerable.Repeat(new string(' ', LineBytes - 1) + "\n", LinesMax)));
        return MemoryMappedFile.CreateFromFile(path, FileMode.Open).CreateViewAccessor();
    }
}
