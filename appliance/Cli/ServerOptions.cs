// Which server, store and namespace a command is about, and how it logs in.
using System.CommandLine;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Cli;

/// <summary>Options that every command to a server shares.</summary>
internal sealed class ServerOptions
{
    private readonly Option<string?> repository = new("--repository")
    {
        Description = "[[user@realm[!token]@]host[:port]:]store; default PBS_REPOSITORY.",
    };

    private readonly Option<string?> ns = new("--ns") { Description = "Namespace; default: the root." };

    private readonly Option<string?> fingerprint = new("--fingerprint")
    {
        Description = "SHA-256 of the server's certificate: only that one is trusted; default PBS_FINGERPRINT.",
    };

    public void AddTo(Command command)
    {
        command.Options.Add(repository);
        command.Options.Add(ns);
        command.Options.Add(fingerprint);
    }

    /// <summary>True if a repository was named on the command line.</summary>
    public bool IsRepositoryGiven(ParseResult parsed) => parsed.GetValue(repository) is not null;

    /// <summary>Null if no namespace was given.</summary>
    public BackupNamespace? Namespace(ParseResult parsed) =>
        parsed.GetValue(ns) is not { } text ? null
            : BackupNamespace.TryParse(text, out BackupNamespace found) ? found
            : throw new UsageException($"'{text}' is no namespace");

    /// <summary>Connects and logs in.</summary>
    public async Task<ServerAccess> ConnectAsync(ParseResult parsed, Surroundings surroundings, CancellationToken cancel)
    {
        string text = parsed.GetValue(repository) ?? Surroundings.Variable("REPOSITORY")
            ?? throw new UsageException("no repository: give --repository or set PBS_REPOSITORY");
        if (!PbsRepository.TryParse(text, out PbsRepository? found))
        {
            throw new UsageException($"'{text}' is no repository: [[user@realm[!token]@]host[:port]:]store is wanted");
        }

        string? pin = parsed.GetValue(fingerprint) ?? Surroundings.Variable("FINGERPRINT");
        if (pin is not null && Certificates.NormaliseFingerprint(pin) is null)
        {
            throw new UsageException("the fingerprint is not a SHA-256 one: 32 hex pairs are wanted");
        }

        AuthId who = found!.AuthId ?? new AuthId(UserId.Parse("root@pam"));
        string secret = Surroundings.Variable("PASSWORD")
            ?? Surroundings.AskSecret($"password of {who}", "set PBS_PASSWORD, or run on a terminal");
        PbsClient client = await PbsClient.ConnectAsync(
            new PbsClientOptions(found.Host, found.Port, who) { Secret = secret, Fingerprint = pin, Clock = surroundings.Clock },
            cancel);
        return new ServerAccess(client, found, Namespace(parsed) ?? BackupNamespace.Root);
    }
}

/// <summary>A connected client and what it is to work on.</summary>
internal sealed record ServerAccess(PbsClient Client, PbsRepository Repository, BackupNamespace Namespace) : IAsyncDisposable
{
    public string Store => Repository.Store;

    /// <summary>Namespace as a query parameter, "" for the root.</summary>
    public string NamespaceQuery => Namespace.IsRoot ? "" : "ns=" + Uri.EscapeDataString(Namespace.Text);

    public SessionTarget Target(SnapshotName snapshot) =>
        new(Store, snapshot.Group.TypeName, snapshot.Group.Id, snapshot.Time) { Namespace = Namespace.Text };

    public ValueTask DisposeAsync() => Client.DisposeAsync();
}
