// The bytes that a HD44780 display behind a PCF8574 expander takes (data sheets of both; hardware-interfaces 6.4): four-bit mode, P0 RS, P2 E, P3 backlight,
// P4-P7 data. Only what changed is written.
namespace Holdfast.Panel;

/// <summary>Puts bytes together; who carries them to the bus is given.</summary>
/// <param name="write">Writes bytes to the expander.</param>
/// <param name="wait">Waits so many milliseconds.</param>
public sealed class CharacterDisplay(int columns, int rows, Action<byte[]> write, Action<int> wait) : IDisplay
{
    private const byte Rs = 1;
    private const byte E = 4;
    private const byte Light = 8;
    private static readonly byte[] RowStarts = [0x00, 0x40, 0x14, 0x54];
    private readonly string[] shown = new string[rows];

    /// <summary>Puts it into four-bit mode and clears it.</summary>
    public void Start()
    {
        wait(50);
        foreach (var nibble in new byte[] { 0x30, 0x30, 0x30, 0x20 })
        {
            Nibble(nibble, false);
            wait(5);
        }

        foreach (var command in new byte[] { 0x28, 0x08, 0x01 })
        {
            Byte(command, false);
            wait(2);
        }

        Byte(0x06, false);
        Byte(0x0c, false);
    }

    public void Write(IReadOnlyList<string> lines)
    {
        for (var row = 0; row < rows; row++)
        {
            var text = (row < lines.Count ? lines[row] : "").PadRight(columns)[..columns];
            if (shown[row] == text)
            {
                continue;
            }

            Byte((byte)(0x80 | RowStarts[row]), false);
            foreach (var c in text)
            {
                Byte(c is >= ' ' and <= '~' ? (byte)c : (byte)'?', true);
            }

            shown[row] = text;
        }
    }

    public void Forget() => Array.Clear(shown);

    public void Dispose() => Forget();

    private void Byte(byte value, bool isData)
    {
        Nibble((byte)(value & 0xf0), isData);
        Nibble((byte)(value << 4), isData);
    }

    /// <summary>High four bits, taken at the falling edge of E.</summary>
    private void Nibble(byte high, bool isData)
    {
        var bits = (byte)(high | Light | (isData ? Rs : 0));
        write([bits, (byte)(bits | E), bits]);
    }
}
