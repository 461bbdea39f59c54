// One syncfs for all who ask at the same time: a caller is answered by a sync that started after its call, never by
// one that was under way. A failed sync fails all who waited for it, and none is tried again.
namespace Holdfast.Storage;

internal sealed class DurabilityGate(Action sync)
{
    private readonly object gate = new();
    private long started;
    private long finished;
    private bool running;
    private bool failed;

    /// <exception cref="VolumeException">This sync or an earlier one failed.</exception>
    public void Pass()
    {
        long mine;
        lock (gate)
        {
            var wanted = started + 1;
            while (running && finished < wanted && !failed)
            {
                Monitor.Wait(gate);
            }

            if (failed)
            {
                throw new VolumeException(VolumeError.Failed, 0, "syncfs", "");
            }

            if (finished >= wanted)
            {
                return;
            }

            running = true;
            mine = ++started;
        }

        var done = false;
        try
        {
            sync();
            done = true;
        }
        finally
        {
            lock (gate)
            {
                running = false;
                failed |= !done;
                finished = done ? mine : finished;
                Monitor.PulseAll(gate);
            }
        }
    }
}
