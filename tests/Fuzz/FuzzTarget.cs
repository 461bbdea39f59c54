// What one parser promises, as a table row: its seeds, how it is called, which exceptions it documents, and how much it may
// allocate for one input.
namespace Holdfast.Tests.Fuzz;

/// <summary>One system under test.</summary>
/// <param name="Name">As <see cref="SystemUnderTest"/> spells it; canaries have names of their own.</param>
/// <param name="Covers">Product types whose parsers this target walks through.</param>
/// <param name="Seeds">Good inputs, small.</param>
/// <param name="Run">True = taken as good, false = refused by value. Checks invariants itself, by <see cref="Broken"/>.</param>
public sealed record FuzzTarget(string Name, Type[] Covers, IReadOnlyList<byte[]> Seeds, Func<byte[], bool> Run)
{
    /// <summary>Exceptions that the parser documents; of any other, also a subtype, the run fails.</summary>
    public Type[] Refusals { get; init; } = [];

    /// <summary>Managed bytes for one input: this ...</summary>
    public long AllocationBase { get; init; } = 16 * 1024;

    /// <summary>... plus this many for each byte of it.</summary>
    public int AllocationPerByte { get; init; } = 64;

    public bool IsText { get; init; }

    public int MaxLength { get; init; } = 16 * 1024;

    /// <summary>Puts checksums right after the mutation.</summary>
    public Func<FuzzRandom, byte[], byte[]>? Repair { get; init; }

    public long AllocationLimit(int inputLength) => AllocationBase + ((long)AllocationPerByte * inputLength);

    /// <summary>The input with that index.</summary>
    public byte[] Input(Mutator mutator, long seed, long index)
    {
        var random = new FuzzRandom(seed, Name, index);
        var bytes = mutator.Mutate(random, Seeds, IsText);
        return Repair?.Invoke(random, bytes) ?? bytes;
    }

    /// <summary>Ends the run: the parser took something that it must not, or contradicts itself.</summary>
    public static void Broken(bool isBroken, string what)
    {
        if (isBroken)
        {
            throw new FuzzFinding(what);
        }
    }
}

/// <summary>An invariant does not hold.</summary>
public sealed class FuzzFinding(string message) : Exception(message);
