// Archives of folders, catalogs, patterns, ACLs: what comes out of a store that anybody could write to.
using System.Buffers;
using System.Text;
using Holdfast.Storage;

namespace Holdfast.Tests.Fuzz;

internal static class ArchiveTargets
{
    private const uint Folder = FileModes.Folder | 0b111_101_101;
    private const uint File = FileModes.Regular | 0b110_100_100;

    public static IEnumerable<FuzzTarget> All()
    {
        yield return new(nameof(SystemUnderTest.PxarArchive), [typeof(PxarArchive), typeof(PxarWalk)], Archives(), Archive)
        {
            Refusals = [typeof(CorruptDataException)], AllocationBase = 256 * 1024, AllocationPerByte = 400,
        };
        yield return new(nameof(SystemUnderTest.Catalog), [typeof(CatalogReader), typeof(CatalogFormat)], Catalogs(), Catalog)
        {
            // A block that many folders name is read for each of them, until the walk sees through it.
            Refusals = [typeof(CorruptDataException)], AllocationBase = 256 * 1024, AllocationPerByte = 40_000, MaxLength = 4096,
        };
        yield return new(
            nameof(SystemUnderTest.PathPattern), [typeof(PathPattern), typeof(PathRule), typeof(PathRules)],
            Seeds.Texts("/srv/**/*.bak", "!keep.?", "[a-z][^[:digit:]]*", "**/cache/", "a\\*b", "[\\]]", "/", "**", "[]a-]", "*a*b*c*d*e*f"), Pattern)
        {
            IsText = true, MaxLength = 4096, AllocationBase = 64 * 1024, AllocationPerByte = 400,
        };
        yield return new(nameof(SystemUnderTest.PosixAcl), [typeof(PosixAcl)], Acls(), Acl) { AllocationPerByte = 400 };
    }

    private static PxarMetadata Metadata(uint mode, bool isRich = false) => new()
    {
        Mode = mode, Uid = 1000, Gid = 100, MtimeS = 1_700_000_000, MtimeNs = 5,
        Xattrs = isRich ? [new PxarXattr("user.a"u8.ToArray(), [1, 2, 3])] : [],
        Acl = isRich
            ? new PxarAcl
            {
                Users = [new AclEntry(5, 7)], Groups = [new AclEntry(6, 4)], GroupObject = 5, Default = new DefaultAcl(7, 5, 0, PxarAcl.None),
                DefaultUsers = [new AclEntry(8, 1)], DefaultGroups = [new AclEntry(9, 2)],
            }
            : null,
        FileCapabilities = isRich ? [1, 0, 0, 2] : null, ProjectId = isRich ? 77 : null,
    };

    private static byte[][] Archives()
    {
        var small = new PxarWriter(Metadata(Folder));
        small.EndFolder();
        var rich = new PxarWriter(Metadata(Folder, isRich: true));
        var place = rich.BeginFile("a"u8, Metadata(File, isRich: true), 5);
        rich.Pending.Write("hello"u8);
        rich.BeginFolder("sub"u8, Metadata(Folder));
        rich.AddSymlink("link"u8, Metadata(FileModes.Symlink | 511), "../a"u8);
        rich.AddHardLink("same"u8, place, "a"u8);
        rich.AddDevice("null"u8, Metadata(FileModes.CharDevice | 438), 1, 3);
        rich.EndFolder();
        rich.AddSpecial("pipe"u8, Metadata(FileModes.Fifo | 420));
        rich.AddSpecial("socket"u8, Metadata(FileModes.Socket | 420));
        rich.EndFolder();
        return [small.Pending.WrittenSpan.ToArray(), rich.Pending.WrittenSpan.ToArray()];
    }

