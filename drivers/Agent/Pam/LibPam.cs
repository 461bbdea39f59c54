// The C interface of Linux-PAM (pam_start_confdir(3), pam_authenticate(3), pam_acct_mgmt(3), pam_conv(3)).
using System.Runtime.InteropServices;

namespace Holdfast.Agent.Pam;

/// <summary>Calls and layouts of libpam.so.0 on 64-bit Linux.</summary>
internal static unsafe partial class LibPam
{
    public const int Success = 0;
    public const int ConversationError = 19;
    public const int BufferError = 5;
    public const int PromptEchoOff = 1;
    public const int ErrorMessage = 3;
    public const int TextInfo = 4;

    /// <summary>PAM_DISALLOW_NULL_AUTHTOK: an account without password is no way in.</summary>
    public const int DisallowNullPassword = 1;

    /// <summary>PAM_SILENT.</summary>
    public const int Silent = 0x8000;

    private const string Library = "libpam.so.0";

    [StructLayout(LayoutKind.Sequential)]
    public struct Message
    {
        public int Style;
        public byte* Text;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct Response
    {
        public byte* Text;
        public int ReturnCode;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct Conversation
    {
        public delegate* unmanaged<int, Message**, Response**, void*, int> Converse;
        public void* Data;
    }

    /// <param name="folder">Folder with the service's file instead of the system's; null = the system's.</param>
    [LibraryImport(Library, EntryPoint = "pam_start_confdir", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Start(string service, string user, Conversation* conversation, string? folder, out nint handle);

    [LibraryImport(Library, EntryPoint = "pam_authenticate")]
    public static partial int Authenticate(nint handle, int flags);

    [LibraryImport(Library, EntryPoint = "pam_acct_mgmt")]
    public static partial int CheckAccount(nint handle, int flags);

    [LibraryImport(Library, EntryPoint = "pam_end")]
    public static partial int End(nint handle, int status);
}
