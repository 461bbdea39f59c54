// scrypt through libcrypto, with the memory bound that the peers use.
namespace Holdfast.Storage;

/// <summary>Key derivation that .NET does not bring.</summary>
public static unsafe class KeyDerivationFunctions
{
    /// <summary>scrypt (RFC 7914).</summary>
    /// <exception cref="RefusedException">Parameters that libcrypto refuses, or more than 1025 MiB.</exception>
    public static byte[] Scrypt(
        ReadOnlySpan<byte> password, ReadOnlySpan<byte> salt, ulong n, ulong r, ulong p, int keyLength)
    {
        var key = new byte[keyLength];

        // An empty span pins as null, and null means something else to libcrypto.
        byte nothing = 0;
        fixed (byte* passwordPointer = password, saltPointer = salt, keyPointer = key)
        {
            var result = NativeCodec.Scrypt(
                passwordPointer == null ? &nothing : passwordPointer, (nuint)password.Length,
                saltPointer == null ? &nothing : saltPointer, (nuint)salt.Length,
                n, r, p, (ulong)KeyFile.MaxScryptMemory, keyPointer, (nuint)keyLength);
            if (result == 1)
            {
                return key;
            }
        }

        NativeCodec.ClearErrors();
        throw new RefusedException("scrypt parameters are not acceptable");
    }
}
