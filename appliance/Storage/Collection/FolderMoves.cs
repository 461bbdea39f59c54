// Folders that are moved to another place in the store while somebody looks for index files: a search may pass the new place before the move and the old one
// after it. So every move is announced first; who searches waits for moves under way and looks at the new places as well.
namespace Holdfast.Storage;

/// <summary>Moves of groups and namespaces. Thread-safe.</summary>
public sealed class FolderMoves
{
    private readonly object gate = new();
    private List<string>? targets;
    private int underWay;

    /// <summary>Before the rename; dispose what is returned after it.</summary>
    /// <param name="target">The folder under its new name.</param>
    public IDisposable Begin(string target)
    {
        lock (gate)
        {
            underWay++;
            targets?.Add(target);
        }

        return new Move(this);
    }

    /// <summary>From now on targets are remembered. A move that is under way already is waited for.</summary>
    internal void BeginSearch()
    {
        lock (gate)
        {
            while (underWay > 0)
            {
                Monitor.Wait(gate);
            }

            targets = [];
        }
    }

    /// <summary>Targets since the last call, after waiting for moves under way. None: no move was missed.</summary>
    internal List<string> Take()
    {
        lock (gate)
        {
            while (underWay > 0)
            {
                Monitor.Wait(gate);
            }

            var taken = targets ?? [];
            targets = [];
            return taken;
        }
    }

    internal void EndSearch()
    {
        lock (gate)
        {
            targets = null;
        }
    }

    private void End()
    {
        lock (gate)
        {
            underWay--;
            Monitor.PulseAll(gate);
        }
    }

    private sealed class Move(FolderMoves of) : IDisposable
    {
        private bool ended;

        public void Dispose()
        {
            if (!Interlocked.Exchange(ref ended, true))
            {
                of.End();
            }
        }
    }
}
