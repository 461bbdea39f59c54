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
}
