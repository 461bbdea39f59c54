// The one connection that writes. It holds an advisory lock for as long as it lives, so the lock is the fence: whoever
// holds it knows that no earlier connection can still commit, and what it then reads as the head is final.
using Npgsql;
using NpgsqlTypes;

namespace Holdfast.Ledger;

internal sealed class WriterConnection : IAsyncDisposable
{
    private const long WriterLock = 0x686F6C64_0002;

    private static readonly byte[] CopyHeader =
        [.. "PGCOPY\n"u8, 0xFF, (byte)'\r', (byte)'\n', 0, 0, 0, 0, 0, 0, 0, 0, 0];

    private static readonly byte[] CopyTrailer = [0xFF, 0xFF];

    private readonly NpgsqlConnection connection;
    private readonly NpgsqlCommand insert;

    private WriterConnection(NpgsqlConnection connection)
    {
        this.connection = connection;
        insert = MakeInsert(connection);
    }

    /// <summary>Connects, takes the lock, ends what an earlier connection of this process left behind.</summary>
    /// <param name="connectionString">Server, database, role.</param>
    /// <param name="instance">Random name of this process's ledger; tells our own old backend from a
    /// stranger's.</param>
    /// <param name="lockPatience">How long to wait for a stranger to let go.</param>
    /// <param name="clock">Measures the wait.</param>
    /// <param name="token">Ends it.</param>
    /// <exception cref="LedgerInUseException">Another process holds the lock.</exception>
    public static async Task<WriterConnection> OpenAsync(
        string connectionString, string instance, TimeSpan lockPatience, TimeProvider clock, CancellationToken token)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString)
        {
            Pooling = false,
            Timeout = 5,
            CommandTimeout = 20,
            ApplicationName = $"holdfast-ledger/{instance}",
        };
        settings.Options = SessionOptions(settings.Options);
        var connection = new NpgsqlConnection(settings.ConnectionString);
        try
        {
            await connection.OpenAsync(token).ConfigureAwait(false);
            await LockAsync(connection, settings.ApplicationName, lockPatience, clock, token).ConfigureAwait(false);
            var made = new WriterConnection(connection);
            await made.insert.PrepareAsync(token).ConfigureAwait(false);
            return made;
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>What the writer's session insists on, whatever server or role say.</summary>
    internal static string SessionOptions(string? given)
        => $"{given} -c synchronous_commit=on -c client_encoding=UTF8".Trim();

    /// <summary>End of what is durable.</summary>
    public async Task<LedgerHead> ReadHeadAsync(CancellationToken token) =>
        await ReadOneAsync("SELECT position, hash FROM holdfast.event ORDER BY position DESC LIMIT 1", token)
            .ConfigureAwait(false) ?? new LedgerHead(0, EventHash.Genesis);

    /// <summary>Position and hash of one event; null if it is not there.</summary>
    public Task<LedgerHead?> ReadAtAsync(long position, CancellationToken token) =>
        ReadOneAsync($"SELECT position, hash FROM holdfast.event WHERE position = {position}", token);

    /// <summary>Answers if the server does.</summary>
    public async Task ProbeAsync(CancellationToken token)
    {
        var command = new NpgsqlCommand("SELECT 1", connection) { CommandTimeout = 5 };
        await using var disposing = command.ConfigureAwait(false);
        await command.ExecuteScalarAsync(token).ConfigureAwait(false);
    }

    /// <summary>Last versions of streams, in the order of the names; 0 = no such stream.</summary>
    public async Task<long[]> ReadVersionsAsync(string[] streams, CancellationToken token)
    {
        var command = new NpgsqlCommand("""
            SELECT coalesce((SELECT e.version FROM holdfast.event e WHERE e.stream = s.name COLLATE "C"
                             ORDER BY e.version DESC LIMIT 1), 0)
            FROM unnest($1::text[]) WITH ORDINALITY AS s(name, n) ORDER BY s.n
            """, connection);
        await using var disposing = command.ConfigureAwait(false);
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = streams });
        var reader = await command.ExecuteReaderAsync(token).ConfigureAwait(false);
        await using var closing = reader.ConfigureAwait(false);
        var versions = new long[streams.Length];
        for (var i = 0; await reader.ReadAsync(token).ConfigureAwait(false); i++)
        {
            versions[i] = reader.GetInt64(0);
        }
        return versions;
    }

    /// <summary>Writes a batch as one transaction: when this returns it is durable; when it throws, its fate is
    /// open.</summary>
    public async Task WriteAsync(Batch batch)
    {
        // One statement is one transaction: no BEGIN and COMMIT, so one round trip for an event that comes alone.
        if (batch.Events.Count == 1)
        {
            Fill(batch.Events[0]);
            await insert.ExecuteNonQueryAsync().ConfigureAwait(false);
            return;
        }
        var copy = await BeginCopyAsync(CancellationToken.None).ConfigureAwait(false);
        await copy.WriteAsync(batch.Tuples).ConfigureAwait(false);
        await EndCopyAsync(copy).ConfigureAwait(false);
    }

    /// <summary>Starts a COPY of tuples; nothing of it counts until <see cref="EndCopyAsync"/>.</summary>
    public async Task<NpgsqlRawCopyStream> BeginCopyAsync(CancellationToken token)
    {
        var copy = await connection.BeginRawBinaryCopyAsync(
            $"COPY holdfast.event ({LedgerSchema.Columns}) FROM STDIN (FORMAT binary)", token).ConfigureAwait(false);
        await copy.WriteAsync(CopyHeader, token).ConfigureAwait(false);
        return copy;
    }

    /// <summary>Ends the copy: this is the commit.</summary>
    public static async Task EndCopyAsync(NpgsqlRawCopyStream copy)
    {
        await copy.WriteAsync(CopyTrailer).ConfigureAwait(false);
        await copy.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Gives the copy up: nothing is written.</summary>
    public static async Task AbandonCopyAsync(NpgsqlRawCopyStream copy)
    {
        try
        {
            await copy.CancelAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is NpgsqlException or InvalidOperationException or OperationCanceledException)
        {
            // The server confirms a cancelled copy by an error; a broken connection has cancelled it already.
        }
    }

    public async ValueTask DisposeAsync()
    {
        await insert.DisposeAsync().ConfigureAwait(false);
        await connection.DisposeAsync().ConfigureAwait(false);
    }

    private static NpgsqlCommand MakeInsert(NpgsqlConnection connection)
    {
        var command = new NpgsqlCommand(
            $"INSERT INTO holdfast.event ({LedgerSchema.Columns}) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11)",
                connection);
        NpgsqlDbType[] types =
        [
            NpgsqlDbType.Bigint, NpgsqlDbType.Text, NpgsqlDbType.Bigint, NpgsqlDbType.Text, NpgsqlDbType.Bigint,
            NpgsqlDbType.Bytea, NpgsqlDbType.Text, NpgsqlDbType.Text, NpgsqlDbType.Text, NpgsqlDbType.Text,
            NpgsqlDbType.Bytea,
        ];
        foreach (var type in types)
        {
            command.Parameters.Add(new NpgsqlParameter { NpgsqlDbType = type });
        }
        return command;
    }

    private static async Task LockAsync(
        NpgsqlConnection connection, string ourName, TimeSpan patience, TimeProvider clock, CancellationToken token)
    {
        var started = clock.GetTimestamp();
        while (true)
        {
            var take = new NpgsqlCommand($"SELECT pg_try_advisory_lock({WriterLock})", connection);
            await using (take.ConfigureAwait(false))
            {
                if ((bool)(await take.ExecuteScalarAsync(token).ConfigureAwait(false))!)
                {
                    return;
                }
            }
            // Ending a backend needs the rights of the user that logged in, not those of the narrower role.
            await RunAsync(connection, "SET ROLE NONE", token).ConfigureAwait(false);
            var holder = await EndOwnHolderAsync(connection, ourName, token).ConfigureAwait(false);
            await RunAsync(connection, "RESET ROLE", token).ConfigureAwait(false);
            if (clock.GetElapsedTime(started) > patience)
            {
                throw new LedgerInUseException(
                    $"the ledger's database is being written by another process ({holder}); only one may");
            }
            await Task.Delay(TimeSpan.FromMilliseconds(50), clock, token).ConfigureAwait(false);
        }
    }

    private static async Task RunAsync(NpgsqlConnection connection, string sql, CancellationToken token)
    {
        var command = new NpgsqlCommand(sql, connection);
        await using var disposing = command.ConfigureAwait(false);
        await command.ExecuteNonQueryAsync(token).ConfigureAwait(false);
    }

    /// <summary>Ends the holder of the lock if it is an earlier connection of this very ledger; says who it
    /// is.</summary>
    private static async Task<string> EndOwnHolderAsync(NpgsqlConnection connection, string ourName,
        CancellationToken token)
    {
        var command = new NpgsqlCommand($"""
            SELECT l.pid, coalesce(a.application_name, ''), coalesce(host(a.client_addr), 'local'),
                   CASE WHEN a.application_name = $1 THEN pg_terminate_backend(l.pid) END
            FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
            WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
              AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
              AND l.classid = {WriterLock >> 32} AND l.objid = {WriterLock & 0xFFFFFFFF}
            """, connection);
        await using var disposing = command.ConfigureAwait(false);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = ourName });
        var reader = await command.ExecuteReaderAsync(token).ConfigureAwait(false);
        await using var closing = reader.ConfigureAwait(false);
        return await reader.ReadAsync(token).ConfigureAwait(false)
            ? $"backend {reader.GetInt32(0)}, {reader.GetString(1)}, from {reader.GetString(2)}"
            : "gone in the meantime";
    }

    private async Task<LedgerHead?> ReadOneAsync(string sql, CancellationToken token)
    {
        var command = new NpgsqlCommand(sql, connection);
        await using var disposing = command.ConfigureAwait(false);
        var reader = await command.ExecuteReaderAsync(token).ConfigureAwait(false);
        await using var closing = reader.ConfigureAwait(false);
        return await reader.ReadAsync(token).ConfigureAwait(false)
            ? new LedgerHead(reader.GetInt64(0), reader.GetFieldValue<byte[]>(1))
            : null;
    }

    private void Fill(RecordedEvent one)
    {
        object[] values =
        [
            one.Position, one.Stream, one.Version, one.Type, one.TimeUs, one.Data, one.Metadata.Actor,
            one.Metadata.Source, one.Metadata.Cause, one.Metadata.Correlation, one.Hash,
        ];
        for (var i = 0; i < values.Length; i++)
        {
            insert.Parameters[i].Value = values[i];
        }
    }
}
