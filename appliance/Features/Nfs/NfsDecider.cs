// From looks at NFS to events: what has to last before it is told, in both directions, and what is to be put right. Pure: what it remembers of earlier looks is
// handed in and out.
using System.Collections.Immutable;
using Holdfast.Contracts.Nfs;
using Holdfast.Features.Events;
using Holdfast.Ledger;

namespace Holdfast.Features.Nfs;

/// <summary>What looks leave behind for the next one; times in seconds of a clock that only runs forward.</summary>
/// <param name="OtherSinceS">By mount: since when it has been otherwise than was told.</param>
/// <param name="ExportsOtherSinceS">The same of the exports; null = they are as told.</param>
public sealed record NfsMemory(ImmutableDictionary<string, long> OtherSinceS, long? ExportsOtherSinceS)
{
    public static readonly NfsMemory Nothing = new(ImmutableDictionary<string, long>.Empty, null);
}

/// <summary>The decisions.</summary>
public static class NfsDecider
{
    /// <summary>So long a mount has to be of no use before that is told, and of use before its end is.</summary>
    public const int LastsS = 20;

    /// <summary>So long exports have to be down, or up: a restart of the server is none.</summary>
    public const int ExportsLastS = 40;

    private const int WhyCharsMax = 300;

    public static (IReadOnlyList<NewEvent> Events, NfsMemory Memory) Seen(
        NfsState known, NfsMemory memory, NfsSeen seen, long nowS, EventMetadata because)
    {
        var events = new List<NewEvent>();
        var since = ImmutableDictionary.CreateBuilder<string, long>();
        foreach (var (name, told) in known.Mounts)
        {
            var look = seen.Mounts.FirstOrDefault(one => one.Name == name);
            if (look is null || (look.State != "well") == (told.LostWhy is not null))
            {
                continue;
            }

            since[name] = memory.OtherSinceS.GetValueOrDefault(name, nowS);
            if (nowS - since[name] >= LastsS)
            {
                since.Remove(name);
                events.Add(look.State == "well" ? Event.Of(new NfsServerBack(name, told.Mount.Server), because)
                    : Event.Of(new NfsServerLost(name, told.Mount.Server, Short(look.Why ?? look.State)), because));
            }
        }

        long? exportsSince = null;
        var down = Down(known, seen);
        if ((down is not null) != (known.DownWhy is not null))
        {
            exportsSince = memory.ExportsOtherSinceS ?? nowS;
            if (nowS - exportsSince >= ExportsLastS)
            {
                exportsSince = null;
                events.Add(down is null ? Event.Of(new NfsExportsUp(known.Exports.Count), because) : Event.Of(new NfsExportsDown(Short(down)), because));
            }
        }

        return (events, new NfsMemory(since.ToImmutable(), exportsSince));
    }

    /// <summary>Why what should be exported is not; null = it is.</summary>
    public static string? Down(NfsState known, NfsSeen seen) =>
        known.Exports.IsEmpty ? null
        : !seen.CanServe ? "the NFS server (package nfs-kernel-server) is not installed"
        : !seen.IsServing ? "the NFS server does not run"
        : known.Exports.Values.FirstOrDefault(export => seen.Exports.All(one => one.Folder != export.Folder)) is { } missing
            ? $"{missing.Folder} is not exported"
        : null;

    /// <summary>Whether the kernel exports more or less than the ledger says. What an admin exports besides counts only among our datasets.</summary>
    public static bool Differs(NfsState known, NfsSeen seen) => Down(known, seen) is not null
        || seen.Exports.Any(one => one.Folder.StartsWith(NfsExport.Root + "/", StringComparison.Ordinal)
            && known.Exports.Values.All(own => own.Folder != one.Folder));

    private static string Short(string text) => text.Length > WhyCharsMax ? text[..WhyCharsMax] : text;
}
