// Every event record of the domain, listed once for the JSON source generator. A new event is added here.
using System.Text.Json;
using System.Text.Json.Serialization;
using Holdfast.Features.Access;
using Holdfast.Features.Agent;
using Holdfast.Features.Alarms;
using Holdfast.Features.Backup;
using Holdfast.Features.Box;
using Holdfast.Features.Datastores;
using Holdfast.Features.Disks;
using Holdfast.Features.Network;
using Holdfast.Features.Node;
using Holdfast.Features.Panel;
using Holdfast.Features.Pools;
using Holdfast.Features.Power;
using Holdfast.Features.Prune;
using Holdfast.Features.GarbageCollection;
using Holdfast.Features.Restore;
using Holdfast.Features.Schedules;
using Holdfast.Features.Snapshots;
using Holdfast.Features.Tasks;
using Holdfast.Features.Updates;
using Holdfast.Features.Verify;

namespace Holdfast.Features.Events;

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(JsonElement))]
[JsonSerializable(typeof(AgentAsked))]
[JsonSerializable(typeof(AgentAnswered))]
[JsonSerializable(typeof(PoolDiscovered))]
[JsonSerializable(typeof(PoolGone))]
[JsonSerializable(typeof(PoolDegraded))]
[JsonSerializable(typeof(PoolHealthy))]
[JsonSerializable(typeof(PoolDiskChanged))]
[JsonSerializable(typeof(PoolDiskErrorsFound))]
[JsonSerializable(typeof(PoolDiskErrorsCleared))]
[JsonSerializable(typeof(PoolScanStarted))]
[JsonSerializable(typeof(PoolScanFinished))]
[JsonSerializable(typeof(PoolSpaceLow))]
[JsonSerializable(typeof(PoolSpaceRegained))]
[JsonSerializable(typeof(PoolDataDamaged))]
[JsonSerializable(typeof(PoolDataMended))]
[JsonSerializable(typeof(MainsLost))]
[JsonSerializable(typeof(MainsBack))]
[JsonSerializable(typeof(MainsFlapping))]
[JsonSerializable(typeof(BatteryLow))]
[JsonSerializable(typeof(BatteryWorn))]
[JsonSerializable(typeof(BatteryReplaced))]
[JsonSerializable(typeof(UpsReachable))]
[JsonSerializable(typeof(UpsUnreachable))]
[JsonSerializable(typeof(UpsRemoved))]
[JsonSerializable(typeof(OrderedStopStarted))]
[JsonSerializable(typeof(OrderedStopUndone))]
[JsonSerializable(typeof(OrderedStopCommitted))]
[JsonSerializable(typeof(PairingWindowRequested))]
[JsonSerializable(typeof(DiskSeen))]
[JsonSerializable(typeof(DiskGone))]
[JsonSerializable(typeof(DiskFailing))]
[JsonSerializable(typeof(DiskWorn))]
[JsonSerializable(typeof(DiskWell))]
[JsonSerializable(typeof(DiskSelfTestFinished))]
[JsonSerializable(typeof(NetworkApplied))]
[JsonSerializable(typeof(NetworkConfirmed))]
[JsonSerializable(typeof(NetworkReverted))]
[JsonSerializable(typeof(UpdateUploaded))]
[JsonSerializable(typeof(UpdateRefused))]
[JsonSerializable(typeof(UpdateInstallStarted))]
[JsonSerializable(typeof(UpdateInstalled))]
[JsonSerializable(typeof(UpdateInstallFailed))]
[JsonSerializable(typeof(VersionStarted))]
[JsonSerializable(typeof(VersionConfirmed))]
[JsonSerializable(typeof(VersionFellBack))]
[JsonSerializable(typeof(OtherVersionChosen))]
[JsonSerializable(typeof(AnswerFileApplied))]
[JsonSerializable(typeof(AnswerFileRefused))]
[JsonSerializable(typeof(AnswerFileFailed))]
[JsonSerializable(typeof(UserCreated))]
[JsonSerializable(typeof(PasswordChanged))]
[JsonSerializable(typeof(TokenIssued))]
[JsonSerializable(typeof(TokenRevoked))]
[JsonSerializable(typeof(AccessGranted))]
[JsonSerializable(typeof(AccessWithdrawn))]
[JsonSerializable(typeof(UserChanged))]
[JsonSerializable(typeof(UserDeleted))]
[JsonSerializable(typeof(TokenChanged))]
[JsonSerializable(typeof(TokenSecretRenewed))]
[JsonSerializable(typeof(RoleDefined))]
[JsonSerializable(typeof(RoleRemoved))]
[JsonSerializable(typeof(TfaEntryAdded))]
[JsonSerializable(typeof(TfaEntryChanged))]
[JsonSerializable(typeof(TfaEntryRemoved))]
[JsonSerializable(typeof(RecoveryKeyUsed))]
[JsonSerializable(typeof(TotpLocked))]
[JsonSerializable(typeof(SecondFactorsLocked))]
[JsonSerializable(typeof(SecondFactorsUnlocked))]
[JsonSerializable(typeof(LoginSucceeded))]
[JsonSerializable(typeof(LoginRefused))]
[JsonSerializable(typeof(DatastoreCreated))]
[JsonSerializable(typeof(DatastoreOptionsSet))]
[JsonSerializable(typeof(DatastoreRemoved))]
[JsonSerializable(typeof(NamespaceCreated))]
[JsonSerializable(typeof(NamespaceRemoved))]
[JsonSerializable(typeof(DatastoreFailed))]
[JsonSerializable(typeof(DatastoreSpaceLow))]
[JsonSerializable(typeof(DatastoreSpaceRegained))]
[JsonSerializable(typeof(BallastThrownOff))]
[JsonSerializable(typeof(BallastLaidDown))]
[JsonSerializable(typeof(BackupStarted))]
[JsonSerializable(typeof(ArchiveFinished))]
[JsonSerializable(typeof(BackupFinished))]
[JsonSerializable(typeof(BackupAborted))]
[JsonSerializable(typeof(BackupLogUploaded))]
[JsonSerializable(typeof(SnapshotDiscovered))]
[JsonSerializable(typeof(SnapshotMissing))]
[JsonSerializable(typeof(SnapshotForgotten))]
[JsonSerializable(typeof(SnapshotsRemoved))]
[JsonSerializable(typeof(BackupTimeInFuture))]
[JsonSerializable(typeof(UnfinishedSnapshotDiscovered))]
[JsonSerializable(typeof(SnapshotNotesChanged))]
[JsonSerializable(typeof(SnapshotProtectionChanged))]
[JsonSerializable(typeof(GroupOwnerChanged))]
[JsonSerializable(typeof(GroupNotesChanged))]
[JsonSerializable(typeof(GroupMoved))]
[JsonSerializable(typeof(GroupSettled))]
[JsonSerializable(typeof(SnapshotVerified))]
[JsonSerializable(typeof(ChunkFoundCorrupt))]
[JsonSerializable(typeof(ChunkFoundMissing))]
[JsonSerializable(typeof(ChunkHealed))]
[JsonSerializable(typeof(RestoreStarted))]
[JsonSerializable(typeof(RestoreFinished))]
[JsonSerializable(typeof(FileDownloadStarted))]
[JsonSerializable(typeof(FileDownloadFinished))]
[JsonSerializable(typeof(JobCreated))]
[JsonSerializable(typeof(JobOptionsSet))]
[JsonSerializable(typeof(JobRemoved))]
[JsonSerializable(typeof(JobRunStarted))]
[JsonSerializable(typeof(TaskStarted))]
[JsonSerializable(typeof(TaskFinished))]
[JsonSerializable(typeof(AlarmAcknowledged))]
[JsonSerializable(typeof(PruneDecided))]
[JsonSerializable(typeof(PruneFinished))]
[JsonSerializable(typeof(GarbageCollectionStarted))]
[JsonSerializable(typeof(GarbageCollectionMarked))]
[JsonSerializable(typeof(GarbageCollectionFinished))]
[JsonSerializable(typeof(GarbageCollectionFailed))]
internal sealed partial class EventJson : JsonSerializerContext;
