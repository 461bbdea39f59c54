// The durable ledger: one table in PostgreSQL, one writer (CommitLoop), readers on connections of their own. What AppendAsync answers as appended is on disk;
// what it can't make durable it refuses, in time.
using System.Globalization;
using System.Runtime.CompilerServices;
using Npgsql;

namespace Holdfast.Ledger;

/// <summary>Durable <see cref="ILedger"/> on PostgreSQL. Thread-safe.</summary>
public sealed class PostgresLedger : ILedger, IRecordSource
{
    private const int ReadConnections = 6;
    private const int BulkReaders = 3;

    private readonly PostgresLedgerOptions options;
    private readonly Observers observers;
    private readonly CommitLoop writer;
    private readonly NpgsqlDataSource source;
    private readonly NpgsqlConnectionStringBuilder bulk;
    private readonly SemaphoreSlim bulkReaders = new(BulkReaders);
    private readonly CancellationTokenSource stop = new();
    private Task witnessing = Task.CompletedTask;
    private int isDisposed;

    private PostgresLedger(PostgresLedgerOptions options)
    {
        this.options = options;
        observers = new Observers(options.Log);
        writer = new CommitLoop(options, observers);
        var settings = new NpgsqlConnectionStringBuilder(options.ConnectionString)
        {
            Pooling = true,
            MaxPoolSize = ReadConnections,
            Timeout = 15,
            CommandTimeout = 30,
            ApplicationName = "holdfast-ledger-read",
            MaxAutoPrepare = 10,
            AutoPrepareMinUsages = 2,
            ReadBufferSize = 128 << 10,
        };
        // The primary key is the order of the table: never sort, never scan in parallel.
        const string order = "-c enable_sort=off -c max_parallel_workers_per_gather=0";
        settings.Options = $"{settings.Options} {order} -c client_encoding=UTF8".Trim();
        source = NpgsqlDataSource.Create(settings);
        // Nobody waits for an answer while a start or a verification reads: a server that is busy may take its time to let it in.
        bulk = new NpgsqlConnectionStringBuilder(settings.ConnectionString) { Pooling = false, Timeout = 30, ApplicationName = "holdfast-ledger-bulk" };
    }

    /// <inheritdoc/>
    public LedgerHead Head => writer.Head;

    /// <inheritdoc/>
    public bool IsAvailable => writer.IsAvailable;

    /// <summary>Why nothing more is taken until the ledger is opened anew (damaged storage, a foreign writer, a head
    /// that went back); null = it is well, or only away.</summary>
    public string? Failure => writer.Failure;

