// NFS, both ways: datasets that are given to others, and folders of other servers that are mounted here. Records, their rules, and what the agent is asked.
using System.Net.Sockets;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Holdfast.Contracts.Agent;
using Holdfast.Contracts.Network;
using Holdfast.Contracts.Nfs;

namespace Holdfast.Contracts.Nfs
{
    /// <summary>A dataset that is given to others, by NFS 4 over TCP, always <c>sync</c> (exports(5)): a write is on disk before it is acknowledged.</summary>
    /// <param name="Name">Of the dataset in its pool: it is mounted at <see cref="Folder"/>.</param>
    /// <param name="Clients">Networks that may mount it: <c>10.1.0.0/24</c>, <c>10.1.0.7/32</c>, <c>2001:db8::/64</c>.</param>
    /// <param name="IsReadOnly">Nobody may write.</param>
    /// <param name="Squash">Who a client's users are here. <c>all</c>: whoever it is, files belong to the service. <c>root</c>: users are their numbers, root
    /// is nobody. <c>none</c>: root is root, for clients that set owners (a container's backup in pieces).</param>
    public sealed partial record NfsExport(string Name, IReadOnlyList<string> Clients, bool IsReadOnly, string Squash)
    {
        /// <summary>Where datasets of this box are mounted.</summary>
        public const string Root = "/mnt/datastore";

        public const int ClientsMax = 64;

        /// <summary>Exports of a box.</summary>
        public const int Most = 64;

        public static readonly IReadOnlyList<string> Squashes = ["all", "root", "none"];

        [JsonIgnore]
        public string Folder => $"{Root}/{Name}";

        /// <summary>Why it can't be, in words; null = it can.</summary>
        public string? Problem() =>
            Name is null || !NamePattern().IsMatch(Name) ? "an export is named as its dataset: letters, digits, '-', '_' and '.'"
            : Clients is not { Count: > 0 and <= ClientsMax } ? $"1 to {ClientsMax} networks may mount an export"
            : Clients.FirstOrDefault(one => NetworkPlan.Cidr(one) is null) is { } wrong
                ? $"'{wrong}' is no network: 10.1.0.0/24, or 10.1.0.7/32 for one machine"
            : !Squashes.Contains(Squash) ? "squash is all, root or none"
            : null;

        public bool Equals(NfsExport? other) => other is not null && Name == other.Name && IsReadOnly == other.IsReadOnly && Squash == other.Squash
            && Clients.SequenceEqual(other.Clients);

        public override int GetHashCode() => HashCode.Combine(Name, Clients.Count, IsReadOnly, Squash);

        [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}\z")]
        private static partial Regex NamePattern();
    }

    /// <summary>A folder of another server that is mounted here.</summary>
    /// <param name="Name">It is mounted at <see cref="Where"/>.</param>
    /// <param name="Server">Address or name.</param>
    /// <param name="Remote">Folder there, absolute.</param>
    /// <param name="Version">One of <see cref="Versions"/>.</param>
    public sealed partial record NfsMount(string Name, string Server, string Remote, string Version, bool IsReadOnly)
    {
        /// <summary>All mounts lie below it.</summary>
        public const string Root = "/mnt/holdfast";

        /// <summary>Mounts of a box.</summary>
        public const int Most = 32;

        public static readonly IReadOnlyList<string> Versions = ["4.2", "4.1", "4.0"];

        [JsonIgnore]
        public string Where => $"{Root}/{Name}";

        /// <summary>As mount(8) and the kernel name it.</summary>
        [JsonIgnore]
        public string What => (NetworkPlan.Ip(Server) is { AddressFamily: AddressFamily.InterNetworkV6 } ? $"[{Server}]" : Server) + ":" + Remote;

        public static bool IsName(string? name) => name is not null && NamePattern().IsMatch(name);

        /// <summary>Whether a path lies on a mount of ours: nobody may touch it in passing, since its server may be silent.</summary>
        public static bool IsBelow(string path) => path.StartsWith(Root + "/", StringComparison.Ordinal);

