// A session of one connection on the target's side (RFC 7143, error recovery level 0): login, then commands one after the other. What comes meanwhile waits in
// a bounded queue; what can't be is rejected or ends the connection, never hangs it: an initiator that stays silent in the middle of something is left.
using System.Buffers.Binary;

namespace Holdfast.Tests.Iscsi;

/// <summary>One connection.</summary>
/// <param name="names">Targets by name.</param>
/// <param name="address">Where initiators find them, <c>127.0.0.1:3260</c>.</param>
internal sealed class Session(Stream stream, IReadOnlyDictionary<string, IReadOnlyList<LogicalUnit>> names, string address)
{
    private const int Window = 32;
    private const uint TransferTag = 1;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Negotiation agreed = new();
    private readonly Queue<Pdu> waiting = new();
    private readonly HashSet<LogicalUnit> greeted = [];
    private IReadOnlyList<LogicalUnit> units = [];
    private uint statSn = 1;
    private uint expCmdSn;
    private bool isStarted;

    /// <summary>Serves until either side ends it.</summary>
    /// <exception cref="IscsiException">The other side did what can't be.</exception>
    public async Task RunAsync(CancellationToken cancel)
    {
        if (!await LoginAsync(cancel))
        {
            return;
        }

        while (await NextAsync(cancel) is { } pdu)
        {
            switch (pdu.Code)
            {
                case Opcode.NopOut when pdu.Tag != Pdu.NoTag:
                    await SendAsync(Answer(Opcode.NopIn, pdu, nop => (nop[20], nop.Data) = (Pdu.NoTag, pdu.Data)), cancel);
                    break;
                case Opcode.NopOut:
                    break;
                case Opcode.Command when !agreed.IsDiscovery:
                    await CommandAsync(pdu, cancel);
                    break;
                case Opcode.TaskManagement when !agreed.IsDiscovery:
                    await ManageAsync(pdu, cancel);
                    break;
                case Opcode.Text:
                    await TextAsync(pdu, cancel);
                    break;
                case Opcode.Logout:
                    await SendAsync(Answer(Opcode.LogoutAnswer, pdu), cancel);
                    return;
                case Opcode.DataOut: // Of a command that is over: an abort, or a failure, crossed it on the wire.
                    break;
                default:
                    await RejectAsync(pdu, 0x05, cancel); // "command not supported"
                    break;
            }
        }
    }