    private static byte[][] Catalogs()
    {
        var catalog = new CatalogWriter();
        catalog.BeginFolder("root.pxar.didx"u8);
        catalog.Add(CatalogKind.File, "a"u8, 5, 1_700_000_000);
        catalog.BeginFolder("sub"u8);
        catalog.Add(CatalogKind.File, "old"u8, 1 << 20, -1);
        catalog.Add(CatalogKind.Symlink, "link"u8);
        catalog.EndFolder();
        catalog.EndFolder();
        catalog.Finish();
        return [Convert.FromHexString("91fd60f9c46758d501000800000000000000"), catalog.Pending.WrittenSpan.ToArray()];
    }

    private static byte[][] Acls() =>
    [
        PosixAcl.Access(new PxarAcl { Users = [new AclEntry(5, 7)], Groups = [new AclEntry(6, 4)], GroupObject = 5 }, 0b111_101_000),
        PosixAcl.Access(new PxarAcl(), 0b111_101_000),
    ];

    private static bool Archive(byte[] bytes)
    {
        var file = new MemoryFile("a", bytes);
        var archive = PxarArchive.Open(file);
        var walk = new PxarWalk(archive, archive.Root);
        var names = new List<byte[]>();
        for (var step = walk.Next(); step != PxarStep.End; step = walk.Next())
        {
            if (step == PxarStep.Entry)
            {
                var entry = walk.Current;
                FuzzTarget.Broken(!PxarFormat.IsLegalName(entry.Name.Span), "a name that leads elsewhere");
                FuzzTarget.Broken(entry.Next > bytes.Length || entry.Next <= entry.ItemStart, "an entry outside of the archive");
                FuzzTarget.Broken(
                    entry is { Kind: PxarKind.File, IsSplit: false } && (entry.SizeBytes < 0 || entry.ContentStart + entry.SizeBytes > bytes.Length),
                    "content outside of the archive");
                names.Add(entry.Name.ToArray());
            }
        }

        Look(archive, names);
        return true;
    }

    /// <summary>Tables may be damaged though the walk is good.</summary>
    private static void Look(PxarArchive archive, List<byte[]> names)
    {
        foreach (var name in names.Take(8))
        {
            if (archive.Find(name, out var folder) is { } found)
            {
                FuzzTarget.Broken(!found.Name.Span.SequenceEqual(name), "found something else");
                FuzzTarget.Broken(folder is not null && archive.List(folder).Take(100).Any(one => !PxarFormat.IsLegalName(one.Name.Span)), "listed a bad name");
                _ = found.Kind == PxarKind.HardLink ? archive.Follow(found) : found;
            }
        }
    }

    private static bool Catalog(byte[] bytes)
    {
        var reader = CatalogReader.Open(new MemoryFile("c", bytes));
        foreach (var (path, entry) in reader.Walk())
        {
            FuzzTarget.Broken(entry.Name.IsEmpty || path.Length == 0, "an entry without a name");
            FuzzTarget.Broken(entry.Kind == CatalogKind.Folder && (entry.Block < 8 || entry.Block >= bytes.Length), "a block outside of the catalog");
        }

        return true;
    }

    private static bool Pattern(byte[] bytes)
    {
        var rule = PathRule.TryParse(bytes, includes: false, out var fault);
        FuzzTarget.Broken(rule is null == fault is null, "neither a rule nor a reason");
        foreach (var path in (string[])["/a", "/srv/x/y.bak", "/var/cache", "/" + new string('a', 200)])
        {
            _ = rule?.Matches(Encoding.UTF8.GetBytes(path));
        }

        var rules = new PathRules();
        rules.AddFile(bytes, "/x"u8, static _ => { });
        _ = rules.Decide("/x/y"u8, static () => true);
        return rule is not null;
    }

    private static bool Acl(byte[] bytes)
    {
        var (access, defaults) = (new PxarAcl(), new PxarAcl());
        var isGood = PosixAcl.TryAddAccess(bytes, access);
        FuzzTarget.Broken(PosixAcl.TryAddDefault(bytes, defaults) != isGood, "good as the one and bad as the other");
        FuzzTarget.Broken(isGood && !PosixAcl.TryAddAccess(PosixAcl.Access(access, 0x1ff), new PxarAcl()), "written so that it can't be read");
        return isGood;
    }
}
