// Settings, credentials, the data of events and the serial form of folds.
using System.Text;
using Holdfast.Contracts.Agent;
using Holdfast.Features.Access;
using Holdfast.Features.Datastores;
using Holdfast.Features.Node;
using Holdfast.Features.Settings;
using Holdfast.Features.Snapshots;
using Holdfast.Ledger;

namespace Holdfast.Tests.Fuzz;

internal static class FeatureTargets
{
    private static readonly EventMetadata By = new("admin@pbs", "", "", "");
    private static readonly AccessFold Access = new();
    private static readonly DatastoresFold Stores = new();
    private static readonly SnapshotsFold Groups = new();
    private static readonly Lazy<(AccessState Access, DatastoresState Stores, SnapshotsState Groups)> Standing = new(Stand);

    private static readonly (string Type, string Json)[] Events =
    [
        ("UserCreated/1", """{"userid":"a@pbs","enable":true,"expire":0,"comment":"ü"}"""),
        ("TokenIssued/1", """{"tokenid":"a@pbs!t","enable":true,"expire":5}"""),
        ("TokenRevoked/1", """{"tokenid":"a@pbs!t"}"""),
        ("AccessGranted/1", """{"path":"/","auth-id":"a@pbs","role":"Admin","propagate":true}"""),
        ("AccessWithdrawn/1", """{"path":"/","auth-id":"a@pbs","role":"Admin"}"""),
        ("UserChanged/1", """{"userid":"a@pbs","enable":false,"expire":7,"firstname":"Aa"}"""),
        ("UserDeleted/1", """{"userid":"b@pbs"}"""),
        ("TokenChanged/1", """{"tokenid":"a@pbs!t","comment":"c"}"""),
        ("RoleDefined/1", """{"role":"Keeper","privileges":["Datastore.Audit","Datastore.Prune"],"comment":"c"}"""),
        ("RoleRemoved/1", """{"role":"Nobody"}"""),
        ("TfaEntryAdded/1", """{"userid":"a@pbs","id":"i","type":"totp","description":"d","created":5}"""),
        ("TfaEntryChanged/1", """{"userid":"a@pbs","id":"i","description":"e","enable":false}"""),
        ("TfaEntryRemoved/1", """{"userid":"a@pbs","id":"j"}"""),
        ("TotpLocked/1", """{"userid":"a@pbs","failures":8}"""),
        ("SecondFactorsLocked/1", """{"userid":"a@pbs","failures":100,"until":9}"""),
        ("SecondFactorsUnlocked/1", """{"userid":"b@pbs"}"""),
        ("DatastoreCreated/1", """{"name":"main","path":"datastores/main"}"""),
        ("NamespaceCreated/1", """{"store":"main","ns":"a/b","discovered":false}"""),
        ("DatastoreFailed/1", """{"store":"main","reason":"EIO"}"""),
        ("BackupStarted/1", """{"store":"main","ns":"","backup-type":"vm","backup-id":"100","backup-time":5,"owner":"a@pbs","upid":"U","benchmark":false}"""),
        ("ArchiveFinished/1", """{"backup-time":5,"filename":"a.img.fidx","size-bytes":1,"chunk-count":1,"csum":"00"}"""),
        ("BackupFinished/1",
            """{"store":"main","ns":"","backup-type":"vm","backup-id":"100","backup-time":5,"content":"""
            + """{"files":[{"filename":"a.blob","size":1}],"protected":false},"uploaded-chunks":1}"""),
        ("BackupAborted/1", """{"store":"main","ns":"","backup-type":"vm","backup-id":"100","backup-time":5,"reason":"r"}"""),
        ("SnapshotMissing/1", """{"store":"main","ns":"","backup-type":"vm","backup-id":"100","backup-time":5,"why":"w"}"""),
        ("SnapshotForgotten/1", """{"store":"main","ns":"","backup-type":"vm","backup-id":"100","backup-time":5}"""),
    ];

