// The private cluster in the places and after the accidents that it must cope with. Runs as root and as an ordinary
// user.
using System.Diagnostics;
using Holdfast.Ledger;
using Xunit;

namespace Holdfast.Tests.Unit;

[Collection(PostgresCollection.Name)]
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class EmbeddedPostgresTests : IDisposable
{
    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private readonly string root = Directory.CreateTempSubdirectory("holdfast-test-").FullName;

    public void Dispose() => Directory.Delete(root, recursive: true);

    [Fact]
    public async Task A_data_folder_of_our_own_0700_with_a_path_too_long_for_a_socket_works_and_survives_a_restart()
    {
        var data = Path.Combine(root, new string('d', 100), "wïth späce", new string('e', 60));
        Directory.CreateDirectory(data, Private);
        var folder = Path.Combine(data, "ledger");
        string socketFolder;
        await using (var server = await EmbeddedPostgres.StartAsync(folder))
        {
            socketFolder = File.ReadAllText(Path.Combine(folder, "socket-folder"));
            Assert.Equal(Private, File.GetUnixFileMode(socketFolder));
            Assert.Equal(Private, File.GetUnixFileMode(folder));
            await using var ledger = await OpenAsync(server);
            await ledger.MustAppendAsync(LedgerSamples.One("a"));
            // Nobody listens on the network, and nothing of the private server runs as root.
            Assert.Equal("", await PostgresFixture.SqlAsync(server.AdminConnectionString, "SHOW listen_addresses"));
            Assert.Equal("on", await PostgresFixture.SqlAsync(server.AdminConnectionString, "SHOW data_checksums"));
            Assert.Equal("on", await PostgresFixture.SqlAsync(server.AdminConnectionString, "SHOW fsync"));
            Assert.DoesNotContain(
                File.ReadLines($"/proc/{server.ProcessId}/status"),
                l => l.StartsWith("Uid:\t0\t", StringComparison.Ordinal));
            // A session of its own: field 6 of stat is the session, and it is its own.
            var stat = File.ReadAllText($"/proc/{server.ProcessId}/stat");
            Assert.Equal($"{server.ProcessId}", stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[3]);
            Assert.Equal(server.ConnectionString, EmbeddedPostgres.FindRunning(folder));
            await Assert.ThrowsAsync<EmbeddedPostgresException>(() => EmbeddedPostgres.StartAsync(folder));
        }
        Assert.False(Directory.Exists(socketFolder));
        Assert.Null(EmbeddedPostgres.FindRunning(folder));
        await using var again = await EmbeddedPostgres.StartAsync(folder);
        await using var same = await OpenAsync(again);
        Assert.Equal(1, same.Head.Position);
    }

    [Fact]
    public async Task An_orphan_is_adopted_or_if_it_does_not_answer_stopped()
    {
        var folder = Path.Combine(root, "ledger");
        var first = await EmbeddedPostgres.StartAsync(folder);
        await using (var ledger = await OpenAsync(first))
        {
            await ledger.MustAppendAsync(LedgerSamples.One("a"));
        }
        var orphan = first.ProcessId;
        await first.AbandonAsync();
        await using (var second = await EmbeddedPostgres.StartAsync(folder))
        {
            Assert.True(second.WasAdopted);
            Assert.Equal(orphan, second.ProcessId);
            await using var ledger = await OpenAsync(second);
            await ledger.MustAppendAsync(LedgerSamples.One("a", 1));
            await second.AbandonAsync();
        }
        ClusterFolder.Signal(orphan, 19);
        await using (var third = await EmbeddedPostgres.StartAsync(folder))
        {
            Assert.False(third.WasAdopted);
            Assert.NotEqual(orphan, third.ProcessId);
            await using var ledger = await OpenAsync(third);
            Assert.Equal(2, ledger.Head.Position);
        }
        Assert.False(File.Exists(Path.Combine(folder, "cluster", "postmaster.pid")));
    }

    [Fact]
    public async Task A_cluster_of_another_major_version_is_refused_with_the_way_out()
    {
        var folder = Path.Combine(root, "ledger");
        Directory.CreateDirectory(Path.Combine(folder, "cluster"));
        File.WriteAllText(Path.Combine(folder, "cluster", "PG_VERSION"), "9\n");
        var refused = await Assert.ThrowsAsync<EmbeddedPostgresException>(() => EmbeddedPostgres.StartAsync(folder));
        Assert.Contains("made by PostgreSQL 9,", refused.Message, StringComparison.Ordinal);
        Assert.Contains("holdfast ledger export", refused.Message, StringComparison.Ordinal);
        Assert.Contains("holdfast ledger import", refused.Message, StringComparison.Ordinal);
        Assert.Equal("9\n", File.ReadAllText(Path.Combine(folder, "cluster", "PG_VERSION")));
    }

    [Theory]
    [InlineData(15, 15)]
    [InlineData(17, 17)]
    [InlineData(9, 17)]
    [InlineData(null, 17)]
    public void With_two_major_versions_on_board_a_cluster_keeps_its_own(int? made, int used)
    {
        foreach (var major in (int[])[15, 17])
        {
            var bin = Directory.CreateDirectory(Path.Combine(root, $"{major}", "bin")).FullName;
            foreach (var program in (string[])["postgres", "initdb"])
            {
                File.WriteAllText(Path.Combine(bin, program), $"#!/bin/sh\necho 'postgres (PostgreSQL) {major}.3 (Debian)'\n");
                File.SetUnixFileMode(Path.Combine(bin, program), UnixFileMode.UserRead | UnixFileMode.UserExecute);
            }
        }

        Assert.Equal(used, PostgresBinaries.Find(null, made, root).Major);
    }

    [Fact]
    public async Task Missing_programs_are_named_and_a_half_made_cluster_is_made_anew()
    {
        var folder = Path.Combine(root, "ledger");
        await Assert.ThrowsAsync<EmbeddedPostgresException>(
            () => EmbeddedPostgres.StartAsync(folder, binariesFolder: root));
        Directory.CreateDirectory(Path.Combine(folder, "cluster.new", "base"));
        await using var server = await EmbeddedPostgres.StartAsync(folder);
        Assert.False(Directory.Exists(Path.Combine(folder, "cluster.new")));
        Assert.True(Process.GetProcessById(server.ProcessId).Id > 0);
    }

    private static Task<PostgresLedger> OpenAsync(EmbeddedPostgres server) =>
        PostgresLedger.OpenAsync(new PostgresLedgerOptions { ConnectionString = server.ConnectionString });
}
