// What runs on a datastore at this moment, counted as PBS counts it: those that read, and those that write.
using Holdfast.Features.Tasks;

namespace Holdfast.Features.Datastores;

/// <summary>Counts of running operations.</summary>
public readonly record struct ActiveOperations(int Read, int Write)
{
    public bool None => Read + Write == 0;

    /// <summary>Those on this datastore; sessions are among them.</summary>
    /// <param name="but">A task that does not count: the one that asks.</param>
    public static ActiveOperations On(string store, TaskRunner tasks, RunningTask? but = null)
    {
        var (read, write) = (0, 0);
        foreach (var task in tasks.Running.Where(task => task.Store == store && !ReferenceEquals(task, but)))
        {
            _ = task.Upid.WorkerType is "reader" || task.Upid.WorkerType.StartsWith("verif", StringComparison.Ordinal) ? read++ : write++;
        }

        return new ActiveOperations(read, write);
    }
}
