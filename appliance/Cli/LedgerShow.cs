// `holdfast ledger show`: the events in order, one line each.
using System.CommandLine;
using System.Globalization;
using System.Text;
using Holdfast.Ledger;

namespace Holdfast.Cli;

internal sealed class LedgerShow
{
    private readonly Option<string?> data = LedgerVerbs.Data();
    private readonly Option<string?> stream = new("--stream") { Description = "Only this stream." };
    private readonly Option<long> from = new("--from") { Description = "First position (of the stream: version).", DefaultValueFactory = _ => 1 };
    private readonly Surroundings surroundings;

    public LedgerShow(Surroundings surroundings)
    {
        this.surroundings = surroundings;
        Command = new Command("show", "Lists events: position, time, type, who, data.") { data, stream, from };
        Command.SetAction(RunAsync);
    }

    public Command Command { get; }

    /// <summary>One event as one line; nothing in it steers a terminal.</summary>
    internal static string Line(RecordedEvent recorded)
    {
        string time = recorded.Time.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
        return Tables.Printable(string.Create(CultureInfo.InvariantCulture,
            $"{recorded.Position,6}  {time}  {recorded.Type,-26} {recorded.Metadata.Actor}  {Encoding.UTF8.GetString(recorded.Data.Span)}"));
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancel)
    {
        LedgerPlace place = LedgerPlace.Of(parsed.GetValue(data));
        await using LedgerAccess access = await LedgerAccess.OpenAsync(place, surroundings.Clock, makeIfMissing: false, cancel);
        await using PostgresLedger ledger = await access.ReadAsync(cancel);
        long first = Math.Max(1, parsed.GetValue(from));
        IAsyncEnumerable<RecordedEvent> events = parsed.GetValue(stream) is { } name
            ? ledger.ReadStreamAsync(name, first, cancel)
            : ledger.ReadAsync(first, cancel);
        await foreach (RecordedEvent recorded in events)
        {
            Console.WriteLine(Line(recorded));
        }

        return 0;
    }
}
