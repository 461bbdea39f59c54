// Alarms: raised once for a subject, cleared by their cause or by somebody, bounded, and equal to their own serial form.
using Holdfast.Features.Alarms;
using Holdfast.Features.Events;
using Holdfast.Features.Snapshots;
using Holdfast.Ledger;
using Xunit;

namespace Holdfast.Tests.Unit.Features;

public sealed class AlarmTests
{
    private readonly AlarmsFold fold = new();
    private long position;

    [Fact]
    public void An_alarm_goes_with_its_cause_or_by_acknowledgement()
    {
        var state = Apply(AlarmsState.Empty, new SnapshotMissing("main", "", "vm", "1", 10, "its manifest is not on disk"));
        state = Apply(state, new SnapshotMissing("main", "", "vm", "1", 10, "its manifest is not on disk"));
        state = Apply(state, new BackupTimeInFuture("main", "", "vm", "1", 20, 5000));
        Assert.Equal(["snapshot-missing", "backup-time-in-future"], state.Raised.Values.Select(alarm => alarm.Kind));
        var content = new SnapshotContent([], null, null, null, null, false);
        state = Apply(state, new SnapshotDiscovered("main", "", "vm", "1", 10, "a@pbs", content, "it was missing before"));
        var left = Assert.Single(state.Raised.Values);
        Assert.Equal("main::vm/1/1970-01-01T00:00:20Z", left.Subject);
        Assert.Empty(Apply(state, new SnapshotForgotten("main", "", "vm", "1", 20)).Raised);
        Assert.Empty(Apply(state, new AlarmAcknowledged(left.Id)).Raised);
        Assert.Single(Apply(state, new AlarmAcknowledged(left.Id + 100)).Raised);
    }

    [Fact]
    public void The_fold_is_bounded_and_survives_its_own_serial_form()
    {
        var state = AlarmsState.Empty;
        for (var i = 1; i <= AlarmsState.RaisedMax + 5; i++)
        {
            state = Apply(state, new BackupTimeInFuture("main", "", "vm", "1", i, 5000));
        }

        Assert.Equal(AlarmsState.RaisedMax, state.Raised.Count);
        Assert.Equal(6, state.Raised.Keys.First());
        using var first = new MemoryStream();
        fold.Write(state, first);
        first.Position = 0;
        using var second = new MemoryStream();
        fold.Write(fold.Read(first), second);
        Assert.Equal(first.ToArray(), second.ToArray());
    }

    [Fact]
    public void Many_alarms_of_one_kind_drive_out_none_of_another()
    {
        var state = Apply(AlarmsState.Empty, new SnapshotMissing("main", "", "vm", "1", 10, "its manifest is not on disk"));
        for (var i = 1; i <= AlarmsState.RaisedMax * 2; i++)
        {
            state = Apply(state, new BackupTimeInFuture("main", "", "vm", "2", i, 5000));
        }

        Assert.Equal(AlarmsState.RaisedMax, state.Raised.Count);
        Assert.Equal("snapshot-missing", state.Raised.Values.First().Kind);
    }

    private AlarmsState Apply<T>(AlarmsState state, T fact) where T : class, IEventData<T>
    {
        var made = Event.Of(fact, EventMetadata.System);
        return fold.Apply(state, new RecordedEvent(++position, "s", position, made.Type, 0, made.Data, made.Metadata, new byte[32]));
    }
}
