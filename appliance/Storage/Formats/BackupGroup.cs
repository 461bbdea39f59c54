// All backups of one machine: type and id.
namespace Holdfast.Storage;

/// <summary>"vm/100". Create through <see cref="TryCreate"/>, so that the id is known to be legal.</summary>
public sealed record BackupGroup : IComparable<BackupGroup>
{
    private BackupGroup(BackupType type, string id) => (Type, Id) = (type, id);

    public BackupType Type { get; }

    public string Id { get; }

    public string TypeName => NameOf(Type);

    public static string NameOf(BackupType type) => type switch
    {
        BackupType.Vm => "vm",
        BackupType.Ct => "ct",
        _ => "host",
    };

    public static bool TryParseType(string text, out BackupType type)
    {
        type = text switch
        {
            "vm" => BackupType.Vm,
            "ct" => BackupType.Ct,
            _ => BackupType.Host,
        };
        return text is "vm" or "ct" or "host";
    }

    public static bool TryCreate(BackupType type, string id, out BackupGroup? group)
    {
        group = SafeId.IsLegal(id) && Enum.IsDefined(type) ? new BackupGroup(type, id) : null;
        return group != null;
    }

    /// <exception cref="RefusedException">The id is not legal.</exception>
    public static BackupGroup Create(BackupType type, string id) =>
        TryCreate(type, id, out var group) ? group! : throw new RefusedException("invalid backup id");

    /// <summary>Parses "vm/100".</summary>
    public static bool TryParse(string text, out BackupGroup? group)
    {
        group = null;
        var slash = text.IndexOf('/');
        return slash > 0 && TryParseType(text[..slash], out var type)
            && TryCreate(type, text[(slash + 1)..], out group);
    }

    /// <exception cref="RefusedException">Not a group.</exception>
    public static BackupGroup Parse(string text) =>
        TryParse(text, out var group) ? group! : throw new RefusedException("invalid backup group");

    public int CompareTo(BackupGroup? other)
    {
        if (other is null)
        {
            return 1;
        }

        var byType = Type.CompareTo(other.Type);
        return byType != 0 ? byType : string.CompareOrdinal(Id, other.Id);
    }

    public override string ToString() => TypeName + "/" + Id;
}
