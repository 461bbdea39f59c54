// Names of the options of a datastore, as `config/datastore` has them. Values are text in the form that the API takes; switches are `true`.
namespace Holdfast.Features.Datastores;

/// <summary>Option names.</summary>
public static class StoreOption
{
    public const string Comment = "comment";
    public const string GcSchedule = "gc-schedule";
    public const string VerifyNew = "verify-new";
    public const string NotificationMode = "notification-mode";
    public const string NotifyUser = "notify-user";
    public const string Notify = "notify";
    public const string Tuning = "tuning";
    public const string MaintenanceMode = "maintenance-mode";

    /// <summary>Holdfast's own: prune counts by the time of receipt, so that a client can't flood real snapshots out.</summary>
    public const string PruneByReceiveTime = "prune-by-receive-time";

    /// <summary>Holdfast's own: garbage is collected also while backups are usual, or under way.</summary>
    public const string GcIgnoreBackupWindow = "gc-ignore-backup-window";

    /// <summary>Holdfast's own: percentages of use at which somebody is told, as <c>75,85,90</c>.</summary>
    public const string Thresholds = "thresholds";

    /// <summary>Holdfast's own: MiB that backups leave free, so that garbage collection and the ledger always have room.</summary>
    public const string ReserveMiB = "reserve-mib";

    /// <summary>All, in the order of their names.</summary>
    public static readonly IReadOnlyList<string> All =
    [
        Comment, GcIgnoreBackupWindow, GcSchedule, MaintenanceMode, NotificationMode, Notify, NotifyUser, PruneByReceiveTime, ReserveMiB, Thresholds,
        Tuning, VerifyNew,
    ];

    /// <summary>Those that are switches.</summary>
    public static bool IsSwitch(string option) => option is VerifyNew or PruneByReceiveTime or GcIgnoreBackupWindow;

    /// <summary>Those that are numbers.</summary>
    public static bool IsNumber(string option) => option is ReserveMiB;
}
