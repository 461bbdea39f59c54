// Names of groups as the domain uses them: which store, namespace, type and id; and the ledger stream that tells a group's life.
using System.Globalization;
using Holdfast.Storage;

namespace Holdfast.Features.Snapshots;

/// <summary>One backup group. <paramref name="Ns"/> is <c>""</c> for the root namespace, else <c>a/b</c>.</summary>
public readonly record struct GroupKey(string Store, string Ns, string BackupType, string BackupId)
{
    /// <summary>Compares keys; looks up by the id, in which groups differ most.</summary>
    public static readonly IEqualityComparer<GroupKey> ById = EqualityComparer<GroupKey>.Create(
        static (one, other) => one.BackupId == other.BackupId && one.BackupType == other.BackupType && one.Ns == other.Ns && one.Store == other.Store,
        static key => key.BackupId.GetHashCode(StringComparison.Ordinal));

    /// <summary>The stream whose only decider is the group: <c>group:main:a/b:vm/100</c>. No part can hold a <c>:</c>, so no two groups share one.</summary>
    public string Stream => $"group:{Store}:{Ns}:{BackupType}/{BackupId}";

    /// <summary>The namespace as the datastore knows it.</summary>
    /// <exception cref="RefusedException">It can't be one (too deep).</exception>
    public BackupNamespace Namespace => BackupNamespace.Parse(Ns);

    /// <summary>The group as the datastore knows it.</summary>
    public BackupGroup Group => Storage.BackupGroup.Parse(ToString());

    /// <summary>One of its snapshots as the datastore knows it.</summary>
    public SnapshotName At(long backupTime) => SnapshotName.Create(Group, backupTime);

    /// <summary><c>vm/100</c>.</summary>
    public override string ToString() => BackupType + "/" + BackupId;

    /// <summary><c>vm/100/2024-05-06T07:08:09Z</c>.</summary>
    public string SnapshotPath(long backupTime) => ToString() + "/" + TimeText(backupTime);

    /// <summary>Path in the access tree: <c>/datastore/main/a/b</c>.</summary>
    public string AclPath => DatastorePath(Store, Ns);

    /// <summary>Path of a namespace in the access tree.</summary>
    public static string DatastorePath(string store, string ns) =>
        ns.Length == 0 ? "/datastore/" + store : "/datastore/" + store + "/" + ns;

    /// <summary>Epoch seconds as snapshot folders are named: <c>2024-05-06T07:08:09Z</c>.</summary>
    public static string TimeText(long backupTime) =>
        DateTimeOffset.FromUnixTimeSeconds(backupTime).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
