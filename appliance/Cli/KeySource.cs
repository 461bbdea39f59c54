// The encryption key that a command was given: PBS's key files, their password from the environment or the terminal.
using System.CommandLine;
using Holdfast.Storage;

namespace Holdfast.Cli;

internal static class KeySource
{
    public const string PasswordVariable = "ENCRYPTION_PASSWORD";

    public static Option<string?> Option() => new("--keyfile") { Description = "Key file (PBS's format); see 'holdfast key create'." };

    /// <summary>Opens a key file; null for no file.</summary>
    /// <exception cref="FailedException">It can't be read, is no key file, or the password is wrong.</exception>
    public static CryptConfig? Open(string? path)
    {
        if (path is null)
        {
            return null;
        }

        KeyFile file = Read(path);
        string? password = file.Derivation == KeyDerivation.None ? null : Password($"password of {path}");
        try
        {
            return file.Open(password);
        }
        catch (StorageException fault)
        {
            throw new FailedException($"{path}: {fault.Message}", fault);
        }
    }

    /// <summary>Reads and parses, without the key.</summary>
    public static KeyFile Read(string path)
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            if (file.Length > KeyFile.MaxFileSize)
            {
                throw new FailedException($"{path} is no key file: it is too large");
            }

            var bytes = new byte[file.Length];
            file.ReadExactly(bytes);
            return KeyFile.Parse(bytes);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new FailedException($"the key file can't be read: {fault.Message}", fault);
        }
        catch (StorageException fault)
        {
            throw new FailedException($"{path} is no key file: {fault.Message}", fault);
        }
    }

    /// <summary>The password from the environment, else asked for.</summary>
    public static string Password(string what) =>
        Surroundings.Variable(PasswordVariable)
            ?? Surroundings.AskSecret(what, $"set PBS_{PasswordVariable}, or run on a terminal");
}
