// What lies in a folder decides whether a dataset may be destroyed or given to others: on real folders, links and all.
using Holdfast.Agent;
using Xunit;

namespace Holdfast.Tests.Unit.Drivers;

public sealed class FolderUseTests : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("holdfast-use-").FullName;

    public void Dispose() => Directory.Delete(root, recursive: true);

    [Theory]
    [InlineData(".chunks/", "a datastore lies in ")]
    [InlineData("a/b/.chunks/", "a datastore lies in ")]
    [InlineData("a/PG_VERSION", "a database lies in ")]
    public void What_is_kept_there_is_seen(string path, string said)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(root, path))!);
        if (!path.EndsWith('/'))
        {
            File.WriteAllText(Path.Combine(root, path), "17\n");
        }

        Assert.StartsWith(said + root, FolderUse.Kept(root), StringComparison.Ordinal);
        Assert.StartsWith(said + root, FolderUse.Of(root), StringComparison.Ordinal);
    }

    [Fact]
    public void Files_and_what_a_link_leads_to_are_nothing_that_is_kept()
    {
        Assert.Null(FolderUse.Of(root));
        File.WriteAllText(root + "/dump.vma", "x");
        var elsewhere = Directory.CreateDirectory(root + ".elsewhere");
        try
        {
            Directory.CreateDirectory(elsewhere.FullName + "/.chunks");
            Directory.CreateSymbolicLink(root + "/link", elsewhere.FullName);
            Assert.Null(FolderUse.Of(root));
        }
        finally
        {
            elsewhere.Delete(recursive: true);
        }

        Assert.Throws<DirectoryNotFoundException>(() => FolderUse.Of(root + "/none"));
    }
}
