// A folder that a restore makes: created when something in it is wanted, given its metadata when everything in it is done, by whichever thread finishes last.
// Everything is made relative to the open parent, under one legal name, and never through a symbolic link: that is what keeps an archive inside its target.
namespace Holdfast.Storage;

internal sealed class TreeTarget
{
    private readonly TreeTarget? parent;
    private readonly byte[] name;
    private readonly PxarMetadata? metadata;
    private readonly ExtractOptions options;
    private readonly ExtractCount count;
    private TreeNode? node;
    private int holders = 1;

    /// <summary>The root, which exists.</summary>
    /// <param name="metadata">Null to leave it as it is.</param>
    public TreeTarget(TreeNode node, PxarMetadata? metadata, ExtractOptions options, ExtractCount count)
    {
        (this.node, this.metadata, this.options, this.count, name, Path) = (node, metadata, options, count, [], []);
    }

    public TreeTarget(TreeTarget parent, ReadOnlySpan<byte> name, PxarMetadata metadata)
    {
        (this.parent, this.metadata, options, count) = (parent, metadata, parent.options, parent.count);
        this.name = name.ToArray();
        Path = [.. parent.Path, .. name, (byte)'/'];
        IsBroken = parent.IsBroken;
        parent.Hold();
    }

    /// <summary>With a slash behind, none in front; empty for the root.</summary>
    public byte[] Path { get; }

    /// <summary>It could not be made, which was told: nothing below it can be.</summary>
    public bool IsBroken { get; private set; }

    /// <summary>The open folder, made now if it was not; null if it can't be.</summary>
    public TreeNode? Open()
    {
        if (node is not null || IsBroken)
        {
            return node;
        }

        try
        {
            var above = parent!.Open();
            IsBroken = above is null;
            node = above is null ? null : Make(above);
        }
        catch (VolumeException fault) when (!ExtractOptions.EndsAll(fault))
        {
            IsBroken = true;
            Problem(default, $"the folder can't be made: {fault.Message}");
        }

        return node;
    }

    public void Hold() => Interlocked.Increment(ref holders);

    /// <summary>One who worked in it is done; the last one gives it its metadata and lets its parent go.</summary>
    public void Release()
    {
        for (var target = this; target is not null && Interlocked.Decrement(ref target.holders) == 0; target = target.parent)
        {
            target.End();
        }
    }

    /// <summary>Lets the folder go without finishing it.</summary>
    public void Drop()
    {
        node?.Dispose();
        node = null;
    }

    public void Problem(ReadOnlySpan<byte> entry, string text) => options.Tell($"{TreeNode.Show([.. Path, .. entry])}: {text}");

    private TreeNode Make(TreeNode above)
    {
        try
        {
            above.MakeFolder(name);
        }
        catch (VolumeException fault) when (fault.Error == VolumeError.Exists && options.Replaces)
        {
            // A folder may be there already; anything else makes way, and a link is not followed.
            if (above.TryStat(name) is { Kind: not PxarKind.Folder })
            {
                above.Unlink(name);
                above.MakeFolder(name);
            }
        }

        var made = above.OpenChildFolder(name);
        count.Folders++;
        return made;
    }

    private void End()
    {
        if (node is null)
        {
            return;
        }

        if (metadata is not null)
        {
            NodeMetadata.Set(node, metadata, options.WithOwner, text => Problem(default, text));
        }

        Drop();
    }
}
