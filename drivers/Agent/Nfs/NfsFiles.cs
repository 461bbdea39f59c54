// Exports and mounts as the files that exportfs(8), systemd (man systemd.mount) and nftables read. Pure: the same wishes are the same files.
using System.Net.Sockets;
using System.Text;
using Holdfast.Contracts.Network;
using Holdfast.Contracts.Nfs;

namespace Holdfast.Agent.Nfs;

/// <summary>Texts of files.</summary>
public static class NfsFiles
{
    private const string Head = "# Made by holdfast-agent from what the ledger says: what is changed here is lost.\n";

    /// <summary>For <c>/etc/exports.d</c> (exports(5)). <c>sync</c>: acknowledged is on disk. <c>no_subtree_check</c>: a dataset is exported whole.</summary>
    /// <param name="uid">Of the service, and <paramref name="gid"/>: whom files belong to where all users are squashed.</param>
    public static string Exports(IReadOnlyList<NfsExport> exports, uint uid, uint gid)
    {
        var text = new StringBuilder(Head);
        foreach (var one in exports)
        {
            var squash = one.Squash switch
            {
                "all" => $"all_squash,anonuid={uid},anongid={gid}",
                "root" => "root_squash",
                _ => "no_root_squash",
            };
            var options = $"({(one.IsReadOnly ? "ro" : "rw")},sync,no_subtree_check,sec=sys,{squash})";
            text.Append(one.Folder).Append(' ').AppendJoin(' ', one.Clients.Select(client => client + options)).Append('\n');
        }

        return text.ToString();
    }

    /// <summary>The chain that the ruleset of the image includes: port 2049 for the networks of the exports, and for nobody without exports.</summary>
    public static string Doors(IReadOnlyList<NfsExport> exports)
    {
        var rules = exports.SelectMany(one => one.Clients).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).Select(client =>
            $"{(NetworkPlan.Cidr(client)!.Value.Address.AddressFamily == AddressFamily.InterNetwork ? "ip" : "ip6")} saddr {client} accept; ");
        return Head + "chain nfs { " + string.Concat(rules) + "}\n";
    }

    /// <summary>The name of a mount's unit: its path, escaped (systemd-escape(1)).</summary>
    public static string UnitName(string name) => "mnt-holdfast-" + name.Replace("-", @"\x2d", StringComparison.Ordinal) + ".mount";

    /// <summary>The unit. <c>hard</c>: a write is never given up half way, whoever waits waits until the server is back; <c>timeo</c>: 15 seconds until a
    /// request is sent again; nothing on it is run, and nothing is a device. Before the service: at a stop that closes its datastores first.</summary>
    public static string Unit(NfsMount mount) => Head + $"""
        [Unit]
        Description=NFS mount {mount.Name} of this box
        Wants=network-online.target
        After=network-online.target nss-lookup.target nfs-server.service
        Before=holdfastd.service

        [Mount]
        What={mount.What}
        Where={mount.Where}
        Type=nfs4
        Options=vers={mount.Version},proto=tcp,hard,timeo=150,retrans=3,nosuid,nodev,noexec,{(mount.IsReadOnly ? "ro" : "rw")},_netdev
        TimeoutSec=45

        """;
}
