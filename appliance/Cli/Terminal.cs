// Secrets typed at a terminal. The runtime's own key reading turns the echo off and on again for every key, so a pasted password can appear in part; here
// it is off from before the prompt until the line is in, and the kernel edits the line.
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Holdfast.Cli;

internal static partial class Terminal
{
    private const int Input = 0;
    private const int Now = 0;
    private const int LongestBytes = 4096;

    // struct termios as Linux and its C libraries lay it out: four words of flags, of which the last are the local ones.
    private const int SettingsBytes = 128;
    private const int LocalFlags = 12;
    private const int Echo = 8;

    /// <summary>Prompts on standard error and reads a line without echo.</summary>
    public static string ReadSecret(string prompt)
    {
        byte[] before = new byte[SettingsBytes];
        bool isTerminal = GetAttributes(Input, before) == 0;
        using PosixSignalRegistration? interrupted = isTerminal
            ? PosixSignalRegistration.Create(PosixSignal.SIGINT, _ => SetAttributes(Input, Now, before)) : null;
        if (isTerminal)
        {
            byte[] quiet = [.. before];
            quiet[LocalFlags] &= unchecked((byte)~Echo);
            SetAttributes(Input, Now, quiet);
        }

        try
        {
            Write(prompt);
            string line = ReadLine();
            Write("\n");
            return line;
        }
        finally
        {
            if (isTerminal)
            {
                SetAttributes(Input, Now, before);
            }
        }
    }

    private static void Write(string text)
    {
        using Stream errors = Console.OpenStandardError();
        errors.Write(Encoding.UTF8.GetBytes(text));
    }

    private static string ReadLine()
    {
        using var descriptor = new SafeFileHandle(Input, ownsHandle: false);
        using var input = new FileStream(descriptor, FileAccess.Read, bufferSize: 0);
        byte[] line = new byte[LongestBytes];
        int length = 0;
        while (length < line.Length && input.Read(line, length, 1) == 1 && line[length] != (byte)'\n')
        {
            length++;
        }

        return Encoding.UTF8.GetString(line, 0, length).TrimEnd('\r');
    }

    [LibraryImport("libc", EntryPoint = "tcgetattr")]
    private static partial int GetAttributes(int descriptor, Span<byte> settings);

    [LibraryImport("libc", EntryPoint = "tcsetattr")]
    private static partial int SetAttributes(int descriptor, int when, ReadOnlySpan<byte> settings);
}
