// Where a run takes place: the folder for data on a real disk, the images to back up, and the programs. Cleans up.
using System.Diagnostics;

namespace Holdfast.Tests.Bench;

/// <summary>Folder of one run, removed at its end.</summary>
internal sealed class Bed : IDisposable
{
    public const int Mib = 1024 * 1024;

    /// <summary>Size of the images that are backed up.</summary>
    public const long ImageBytes = 2048L * Mib;

    private readonly Dictionary<string, string> images = [];
    private int folders;

    public Bed()
    {
        Out = Environment.GetEnvironmentVariable("HOLDFAST_OUT") ?? Path.Combine(Tree(), "out");
        Root = Path.Combine(Out, $"bench-{Environment.ProcessId}");
        Directory.CreateDirectory(Root);
    }

    /// <summary>Folder of the built programs and of bench.json.</summary>
    public string Out { get; }

    public string Root { get; }

    /// <summary>The appliance's program.</summary>
    public string Daemon => Path.Combine(Out, "holdfastd");

    /// <summary>A new folder's name.</summary>
    public string NewFolder(string name) => Path.Combine(Root, $"{name}-{++folders}");

    public static void Remove(string folder) => Directory.Delete(folder, recursive: true);

    /// <summary>2 GiB that nothing can compress.</summary>
    public string RandomImage() => Image("random.img", TestData.FillRandom);

    /// <summary>2 GiB that zstd brings to about half.</summary>
    public string TextImage() => Image("text.img", TestData.FillText);

    /// <summary>Starts this very program again with a verb.</summary>
    public static ProcessStartInfo Self(params string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!)
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, UseShellExecute = false,
        };
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        return start;
    }

    /// <summary>What can't be removed is said and left: it must not hide why a run failed.</summary>
    public void Dispose()
    {
        try
        {
            Remove(Root);
        }
        catch (IOException error)
        {
            Console.Error.WriteLine($"left behind: {error.Message}");
        }
    }

    private string Image(string name, Action<Memory<byte>, int> fill)
    {
        if (!images.TryGetValue(name, out var path))
        {
            images[name] = path = Path.Combine(Root, name);
            using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, 0);
            var part = new byte[4 * Mib];
            for (var i = 0; i < ImageBytes / part.Length; i++)
            {
                fill(part, i);
                file.Write(part);
            }

            file.Flush(flushToDisk: true);
        }

        return path;
    }

    private static string Tree()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Appliance.sln")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("run it inside the tree");
        }

        return folder;
    }
}
