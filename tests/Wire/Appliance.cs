// One appliance that many test classes share, each in groups of its own: started for the first that needs it, stopped after the last. Classes that stop, kill
// or starve theirs start one of their own.
using Holdfast.Wire;
using Xunit;

namespace Holdfast.Tests.Wire;

/// <summary>A running daemon with the admin logged in.</summary>
public sealed class Appliance : IAsyncLifetime
{
    private static readonly SemaphoreSlim Gate = new(1);
    private static Task<(Daemon, Pass)>? shared;
    private static int users;
    private (Daemon Daemon, Pass Pass) mine;

    internal Daemon Daemon => mine.Daemon;

    internal Pass AdminPass => mine.Pass;

    internal PbsClient Client => mine.Daemon.Client;

    internal HttpDoor Door => mine.Daemon.Door;

    public async Task InitializeAsync()
    {
        await Gate.WaitAsync();
        try
        {
            shared = users++ == 0 ? StartAsync() : shared;
            mine = await shared!;
        }
        finally
        {
            Gate.Release();
        }
    }

    public async Task DisposeAsync()
    {
        await Gate.WaitAsync();
        try
        {
            if (--users == 0)
            {
                await mine.Daemon.DisposeAsync();
            }
        }
        finally
        {
            Gate.Release();
        }
    }

    private static async Task<(Daemon, Pass)> StartAsync()
    {
        var daemon = await Daemon.StartAsync();
        return (daemon, await daemon.Door.LoginAsync(Daemon.Admin, daemon.Password));
    }
}
