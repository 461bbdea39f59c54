// The failures that storage code reports on purpose. Whoever catches StorageException has caught all of them; the
// kinds are kept apart because the answers differ: refuse the client, report bad data, or close the datastore.
namespace Holdfast.Storage;

/// <summary>Anything that storage refuses or finds broken. Never thrown itself.</summary>
public abstract class StorageException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>Input or a request that is not acceptable; the text is fit for a client (PBS's own where it has
/// one).</summary>
public sealed class RefusedException(string message) : StorageException(message);

/// <summary>Stored data that is not what it should be. Never served as good.</summary>
/// <param name="subject">The chunk digest or the path of the file inside the datastore.</param>
/// <param name="reason">What is wrong with it.</param>
public sealed class CorruptDataException(string subject, string reason, Exception? inner = null)
    : StorageException($"{subject}: {reason}", inner)
{
    public string Subject { get; } = subject;

    public string Reason { get; } = reason;

    /// <summary>A read gave fewer bytes than the file has by what the file system says: that is trouble with the device, or with whoever changes the
    /// file, and says nothing about the data.</summary>
    public bool IsShortRead { get; init; }
}

/// <summary>Data is encrypted and no key, or another key than the one it was made with, was given.</summary>
public sealed class KeyRequiredException(string message) : StorageException(message);
