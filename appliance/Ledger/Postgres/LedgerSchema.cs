// The ledger's table, its guard and its role in a PostgreSQL database. Safe to run at every start, by a superuser, by a
// role that may create roles, or by a plain owner of the database: what a role can't do is replaced by the next best
// line.
using System.Globalization;
using Npgsql;

namespace Holdfast.Ledger;

/// <summary>Creates and checks the schema <c>holdfast</c>: table <c>event</c>, table <c>schema_version</c>.</summary>
public static class LedgerSchema
{
    /// <summary>Version that this program writes and reads.</summary>
    public const int Version = 1;

    /// <summary>Role of the service: may select and insert, nothing else.</summary>
    public const string RoleName = "holdfast_ledger";

    internal const string Columns =
        "position, stream, version, type, time_us, data, actor, source, cause, correlation, hash";

    /// <summary>Serialises schema changes of several processes (advisory lock, one key per database).</summary>
    internal const long SchemaLock = 0x686F6C64_0001;

    private const string Tables = """
        CREATE SCHEMA IF NOT EXISTS holdfast;
        CREATE TABLE holdfast.schema_version (version int NOT NULL PRIMARY KEY);
        CREATE TABLE holdfast.event (
          position bigint NOT NULL PRIMARY KEY CHECK (position > 0),
          stream text COLLATE "C" NOT NULL,
          version bigint NOT NULL CHECK (version > 0),
          type text COLLATE "C" NOT NULL,
          time_us bigint NOT NULL,
          data bytea NOT NULL,
          actor text COLLATE "C" NOT NULL,
          source text COLLATE "C" NOT NULL,
          cause text COLLATE "C" NOT NULL,
          correlation text COLLATE "C" NOT NULL,
          hash bytea NOT NULL CHECK (octet_length(hash) = 32),
          UNIQUE (stream, version)
        );
        CREATE FUNCTION holdfast.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          RAISE EXCEPTION 'the ledger is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
        END $$;
        CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON holdfast.event
          FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_change();
        INSERT INTO holdfast.schema_version VALUES (1);
        """;

