// One measured value over time, in a fixed number of bytes: rings of averages and maxima at four resolutions, as fine as a minute for a day and as long as
// ten years by the week. What is older than a ring is overwritten; nothing is ever guessed: a slot that nothing was measured in is empty.
namespace Holdfast.Features.Node;

/// <summary>One resolution.</summary>
public sealed class Ring(int stepS, int slots)
{
    private readonly float[] average = Filled(slots);
    private readonly float[] maximum = Filled(slots);

    public int StepS => stepS;

    public int Slots => slots;

    /// <summary>Number of the newest slot: its start divided by the step; -1 = nothing yet.</summary>
    public long Newest { get; private set; } = -1;

    /// <summary>Values that the newest slot is made of.</summary>
    public int Count { get; private set; }

    /// <summary>Takes a value. One from before the newest slot (the clock was set back) is left out.</summary>
    public void Add(long timeS, double value)
    {
        var slot = timeS / stepS;
        if (slot < Newest || !double.IsFinite(value))
        {
            return;
        }

        if (slot > Newest)
        {
            for (var gone = Math.Max(Newest + 1, slot - slots + 1); gone <= slot; gone++)
            {
                average[gone % slots] = maximum[gone % slots] = float.NaN;
            }

            (Newest, Count) = (slot, 0);
        }

        var at = slot % slots;
        average[at] = Count == 0 ? (float)value : (float)(((average[at] * (double)Count) + value) / (Count + 1));
        maximum[at] = Count == 0 ? (float)value : Math.Max(maximum[at], (float)value);
        Count++;
    }

    /// <summary>The value of the slot that begins at <paramref name="timeS"/>, or null.</summary>
    public double? At(long timeS, bool max)
    {
        var slot = timeS / stepS;
        if (slot > Newest || slot <= Newest - slots || slot < 0)
        {
            return null;
        }

        var value = (max ? maximum : average)[slot % slots];
        return float.IsNaN(value) ? null : value;
    }

    internal void Write(BinaryWriter output)
    {
        output.Write(Newest);
        output.Write(Count);
        foreach (var values in (float[][])[average, maximum])
        {
            foreach (var value in values)
            {
                output.Write(value);
            }
        }
    }

    /// <exception cref="EndOfStreamException">Too short.</exception>
    /// <exception cref="InvalidDataException">No ring of this kind.</exception>
    internal void Take(BinaryReader input)
    {
        (Newest, Count) = (input.ReadInt64(), input.ReadInt32());
        if (Newest is < -1 or > long.MaxValue / 8 || Count < 0 || (Newest < 0 && Count > 0))
        {
            throw new InvalidDataException("a ring's place is out of range");
        }

        foreach (var values in (float[][])[average, maximum])
        {
            for (var i = 0; i < slots; i++)
            {
                values[i] = input.ReadSingle();
            }
        }
    }

    private static float[] Filled(int slots)
    {
        var values = new float[slots];
        Array.Fill(values, float.NaN);
        return values;
    }
}
