// Exports: complete and unaltered or not, for every byte of the file; import keeps the chain as it was.
using Holdfast.Ledger;
using Xunit;

namespace Holdfast.Tests.Unit;

[Collection(PostgresCollection.Name)]
public sealed class LedgerExportTests(PostgresFixture postgres)
{
    [Fact]
    public async Task Every_flipped_dropped_doubled_or_missing_byte_is_found()
    {
        using var key = LedgerKey.Create();
        foreach (var signer in (LedgerKey?[])[key, null])
        {
            var (file, _) = await MakeAsync(6, signer);
            var good = await VerifyAsync(file);
            Assert.True(good.IsGood, good.ToString());
            Assert.Equal(7, good.Chain.Head.Position);
            Assert.Equal(signer is null ? SignerCheck.Unsigned : SignerCheck.NotChecked, good.Signer);
            for (var i = 0; i < file.Length; i++)
            {
                foreach (var bit in (byte[])[1, 0x80])
                {
                    var flipped = file.ToArray();
                    flipped[i] ^= bit;
                    Assert.False((await VerifyAsync(flipped)).IsGood, $"byte {i} flipped");
                }
                Assert.False((await VerifyAsync([.. file[..i], .. file[(i + 1)..]])).IsGood, $"byte {i} dropped");
                Assert.False((await VerifyAsync([.. file[..i], file[i], .. file[i..]])).IsGood, $"byte {i} doubled");
                Assert.False((await VerifyAsync(file[..i])).IsGood, $"cut at {i}");
            }
            Assert.False((await VerifyAsync([.. file, 0])).IsGood);
            Assert.False((await VerifyAsync([.. file, .. file])).IsGood);
        }
    }

    [Fact]
    public async Task The_signer_is_checked_by_key_or_fingerprint()
    {
        using var key = LedgerKey.Create();
        using var other = LedgerKey.Create();
        var (file, _) = await MakeAsync(3, key);
        Assert.Contains("signer not checked", (await VerifyAsync(file)).ToString(), StringComparison.Ordinal);
        var trusted = await LedgerExport.VerifyAsync(new MemoryStream(file), key.Public);
        Assert.Equal(SignerCheck.Trusted, trusted.Signer);
        Assert.Contains("complete and unaltered from 1 to 4", trusted.ToString(), StringComparison.Ordinal);
        Assert.Equal(3, trusted.Chain.SignedUpTo);
        var colons = string.Join(':', key.Public.Fingerprint.ToUpperInvariant().Chunk(2).Select(c => new string(c)));
        Assert.True((await LedgerExport.VerifyAsync(new MemoryStream(file), null, colons)).IsGood);
        Assert.False((await LedgerExport.VerifyAsync(new MemoryStream(file), other.Public)).IsGood);
        Assert.False((await LedgerExport.VerifyAsync(new MemoryStream(file), null, other.Public.Fingerprint)).IsGood);
        var (unsigned, _) = await MakeAsync(3, null);
        Assert.False((await LedgerExport.VerifyAsync(new MemoryStream(unsigned), key.Public)).IsGood);
        Assert.True(LedgerPublicKey.FromPem(key.Public.ToPem()).HasFingerprint(key.Public.Fingerprint));
    }

