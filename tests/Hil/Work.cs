// What the tests back up: files of random bytes made from a seed, and how they are compared when they come back.
using System.Security.Cryptography;

namespace Holdfast.Tests.Hil;

/// <summary>A folder on this machine for files that go in and come back.</summary>
internal sealed class Work : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("holdfast-hil-work-").FullName;

    public string At(string name) => Path.Combine(folder, name);

    /// <summary>A file of so many MiB that no chunk of another seed repeats.</summary>
    public string Make(string name, int mib, int seed)
    {
        var path = At(name);
        using var file = File.Create(path);
        var random = new Random(seed);
        var block = new byte[1024 * 1024];
        for (var i = 0; i < mib; i++)
        {
            random.NextBytes(block);
            file.Write(block);
        }

        return path;
    }

    public static string Hash(string path)
    {
        using var file = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);
}