    /// <summary>Connects, becomes the one writer, reads the head and checks it against the witness.</summary>
    /// <exception cref="LedgerUnavailableException">The database can't be reached.</exception>
    /// <exception cref="LedgerInUseException">Another process writes it.</exception>
    /// <exception cref="LedgerHeadException">Cut short or rewritten since the witness was noted.</exception>
    /// <exception cref="InvalidDataException">The witness file is damaged.</exception>
    public static async Task<PostgresLedger> OpenAsync(
        PostgresLedgerOptions options, CancellationToken cancellationToken = default)
    {
        var ledger = new PostgresLedger(options);
        try
        {
            await ledger.writer.StartAsync(cancellationToken).ConfigureAwait(false);
            if (options.Witness is { } witness)
            {
                ledger.witnessing = ledger.WitnessAsync(witness);
            }
            return ledger;
        }
        catch (NpgsqlException e)
        {
            await ledger.DisposeAsync().ConfigureAwait(false);
            throw new LedgerUnavailableException($"the ledger's database can't be used: {Why(e)}", e);
        }
        catch
        {
            await ledger.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Opens for reading only, beside whoever writes: for export and verification. Appends are refused; the
    /// head is the one found now.</summary>
    /// <exception cref="LedgerUnavailableException">The database can't be reached or has no ledger.</exception>
    public static async Task<PostgresLedger> OpenReadOnlyAsync(
        string connectionString, CancellationToken cancellationToken = default)
    {
        var ledger = new PostgresLedger(new PostgresLedgerOptions { ConnectionString = connectionString });
        try
        {
            await ledger.writer.StartReadOnlyAsync(ledger.source, cancellationToken).ConfigureAwait(false);
            return ledger;
        }
        catch (NpgsqlException e)
        {
            await ledger.DisposeAsync().ConfigureAwait(false);
            throw Unreadable(e);
        }
    }

    /// <inheritdoc/>
    public async Task<AppendOutcome> AppendAsync(
        Append append, TimeSpan patience = default, CancellationToken cancellationToken = default)
    {
        LedgerLimits.Check(append);
        if (patience == TimeSpan.Zero && !writer.IsAvailable)
        {
            throw new LedgerUnavailableException(writer.Failure ?? "the ledger's database is away");
        }
        var pending = new PendingAppend(append, patience, options.Clock);
        await writer.EnqueueAsync(pending, cancellationToken).ConfigureAwait(false);
        if (!cancellationToken.CanBeCanceled)
        {
            return await pending.Task.ConfigureAwait(false);
        }
        using var withdrawing = cancellationToken.UnsafeRegister(
            static (state, token) => ((PendingAppend)state!).Withdraw(token), pending);
        return await pending.Task.ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<RecordedEvent> ReadAsync(
        long fromPosition = 1, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var to = Head.Position;
        if (fromPosition > to)
        {
            yield break;
        }
        var factory = new EventFactory();
        var connection = await ConnectAsync(cancellationToken).ConfigureAwait(false);
        await using var closing = connection.ConfigureAwait(false);
        var copy = await Away(connection.BeginRawBinaryCopyAsync(CopyOf((fromPosition, to)), cancellationToken)).ConfigureAwait(false);
        var reader = new CopyReader(copy);
        await using var ending = reader.ConfigureAwait(false);
        while (await Away(reader.FillAsync(cancellationToken).AsTask()).ConfigureAwait(false))
        {
            while (Next(reader, factory) is { } recorded)
            {
                yield return recorded;
            }
        }
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<RecordedEvent> ReadStreamAsync(
        string stream, long fromVersion = 1, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var connection = await ConnectAsync(cancellationToken).ConfigureAwait(false);
        await using var closing = connection.ConfigureAwait(false);
        var command = new NpgsqlCommand(
            $"SELECT {LedgerSchema.Columns} FROM holdfast.event WHERE stream = $1 AND version >= $2 AND position <= $3 "
            + "ORDER BY version", connection);
        await using var disposing = command.ConfigureAwait(false);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = stream });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = fromVersion });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = Head.Position });
        var rows = await Away(command.ExecuteReaderAsync(cancellationToken)).ConfigureAwait(false);
        await using var ending = rows.ConfigureAwait(false);
        while (await Away(rows.ReadAsync(cancellationToken)).ConfigureAwait(false))
        {
            yield return new RecordedEvent(
                rows.GetInt64(0), rows.GetString(1), rows.GetInt64(2), rows.GetString(3), rows.GetInt64(4),
                rows.GetFieldValue<byte[]>(5),
                new EventMetadata(rows.GetString(6), rows.GetString(7), rows.GetString(8), rows.GetString(9)),
                rows.GetFieldValue<byte[]>(10));
        }
    }

    /// <inheritdoc/>
    public IDisposable Observe(Action<RecordedEvent> observer) => observers.Add(observer);

    async Task IRecordSource.ReadRecordsAsync(
        (long From, long To)? range, RecordHandler handler, CancellationToken cancellationToken)
    {
        await bulkReaders.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            // Truly a thread of its own: a pool thread that blocks may be the very one that would bring it its bytes.
            await Task.Factory.StartNew(
                () => Pump(range, handler, cancellationToken), cancellationToken,
                TaskCreationOptions.LongRunning | TaskCreationOptions.DenyChildAttach, TaskScheduler.Default).ConfigureAwait(false);
        }
        catch (NpgsqlException e)
        {
            throw Unreadable(e);
        }
        finally
        {
            bulkReaders.Release();
        }
    }

    /// <summary>Writes what is queued, notes the head, lets go of the lock.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref isDisposed, 1) != 0)
        {
            return;
        }
        await writer.DisposeAsync().ConfigureAwait(false);
        await stop.CancelAsync().ConfigureAwait(false);
        await witnessing.ConfigureAwait(false);
        await source.DisposeAsync().ConfigureAwait(false);
        bulkReaders.Dispose();
        stop.Dispose();
    }

    private static RecordedEvent? Next(CopyReader reader, EventFactory factory) =>
        reader.TryNext(out var record, out var hash) ? factory.Make(record, hash) : null;

    /// <summary>Reads to the end, or until the handler had enough, on this thread.</summary>
    private void Pump((long From, long To)? range, RecordHandler handler, CancellationToken token)
    {
        using var direct = SocketCopy.TryStart(bulk, CopyOf(range));
        using var connection = direct is null ? new NpgsqlConnection(bulk.ConnectionString) : null;
        connection?.Open();
        using var reader = new CopyReader(direct ?? (Stream)connection!.BeginRawBinaryCopy(CopyOf(range)));
        while (reader.Fill())
        {
            token.ThrowIfCancellationRequested();
            while (reader.TryNext(out var record, out var hash))
            {
                if (!handler(record, hash))
                {
                    return;
                }
            }
        }
    }

    /// <summary>Connection errors of readers in the ledger's own words.</summary>
    private static async Task<T> Away<T>(Task<T> reading)
    {
        try
        {
            return await reading.ConfigureAwait(false);
        }
        catch (NpgsqlException e)
        {
            throw Unreadable(e);
        }
    }

    private static LedgerUnavailableException Unreadable(NpgsqlException e) => new($"the ledger can't be read: {Why(e)}", e);

    /// <summary>The driver says that something went wrong; what it was lies inside.</summary>
    private static string Why(NpgsqlException e) => e.InnerException is { } inner ? $"{e.Message}: {inner.Message}" : e.Message;

    private static string CopyOf((long From, long To)? range)
    {
        var where = range is { } r
            ? string.Create(CultureInfo.InvariantCulture, $"WHERE position BETWEEN {r.From} AND {r.To} ")
            : "";
        return $"COPY (SELECT {LedgerSchema.Columns} FROM holdfast.event {where}ORDER BY position) TO STDOUT (FORMAT "
            + "binary)";
    }

    /// <summary>A pooled connection that answers: one that died with a server that restarted is thrown away
    /// once.</summary>
    private async Task<NpgsqlConnection> ConnectAsync(CancellationToken token)
    {
        for (var isRetry = false; ; isRetry = true)
        {
            var connection = await Away(source.OpenConnectionAsync(token).AsTask()).ConfigureAwait(false);
            try
            {
                var probe = new NpgsqlCommand("SELECT 1", connection);
                await using var disposing = probe.ConfigureAwait(false);
                await probe.ExecuteScalarAsync(token).ConfigureAwait(false);
                return connection;
            }
            catch (NpgsqlException e)
            {
                await connection.DisposeAsync().ConfigureAwait(false);
                source.Clear();
                if (isRetry)
                {
                    throw Unreadable(e);
                }
            }
        }
    }

    /// <summary>Notes the head at most every second, and once more at the end.</summary>
    private async Task WitnessAsync(HeadWitness witness)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1), options.Clock);
        long noted = -1;
        var isLast = false;
        while (!isLast)
        {
            try
            {
                await timer.WaitForNextTickAsync(stop.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                isLast = true;
            }
            var head = Head;
            if (head.Position != noted)
            {
                try
                {
                    witness.Write(head);
                    noted = head.Position;
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException)
                {
                    options.Log($"ledger: the head could not be noted outside the database: {e.Message}");
                }
            }
        }
    }
}
