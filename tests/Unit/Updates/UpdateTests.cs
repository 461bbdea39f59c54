// Versions of the appliance from the API to the agent's own verbs: a bundle in pieces, its installation, trial, fall-back and the way back, with the box
// stopped in between. The tools are simulated in their own words; the bundle is a real file.
using System.Text;
using Holdfast.Agent.Updates;
using Holdfast.Contracts.Agent;
using Holdfast.Features.Access;
using Holdfast.Features.Audit;
using Holdfast.Features.Events;
using Holdfast.Features.Settings;
using Holdfast.Host;
using Holdfast.Ledger;
using Holdfast.Storage;
using Holdfast.Tests.Unit.Hardware;
using Holdfast.Wire;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Holdfast.Tests.Unit.Updates;

public sealed class UpdateTests : IAsyncLifetime
{
    private readonly string folder = Directory.CreateTempSubdirectory("holdfast-update-").FullName;
    private readonly FakeTimeProvider clock = new(new DateTimeOffset(2026, 11, 26, 0, 0, 0, TimeSpan.Zero)) { AutoAdvanceAmount = TimeSpan.Zero };
    private readonly MemoryLedger ledger = new(TimeProvider.System);
    private SimulatedSlots slots = null!;
    private DirectAgent agent = null!;
    private Folds folds = null!;
    private DeferredAppends deferred = null!;
    private Parts parts = null!;

    private string Bundle => Path.Combine(folder, UpdateUploadName);

    private static string UpdateUploadName => Holdfast.Features.Updates.UpdateUpload.Name;

    public async Task InitializeAsync()
    {
        slots = new SimulatedSlots(Bundle);
        await StartAsync();
    }

