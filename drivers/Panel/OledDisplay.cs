// The bytes that a SSD1306 display takes over I2C (data sheet SSD1306 rev 1.1, sections 8.1.5 and 9): 128 columns of dots in pages of eight rows, in page
// addressing. Characters are 5 by 7 dots in a cell of 6 by 8, drawn here. Only pages that changed are written.
namespace Holdfast.Panel;

/// <summary>Puts bytes together; who carries them to the bus is given.</summary>
/// <param name="rows">Pages: 4 (128x32) or 8 (128x64).</param>
/// <param name="write">Writes bytes to the display, at most <see cref="WriteBytesMax"/> at a time: small adapters take no more.</param>
public sealed class OledDisplay(int rows, Action<byte[]> write) : IDisplay
{
    public const int WidthDots = 128;
    public const int CellDots = 6;
    public const int Columns = WidthDots / CellDots;
    public const int WriteBytesMax = 33;

    /// <summary>What follows are commands, or dots: the control byte (8.1.5.2).</summary>
    private const byte Commands = 0x00;
    private const byte Dots = 0x40;

    private const byte OffCommand = 0xae;
    private const byte OnCommand = 0xaf;

    /// <summary>Five columns a character from ' ' to '_', the lowest bit at the top.</summary>
    private static readonly byte[] Font = Convert.FromHexString(
        "0000000000" + "00005F0000" + "0007000700" + "147F147F14" + "242A7F2A12" + "2313086462" + "3649552250" + "0000070000" // space ! " # $ % & '
        + "001C224100" + "0041221C00" + "14083E0814" + "08083E0808" + "0050300000" + "0808080808" + "0060600000" + "2010080402" // ( ) * + , - . /
        + "3E5149453E" + "00427F4000" + "4261514946" + "2141454B31" + "1814127F10" + "2745454539" + "3C4A494930" + "0171090503" // 0 to 7
        + "3649494936" + "064949291E" + "0036360000" + "0056360000" + "0814224100" + "1414141414" + "0041221408" + "0201510906" // 8 9 : ; < = > ?
        + "324979413E" + "7E1111117E" + "7F49494936" + "3E41414122" + "7F4141221C" + "7F49494941" + "7F09090901" + "3E4149497A" // @ A to G
        + "7F0808087F" + "00417F4100" + "2040413F01" + "7F08142241" + "7F40404040" + "7F020C027F" + "7F0408107F" + "3E4141413E" // H to O
        + "7F09090906" + "3E4151215E" + "7F09192946" + "4649494931" + "01017F0101" + "3F4040403F" + "1F2040201F" + "3F4038403F" // P to W
        + "6314081463" + "0708700807" + "6151494543" + "007F414100" + "0204081020" + "0041417F00" + "0402010204" + "4040404040"); // X Y Z [ \ ] ^ _

    private readonly string?[] shown = new string?[rows];

    /// <summary>Sets it up and clears it, dark until the first page is there (9, and the flow of its application note).</summary>
    public void Start()
    {
        var height = (byte)(rows * 8);
        byte[] setUp =
        [
            OffCommand, 0xd5, 0x80, // clock
            0xa8, (byte)(height - 1), 0xd3, 0x00, 0x40, // rows, no offset, first line
            0x8d, 0x14, // its own pump
            0x20, 0x02, // page addressing
            0xa1, 0xc8, // the cable at the top
            0xda, height == 64 ? (byte)0x12 : (byte)0x02, // how rows are wired
            0x81, 0x8f, 0xd9, 0xf1, 0xdb, 0x40, 0xa4, 0xa6, // contrast, charge, level; what is in memory, not inverted
        ];
        write([Commands, .. setUp]);
        Write([]);
        write([Commands, OnCommand]);
    }

    public void Write(IReadOnlyList<string> lines)
    {
        for (var row = 0; row < rows; row++)
        {
            var text = (row < lines.Count ? lines[row] : "").ToUpperInvariant().PadRight(Columns)[..Columns];
            if (shown[row] == text)
            {
                continue;
            }

            write([Commands, (byte)(0xb0 | row), 0x00, 0x10]);
            foreach (var part in DotsOf(text).Chunk(WriteBytesMax - 1))
            {
                write([Dots, .. part]);
            }

            shown[row] = text;
        }
    }

    public void Forget() => Array.Clear(shown);

    /// <summary>Dark: nobody keeps it true any more.</summary>
    public void Dispose()
    {
        Forget();
        write([Commands, OffCommand]);
    }

    private static byte[] DotsOf(string text)
    {
        var dots = new byte[WidthDots];
        for (var i = 0; i < text.Length; i++)
        {
            var at = (text[i] is >= ' ' and <= '_' ? text[i] - ' ' : '?' - ' ') * (CellDots - 1);
            Font.AsSpan(at, CellDots - 1).CopyTo(dots.AsSpan(i * CellDots));
        }

        return dots;
    }
}