    [Fact]
    public async Task A_damaged_event_is_named_by_position()
    {
        var (file, ledger) = await MakeAsync(20, null);
        var marker = (await ledger.ReadAsync(13).ListAsync())[0].Data.ToArray();
        var at = file.AsSpan().IndexOf(marker);
        file[at + 2] ^= 4;
        var report = await VerifyAsync(file);
        Assert.Equal(13, report.FirstBadPosition);
        Assert.StartsWith("first bad position 13: ", report.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Random_files_never_throw()
    {
        var random = new Random(23);
        var (file, _) = await MakeAsync(6, null);
        for (var i = 0; i < 3000; i++)
        {
            var noisy = file.ToArray();
            for (var n = random.Next(1, 20); n > 0; n--)
            {
                noisy[random.Next(25, noisy.Length)] = (byte)random.Next(256);
            }
            await VerifyAsync(noisy);
        }
        Assert.False((await VerifyAsync([])).IsGood);
    }

    [Fact]
    public async Task Import_keeps_the_chain_and_goes_on_from_there()
    {
        using var key = LedgerKey.Create();
        var from = await postgres.NewDatabaseAsync();
        var to = await postgres.NewDatabaseAsync();
        var file = new MemoryStream();
        List<RecordedEvent> original;
        await using (var ledger = await from.OpenAsync())
        {
            for (var i = 0; i < 40; i++)
            {
                await ledger.MustAppendAsync(LedgerSamples.Many($"s{i}", 500));
            }
            await ledger.MustAppendAsync(
                new Append("big", -1, [new NewEvent("B/1", new byte[1 << 20], LedgerSamples.By)]));
            await using var reader = await PostgresLedger.OpenReadOnlyAsync(from.Service);
            Assert.True((await LedgerExport.WriteAsync(reader, file, key, TimeProvider.System)).IsGood);
            original = await ledger.ReadAsync().ListAsync();
        }
        file.Position = 0;
        var (report, pem) = await LedgerImport.RunAsync(file, to.Service, key.Public);
        Assert.Equal(20_001, report.Chain.Head.Position);
        Assert.Equal(key.Public.ToPem(), pem);
        await using (var ledger = await to.OpenAsync())
        {
            LedgerSamples.AssertSame(original, await ledger.ReadAsync().ListAsync());
            Assert.Equal(501, (await ledger.MustAppendAsync(LedgerSamples.One("s3", 500)))[0].Version);
            Assert.True((await ChainVerifier.VerifyAsync(ledger, null, ledger.Head)).IsGood);
        }
        file.Position = 0;
        await Assert.ThrowsAsync<LedgerImportException>(() => LedgerImport.RunAsync(file, to.Service));
    }

    [Fact]
    public async Task A_bad_file_imports_nothing()
    {
        var database = await postgres.NewDatabaseAsync();
        var (file, _) = await MakeAsync(50, null);
        foreach (var bad in (byte[][])[file[..^1], file[..(file.Length / 2)],
            [.. file[..200], (byte)(file[200] ^ 1), .. file[201..]]])
        {
            await Assert.ThrowsAsync<LedgerImportException>(
                () => LedgerImport.RunAsync(new MemoryStream(bad), database.Service));
        }
        await using (var ledger = await database.OpenAsync())
        {
            Assert.Equal(0, ledger.Head.Position);
        }
        await LedgerImport.RunAsync(new MemoryStream(file), database.Service);
    }

    [Fact]
    public async Task A_damaged_ledger_is_not_exported()
    {
        var database = await postgres.NewDatabaseAsync();
        await using var ledger = await database.OpenAsync();
        await ledger.MustAppendAsync(LedgerSamples.Many("a", 50));
        await database.TamperAsync("UPDATE holdfast.event SET actor = 'nobody' WHERE position = 31");
        var refused = await Assert.ThrowsAsync<InvalidDataException>(
            () => LedgerExport.WriteAsync(ledger, new MemoryStream(), null, TimeProvider.System));
        Assert.Contains("31", refused.Message, StringComparison.Ordinal);
    }

    private static Task<ExportReport> VerifyAsync(byte[] file) => LedgerExport.VerifyAsync(new MemoryStream(file));

    private static async Task<(byte[] File, ILedger Ledger)> MakeAsync(int events, LedgerKey? key)
    {
        var ledger = new MemoryLedger(TimeProvider.System);
        for (var i = 0; i < events; i++)
        {
            await ledger.MustAppendAsync(LedgerSamples.One($"s{i % 3}", json: $"{{\"number\":{i},\"text\":\"ü\"}}"));
        }
        using var own = LedgerKey.Create();
        await ledger.MustAppendAsync(new Append(
            Checkpoint.StreamName, -1, [Checkpoint.Sign(ledger.Head, key ?? own).ToEvent()]));
        var file = new MemoryStream();
        await LedgerExport.WriteAsync(ledger, file, key, TimeProvider.System);
        return (file.ToArray(), ledger);
    }
}
