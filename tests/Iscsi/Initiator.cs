// An initiator for the unhappy paths: it logs in properly, and then sends whatever a test wants.
using System.Buffers.Binary;
using System.Net.Sockets;

namespace Holdfast.Tests.Iscsi;

/// <summary>What a command came to.</summary>
internal sealed record Answered(byte Status, byte[] Data, byte[] Sense, uint Residual, byte Flags);

/// <summary>One session.</summary>
internal sealed class Initiator : IDisposable
{
    private readonly TcpClient connection = new();
    private uint cmdSn = 7;
    private uint tag;

    private Initiator()
    {
    }

    public Digests Digests { get; private set; }

    public NetworkStream Stream => connection.GetStream();

    /// <summary>Logs in; <see cref="LoginStatus"/> says how that went.</summary>
    public static async Task<Initiator> LoginAsync(int port, string target, Digests digests = default, params (string Key, string Value)[] more)
    {
        var initiator = new Initiator();
        await initiator.connection.ConnectAsync("127.0.0.1", port);
        var login = new Pdu(Opcode.Login | 0x40) { Flags = 0x87, Tag = 1 }; // from operational negotiation to the full feature phase
        login[24] = initiator.cmdSn;
        login.Data = Negotiation.Write(
        [
            ("InitiatorName", "iqn.2026-01.test:initiator"), ("TargetName", target), ("HeaderDigest", digests.Header ? "CRC32C,None" : "None"),
            ("DataDigest", digests.Data ? "CRC32C,None" : "None"), .. more,
        ]);
        await initiator.SendAsync(login);
        var answer = await initiator.ReadAsync();
        initiator.LoginStatus = answer[36] >> 16;
        initiator.Agreed = Negotiation.Parse(answer.Data).ToDictionary(pair => pair.Key, pair => pair.Value);
        initiator.Digests = digests;
        return initiator;
    }

    public uint LoginStatus { get; private set; }

    public IReadOnlyDictionary<string, string> Agreed { get; private set; } = new Dictionary<string, string>();

    /// <summary>A command with its number and a new tag; not sent yet.</summary>
    public Pdu Command(byte[] cdb, uint expected = 0, bool writes = false, int lun = 0)
    {
        var pdu = new Pdu(Opcode.Command) { Flags = (byte)(0x80 | (expected == 0 ? 0 : writes ? 0x20 : 0x40)), Tag = ++tag };
        pdu.Header[9] = (byte)lun;
        (pdu[20], pdu[24]) = (expected, cmdSn++);
        cdb.CopyTo(pdu.Header, 32);
        return pdu;
    }

    /// <summary>Does a command to its end; what is asked for is sent.</summary>
    public async Task<Answered> DoAsync(byte[] cdb, uint expected = 0, byte[]? written = null, int lun = 0, int immediate = 0)
    {
        var command = Command(cdb, expected, written is not null, lun);
        command.Data = written?[..immediate] ?? [];
        await SendAsync(command);
        var data = new MemoryStream();
        while (true)
        {
            var pdu = await ReadAsync();
            switch (pdu.Code)
            {
                case Opcode.ReadyToTransfer:
                    await SendAsync(Out(command, pdu, written!));
                    break;
                case Opcode.DataIn:
                    data.Position = pdu[40];
                    data.Write(pdu.Data);
                    if ((pdu.Flags & 1) != 0)
                    {
                        return new Answered(pdu.Header[3], data.ToArray(), [], pdu[44], pdu.Flags);
                    }

                    break;
                default:
                    return new Answered(pdu.Header[3], data.ToArray(), pdu.Data.Length > 2 ? pdu.Data[2..] : [], pdu[44], pdu.Flags);
            }
        }
    }

    /// <summary>What was asked for, in one piece.</summary>
    public static Pdu Out(Pdu command, Pdu asked, byte[] written)
    {
        var data = new Pdu(Opcode.DataOut) { Flags = 0x80, Tag = command.Tag };
        (data[20], data[40]) = (asked[20], asked[40]);
        data.Data = written[(int)asked[40]..(int)(asked[40] + asked[44])];
        return data;
    }

    public async Task SendAsync(Pdu pdu) => await Stream.WriteAsync(pdu.ToBytes(Digests));

    /// <summary>The next answer.</summary>
    /// <exception cref="IOException">The target hung up.</exception>
    public async Task<Pdu> ReadAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        return await Pdu.ReadAsync(Stream, Digests, 1 << 20, limit.Token) ?? throw new IOException("the target hung up");
    }

    public static byte[] Read10(uint block, ushort count) => Ten(0x28, block, count);

    public static byte[] Write10(uint block, ushort count) => Ten(0x2A, block, count);

    public void Dispose() => connection.Dispose();

    private static byte[] Ten(byte opcode, uint block, ushort count)
    {
        var cdb = new byte[10];
        cdb[0] = opcode;
        BinaryPrimitives.WriteUInt32BigEndian(cdb.AsSpan(2), block);
        BinaryPrimitives.WriteUInt16BigEndian(cdb.AsSpan(7), count);
        return cdb;
    }
}
