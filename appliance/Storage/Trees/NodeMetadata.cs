// The metadata of a file or folder, from the machine into an archive and back. What is read, and in which order, is what the real client reads, so that the
// same tree gives the same bytes; setting goes owner first (which takes privileges away), then attributes and ACLs, mode, time, and flags like immutable last.
namespace Holdfast.Storage;

/// <summary>Reading and setting.</summary>
public static class NodeMetadata
{
    private const long MsdosMagic = 0x4d44;
    private const long FuseMagic = 0x65735546;

    private static readonly HashSet<long> WithProjects = [0xEF53, 0x58465342, FuseMagic, 0x2FC12FC1];

    /// <summary>File systems that the kernel makes up: their content is not data.</summary>
    private static readonly HashSet<long> Virtual =
    [
        0x42494e4d, 0x63677270, 0x0027e0eb, 0x62656570, 0x64626720, 0x1cd1, 0xde5e81e4, 0x65735543, 0x958458f6, 0x19800202, 0x6e667364, 0x9fa0,
        0x6165676C, 0x67596969, 0x73636673, 0xf97cff8c, 0x43415d53, 0x62656572,
    ];

    private static ReadOnlySpan<byte> CapabilityName => "security.capability"u8;

    /// <summary>proc, sysfs, cgroup and their like.</summary>
    public static bool IsVirtual(long fileSystemType) => Virtual.Contains(fileSystemType);

    /// <summary>Metadata of a file or folder that is open for reading.</summary>
    public static PxarMetadata Read(TreeNode node, in NodeStat stat, long fileSystemType)
    {
        List<PxarXattr>? xattrs = null;
        PxarAcl? acl = null;
        byte[]? capabilities = null;
        foreach (var name in node.ListXattrs() ?? [])
        {
            if (IsCapability(name))
            {
                capabilities = node.GetXattr(name);
            }
            else if (name.AsSpan().SequenceEqual(PosixAcl.AccessName))
            {
                acl = AddAcl(node, name, acl ?? new PxarAcl(), PosixAcl.TryAddAccess);
            }
            else if (name.AsSpan().SequenceEqual(PosixAcl.DefaultName))
            {
                acl = AddAcl(node, name, acl ?? new PxarAcl(), PosixAcl.TryAddDefault);
            }
            else if (IsKept(name) && node.GetXattr(name) is { } value)
            {
                (xattrs ??= []).Add(new PxarXattr(name, value));
            }
        }

        var flags = FileAttributeFlags.FromKernel(node.GetFlags());
        flags |= fileSystemType is MsdosMagic or FuseMagic ? FileAttributeFlags.FromFat(node.GetFatFlags()) : 0;
        var project = WithProjects.Contains(fileSystemType) ? node.GetProjectId() : 0;
        return new PxarMetadata
        {
            Mode = stat.Mode, Flags = flags, Uid = stat.Uid, Gid = stat.Gid, MtimeS = stat.MtimeS, MtimeNs = stat.MtimeNs,
            Xattrs = xattrs ?? (IReadOnlyList<PxarXattr>)[], Acl = acl is { IsEmpty: false } ? acl : null, FileCapabilities = capabilities,
            ProjectId = project == 0 ? null : project,
        };
    }

    /// <summary>Metadata of a link, device, fifo or socket: what stat says.</summary>
    public static PxarMetadata Of(in NodeStat stat) => new()
    {
        Mode = stat.Mode, Uid = stat.Uid, Gid = stat.Gid, MtimeS = stat.MtimeS, MtimeNs = stat.MtimeNs,
    };

    /// <summary>Flags that a file must have before its content is written.</summary>
    public static void SetInitialFlags(TreeNode node, PxarMetadata metadata, Action<string> problem)
    {
        if ((FileAttributeFlags.ToKernel(metadata.Flags) & FileAttributeFlags.InitialKernelFlags) != 0)
        {
            Attempt(node, metadata, static (node, metadata) => node.SetFlags(
                node.GetFlags() | (FileAttributeFlags.ToKernel(metadata.Flags) & FileAttributeFlags.InitialKernelFlags)), problem);
        }
    }