    public static IEnumerable<FuzzTarget> All()
    {
        yield return new(nameof(SystemUnderTest.Settings), [typeof(ApplianceSettings)], Seeds.Texts(
            """{"Listen":"127.0.0.1","Port":8007,"Ledger":{"CheckpointMinutes":10,"ConnectionString":"Host=x"},/* c */"Datastore":{"SyncLevel":"file"},}""",
            """{"data":"x","PORT":"0","backup:megabytesinflight":"64"}"""), SettingsGood)
        {
            IsText = true, Refusals = [typeof(SettingsException)], AllocationBase = 64 * 1024, AllocationPerByte = 200,
        };
        yield return new(nameof(SystemUnderTest.StoreOptions),
            [typeof(PropertyString), typeof(MaintenanceMode), typeof(StoreTuning), typeof(SpaceThresholds)], Seeds.Texts(
                "type=read-only,message=\"a, \\\"b\\\"\"", "offline", "75,85, 90",
                "chunk-order=inode,sync-level=none,gc-atime-cutoff=10,default-verification-readers=4"), OptionsGood) { IsText = true };
        yield return new(nameof(SystemUnderTest.MeasuredHistory), [typeof(History), typeof(Ring)], [Measured()],
            bytes => History.Parse(bytes)?.Rows(TimeFrame.All[0], 1_700_000_000, true).Count == 60)
        {
            AllocationBase = 512 * 1024, MaxLength = 64 * 1024,
        };
        yield return new(
            nameof(SystemUnderTest.PasswordHash), [typeof(PasswordHash)], Seeds.Texts(PasswordHash.Of("secret", 1), PasswordHash.Of("other", 1)), HashGood)
        {
            IsText = true,
        };
        yield return new(nameof(SystemUnderTest.CredentialFile), [typeof(CredentialStore)], Seeds.Texts(
            $$"""{"a@pbs":"{{PasswordHash.Of("secret", 1)}}","b@pbs!t":"$x"}"""), bytes => new CredentialStore(new Bytes(bytes)).Has("a@pbs"))
        {
            IsText = true, Refusals = [typeof(InvalidDataException)], AllocationBase = 64 * 1024, AllocationPerByte = 200,
        };
        yield return new(nameof(SystemUnderTest.MaintenanceMode), [typeof(MaintenanceMode), typeof(PropertyString)], Seeds.Texts(
            "read-only", "type=offline,message=\"a,\\\"b\\\\\"", "message=x,type=delete", "unmount,"), ModeGood) { IsText = true };
        yield return new(nameof(SystemUnderTest.AgentRequest), [typeof(AgentFrame)], Seeds.Texts(
            """{"verb":"check-pam-password","user":"root","password":"secret"}""", """{"verb":"list-verbs"}"""), AgentGood)
        {
            IsText = true, Refusals = [typeof(InvalidDataException)], AllocationBase = 64 * 1024, AllocationPerByte = 200,
        };
        yield return new(nameof(SystemUnderTest.OtpAuth), [typeof(Totp), typeof(TfaSecrets)], Seeds.Texts(
            "otpauth://totp/x:a%40pbs?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=x&algorithm=SHA1&digits=6&period=30",
            "otpauth://totp/x?secret=gezdgnbvgy3tqojqgezdgnbvgy3tqojq====&algorithm=sha512&digits=8&period=60",
            "totp$SHA1$6$30$GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ$57"), OtpGood) { IsText = true };
        yield return new(
            nameof(SystemUnderTest.EventData), [typeof(AccessFold), typeof(SnapshotsFold), typeof(DatastoresFold)],
            Seeds.Texts([.. Events.Select(e => e.Json)]), EventGood)
        {
            IsText = true, Refusals = [typeof(InvalidDataException)], AllocationBase = 256 * 1024, AllocationPerByte = 200,
        };
        yield return new(nameof(SystemUnderTest.FoldState), [typeof(AccessFold), typeof(SnapshotsFold), typeof(DatastoresFold)], States(), StateGood)
        {
            IsText = true, AllocationBase = 256 * 1024, AllocationPerByte = 400,
        };
    }

    private static byte[] Measured()
    {
        var history = new History();
        history.Add(1_700_000_000, [new("used", 1)]);
        return history.ToFile();
    }

    private static bool OptionsGood(byte[] bytes)
    {
        var text = Encoding.UTF8.GetString(bytes);
        var mode = MaintenanceMode.Parse(text, out _);
        FuzzTarget.Broken(mode is not null && MaintenanceMode.Parse(mode.ToString(), out _) != mode, "a maintenance mode does not survive its own text");
        var thresholds = SpaceThresholds.Parse(text);
        FuzzTarget.Broken(thresholds is not null && SpaceThresholds.Level(thresholds, 0, 100) != thresholds[^1], "a full disk crosses not all thresholds");
        return mode is not null | StoreTuning.Parse(text, out _) is not null | thresholds is not null;
    }

