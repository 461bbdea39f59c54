// UPID, the name of a task on the wire (pbs-protocol 4.5): fixed fields in upper-case hex, an escaped worker id and a
// trailing colon. Formatting and parsing are inverse; every refusal is a value.
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace Holdfast.Wire;

/// <summary>
/// `UPID:node:pid:pstart:task:starttime:type:id:authid:`. <see cref="WorkerId"/> is the plain id (`store1:vm/100`),
/// it is escaped only in the text. `/` becomes `-` there, so a parsed id holds `-` where the original had `/`.
/// </summary>
public sealed record Upid(
    string Node, uint Pid, ulong ProcessStart, ulong TaskId, long StartTimeS, string WorkerType, string? WorkerId,
    AuthId AuthId)
{
    public const int MaxLength = 1024;

    public override string ToString() =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"UPID:{Node}:{Pid:X8}:{ProcessStart:X8}:{TaskId:X8}:{StartTimeS:X8}:")
        + $"{WorkerType}:{Escape(WorkerId)}:{AuthId}:";

    public static bool TryParse([NotNullWhen(true)] string? text, [NotNullWhen(true)] out Upid? upid)
    {
        upid = null;
        if (text is null || text.Length > MaxLength)
        {
            return false;
        }

        string[] fields = text.Split(':');
        if (fields.Length != 10 || fields[0] != "UPID" || fields[9].Length != 0 || !IsNode(fields[1])
            || !Hex(fields[2], 8, 8, out ulong pid) || !Hex(fields[3], 8, 9, out ulong processStart)
            || !Hex(fields[4], 8, 16, out ulong taskId) || !Hex(fields[5], 8, 8, out ulong startTime)
            || fields[6].Length == 0 || fields[6].AsSpan().ContainsAny(" \t\r\n/")
            || !TryUnescape(fields[7], out string? workerId) || !AuthId.TryParse(fields[8], out AuthId authId))
        {
            return false;
        }

        upid = new Upid(
            fields[1], (uint)pid, processStart, taskId, (long)startTime, fields[6],
            workerId.Length == 0 ? null : workerId, authId);
        return true;
    }

    /// <summary>The systemd unit escape PBS uses for worker ids.</summary>
    public static string Escape(string? plain)
    {
        if (string.IsNullOrEmpty(plain))
        {
            return "";
        }

        var text = new StringBuilder(plain.Length + 16);
        byte[] bytes = Encoding.UTF8.GetBytes(plain);
        for (int i = 0; i < bytes.Length; i++)
        {
            byte b = bytes[i];
            if (b == '/')
            {
                text.Append('-');
            }
            else if ((b == '.' && i > 0) || b == '_' || char.IsAsciiLetterOrDigit((char)b))
            {
                text.Append((char)b);
            }
            else
            {
                text.Append(CultureInfo.InvariantCulture, $"\\x{b:x2}");
            }
        }

        return text.ToString();
    }

    /// <summary>Inverse of <see cref="Escape"/>: `-` gives `/`. False for a broken escape or invalid UTF-8.</summary>
    public static bool TryUnescape(string escaped, [NotNullWhen(true)] out string? plain)
    {
        plain = null;
        var bytes = new byte[escaped.Length];
        int length = 0;
        for (int i = 0; i < escaped.Length; i++)
        {
            char c = escaped[i];
            if (c == '\\')
            {
                if (i + 3 >= escaped.Length || escaped[i + 1] != 'x'
                    || !byte.TryParse(
                        escaped.AsSpan(i + 2, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture,
                        out bytes[length]))
                {
                    return false;
                }

                length++;
                i += 3;
            }
            else if (char.IsAscii(c) && !char.IsControl(c) && c != ' ' && c != '/')
            {
                bytes[length++] = c == '-' ? (byte)'/' : (byte)c;
            }
            else
            {
                return false;
            }
        }

        if (!System.Text.Unicode.Utf8.IsValid(bytes.AsSpan(0, length)))
        {
            return false;
        }

        plain = Encoding.UTF8.GetString(bytes, 0, length);
        return true;
    }

    private static bool IsNode(string node) =>
        node.Length is > 0 and <= 63 && node[0] != '-' && node[^1] != '-'
        && node.AsSpan().IndexOfAnyExcept(NodeChars) < 0;

    private static readonly System.Buffers.SearchValues<char> NodeChars = System.Buffers.SearchValues.Create(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");

    private static bool Hex(string field, int minDigits, int maxDigits, out ulong value)
    {
        value = 0;
        return field.Length >= minDigits && field.Length <= maxDigits
            && ulong.TryParse(field, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
    }
}
