// What an uninterruptible power supply says of itself. No logic; the words are NUT's (docs/net-protocol, docs/new-drivers).
namespace Holdfast.Contracts.Power;

/// <summary>One reading.</summary>
/// <param name="Status">Tokens of <c>ups.status</c>: <c>OL</c> mains, <c>OB</c> battery, <c>LB</c> battery low, <c>RB</c> replace battery, <c>CAL</c>,
/// <c>FSD</c>, ... Unknown
/// ones are kept.</param>
/// <param name="RuntimeS">Until the battery is empty, the UPS's guess.</param>
public sealed record UpsReading(
    string Name, IReadOnlySet<string> Status, int? ChargePercent, int? RuntimeS, int? LoadPercent, string? Maker, string? Model, string? Serial, string? Alarm)
{
    public bool IsOnBattery => Status.Contains("OB") && !Status.Contains("CAL");

    public bool IsOnMains => Status.Contains("OL");

    public bool IsLow => Status.Contains("LB");

    /// <summary>Somebody has told it to shut everything down; a latch.</summary>
    public bool IsForced => Status.Contains("FSD");

    public bool NeedsBattery => Status.Contains("RB");
}

/// <summary>The UPS could not be asked, or had nothing to say.</summary>
/// <param name="code">NUT's word (<c>DATA-STALE</c>, <c>ACCESS-DENIED</c> ...), or <c>UNREACHABLE</c>.</param>
public sealed class UpsAwayException(string code, string message) : IOException(message)
{
    public string Code => code;
}

/// <summary>Asks a UPS.</summary>
public interface IUps
{
    /// <summary>How it is now.</summary>
    /// <exception cref="UpsAwayException">Nobody knows.</exception>
    Task<UpsReading> ReadAsync(CancellationToken cancel);
}
