// Asks the system's PAM about a password. One conversation a call: every hidden prompt is answered with the password, nothing else is answered. PAM decides;
// this code adds no opinion and no delay of its own.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Holdfast.Agent.Pam;

/// <summary>Passwords of the system's users.</summary>
/// <param name="service">PAM service: the name of a file in the system's folder.</param>
/// <param name="folder">Folder of service files instead of the system's; null = the system's.</param>
public sealed unsafe class PamPasswords(string service, string? folder = null)
{
    private const int MessagesMax = 32;

    /// <summary>True if the password is right and the account may be used now. Blocks as long as PAM does (modules may wait after a wrong password).</summary>
    public bool IsRight(string user, string password)
    {
        var secret = Encoding.UTF8.GetBytes(password + "\0");
        try
        {
            fixed (byte* text = secret)
            {
                return Ask(user, text);
            }
        }
        finally
        {
            Array.Clear(secret);
        }
    }

    private bool Ask(string user, byte* password)
    {
        var conversation = new LibPam.Conversation { Converse = &Converse, Data = password };
        if (LibPam.Start(service, user, &conversation, folder, out var handle) != LibPam.Success)
        {
            return false;
        }

        const int flags = LibPam.Silent | LibPam.DisallowNullPassword;
        var status = LibPam.Authenticate(handle, flags);
        if (status == LibPam.Success)
        {
            status = LibPam.CheckAccount(handle, flags);
        }

        LibPam.End(handle, status);
        return status == LibPam.Success;
    }

    /// <summary>pam_conv(3): the array and its texts are allocated by malloc and freed by PAM.</summary>
    [UnmanagedCallersOnly]
    private static int Converse(int count, LibPam.Message** messages, LibPam.Response** responses, void* data)
    {
        if (count is < 1 or > MessagesMax)
        {
            return LibPam.ConversationError;
        }

        var answers = (LibPam.Response*)NativeMemory.AllocZeroed((nuint)count, (nuint)sizeof(LibPam.Response));
        for (var i = 0; i < count; i++)
        {
            switch (messages[i]->Style)
            {
                case LibPam.PromptEchoOff:
                    answers[i].Text = Duplicate((byte*)data);
                    break;
                case LibPam.ErrorMessage or LibPam.TextInfo:
                    break;
                default:
                    // A question that a password does not answer (an open prompt): there is nobody to ask.
                    Free(answers, i);
                    return LibPam.ConversationError;
            }
        }

        *responses = answers;
        return LibPam.Success;
    }

    private static byte* Duplicate(byte* text)
    {
        var length = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(text).Length + 1;
        var copy = (byte*)NativeMemory.Alloc((nuint)length);
        Unsafe.CopyBlockUnaligned(copy, text, (uint)length);
        return copy;
    }

    private static void Free(LibPam.Response* answers, int count)
    {
        for (var i = 0; i < count; i++)
        {
            NativeMemory.Free(answers[i].Text);
        }

        NativeMemory.Free(answers);
    }
}