    /// <summary>Sets everything on a file or folder that this process made. What can't be set is told and the rest goes on.</summary>
    /// <param name="withOwner">False where this process may not give files away.</param>
    public static void Set(TreeNode node, PxarMetadata metadata, bool withOwner, Action<string> problem)
    {
        if (withOwner)
        {
            Attempt(node, metadata, static (node, metadata) => node.SetOwner(metadata.Uid, metadata.Gid), problem);
        }

        foreach (var xattr in metadata.Xattrs)
        {
            if (IsKept(xattr.Name))
            {
                Attempt(node, xattr, static (node, xattr) => node.SetXattr(xattr.Name, xattr.Value), problem);
            }
            else
            {
                problem($"attribute {TreeNode.Show(xattr.Name)} is of no kind that is restored");
            }
        }

        if (metadata.FileCapabilities is { } capabilities)
        {
            Attempt(node, capabilities, static (node, capabilities) => node.SetXattr(CapabilityName, capabilities), problem);
        }

        if (metadata.Acl is { IsEmpty: false } acl)
        {
            SetAcl(node, acl, metadata.Mode, problem);
        }

        if (metadata.ProjectId is { } project and not 0)
        {
            Attempt(node, (uint)project, static (node, project) => node.SetProjectId(project), problem);
        }

        Attempt(node, metadata, static (node, metadata) => node.SetMode((uint)metadata.Mode & FileModes.PermissionMask), problem);
        Attempt(node, metadata, static (node, metadata) => node.SetMtime(metadata.MtimeS, metadata.MtimeNs), problem);
        SetFlags(node, metadata.Flags, problem);
    }

    private static bool IsCapability(ReadOnlySpan<byte> name) => name.SequenceEqual(CapabilityName);

    private static bool IsKept(ReadOnlySpan<byte> name) =>
        name.Length is > 0 and <= 255 && (name.StartsWith("user."u8) || name.StartsWith("trusted."u8) || name.SequenceEqual("security.NTACL"u8));

    private static PxarAcl AddAcl(TreeNode node, byte[] name, PxarAcl acl, AclAdder add)
    {
        if (node.GetXattr(name) is { } value)
        {
            add(value, acl);
        }

        return acl;
    }

    private delegate bool AclAdder(ReadOnlySpan<byte> value, PxarAcl acl);

    private static void SetAcl(TreeNode node, PxarAcl acl, ulong mode, Action<string> problem)
    {
        if (acl.HasAccess)
        {
            Attempt(node, PosixAcl.Access(acl, mode), static (node, value) => node.SetXattr(PosixAcl.AccessName, value), problem);
        }

        if (PosixAcl.Default(acl) is { } defaults)
        {
            Attempt(node, defaults, static (node, value) => node.SetXattr(PosixAcl.DefaultName, value), problem);
        }
    }

    private static void SetFlags(TreeNode node, ulong flags, Action<string> problem)
    {
        var kernel = FileAttributeFlags.ToKernel(flags);
        if (kernel != 0)
        {
            Attempt(node, kernel, static (node, kernel) => node.SetFlags((node.GetFlags() & ~FileAttributeFlags.KernelMask) | kernel), problem);
        }

        var fat = FileAttributeFlags.ToFat(flags);
        if (fat != 0)
        {
            Attempt(node, fat, static (node, fat) => node.SetFatFlags(fat), problem);
        }
    }

    private static void Attempt<T>(TreeNode node, T value, Action<TreeNode, T> step, Action<string> problem)
    {
        try
        {
            step(node, value);
        }
        catch (VolumeException fault)
        {
            problem(fault.Message);
        }
    }
}
