// The appliance's own folder: lock, keys, certificate, credentials, first password. Everything secret is 0600 and is replaced atomically and durably.
using System.Security.Cryptography;
using System.Text;
using Holdfast.Features.Access;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Host;

/// <summary>Another process holds the data folder.</summary>
public sealed class DataFolderInUseException(string message) : Exception(message);

/// <summary>Files below <c>DATA</c> that are not a datastore's and not the ledger's.</summary>
public sealed class DataFolder : ICredentialFile, IDisposable
{
    private const UnixFileMode FolderMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const UnixFileMode SecretMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode PublicMode = SecretMode | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
    private const int TicketKeyBytes = 32;

    private readonly FileStream lockFile;

    /// <summary>Makes the folder if needed and locks it for this process.</summary>
    /// <exception cref="DataFolderInUseException">Another process has it.</exception>
    public DataFolder(string path)
    {
        Root = Path.GetFullPath(path);
        foreach (var folder in (string[])["", "keys", "tls", "folds", "history", "tasks", "datastores", "update"])
        {
            MakeFolder(Path.Combine(Root, folder));
        }

        var lockPath = At("holdfast.lock");
        try
        {
            lockFile = new FileStream(lockPath, new FileStreamOptions
            {
                Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.None, UnixCreateMode = SecretMode,
            });
        }
        catch (IOException)
        {
            throw new DataFolderInUseException($"another holdfastd holds {lockPath}: only one may run on a data folder");
        }

        // Half an update that nobody goes on sending.
        File.Delete(At("update/bundle.part"));
        lockFile.SetLength(0);
        lockFile.Write(Encoding.ASCII.GetBytes(Environment.ProcessId + "\n"));
        lockFile.Flush();
    }

    /// <summary>Absolute path of the folder.</summary>
    public string Root { get; }

    /// <summary>Absolute path of something in it.</summary>
    public string At(string name) => Path.Combine(Root, name);

    /// <summary>The folder in whose file system the ledger grows: its own, which may be a partition, or this one if the database is elsewhere.</summary>
    public string LedgerPlace => Directory.Exists(At("ledger")) ? At("ledger") : Root;

    /// <summary>Where the first password of <c>admin@pbs</c> lies until it is changed.</summary>
    public string InitialPasswordPath => At("initial-admin-password");

    byte[]? ICredentialFile.Read() => File.Exists(At("credentials.json")) ? File.ReadAllBytes(At("credentials.json")) : null;

    void ICredentialFile.Replace(byte[] content) => Replace(At("credentials.json"), content, SecretMode);

    /// <summary>Writes the first password for the admin to find.</summary>
    public void WriteInitialPassword(string password) =>
        Replace(InitialPasswordPath, Encoding.UTF8.GetBytes(password + "\n"), SecretMode);

    /// <summary>Removes it, once it is no password any more.</summary>
    public void RemoveInitialPassword() => File.Delete(InitialPasswordPath);

    /// <summary>The key that signs tickets; made at the first start.</summary>
    public byte[] TicketKey()
    {
        var path = At("keys/ticket.key");
        if (!File.Exists(path))
        {
            Replace(path, RandomNumberGenerator.GetBytes(TicketKeyBytes), SecretMode);
        }

        var key = File.ReadAllBytes(path);
        return key.Length >= TicketKeyBytes ? key : throw new InvalidDataException($"{path} is damaged: remove it, and every login starts anew");
    }

    /// <summary>Stable id of this appliance.</summary>
    public string InstanceId()
    {
        var path = At("keys/instance-id");
        if (!File.Exists(path))
        {
            Replace(path, Encoding.ASCII.GetBytes(new Guid(RandomNumberGenerator.GetBytes(16)).ToString("D") + "\n"), PublicMode);
        }

        return File.ReadAllText(path).Trim();
    }

    /// <summary>Certificate and key of the port: the admin's own if they put one there, else a self-signed one.</summary>
    public CertificatePems Certificate(TimeProvider clock)
    {
        var (certificate, key) = (At("tls/cert.pem"), At("tls/key.pem"));
        if (!File.Exists(certificate) || !File.Exists(key))
        {
            var made = Certificates.MakeSelfSigned([Environment.MachineName], clock);
            Replace(key, Encoding.ASCII.GetBytes(made.KeyPem), SecretMode);
            Replace(certificate, Encoding.ASCII.GetBytes(made.CertificatePem), PublicMode);
        }

        return new CertificatePems(File.ReadAllText(certificate), File.ReadAllText(key));
    }

    /// <summary>Folder of a datastore as the ledger names it.</summary>
    public string DatastorePath(string path) => Path.IsPathRooted(path) ? path : At(path);

    public void Dispose() => lockFile.Dispose();

    private static void MakeFolder(string path)
    {
        if (!Directory.Exists(path))
        {
            Directory.CreateDirectory(path, FolderMode);
        }
    }

    /// <summary>Aside, fsync, rename, fsync of the folder: the old content or the new one, and durable on return.</summary>
    private static void Replace(string path, byte[] content, UnixFileMode mode)
    {
        using var volume = DiskVolume.OpenFolder(Path.GetDirectoryName(path)!);
        var name = Path.GetFileName(path);
        using (var file = volume.Open(name + ".new", FileUse.Create, (int)mode))
        {
            file.Write(content, 0);
            file.Sync();
        }

        volume.Rename(name + ".new", name);
        volume.SyncFolder("");
    }
}
