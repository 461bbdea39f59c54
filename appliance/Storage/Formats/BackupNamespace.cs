// A namespace of a datastore: the root, or up to seven names below each other.
namespace Holdfast.Storage;

/// <summary>Immutable; equal by its text ("" is the root, else "a/b").</summary>
public sealed record BackupNamespace
{
    public const int MaxDepth = 7;

    public const int MaxLength = 256;

    public const int MaxComponentLength = 32;

    private BackupNamespace(string text) => Text = text;

    public static BackupNamespace Root { get; } = new("");

    /// <summary>"" or components joined by '/'.</summary>
    public string Text { get; }

    public bool IsRoot => Text.Length == 0;

    public int Depth => IsRoot ? 0 : Text.Count(c => c == '/') + 1;

    /// <summary>The namespace above; the root's is the root.</summary>
    public BackupNamespace Parent
    {
        get
        {
            var slash = Text.LastIndexOf('/');
            return slash < 0 ? Root : new BackupNamespace(Text[..slash]);
        }
    }

    /// <summary>Last component, "" for the root.</summary>
    public string Name => Text[(Text.LastIndexOf('/') + 1)..];

    /// <summary>Folder relative to the datastore: "" or "ns/a/ns/b".</summary>
    public string Folder => IsRoot ? "" : "ns/" + Text.Replace("/", "/ns/", StringComparison.Ordinal);

    /// <summary>Checks depth, length and every component. PBS limits only created components to 32
    /// characters.</summary>
    public static bool TryParse(string text, out BackupNamespace result)
    {
        result = Root;
        if (text.Length == 0)
        {
            return true;
        }

        if (text.Length > MaxLength)
        {
            return false;
        }

        var depth = 0;
        foreach (var part in text.AsSpan().Split('/'))
        {
            if (++depth > MaxDepth || !SafeId.IsLegal(text.AsSpan()[part]))
            {
                return false;
            }
        }

        result = new BackupNamespace(text);
        return true;
    }

    /// <exception cref="RefusedException">Not a namespace.</exception>
    public static BackupNamespace Parse(string text) =>
        TryParse(text, out var result) ? result : throw new RefusedException("invalid namespace");

    /// <summary>A namespace below this one.</summary>
    /// <exception cref="RefusedException">Bad name or too deep.</exception>
    public BackupNamespace Child(string name) =>
        Parse(IsRoot ? name : Text + "/" + name);

    /// <summary>Path of something in this namespace, relative to the datastore.</summary>
    public string PathOf(string inside) => IsRoot ? inside : Folder + "/" + inside;

    public override string ToString() => Text;
}
