// What a group of backups is of.
namespace Holdfast.Storage;

/// <summary>The three backup types, sorted by name.</summary>
public enum BackupType
{
    Ct,
    Host,
    Vm,
}
