// A small seeded generator: every input of a run has its own state, made of seed, target and index, so that any one input
// can be made again without those before it. SplitMix64, which is as good as mutation needs.
namespace Holdfast.Tests.Fuzz;

/// <summary>Random numbers of one input.</summary>
public sealed class FuzzRandom
{
    private ulong state;

    public FuzzRandom(long seed, string target, long index)
    {
        var hash = 14695981039346656037UL;
        foreach (var c in target)
        {
            hash = (hash ^ c) * 1099511628211UL;
        }

        state = hash ^ ((ulong)seed * 0x9E3779B97F4A7C15UL) ^ ((ulong)index * 0xD1B54A32D192ED03UL);
        Next();
    }

    public ulong Next()
    {
        state += 0x9E3779B97F4A7C15UL;
        var z = state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }

    /// <summary>0 to <paramref name="bound"/> - 1; 0 for a bound of 0.</summary>
    public int Below(int bound) => bound <= 0 ? 0 : (int)(Next() % (uint)bound);

    public bool OneIn(int n) => Below(n) == 0;

    public byte Byte() => (byte)Next();

    public T Of<T>(IReadOnlyList<T> list) => list[Below(list.Count)];
}
