// No parser without a target: every name of the enum has a row in the table, and every method of the product that looks like
// a parser (by name and by taking text or bytes) belongs to a type that a target covers or that stands here with its reason.
using System.Reflection;
using System.Text.RegularExpressions;
using Holdfast.Features.Settings;
using Holdfast.Ledger;
using Holdfast.Storage;
using Holdfast.Wire;
using Xunit;

namespace Holdfast.Tests.Fuzz;

public sealed partial class CoverageTests
{
    /// <summary>Looks like a parser of foreign bytes, and why it needs no target of its own.</summary>
    private static readonly Dictionary<string, string> Exempt = new(StringComparer.Ordinal)
    {
        ["ManifestJson"] = "behind Manifest",
        ["ApiInput"] = "behind ApiRouter",
        ["ExportCheck"] = "behind LedgerExport",
        ["ExportFrames"] = "behind LedgerExport",
        ["LedgerImport"] = "takes the same walk as LedgerExport, then needs a database",
        ["EventFactory"] = "rows of our own database, taken apart by EventRecord",
        ["Event"] = "behind the folds (EventData)",
        ["LedgerKey"] = "the box's own private key",
        ["LedgerFiles"] = "whole files by their bound; who parses them is covered",
        ["LedgerLimits"] = "checks what callers append",
        ["Certificates"] = "the box's own certificate files",
        ["ChunkStore"] = "behind DataBlob, which it decodes with",
        ["SnapshotContents"] = "looks at an index that IndexReader has opened",
        ["SessionGate"] = "compares one word",
        ["Bodies"] = "the client's side: answers of a server that it trusts by fingerprint",
        ["UpgradedConnection"] = "the client's side, bounded head",
        ["Projection"] = "behind FoldSnapshot", ["Projection`1"] = "behind FoldSnapshot",
        ["IPamAuthenticator"] = "hands a password on", ["NoPamAgent"] = "says no",
        ["PasswordCheck"] = "compares a password by PasswordHash", ["SecondFactor"] = "splits at a colon and asks TfaSecrets",
        ["SnapshotsSerial"] = "behind SnapshotsFold",
        ["AgentArguments"] = "the command line of its own unit: one option, whole words",
        ["AtomicFile"] = "whole files by their bound",
    };

    [Fact]
    public void Every_system_has_a_target_and_every_target_a_name()
    {
        Assert.Equal(Enum.GetNames<SystemUnderTest>().Order(StringComparer.Ordinal), Targets.All.Keys.Order(StringComparer.Ordinal));
        Assert.All(Targets.All.Values, target => Assert.NotEmpty(target.Covers));
        Assert.All(Targets.All.Values, target => Assert.InRange(target.Seeds.Count, 1, 100));
    }

    [Fact]
    public void Every_parser_of_the_product_is_covered_or_exempt_with_a_reason()
    {
        var covered = Targets.All.Values.SelectMany(target => target.Covers).Select(type => type.Name).ToHashSet(StringComparer.Ordinal);
        var found = (from assembly in (Assembly[])
                         [typeof(DataBlob).Assembly, typeof(TicketSigner).Assembly, typeof(EventRecord).Assembly, typeof(ApplianceSettings).Assembly,
                             typeof(Holdfast.Zfs.PoolJson).Assembly, typeof(Holdfast.Smart.SmartJson).Assembly, typeof(Holdfast.Ups.NutLine).Assembly,
                             typeof(Holdfast.Panel.HardwareProfile).Assembly, typeof(Holdfast.Agent.Updates.UpdateReader).Assembly]
                     from type in assembly.GetTypes()
                     where !type.Name.Contains('<') && type.DeclaringType is null
                     from method in type.GetMethods(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.Instance
                         | BindingFlags.DeclaredOnly)
                     where (method.IsPublic || method.IsAssembly) && ParserName().IsMatch(method.Name) && TakesForeign(method)
                     where method.IsStatic || !method.Name.StartsWith("Read", StringComparison.Ordinal) // an object that reads was opened by a parser
                     where !covered.Contains(type.Name) && !Exempt.ContainsKey(type.Name)
                     select $"{type.Name}.{method.Name}").Distinct().ToList();
        Assert.True(found.Count == 0, "parsers without a target: " + string.Join(", ", found));
    }

    [Fact]
    public void The_rule_sees_a_parser()
    {
        Assert.True(TakesForeign(typeof(DataBlob).GetMethod(nameof(DataBlob.Check))!));
        Assert.Matches(ParserName(), "TryParse");
        Assert.DoesNotMatch(ParserName(), "ToString");
    }

    private static bool TakesForeign(MethodInfo method) => method.GetParameters().Any(parameter =>
        parameter.ParameterType == typeof(string) || parameter.ParameterType == typeof(byte[]) || parameter.ParameterType == typeof(Stream)
        || parameter.ParameterType == typeof(ReadOnlySpan<byte>) || parameter.ParameterType == typeof(Span<byte>)
        || parameter.ParameterType == typeof(ReadOnlyMemory<byte>) || parameter.ParameterType == typeof(ReadOnlySpan<char>)
        || parameter.ParameterType == typeof(System.Buffers.ReadOnlySequence<byte>));

    [GeneratedRegex("^(Try)?(Parse|Decode|Unescape|Split|FromJson|FromBlob|FromDer|FromPem|Verify|Check|Load|Read)[A-Z]?")]
    private static partial Regex ParserName();
}