    private static bool SettingsGood(byte[] bytes)
    {
        var settings = ApplianceSettings.Load(new Dictionary<string, string>(), new Dictionary<string, string>(), _ => bytes);
        _ = (settings.Port, settings.CheckpointInterval, settings.LedgerPatience, settings.BytesInFlight, settings.SessionsMax, settings.Listen);
        return true;
    }

    private static bool HashGood(byte[] bytes)
    {
        var text = Encoding.UTF8.GetString(bytes);
        var rounds = text.Split('$').ElementAtOrDefault(2);

        // As many rounds as are asked for, up to the bound, is what the form promises: only few of them are waited for here.
        return (rounds is null || rounds.Length <= 3) && PasswordHash.Matches("secret", text);
    }

    private static bool OtpGood(byte[] bytes)
    {
        var text = Encoding.UTF8.GetString(bytes);
        if (Totp.FromStored(text) is var (stored, last))
        {
            return stored.FindStep("123456", 1_700_000_000, last) is null or > 0;
        }

        if (!Totp.TryParse(text, out var totp, out _))
        {
            return false;
        }

        // What was read is kept and read back as the same, and makes codes of the length it says.
        return Totp.FromStored(totp.Stored(7)) is var (again, seven) && again == totp && seven == 7 && totp.CodeAt(56).Length == totp.Digits;
    }

    private static bool ModeGood(byte[] bytes)
    {
        if (MaintenanceMode.Parse(Encoding.UTF8.GetString(bytes), out var problem) is not { } mode)
        {
            FuzzTarget.Broken(problem.Length == 0, "refused without a word");
            return false;
        }

        FuzzTarget.Broken(MaintenanceMode.Parse(mode.ToString(), out _) != mode, "a mode does not read back");
        return true;
    }

    private static bool AgentGood(byte[] bytes) => AgentFrame.ParseRequest(bytes) is not null;

    private static bool EventGood(byte[] bytes)
    {
        // The input stands for an event of the type whose members it has, else of any; it meets a state that has something to change.
        var text = Encoding.UTF8.GetString(bytes);
        var type = Array.FindIndex(Events, e => text.Length > 20 && e.Json.StartsWith(text[..20], StringComparison.Ordinal));
        var recorded = new RecordedEvent(
            20, "group:main::vm/100", 20, Events[type < 0 ? bytes.Length % Events.Length : type].Type, 1, bytes, By, EventHash.Genesis);
        Written(Access, Access.Apply(Standing.Value.Access, recorded));
        Written(Stores, Stores.Apply(Standing.Value.Stores, recorded));
        Written(Groups, Groups.Apply(Standing.Value.Groups, recorded));
        return true;
    }

    private static (AccessState Access, DatastoresState Stores, SnapshotsState Groups) Stand()
    {
        var (access, stores, groups) = (Access, Stores, Groups);
        var (accessState, storesState, groupsState) = (access.Initial, stores.Initial, groups.Initial);
        var position = 0;
        foreach (var (type, json) in Events.Where(e => e.Type is not ("TokenRevoked/1" or "AccessWithdrawn/1" or "SnapshotForgotten/1")))
        {
            position++;
            var recorded = new RecordedEvent(position, "group:main::vm/100", position, type, 1, Encoding.UTF8.GetBytes(json), By, EventHash.Genesis);
            accessState = access.Apply(accessState, recorded);
            storesState = stores.Apply(storesState, recorded);
            groupsState = groups.Apply(groupsState, recorded);
        }

        return (accessState, storesState, groupsState);
    }

    private static byte[][] States() =>
        [Written(Access, Standing.Value.Access), Written(Stores, Standing.Value.Stores), Written(Groups, Standing.Value.Groups)];

    private static byte[] Written<TState>(IFold<TState> fold, TState state)
    {
        using var stream = new MemoryStream();
        fold.Write(state, stream);
        return stream.ToArray();
    }

    private static bool StateGood(byte[] bytes) =>
        bytes.AsSpan().StartsWith("{"u8) ? Good(new AccessFold(), bytes)
            : bytes.AsSpan().IndexOf("\"BackupType\""u8) >= 0 ? Good(new SnapshotsFold(), bytes)
            : Good(new DatastoresFold(), bytes);

    private static bool Good<TState>(IFold<TState> fold, byte[] bytes) =>
        new Projection<TState>(fold).TryRestore(new FoldSnapshot(1, EventHash.Genesis, 0, bytes));

    private sealed class Bytes(byte[] content) : ICredentialFile
    {
        public byte[] Read() => content;

        public void Replace(byte[] changed)
        {
        }
    }
}
