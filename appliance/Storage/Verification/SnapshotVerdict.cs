// What the verification of one snapshot found, check by check. Counts are of references: a chunk that an archive names twice counts twice.
namespace Holdfast.Storage;

/// <summary>The five checks.</summary>
public enum VerifyCheckName
{
    /// <summary>Every chunk and blob that is named is there.</summary>
    Exists,

    /// <summary>Its content has the digest that it is named by.</summary>
    Digest,

    /// <summary>Its head and CRC are right, and it can be decompressed.</summary>
    Decodable,

    /// <summary>Each index is whole and the manifest's, and says of its chunks what they are (length, encrypted or not).</summary>
    IndexConsistent,

    /// <summary>The manifest can be read and is that of the snapshot.</summary>
    ManifestValid,
}

/// <summary>What came of verifying a snapshot.</summary>
public enum VerifyOutcome
{
    Ok,

    /// <summary>At least one check found damage.</summary>
    Failed,

    /// <summary>No damage was found, but not everything could be read: nothing is known of the rest.</summary>
    Unreadable,
}

/// <summary>Growing result. One thread at a time.</summary>
public sealed class SnapshotVerdict(Action<string> say)
{
    /// <summary>Lines about single faults in the log.</summary>
    private const int LinesMax = 100;

    private readonly long[] passed = new long[5];
    private readonly long[] failed = new long[5];
    private readonly Dictionary<Digest, BadChunk> bad = [];
    private int lines;

    /// <summary>Chunks that are missing or corrupt, each once.</summary>
    public IReadOnlyCollection<BadChunk> Bad => bad.Values;

    /// <summary>Files and chunks that could not be read.</summary>
    public long Unreadable { get; private set; }

    /// <summary>The first reason why something could not be read.</summary>
    public string? UnreadableWhy { get; private set; }

    /// <summary>References to chunks that were looked at, and how many chunks were read for that: each only once in a job.</summary>
    public long References { get; internal set; }

    public long ChunksRead { get; internal set; }

    /// <summary>Bytes read from files, and what they are unpacked.</summary>
    public long BytesRead { get; internal set; }

    public long BytesDecoded { get; internal set; }

    public VerifyOutcome Outcome => Faults > 0 ? VerifyOutcome.Failed : Unreadable > 0 ? VerifyOutcome.Unreadable : VerifyOutcome.Ok;

    /// <summary>Findings of all checks.</summary>
    public long Faults => failed.Sum();

    /// <summary>How often the check was made, and how often it found damage.</summary>
    public (long Checked, long Failed) Of(VerifyCheckName check) => (passed[(int)check] + failed[(int)check], failed[(int)check]);

    internal void Pass(VerifyCheckName check) => passed[(int)check]++;

    internal void Fail(VerifyCheckName check, string text)
    {
        failed[(int)check]++;
        Say(text);
    }

    internal void CouldNotRead(string text)
    {
        Unreadable++;
        UnreadableWhy ??= text;
        Say("could not read: " + text);
    }

    /// <summary>A reference to a chunk that is not good.</summary>
    internal void Met(BadChunk chunk)
    {
        var check = chunk.Fault switch
        {
            ChunkFault.Missing => VerifyCheckName.Exists,
            ChunkFault.Undecodable => VerifyCheckName.Decodable,
            _ => VerifyCheckName.Digest,
        };
        if (check != VerifyCheckName.Exists)
        {
            Pass(VerifyCheckName.Exists);
        }

        if (bad.TryAdd(chunk.Digest, chunk))
        {
            Fail(check, $"can't verify chunk {chunk.Digest}: {chunk.Why}");
        }
        else
        {
            failed[(int)check]++;
        }
    }

    /// <summary>A line that is no fault.</summary>
    internal void Note(string line) => say(line);

    private void Say(string text)
    {
        if (++lines <= LinesMax)
        {
            say("  " + text);
        }
        else if (lines == LinesMax + 1)
        {
            say("  ... and more");
        }
    }
}
