// What went wrong, in words for the person at the terminal: one line, no stack trace, nothing secret.
using System.CommandLine.Parsing;
using System.Net.Sockets;
using System.Security.Authentication;
using Holdfast.Features.Settings;
using Holdfast.Ledger;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Cli;

/// <summary>The work can't be done or came out bad; exit status 1.</summary>
internal sealed class FailedException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The request makes no sense; exit status 2.</summary>
internal sealed class UsageException(string message) : Exception(message);

internal static class Faults
{
    /// <summary>One line for the person, and the exit status.</summary>
    public static (string Text, int ExitCode) Explain(Exception fault) => fault switch
    {
        UsageException or SettingsException => (fault.Message, 2),
        OperationCanceledException => ("stopped", 1),
        AggregateException { InnerExceptions.Count: > 0 } many => Explain(many.InnerExceptions[0]),
        PbsException refused => (Refusal(refused), 1),
        FailedException or StorageException or LedgerUnavailableException or LedgerImportException or LedgerInUseException
            or LedgerHeadException or LedgerSchemaException or EmbeddedPostgresException or InvalidDataException
            or UnauthorizedAccessException => (fault.Message, 1),
        _ => (Connection(fault) ?? (fault is IOException ? fault.Message : $"{fault.GetType().Name}: {fault.Message}"), 1),
    };

    /// <summary>What was asked wrongly, by the name of what is missing.</summary>
    public static string Explain(ParseError error) =>
        error.SymbolResult is ArgumentResult { Tokens.Count: 0 } missing
        && error.Message.StartsWith("Required argument missing for command", StringComparison.Ordinal)
            ? $"<{missing.Argument.Name}> is missing: {missing.Argument.Description}"
            : error.Message;

    private static string Refusal(PbsException refused) => refused.Status switch
    {
        401 when refused.Message.Contains("does not exist", StringComparison.Ordinal) => $"the server refused: {Tables.Printable(refused.Message)}",
        401 => $"the server refused the login: {Tables.Printable(refused.Message.TrimEnd('.'))} (user, password or token secret is wrong)",
        _ => $"the server refused: {Tables.Printable(refused.Message)}{Advice(refused)}",
    };

    /// <summary>What the person may do about it.</summary>
    private static string Advice(PbsException refused) => refused.Status switch
    {
        403 => " (an admin can give the right: 'holdfast acl set PATH ROLE WHO'; 'holdfast role list' shows the roles)",
        404 when refused.Message.StartsWith("Path '", StringComparison.Ordinal) => " (this server does not know that call: is it up to date?)",
        503 => " (try again later)",
        _ when refused.Message.StartsWith("no such datastore", StringComparison.Ordinal) => " ('holdfast datastore list' shows them)",
        _ when refused.Message.Contains("No such file or directory", StringComparison.Ordinal) => " (there is no such namespace, group or snapshot)",
        _ when refused.Message.Contains("owner check failed", StringComparison.Ordinal) => " (an admin can hand it over: 'holdfast group change-owner')",
        _ when refused.Message.Contains("protected snapshot", StringComparison.Ordinal) => " ('holdfast snapshot protect SNAPSHOT --off' releases one)",
        _ => "",
    };

    /// <summary>Looks below the wrappers of the HTTP client for what a person can act on.</summary>
    private static string? Connection(Exception fault)
    {
        for (Exception? inner = fault; inner is not null; inner = inner.InnerException)
        {
            switch (inner)
            {
                case PbsException refused:
                    return Refusal(refused);
                case AuthenticationException:
                    return inner.Message + (inner.Message.Contains("authority", StringComparison.Ordinal)
                        ? " (if it is the right one, set PBS_FINGERPRINT to it)" : "");
                case SocketException socket:
                    return $"no connection to the server: {socket.Message}";
            }
        }

        return fault is HttpRequestException
            ? $"the connection to the server broke: {(fault.InnerException ?? fault).Message}" : null;
    }
}
