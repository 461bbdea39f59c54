// The head of the ledger noted outside the database, so that a database that was cut short, rolled back or rewritten is
// noticed. One line of text in a small file, replaced atomically after commits (at most every second) and at stop.
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Holdfast.Ledger;

/// <summary>File <c>holdfast-head 1 POSITION HASH CHECK\n</c>; CHECK is the first 16 hex digits of SHA-256 of what is
/// before it.</summary>
public sealed class HeadWitness(string path)
{
    private const string Magic = "holdfast-head 1";
    private readonly Lock gate = new();

    /// <summary>What was noted last; null if nothing ever was.</summary>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public LedgerHead? Read()
    {
        var bytes = LedgerFiles.ReadIfExists(path, 1024);
        if (bytes is null)
        {
            return null;
        }
        var parts = Encoding.ASCII.GetString(bytes).TrimEnd('\n').Split(' ');
        if (parts.Length != 5 || $"{parts[0]} {parts[1]}" != Magic || parts[3].Length != 64
            || !long.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out var position)
            || Line(position, parts[3]) != Encoding.ASCII.GetString(bytes))
        {
            throw new InvalidDataException($"the ledger's head witness {Path.GetFileName(path)} is damaged");
        }
        try
        {
            return new LedgerHead(position, Convert.FromHexString(parts[3]));
        }
        catch (FormatException e)
        {
            throw new InvalidDataException($"the ledger's head witness {Path.GetFileName(path)} is damaged", e);
        }
    }

    /// <summary>Notes a head, durably.</summary>
    /// <exception cref="IOException">Not written; the earlier note stands.</exception>
    public void Write(LedgerHead head)
    {
        lock (gate)
        {
            LedgerFiles.Replace(
                path, Encoding.ASCII.GetBytes(Line(head.Position, Convert.ToHexStringLower(head.Hash.Span))));
        }
    }

    private static string Line(long position, string hash)
    {
        var text = string.Create(CultureInfo.InvariantCulture, $"{Magic} {position} {hash}");
        return $"{text} {Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(text)))[..16]}\n";
    }
}