    private async Task<bool> LoginAsync(CancellationToken cancel)
    {
        while (await ReadAsync(default, Patience, cancel) is { } pdu)
        {
            if (pdu.Code != Opcode.Login || (pdu.Flags & 0x40) != 0)
            {
                throw new IscsiException("a session begins with a login, whole in each PDU");
            }

            if (!isStarted)
            {
                (expCmdSn, isStarted) = (pdu[24], true);
            }

            var (stage, next, transits) = ((pdu.Flags >> 2) & 3, pdu.Flags & 3, pdu.IsFinal);
            var answers = agreed.Take(Negotiation.Parse(pdu.Data)).ToList();
            var answer = Answer(Opcode.LoginAnswer, pdu);
            pdu.Header.AsSpan(8, 8).CopyTo(answer.Header.AsSpan(8)); // ISID, TSIH
            answer.Flags = (byte)((transits ? 0x80 : 0) | (stage << 2) | (transits ? next : 0));
            var isAllowed = pdu.Header[3] == 0 && stage != 2 && (!transits || (next > stage && next != 2));
            if ((isAllowed ? Refusal() : 0x0200u) is { } refusal)
            {
                answer.Flags &= 0x0C;
                answer[36] = refusal << 16;
                await SendAsync(answer, default, cancel);
                return false;
            }

            if (stage == 1 || next == 3)
            {
                answers.Insert(0, ("MaxRecvDataSegmentLength", Negotiation.ReceiveMaxBytes.ToString(System.Globalization.CultureInfo.InvariantCulture)));
            }

            answers.Add(("TargetPortalGroupTag", "1"));
            answer.Data = Negotiation.Write(answers);
            if (transits && next == 3)
            {
                BinaryPrimitives.WriteUInt16BigEndian(answer.Header.AsSpan(14), 1);
            }

            await SendAsync(answer, default, cancel);
            if (transits && next == 3)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Class and detail of a login that ends here, RFC 7143 11.13.5; null = it goes on.</summary>
    private uint? Refusal() =>
        agreed.InitiatorName.Length == 0 ? 0x0207u
        : agreed.IsAuthRefused ? 0x0201u
        : agreed.IsDiscovery ? null
        : !names.TryGetValue(agreed.TargetName, out units!) ? 0x0203u
        : null;

    private async Task CommandAsync(Pdu pdu, CancellationToken cancel)
    {
        var cdb = pdu.Header.AsSpan(32, 16).ToArray();
        var expected = pdu[20];
        var (reads, writes) = ((pdu.Flags & 0x40) != 0, (pdu.Flags & 0x20) != 0);
        var unit = pdu.Lun >= 0 && pdu.Lun < units.Count ? units[pdu.Lun] : null;
        byte[] written = [];
        if (writes)
        {
            if (expected > LogicalUnit.TransferMaxBytes)
            {
                throw new IscsiException($"{expected} bytes to write in a command");
            }

            if (await CollectAsync(pdu, (int)expected, cancel) is not { } all)
            {
                return; // Aborted meanwhile: nobody waits for an answer.
            }

            written = all;
        }

        var outcome = pdu.IsDataDamaged ? Outcome.Failed(Sense.DataDamaged) : Do(unit, cdb, written);
        var wanted = writes ? unit?.WriteLength(cdb) ?? 0 : outcome.Data.Length;
        await ReturnAsync(pdu, outcome, reads, expected, wanted, cancel);
    }

    private Outcome Do(LogicalUnit? unit, byte[] cdb, byte[] written)
    {
        if (cdb[0] == 0xA0) // REPORT LUNS is the target's
        {
            var list = new byte[8 + (units.Count * 8)];
            BinaryPrimitives.WriteInt32BigEndian(list, units.Count * 8);
            for (var i = 0; i < units.Count; i++)
            {
                list[8 + (i * 8) + 1] = (byte)i;
            }

            return new Outcome(list[..(int)Math.Min(list.Length, BinaryPrimitives.ReadUInt32BigEndian(cdb.AsSpan(6)))]);
        }

        if (unit is null)
        {
            // What is not there says so when it is asked who it is (SPC-5, 6.7.2), and refuses all else.
            return cdb[0] == 0x12 ? new Outcome([0x7F, 0, 6, 2, 31, .. new byte[31]]) : Outcome.Failed(Sense.NoSuchUnit);
        }

        lock (unit)
        {
            // The first that asks for more than who it is learns that it is new to this session (SAM-5, 5.14).
            return cdb[0] is not (0x12 or 0x03) && greeted.Add(unit) ? Outcome.Failed(Sense.PowerOn) : unit.Execute(cdb, written);
        }
    }

    /// <summary>All that a command writes: what came with it, what comes unasked, what is asked for. Null = it was aborted.</summary>
    private async Task<byte[]?> CollectAsync(Pdu command, int expected, CancellationToken cancel)
    {
        var all = new byte[expected];
        if (command.Data.Length > 0 && (!agreed.ImmediateData || command.Data.Length > Math.Min(expected, agreed.FirstBurstBytes)))
        {
            throw new IscsiException("more immediate data than was agreed on");
        }

        command.Data.CopyTo(all, 0);
        var got = command.Data.Length;
        if (!command.IsFinal)
        {
            if (agreed.InitialR2T)
            {
                throw new IscsiException("data that nobody asked for");
            }

            got = await BurstAsync(command, all, got, Math.Min(expected, agreed.FirstBurstBytes), Pdu.NoTag, cancel);
        }

        for (uint number = 0; got >= 0 && got < expected; number++)
        {
            var length = Math.Min(expected - got, agreed.MaxBurstBytes);
            var ask = Answer(Opcode.ReadyToTransfer, command, counts: false);
            command.Header.AsSpan(8, 8).CopyTo(ask.Header.AsSpan(8));
            (ask[20], ask[36], ask[40], ask[44]) = (TransferTag, number, (uint)got, (uint)length);
            await SendAsync(ask, cancel);
            got = await BurstAsync(command, all, got, got + length, TransferTag, cancel);
        }

        return got < 0 ? null : all;
    }

    /// <summary>One burst; returns up to where there is data now, -1 = the command was aborted.</summary>
    private async Task<int> BurstAsync(Pdu command, byte[] all, int got, int end, uint transferTag, CancellationToken cancel)
    {
        while (true)
        {
            var pdu = await ReadAsync(agreed.Digests, Patience, cancel) ?? throw new IscsiException("the connection ended in the middle of a command");
            if (pdu.Code != Opcode.DataOut || pdu.Tag != command.Tag)
            {
                if (pdu.Code == Opcode.TaskManagement && Aborts(pdu, command))
                {
                    Accept(pdu);
                    await SendAsync(Answer(Opcode.TaskManaged, pdu), cancel);
                    return -1;
                }

                if (waiting.Count >= Window)
                {
                    throw new IscsiException($"more than {Window} commands ahead");
                }

                waiting.Enqueue(pdu);
                continue;
            }

            if (pdu.IsDataDamaged)
            {
                throw new IscsiException("damaged data");
            }

            if (pdu[20] != transferTag || pdu[40] != got || pdu.Data.Length > end - got)
            {
                throw new IscsiException("data that is not what was asked for");
            }

            pdu.Data.CopyTo(all, got);
            got += pdu.Data.Length;
            if (pdu.IsFinal)
            {
                return transferTag == Pdu.NoTag || got == end ? got : throw new IscsiException("less data than was asked for");
            }

            if (pdu.Data.Length == 0 || got == end)
            {
                throw new IscsiException("a burst without an end");
            }
        }
    }

    /// <summary>Abort of this very task, or of all tasks of its unit.</summary>
    private static bool Aborts(Pdu management, Pdu command) =>
        (management.Flags & 0x7F) switch { 1 => management[20] == command.Tag, 2 or 5 => management.Lun == command.Lun, 6 or 7 => true, _ => false };

    private async Task ReturnAsync(Pdu command, Outcome outcome, bool reads, uint expected, long wanted, CancellationToken cancel)
    {
        // What is missing, or would have been more (RFC 7143, 11.4.5).
        var (isUnder, isOver) = (wanted >= 0 && wanted < expected, wanted > expected);
        var residual = isUnder ? expected - (uint)wanted : isOver ? (uint)(wanted - expected) : 0;
        var residualFlags = (byte)(isUnder ? 0x02 : isOver ? 0x04 : 0);
        if (reads && outcome.Failure is null && outcome.Data.Length > 0)
        {
            var length = (int)Math.Min(outcome.Data.Length, expected);
            uint number = 0;
            for (var at = 0; at < length; number++)
            {
                var piece = Math.Min(Math.Min(length - at, agreed.SendMaxBytes), agreed.MaxBurstBytes - (at % agreed.MaxBurstBytes));
                var isLast = at + piece == length;
                var data = Answer(Opcode.DataIn, command, counts: isLast);
                (data[20], data[36], data[40], data.Data) = (Pdu.NoTag, number, (uint)at, outcome.Data[at..(at + piece)]);
                data.Flags = (byte)(isLast || (at + piece) % agreed.MaxBurstBytes == 0 ? 0x80 : 0);
                if (isLast)
                {
                    data.Flags |= (byte)(0x01 | residualFlags);
                    data[44] = residual;
                }
                else
                {
                    data[24] = 0;
                }

                await SendAsync(data, cancel);
                at += piece;
            }

            if (length > 0)
            {
                return;
            }
        }

        var response = Answer(Opcode.Response, command);
        response.Header[3] = outcome.Status;
        response.Flags = (byte)(0x80 | residualFlags);
        response[44] = residual;
        if (outcome.Failure is { } sense)
        {
            var bytes = sense.ToBytes();
            response.Data = [0, (byte)bytes.Length, .. bytes];
        }

        await SendAsync(response, cancel);
    }

    /// <summary>A task that is not running any more does not exist (RFC 7143, 11.6.1); one that waits goes.</summary>
    private async Task ManageAsync(Pdu pdu, CancellationToken cancel)
    {
        var function = pdu.Flags & 0x7F;
        var kept = waiting.Where(one => one.Code != Opcode.Command || !Aborts(pdu, one)).ToList();
        var found = waiting.Count - kept.Count;
        foreach (var gone in waiting.Except(kept))
        {
            Accept(gone);
        }

        waiting.Clear();
        kept.ForEach(waiting.Enqueue);
        var answer = Answer(Opcode.TaskManaged, pdu);
        answer.Header[2] = (byte)(function is 1 && found == 0 ? 1 : function is 1 or 2 or 5 or 6 or 7 ? 0 : 5);
        await SendAsync(answer, cancel);
    }

    private async Task TextAsync(Pdu pdu, CancellationToken cancel)
    {
        var answers = new List<(string, string)>();
        foreach (var (key, value) in Negotiation.Parse(pdu.Data))
        {
            if (key != "SendTargets")
            {
                answers.Add((key, "NotUnderstood"));
                continue;
            }

            foreach (var name in names.Keys.Where(name => value == "All" || value == name || (value.Length == 0 && name == agreed.TargetName)))
            {
                answers.AddRange([("TargetName", name), ("TargetAddress", address + ",1")]);
            }
        }

        await SendAsync(Answer(Opcode.TextAnswer, pdu, text => (text[20], text.Data) = (Pdu.NoTag, Negotiation.Write(answers))), cancel);
    }

    private Task RejectAsync(Pdu pdu, byte reason, CancellationToken cancel)
    {
        var reject = Answer(Opcode.Reject, pdu);
        (reject.Header[2], reject.Tag, reject.Data) = (reason, Pdu.NoTag, pdu.Header);
        return SendAsync(reject, cancel);
    }

    /// <summary>An answer with its numbers: status (counted unless it is none), and the window of commands.</summary>
    private Pdu Answer(byte opcode, Pdu to, Action<Pdu>? with = null, bool counts = true)
    {
        var answer = new Pdu(opcode) { Flags = 0x80, Tag = to.Tag };
        answer[24] = statSn;
        (answer[28], answer[32]) = (expCmdSn, expCmdSn + Window - 1);
        statSn += counts ? 1u : 0u;
        with?.Invoke(answer);
        return answer;
    }

    private async Task<Pdu?> NextAsync(CancellationToken cancel)
    {
        var next = waiting.Count > 0 ? waiting.Dequeue() : await ReadAsync(agreed.Digests, Timeout.InfiniteTimeSpan, cancel);
        if (next is not null)
        {
            Accept(next);
        }

        return next;
    }

    /// <summary>Commands come in their order, over one connection.</summary>
    private void Accept(Pdu pdu)
    {
        if (pdu.Code is Opcode.DataOut || pdu.IsImmediate)
        {
            return;
        }

        if (pdu[24] != expCmdSn)
        {
            throw new IscsiException($"command {pdu[24]} where {expCmdSn} was due");
        }

        expCmdSn++;
    }

    private async Task<Pdu?> ReadAsync(Digests digests, TimeSpan within, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(within);
        return await Pdu.ReadAsync(stream, digests, Negotiation.ReceiveMaxBytes, limit.Token);
    }

    private Task SendAsync(Pdu pdu, CancellationToken cancel) => SendAsync(pdu, agreed.Digests, cancel);

    private async Task SendAsync(Pdu pdu, Digests digests, CancellationToken cancel) => await stream.WriteAsync(pdu.ToBytes(digests), cancel);
}