    public async Task DisposeAsync()
    {
        await StopAsync();
        await ledger.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_bundle_comes_in_pieces_is_installed_tried_and_kept()
    {
        await parts.Updates.WatchAsync(default);
        Assert.Equal(["VersionStarted", "VersionConfirmed"], await EventsAsync());
        var bundle = Encoding.ASCII.GetBytes("signed 1.1.0" + new string('\n', 100_000));
        Assert.Equal((200, """{"data":null}"""), await UploadAsync(bundle.AsSpan(0, 60_000), 0, bundle.Length));
        Assert.Equal((400, "the upload goes on at byte 60000"), await UploadAsync(bundle.AsSpan(60_001), 60_001, bundle.Length));
        var (status, text) = await UploadAsync(bundle.AsSpan(60_000), 60_000, bundle.Length);
        Assert.True(status == 200, text);
        Assert.Contains("\"version\":\"1.1.0\"", text, StringComparison.Ordinal);
        Assert.Equal(bundle, await File.ReadAllBytesAsync(Bundle));

        await RunAsync("install");
        Assert.Equal(["UpdateUploaded", "TaskStarted", "UpdateInstallStarted", "UpdateInstalled", "TaskFinished"], await EventsAsync());
        Assert.False(File.Exists(Bundle), "what is installed needs no bundle any more");
        Assert.Contains("\"next\":\"1.1.0\",\"running\":\"1.0.0\"", (await GetAsync()).Text, StringComparison.Ordinal);
        Assert.Equal((400, "no update was uploaded"), await PostAsync("install"));

        await RestartAsync();
        Assert.Equal(["VersionStarted", "VersionConfirmed"], await EventsAsync());
        Assert.Equal(("1.1.0", "1.1.0", null, null), (State.Running, State.Confirmed, State.Pending, State.OnTrial));
        Assert.All(await folds.Set.RebuildAndCompareAsync(), fold => Assert.True(fold.IsEqual, fold.Name));
    }

    [Fact]
    public async Task What_is_not_healthy_is_left_again_and_that_is_an_alarm()
    {
        await parts.Updates.WatchAsync(default);
        await UploadAsync("signed 1.1.0"u8, 0, 12);
        await RunAsync("install");
        _ = await EventsAsync();
        await RestartAsync(healthy: false);
        Assert.Equal(["VersionFellBack"], await EventsAsync());
        var alarm = Assert.Single(folds.Alarms.State.Raised.Values);
        Assert.Equal(("update-fell-back", "version 1.1.0 did not come up healthy; 1.0.0 runs again"), (alarm.Kind, alarm.Text));
        Assert.Contains("\"fell-back-from\":\"1.1.0\"", (await GetAsync()).Text, StringComparison.Ordinal);
        await UploadAsync("signed 1.1.1"u8, 0, 12);
        Assert.Empty(folds.Alarms.State.Raised);
    }

    [Fact]
    public async Task A_bundle_that_is_not_for_this_box_is_removed_and_told()
    {
        await parts.Updates.WatchAsync(default);
        _ = await EventsAsync();
        var (status, text) = await UploadAsync("forged 9.9.9"u8, 0, 12);
        Assert.Equal((400, "rauc: signature verification failed: Verify error: self-signed certificate"), (status, text));
        Assert.Equal((400, "version 1.0.0 is the one that runs"), await UploadAsync("signed 1.0.0"u8, 0, 12));
        Assert.Equal(["UpdateRefused", "UpdateRefused"], await EventsAsync());
        Assert.Empty(Directory.GetFiles(folder));
        Assert.Equal((400, "no update was uploaded"), await PostAsync("install"));
    }

    [Fact]
    public async Task An_installation_that_fails_leaves_what_runs()
    {
        await parts.Updates.WatchAsync(default);
        await UploadAsync("signed 1.1.0"u8, 0, 12);
        slots.Failure = "Installation error: Failed updating slot rootfs.1: No space left on device";
        _ = await EventsAsync();
        await RunAsync("install");
        Assert.Equal(["TaskStarted", "UpdateInstallStarted", "UpdateInstallFailed", "TaskFinished"], await EventsAsync());
        Assert.Null(State.Installing);
        slots.Failure = null;
        await RunAsync("install");
        Assert.Equal("1.1.0", State.Pending);
    }

    [Fact]
    public async Task An_agent_that_is_away_for_a_while_is_no_end_of_an_installation()
    {
        await parts.Updates.WatchAsync(default);
        await UploadAsync("signed 1.1.0"u8, 0, 12);
        var (status, _) = await PostAsync("install");
        Assert.Equal(200, status);
        await WaitAsync(() => slots.Installing > 0);
        agent.IsThere = false;
        clock.Advance(TimeSpan.FromMinutes(2));
        await Task.Delay(50);
        Assert.Single(parts.Tasks.Running);
        agent.IsThere = true;
        await WaitAsync(() => parts.Tasks.Running.Count == 0);
        Assert.Equal("1.1.0", State.Pending);
        Assert.DoesNotContain("UpdateInstallFailed", await EventsAsync());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Nobody_has_to_follow_an_installation_for_its_end_to_be_told(bool isCut)
    {
        await parts.Updates.WatchAsync(default);
        await UploadAsync("signed 1.1.0"u8, 0, 12);
        var (status, _) = await PostAsync("install");
        Assert.Equal(200, status);
        await WaitAsync(() => slots.Installing > 0);
        await StopAsync();
        if (isCut)
        {
            slots.Restart();
        }

        await StartAsync();
        for (var looks = 0; looks < 5; looks++)
        {
            await parts.Updates.WatchAsync(default);
        }

        Assert.Equal((null, isCut ? null : "1.1.0"), (State.Installing, State.Pending));
        Assert.Equal("1.0.0", State.Running);
        Assert.Contains(isCut ? "UpdateInstallFailed" : "UpdateInstalled", await EventsAsync());
    }

    [Fact]
    public async Task The_other_version_can_be_chosen_and_that_is_no_fall_back()
    {
        await parts.Updates.WatchAsync(default);
        Assert.Equal((400, "there is no other version on this box"), await PostAsync("rollback"));
        await UploadAsync("signed 1.1.0"u8, 0, 12);
        await RunAsync("install");
        await RestartAsync();
        _ = await EventsAsync();
        Assert.Equal((200, """{"data":"1.0.0"}"""), await PostAsync("rollback"));
        await RestartAsync();
        Assert.Equal(["OtherVersionChosen", "VersionStarted", "VersionConfirmed"], (await EventsAsync()).Where(type => !type.StartsWith("Agent")));
        Assert.Empty(folds.Alarms.State.Raised);
        Assert.Equal("1.0.0", State.Running);
    }

    [Fact]
    public async Task A_system_of_packages_says_how_it_is_updated()
    {
        slots.IsImage = false;
        await parts.Updates.WatchAsync(default);
        Assert.Empty(await EventsAsync());
        Assert.Equal((400, "this system was not installed from the image: it is updated by its packages"), await GetAsync());
    }

    [Theory]
    [InlineData("")]
    [InlineData("A 1.0 good runs next\n")]
    [InlineData("A 1.0 good runs next\nB 1.0/../x good\n")]
    [InlineData("A 1.0 good runs next\nA 1.1 good\n")]
    [InlineData("A 1.0 good runs next\nB 1.1 fine\n")]
    [InlineData("A 1.0 good\nB 1.1 good\n")]
    public void Slots_that_make_no_sense_are_no_slots(string said) => Assert.Throws<InvalidDataException>(() => UpdateReader.Slots(said));

    [Theory]
    [InlineData("{}")]
    [InlineData("[1]")]
    [InlineData("""{"version":"1.0; rm","compatible":"a","hash":"00"}""")]
    [InlineData("""{"version":"1.0","compatible":"a","hash":"00"}""")]
    public void Bundles_that_make_no_sense_are_no_bundles(string said) => Assert.Throws<InvalidDataException>(() => UpdateReader.Bundle(said));

    private Holdfast.Features.Updates.UpdateState State => folds.Updates.State;

    private async Task StartAsync()
    {
        folds = new Folds(ledger, null, TimeProvider.System, _ => { });
        await folds.Set.StartAsync();
        deferred = new DeferredAppends(ledger, TimeProvider.System);
        var none = new Dictionary<string, string>();
        parts = new Parts(new Foundations(
            ApplianceSettings.Load(none, none, _ => null), folds, new Recorder(ledger, deferred, clock), new CredentialStore(new NoCredentials()),
            new byte[32], "00000000-0000-4000-8000-000000000000", new SimulatedVolume(), _ => { }, TimeProvider.System, NullLogger.Instance)
        {
            Agent = agent = new DirectAgent(new UpdateVerbs(slots, new UpdatePlaces(Bundle, folder + "/development")).Verbs),
            Updates = DiskVolume.OpenFolder(folder),
        });
    }

    private async Task StopAsync()
    {
        await parts.Tasks.DisposeAsync();
        parts.Dispose();
        await deferred.DisposeAsync();
        await folds.Set.DisposeAsync();
    }

    private async Task RestartAsync(bool healthy = true)
    {
        slots.Restart(healthy);
        await StopAsync();
        await StartAsync();
        await parts.Updates.WatchAsync(default);
    }

    private Task<(int Status, string Text)> UploadAsync(ReadOnlySpan<byte> piece, int offset, int total) =>
        CallAsync("POST", "/bundle", $"offset={offset}&total={total}", piece.ToArray());

    private Task<(int Status, string Text)> PostAsync(string verb) => CallAsync("POST", "/" + verb, "", []);

    private Task<(int Status, string Text)> GetAsync() => CallAsync("GET", "", "", []);

    /// <summary>Starts the task and moves its clock until it ended.</summary>
    private async Task RunAsync(string verb)
    {
        var (status, text) = await PostAsync(verb);
        Assert.True(status == 200, text);
        await WaitAsync(() => parts.Tasks.Running.Count == 0);
    }

    private async Task WaitAsync(Func<bool> holds)
    {
        for (var i = 0; i < 1000 && !holds(); i++)
        {
            clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(5);
        }

        Assert.True(holds(), "it did not come about");
    }

    private async Task<(int Status, string Text)> CallAsync(string method, string path, string query, byte[] body)
    {
        var exchange = new MemoryExchange(method, "/api2/json/nodes/localhost/update" + path, query, body);
        await parts.Api.ServeApiAsync(exchange, _ => ValueTask.FromResult<object?>(new Caller("root@pam", "192.0.2.1")));
        return (exchange.Status, exchange.Answer.Trim());
    }

    private long told;

    /// <summary>Types of the events since the last call.</summary>
    private async Task<List<string>> EventsAsync()
    {
        await deferred.DrainAsync();
        var found = new List<string>();
        await foreach (var recorded in ledger.ReadAsync(told + 1))
        {
            told = recorded.Position;
            if (!recorded.Type.StartsWith("Agent", StringComparison.Ordinal))
            {
                found.Add(recorded.Type[..^2]);
            }
        }

        return found;
    }

    private sealed class NoCredentials : ICredentialFile
    {
        public byte[]? Read() => null;

        public void Replace(byte[] content) => Assert.NotEmpty(content);
    }
}
