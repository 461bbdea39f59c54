// What PostgresLedger is told at its start, and the refusals of that start.
namespace Holdfast.Ledger;

/// <summary>Options of <see cref="PostgresLedger"/>.</summary>
public sealed record PostgresLedgerOptions
{
    /// <summary>Server, database and role, as <see cref="LedgerSchema.EnsureAsync"/> returned it.</summary>
    public required string ConnectionString { get; init; }

    /// <summary>Time of events and of waits.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Takes one line for people.</summary>
    public Action<string> Log { get; init; } = _ => { };

    /// <summary>Head kept outside the database; null = none.</summary>
    public HeadWitness? Witness { get; init; }

    /// <summary>True = an operator says that the head found in the database is right although the witness differs (a
    /// restore).</summary>
    public bool AcceptHead { get; init; }

    /// <summary>A commit that takes longer makes the ledger count as unavailable until it is through.</summary>
    public TimeSpan StallLimit { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>A commit that takes longer is given up as unanswered and resolved over a new connection.</summary>
    public TimeSpan CommitLimit { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long an append that was sent may wait for its fate to be known, beyond its own patience.</summary>
    public TimeSpan ResolutionLimit { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Longest pause between two attempts to reconnect.</summary>
    public TimeSpan MaxBackOff { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long the start waits for a writer of before to let go.</summary>
    public TimeSpan LockPatience { get; init; } = TimeSpan.FromSeconds(3);
}

/// <summary>Another process writes this ledger.</summary>
public sealed class LedgerInUseException(string message) : Exception(message);

/// <summary>The database is not the one that was last seen: cut short, rolled back or rewritten.</summary>
public sealed class LedgerHeadException(string message) : Exception(message);
