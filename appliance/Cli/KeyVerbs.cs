// `holdfast key create` and `holdfast key show`: key files as PBS's own client makes and reads them.
using System.CommandLine;
using System.Security.Cryptography;
using Holdfast.Storage;

namespace Holdfast.Cli;

internal static class KeyVerbs
{
    private const UnixFileMode Secret = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    public static Command Command(Surroundings surroundings) => new("key", "Makes and shows encryption keys.")
    {
        Create(surroundings), Show(),
    };

    private static Command Create(Surroundings surroundings)
    {
        var file = new Argument<string>("file") { Description = "New file; an existing one is never replaced." };
        var kdf = new Option<string>("--kdf") { Description = "scrypt (default), pbkdf2 or none.", DefaultValueFactory = _ => "scrypt" };
        kdf.AcceptOnlyFromAmong("scrypt", "pbkdf2", "none");
        var hint = new Option<string?>("--hint") { Description = "Reminds of the password; stored in clear." };
        var command = new Command("create", "Makes a new key; keep a copy of the file away from the backups.") { file, kdf, hint };
        command.SetAction(parsed => CreateKey(
            parsed.GetRequiredValue(file), parsed.GetRequiredValue(kdf), parsed.GetValue(hint), surroundings));
        return command;
    }

    private static Command Show()
    {
        var file = new Argument<string>("file");
        var command = new Command("show", "Shows what a key file says of its key, never the key.") { file };
        command.SetAction(parsed =>
        {
            string path = parsed.GetRequiredValue(file);
            KeyFile key = KeySource.Read(path);
            Console.WriteLine($"path:        {path}");
            Console.WriteLine($"kdf:         {key.Derivation.ToString().ToLowerInvariant()}");
            Console.WriteLine($"created:     {key.Created:yyyy-MM-dd'T'HH:mm:sszzz}");
            Console.WriteLine($"modified:    {key.Modified:yyyy-MM-dd'T'HH:mm:sszzz}");
            Console.WriteLine($"fingerprint: {key.Fingerprint ?? "not noted"}");
            if (key.Hint is { } hint)
            {
                Console.WriteLine($"hint:        {Tables.Printable(hint)}");
            }

            return 0;
        });
        return command;
    }

    private static int CreateKey(string path, string kdf, string? hint, Surroundings surroundings)
    {
        KeyDerivation derivation = kdf switch
        {
            "none" => KeyDerivation.None,
            "pbkdf2" => KeyDerivation.Pbkdf2,
            _ => KeyDerivation.Scrypt,
        };
        if (File.Exists(path))
        {
            throw new FailedException($"{path} exists already and is kept");
        }

        string? password = derivation == KeyDerivation.None ? null : NewPassword();
        byte[] key = RandomNumberGenerator.GetBytes(CryptConfig.KeySize);
        try
        {
            KeyFile made = KeyFile.Create(key, derivation, password, surroundings.Clock, hint);
            using (var file = new FileStream(path, new FileStreamOptions
            {
                Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = Secret,
            }))
            {
                file.Write(made.ToJson());
                file.Flush(flushToDisk: true);
            }

            Console.WriteLine($"key {made.Fingerprint}");
            Console.WriteLine($"written to {path}; without this file encrypted backups can't be restored: keep a copy elsewhere");
            return 0;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new FailedException($"the key file can't be written: {fault.Message}", fault);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }
    }

    private static string NewPassword()
    {
        if (Surroundings.Variable(KeySource.PasswordVariable) is { } given)
        {
            return given;
        }

        string first = KeySource.Password("password for the new key");
        return Surroundings.AskSecret("the same again", "run on a terminal") == first
            ? first
            : throw new FailedException("the passwords differ");
    }
}
