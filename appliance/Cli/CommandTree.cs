// All commands of holdfast, and the examples that their help ends with.
using System.CommandLine;
using System.CommandLine.Help;

namespace Holdfast.Cli;

internal static class CommandTree
{
    /// <summary>The whole command line.</summary>
    public static RootCommand Root(Surroundings surroundings)
    {
        var root = new RootCommand("Backs up, restores, administers, and proves it. Environment: PBS_REPOSITORY, PBS_PASSWORD, PBS_FINGERPRINT, "
            + "PBS_ENCRYPTION_PASSWORD; the same with HOLDFAST_ in front instead of PBS_ wins.")
        {
            new BackupVerb(surroundings).Command,
            new RestoreVerb(surroundings).Command,
            new SnapshotsVerb(surroundings).Command,
            new GroupsVerb(surroundings).Command,
            new FilesVerb(surroundings).Command,
            new CatalogVerb(surroundings).Command,
            SnapshotVerbs.Snapshot(surroundings),
            SnapshotVerbs.Group(surroundings),
            StoreVerbs.Namespace(surroundings),
            StoreVerbs.Datastore(surroundings),
            StoreVerbs.Status(surroundings),
            HardwareVerbs.Pool(surroundings),
            HardwareVerbs.Disk(surroundings),
            HardwareVerbs.Power(surroundings), NfsVerbs.Of(surroundings),
            UpdateVerbs.Update(surroundings),
            PanelVerbs.Panel(surroundings),
            PanelVerbs.Hardware(surroundings),
            HardwareVerbs.Alarm(surroundings),
            CareVerbs.Prune(surroundings),
            CareVerbs.Gc(surroundings),
            CareVerbs.Verify(surroundings),
            TaskVerbs.Task(surroundings),
            TaskVerbs.Job(surroundings),
            AccessVerbs.User(surroundings),
            AccessVerbs.Token(surroundings),
            AccessVerbs.Acl(surroundings),
            AccessVerbs.Role(surroundings),
            NetworkVerbs.Network(surroundings),
            NetworkVerbs.Time(surroundings),
            CertVerb.Command(),
            KeyVerbs.Command(surroundings),
            LedgerVerbs.Command(surroundings),
            new HealthVerb(surroundings).Command,
            AnswerVerb.Command(surroundings),
            ConsoleVerb.Command(surroundings),
            SupportBundleVerb.Command(surroundings),
            CompletionVerb.Command(),
        };
        foreach ((string path, string[] examples) in Others)
        {
            Command command = root;
            foreach (string name in path.Split(' '))
            {
                command = command.Subcommands.Single(one => one.Name == name);
            }

            Examples.Of(command, examples);
        }

        Examples.ShowIn(root);

        // A path may be called that: `holdfast restore host/web root.pxar /h`.
        foreach (HelpOption help in root.Options.OfType<HelpOption>())
        {
            help.Aliases.Remove("/h");
            help.Aliases.Remove("/?");
        }
        return root;
    }

    /// <summary>Examples of the verbs that are no calls of the API.</summary>
    private static readonly Dictionary<string, string[]> Others = new()
    {
        ["backup"] = ["holdfast backup root.pxar:/ --exclude /var/cache", "holdfast backup disk.img:/dev/vg0/disk --keyfile backup.key"],
        ["restore"] = ["holdfast restore host/web root.pxar /mnt/restored", "holdfast restore host/web disk.img disk.raw --datastore /mnt/store"],
        ["snapshots"] = ["holdfast snapshots", "holdfast snapshots host/web --datastore /mnt/store"],
        ["groups"] = ["holdfast groups"],
        ["files"] = ["holdfast files host/web"],
        ["catalog"] = ["holdfast catalog host/web"],
        ["health"] = ["holdfast health --data /state/holdfast --wait 120"],
        ["key create"] = ["holdfast key create backup.key"],
        ["key show"] = ["holdfast key show backup.key"],
    };
}