    /// <summary>Makes sure that the schema is there, of this version, and guarded.</summary>
    /// <param name="connectionString">A role that owns the database or the schema, or, once all is made, one that may
    /// select and insert.</param>
    /// <param name="log">Takes lines for people.</param>
    /// <param name="cancellationToken">Ends it; nothing is left half done (one transaction).</param>
    /// <returns>Connection string for the service: the same server, with as few rights as could be arranged.</returns>
    /// <exception cref="LedgerSchemaException">Newer schema, wrong encoding, or missing rights; the text says
    /// which.</exception>
    /// <exception cref="LedgerUnavailableException">The database can't be reached.</exception>
    public static async Task<string> EnsureAsync(
        string connectionString, Action<string>? log = null, CancellationToken cancellationToken = default)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false };
        var connection = new NpgsqlConnection(settings.ConnectionString);
        await using var closing = connection.ConfigureAwait(false);
        try
        {
            await connection.OpenAsync(cancellationToken).ConfigureAwait(false);
            var isRoleUsed = await EnsureAsync(connection, log ?? (_ => { }), cancellationToken).ConfigureAwait(false);
            return isRoleUsed ? WithRole(connectionString) : connectionString;
        }
        catch (PostgresException e) when (!e.IsTransient && !e.SqlState.StartsWith("57", StringComparison.Ordinal))
        {
            throw new LedgerSchemaException($"the ledger's schema can't be made: {e.MessageText} ({e.SqlState})", e);
        }
        catch (NpgsqlException e)
        {
            throw new LedgerUnavailableException($"the ledger's database can't be reached: {e.Message}", e);
        }
    }

    private static async Task<bool> EnsureAsync(NpgsqlConnection connection, Action<string> log,
        CancellationToken token)
    {
        var encoding = (string)(await ScalarAsync(connection, "SHOW server_encoding", token).ConfigureAwait(false))!;
        if (encoding != "UTF8")
        {
            throw new LedgerSchemaException($"the ledger needs a database in UTF8, this one is in {encoding}");
        }
        var transaction = await connection.BeginTransactionAsync(token).ConfigureAwait(false);
        await using var ending = transaction.ConfigureAwait(false);
        await RunAsync(connection, $"SELECT pg_advisory_xact_lock({SchemaLock})", token).ConfigureAwait(false);
        var isThere = (bool)(await ScalarAsync(
            connection, "SELECT to_regclass('holdfast.schema_version') IS NOT NULL", token).ConfigureAwait(false))!;
        if (!isThere)
        {
            await RunAsync(connection, Tables, token).ConfigureAwait(false);
        }
        var version = (int)(await ScalarAsync(
            connection, "SELECT max(version) FROM holdfast.schema_version", token).ConfigureAwait(false))!;
        if (version != Version)
        {
            throw new LedgerSchemaException(string.Create(CultureInfo.InvariantCulture,
                $"the ledger's schema has version {version}, this program knows {Version}: use a newer holdfast"));
        }
        var isRoleUsed = await GuardAsync(connection, log, token).ConfigureAwait(false);
        await transaction.CommitAsync(token).ConfigureAwait(false);
        return isRoleUsed;
    }

    /// <summary>Arranges the rights. True = the service can take on the role <see cref="RoleName"/>.</summary>
    private static async Task<bool> GuardAsync(NpgsqlConnection connection, Action<string> log, CancellationToken token)
    {
        var isOwner = (bool)(await ScalarAsync(
            connection, "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = 'holdfast.event'::regclass",
                token)
            .ConfigureAwait(false))!;
        if (!isOwner)
        {
            return false; // Whoever made the schema gave us what we have; nothing to arrange.
        }
        var mayCreateRole = (bool)(await ScalarAsync(
            connection, "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user", token)
            .ConfigureAwait(false))!;
        var isRoleThere = (bool)(await ScalarAsync(
            connection, $"SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = '{RoleName}')", token)
                .ConfigureAwait(false))!;
        if (!isRoleThere && mayCreateRole)
        {
            await RunAsync(connection, $"CREATE ROLE {RoleName} NOLOGIN", token).ConfigureAwait(false);
            isRoleThere = true;
        }
        if (isRoleThere)
        {
            await RunAsync(connection, $"""
                GRANT USAGE ON SCHEMA holdfast TO {RoleName};
                GRANT SELECT, INSERT ON holdfast.event TO {RoleName};
                GRANT SELECT ON holdfast.schema_version TO {RoleName};
                """, token).ConfigureAwait(false);
            if (mayCreateRole)
            {
                await RunAsync(connection, $"GRANT {RoleName} TO CURRENT_USER", token).ConfigureAwait(false);
            }
            var isMember = (bool)(await ScalarAsync(
                connection, $"SELECT pg_has_role('{RoleName}', 'MEMBER')", token).ConfigureAwait(false))!;
            if (isMember)
            {
                return true;
            }
        }
        // An owner can always give the rights back to itself, but not by mistake; the trigger is the second line.
        await RunAsync(connection, "REVOKE UPDATE, DELETE, TRUNCATE ON holdfast.event FROM CURRENT_USER", token)
            .ConfigureAwait(false);
        log("ledger: this database role can't create roles; it gave up its own rights to change the ledger instead");
        return false;
    }

    private static string WithRole(string connectionString)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString);
        settings.Options = $"{settings.Options} -c role={RoleName}".Trim();
        return settings.ConnectionString;
    }

    private static async Task<object?> ScalarAsync(NpgsqlConnection connection, string sql, CancellationToken token)
    {
        var command = new NpgsqlCommand(sql, connection);
        await using var disposing = command.ConfigureAwait(false);
        return await command.ExecuteScalarAsync(token).ConfigureAwait(false);
    }

    private static async Task RunAsync(NpgsqlConnection connection, string sql, CancellationToken token)
    {
        var command = new NpgsqlCommand(sql, connection);
        await using var disposing = command.ConfigureAwait(false);
        await command.ExecuteNonQueryAsync(token).ConfigureAwait(false);
    }
}

/// <summary>The database is there, but its schema can't be used; the text says why.</summary>
public sealed class LedgerSchemaException(string message, Exception? inner = null) : Exception(message, inner);