        /// <summary>Why it can't be, in words; null = it can.</summary>
        public string? Problem() =>
            !IsName(Name) ? "a mount is named by up to 32 letters, digits, '-' and '_'"
            : NetworkPlan.Ip(Server) is null && !NetworkPlan.IsHostName(Server) ? "that is no address and no name of a server"
            : Remote is null || !RemotePattern().IsMatch(Remote) || Remote.Split('/').Any(part => part is "." or "..")
                ? "the folder on the server is an absolute path of letters, digits and '/', '-', '_', '.', '+', '@', ':'"
            : !Versions.Contains(Version) ? "the version is 4.2, 4.1 or 4.0"
            : null;

        [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}\z")]
        private static partial Regex NamePattern();

        [GeneratedRegex(@"^/[A-Za-z0-9_.+@:/-]{0,500}\z")]
        private static partial Regex RemotePattern();
    }

    /// <summary>How NFS is: what is exported, and how these mounts are. Answered by <see cref="NfsSeen"/>, in some ten seconds even if servers are silent.
    /// </summary>
    /// <param name="Mounts">Names of mounts to look at.</param>
    public sealed record ReadNfs(IReadOnlyList<string> Mounts) : AgentRequest;

    /// <summary>What the kernel exports.</summary>
    /// <param name="Client">Network, as exportfs(8) has it.</param>
    public sealed record ExportSeen(string Folder, string Client, bool IsReadOnly);

    /// <summary>What a mount did since it was mounted (/proc/self/mountstats).</summary>
    /// <param name="Timeouts">Requests that were not answered in time.</param>
    public sealed record MountTraffic(long AgeS, long ReadBytes, long WrittenBytes, long Timeouts);

    /// <summary>A mount.</summary>
    /// <param name="State"><c>well</c>; <c>absent</c>: not mounted; <c>silent</c>: its server does not answer; <c>failed</c>: it answers with an error.</param>
    /// <param name="Why">For people; null = well.</param>
    /// <param name="What">What is mounted there: <c>server:/folder</c>.</param>
    public sealed record MountSeen(string Name, string State, string? Why, string? What, long SizeBytes, long AvailableBytes, MountTraffic? Traffic);

    /// <summary>The answer.</summary>
    /// <param name="CanServe">The server's programs are installed; <paramref name="IsServing"/>: it runs.</param>
    /// <param name="CanMount">The client's are.</param>
    public sealed record NfsSeen(bool CanServe, bool IsServing, bool CanMount, IReadOnlyList<ExportSeen> Exports, IReadOnlyList<MountSeen> Mounts)
        : AgentAnswer;

    /// <summary>These datasets are exported from now on, and no others; none: the server is stopped. A restart forgets it: the ledger does not.</summary>
    /// <param name="Added">The one that is new: when it can't be exported, all stays as it is. Others that can't be (not mounted, say) are left out, and
    /// the next look sees them missing.</param>
    public sealed record SetNfsExports(IReadOnlyList<NfsExport> Exports, string? Added = null) : AgentAct;

    /// <summary>Mounts a folder of a server. A restart of the box forgets it: the ledger does not.</summary>
    public sealed record MountNfs(NfsMount Mount) : AgentAct;

    /// <summary>Unmounts one.</summary>
    /// <param name="IsLazy">Also while its server is silent or something is open on it: it goes from sight at once, in fact when nobody uses it.</param>
    public sealed record UnmountNfs(string Name, bool IsLazy) : AgentAct;
}

namespace Holdfast.Contracts.Agent
{
    [JsonDerivedType(typeof(ReadNfs), "read-nfs")]
    [JsonDerivedType(typeof(SetNfsExports), "set-nfs-exports")]
    [JsonDerivedType(typeof(MountNfs), "mount-nfs")]
    [JsonDerivedType(typeof(UnmountNfs), "unmount-nfs")]
    public abstract partial record AgentRequest;

    [JsonDerivedType(typeof(NfsSeen), "nfs-seen")]
    public abstract partial record AgentAnswer;
}
