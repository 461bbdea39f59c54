// Tickets, credentials, names, request heads, bodies, queries and whole API requests.
using System.Buffers;
using System.Text;
using System.Text.Json;
using Holdfast.Tests.Unit;
using Holdfast.Wire;
using Microsoft.Extensions.Logging.Abstractions;

namespace Holdfast.Tests.Fuzz;

internal static class WireTargets
{
    private const int MaxHeadBytes = 32 * 1024;
    private static readonly InstantClock Clock = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private static readonly TicketSigner Signer = new(new byte[32], Clock);

    private static readonly ParameterSchema Schema = new(
        PbsSchema.Store(), PbsSchema.Namespace(), PbsSchema.BackupType() with { Optional = true }, PbsSchema.BackupTime().AsOptional(),
        PbsSchema.Digest().AsOptional(), PbsSchema.UserId().AsOptional(), PbsSchema.AuthId().AsOptional(), PbsSchema.UpidText().AsOptional(),
        PbsSchema.Comment(), PbsSchema.Fingerprint().AsOptional(), PbsSchema.Wid().AsOptional(), Parameter.Boolean("propagate"),
        Parameter.List("digest-list", PbsSchema.Digest()).AsOptional(), Parameter.List("offset-list", Parameter.Integer("o")).AsOptional());

    public static IEnumerable<FuzzTarget> All() => [.. Identity(), .. Http(), .. Calls()];

    private static IEnumerable<FuzzTarget> Identity()
    {
        var ticket = Signer.Issue(UserId.Parse("admin@pbs"));
        yield return Text(
            SystemUnderTest.Ticket, [typeof(TicketSigner)], TicketGood,
            ticket, Signer.IssueCsrf(UserId.Parse("admin@pbs")), Signer.IssueData("!tfa!{}", "admin@pbs"));
        yield return Text(
            SystemUnderTest.SealedTicket, [typeof(TicketSigner), typeof(Percent)], SealedTicket, "admin@pbs", "!tfa!{\"a\":1}", "ü@pbs", "%3A:\u0001");
        yield return Text(
            SystemUnderTest.CredentialHeaders, [typeof(Credentials), typeof(Percent)], CredentialsGood,
            $"PBSAuthCookie={ticket}\n\n00000000:x", $"a=b; __Host-PBSAuthCookie={Percent.Encode(ticket)}; c\n\n",
            "\nPBSAPIToken=admin@pbs!tok:0011-22\n", "\nPBSAPIToken admin%40pbs!tok:s%3Ac\n");
        yield return Text(
            SystemUnderTest.WireNames, [typeof(UserId), typeof(AuthId), typeof(PbsSchema), typeof(Parameter)], NamesGood,
            "admin@pbs", "a@b@pam", "root@pam!tok", "ü@pve!a.b", "ab/cd/ef", "store-1", "true", "aa:bb");
        yield return Text(
            SystemUnderTest.Upid, [typeof(Upid)], UpidGood,
            "UPID:box:00000A0B:0012AB34:0000000F:65F00000:backup:main\\x3avm-100:admin@pbs:",
            "UPID:b:00000001:000000001:00000000000000FF:00000001:verify::root@pam!tok:");
        yield return Text(
            SystemUnderTest.CalendarEvent, [typeof(CalendarEvent)], CalendarGood,
            "mon..fri 8..17:0/30", "2026-*-1/2 03:00:10 UTC", "sat,sun..tue *-2-29 12:5,10..20/5", "daily 02:00", "semi-annually UTC", "*/15", "5");
        yield return Text(
            SystemUnderTest.Repository, [typeof(PbsRepository)], RepositoryGood,
            "main", "box:main", "admin@pbs@box:8008:main", "admin@pbs!tok@[fe80::1]:8007:store", "10.0.0.1:store");
    }

    private static IEnumerable<FuzzTarget> Http()
    {
        yield return new(nameof(SystemUnderTest.RequestHead), [typeof(RequestHead), typeof(ApiPath)], Seeds.Texts(
            "GET //api2/json/backup?store=a&backup-time=1 HTTP/1.1\r\nHost: x\r\nCookie: PBSAuthCookie=abc\r\n"
                + "connection: upgrade\r\nupgrade: proxmox-backup-protocol-v1\r\n\r\nPRI * HTTP/2.0",
            "POST /api2/json/access/ticket HTTP/1.1\r\nContent-Length: 12\r\nCookie: a\r\nCookie: b\r\n\r\n{}",
            "PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nX: \t y \r\n\r\n",
            "GET / HTTP/1.1\r\n" + string.Concat(Enumerable.Repeat($"A: {new string('b', 60)}\r\n", 60)) + "\r\n"), HeadGood)
        {
            IsText = true, MaxLength = MaxHeadBytes + 4096, AllocationBase = 32 * 1024, AllocationPerByte = 40,
        };
        yield return new(nameof(SystemUnderTest.ChunkedBody), [typeof(ChunkedBody)], Seeds.Texts(
            "5;a=b\r\nhello\r\n1F\r\n" + new string('x', 31) + "\r\n0\r\nA: b\r\n\r\nNEXT", "0\r\n\r\n", "a\r\n0123456789\r\n00\r\n\r\n"), BodyGood)
        {
            IsText = true, AllocationBase = 1024, AllocationPerByte = 0,
        };
    }

    private static IEnumerable<FuzzTarget> Calls()
    {
        var digest = new string('a', 64);
        yield return Text(
            SystemUnderTest.Query, [typeof(ParameterSchema), typeof(Parameter), typeof(Percent)],
            bytes => Encoding.UTF8.GetString(bytes) is var text && ParameterSchema.Split(text) is { } pairs && Told(Schema.ReadText(pairs)),
            $"store=main&ns=a/b&backup-type=vm&backup-time=1714980000&digest={digest}&_dc=1",
            $"store=main&digest-list={digest}&digest-list={digest}&offset-list=0&offset-list=4096&propagate=on",
            "store=ma%69n&comment=a+b%C3%BC&userid=a%40pbs&wid=256&auth-id=a@pbs!t");
        byte[][] bodies = Seeds.Texts(
            $"{{\"store\":\"main\",\"ns\":\"a/b\",\"backup-time\":1714980000,\"digest-list\":[\"{digest}\"],\"offset-list\":[0,4096],\"propagate\":true}}",
            "{\"store\":\"m\\u0061in\",\"comment\":\"\\u00fc\",\"userid\":\"a@pbs\",\"wid\":256}", "{}");
        yield return new(nameof(SystemUnderTest.JsonBody), [typeof(ParameterSchema)], bodies, JsonGood)
        {
            // What JsonElement throws is refused where bodies are read, in ApiInput: ApiRequest has no exception at all.
            IsText = true, Refusals = [typeof(InvalidOperationException)], AllocationBase = 64 * 1024, AllocationPerByte = 100,
        };
        var router = new ApiRouter(
            [
                new("POST", "/a/{store}", Schema, _ => ValueTask.FromResult(ApiResult.String("x"))),
                new("GET", "/open", new ParameterSchema { Open = true }, _ => ValueTask.FromResult(ApiResult.String("x"))) { Anonymous = true },
            ], Clock, NullLogger.Instance);
        yield return new(nameof(SystemUnderTest.ApiRequest), [typeof(ApiRouter), typeof(ApiPath)], Seeds.Texts(
            "POST\n/api2/json/a/main\n\napplication/json\n{\"backup-time\":5}", "POST\n//api2/extjs/a/m%61in\nns=a\n\nbackup-time=5&propagate=1",
            "GET\n/api2/json/open\na=b&c=%ff\napplication/json;x\n{\"a\":[1]}"), bytes => RequestGood(router, bytes))
        {
            IsText = true, AllocationBase = 1536 * 1024, AllocationPerByte = 300,
        };
    }

    private static FuzzTarget Text(SystemUnderTest name, Type[] covers, Func<byte[], bool> run, params string[] seeds) =>
        new(name.ToString(), covers, Seeds.Texts(seeds), run) { IsText = true, AllocationBase = 32 * 1024, AllocationPerByte = 400 };

    private static bool TicketGood(byte[] bytes)
    {
        var text = Encoding.UTF8.GetString(bytes);
        var state = Signer.Verify(text, out var user);
        FuzzTarget.Broken(state == TicketState.Valid && text != Signer.Issue(user), "a ticket is valid that we would not have issued");
        var partial = Signer.VerifyData(text, "admin@pbs", -60, 600, out _);
        TicketSigner.IssuedAt(text);
        return state == TicketState.Valid || partial == TicketState.Valid || Signer.VerifyCsrf(text, UserId.Parse("admin@pbs"));
    }

    private static bool SealedTicket(byte[] bytes)
    {
        var data = Encoding.UTF8.GetString(bytes);
        var ticket = Signer.IssueData(data, null);
        var state = Signer.VerifyData(ticket, null, -60, 600, out var back);
        FuzzTarget.Broken(ticket.Length <= TicketSigner.MaxLength && (state != TicketState.Valid || back != data), "a ticket loses its data");
        FuzzTarget.Broken(Signer.VerifyData(ticket, "x", -60, 600, out _) == TicketState.Valid, "a bound ticket is valid without its bond");
        return Signer.Verify(ticket, out var user) == TicketState.Valid && UserId.TryParse(user.ToString(), out _);
    }

    private static bool CredentialsGood(byte[] bytes)
    {
        var parts = Encoding.UTF8.GetString(bytes).Split('\n', 3);
        var found = Credentials.Read(parts[0], parts.ElementAtOrDefault(1), parts.ElementAtOrDefault(2));
        FuzzTarget.Broken(found is Credentials.ByToken { TokenId.IsToken: false }, "a token that is none");
        var plain = Percent.Decode(parts[0]);
        FuzzTarget.Broken(plain is not null && Percent.Decode(Percent.Encode(plain)) != plain, "escaping loses text");
        Percent.DecodeForm(parts[0]);
        return found is not Credentials.None;
    }

    private static bool NamesGood(byte[] bytes)
    {
        var text = Encoding.UTF8.GetString(bytes);
        var isUser = UserId.TryParse(text, out var user);
        FuzzTarget.Broken(isUser && user.ToString() != text, "a user is not its own text");
        var isAuth = AuthId.TryParse(text, out var auth);
        FuzzTarget.Broken(isAuth && auth.ToString() != text, "an auth id is not its own text");
        FuzzTarget.Broken(isUser && !auth.User.Equals(user) && !auth.IsToken, "user and auth id differ");
        var isNamespace = PbsSchema.IsNamespace(text);
        FuzzTarget.Broken(isNamespace && text.Contains("..", StringComparison.Ordinal) && text.Split('/').Contains(".."), "a namespace climbs");
        _ = (PbsSchema.IsDigest(text), PbsSchema.IsOneLine(text), PbsSchema.IsManyLines(text), PbsSchema.FingerprintPattern.IsMatch(text));
        return isUser || isAuth || isNamespace || Parameter.ParseBoolean(text) is not null;
    }

    /// <summary>Whatever is accepted has a next run after now, or none; and the one after that is later still.</summary>
    private static bool CalendarGood(byte[] bytes)
    {
        if (CalendarEvent.Parse(Encoding.UTF8.GetString(bytes), out var problem) is not { } calendar)
        {
            FuzzTarget.Broken(problem.Length == 0, "refused without a word");
            return false;
        }

        const long nowS = 1_800_000_000;
        if (calendar.Next(nowS, TimeZoneInfo.Utc) is { } next)
        {
            FuzzTarget.Broken(next <= nowS, "the next run is not after the last");
            FuzzTarget.Broken(calendar.Next(next, TimeZoneInfo.Utc) <= next, "time stands still");
        }

        return true;
    }

    private static bool UpidGood(byte[] bytes)
    {
        var text = Encoding.UTF8.GetString(bytes);
        if (!Upid.TryParse(text, out var upid))
        {
            return false;
        }

        var again = upid.ToString();
        FuzzTarget.Broken(again.Length <= Upid.MaxLength && (!Upid.TryParse(again, out var back) || back != upid), "a UPID does not read back");
        return true;
    }

    private static bool RepositoryGood(byte[] bytes)
    {
        if (!PbsRepository.TryParse(Encoding.UTF8.GetString(bytes), out var repository))
        {
            return false;
        }

        FuzzTarget.Broken(!PbsRepository.TryParse(repository!.ToString(), out var back) || back != repository, "a repository does not read back");
        return true;
    }

    private static bool HeadGood(byte[] bytes)
    {
        var state = RequestHead.TryParse(new ReadOnlySequence<byte>(bytes), MaxHeadBytes, out var head, out var why);
        FuzzTarget.Broken(state == HeadParse.Bad != why.Length > 0 && state == HeadParse.Bad, "a refusal without a reason");
        if (state != HeadParse.Complete)
        {
            return false;
        }

        FuzzTarget.Broken(head!.LengthBytes > MaxHeadBytes || head.BodyLength < -1, "a head beyond its bounds");
        foreach (var name in head.Headers.Select(h => h.Key).Distinct(StringComparer.OrdinalIgnoreCase))
        {
            FuzzTarget.Broken(head.Header(name) is null, "a header is lost");
        }

        ApiPath.TrySplit(head.Target, out _);
        return true;
    }

    private static bool BodyGood(byte[] bytes)
    {
        var whole = new ChunkedBody();
        var taken = whole.Take(bytes);
        var pieces = new ChunkedBody();
        var at = 0;
        while (at < bytes.Length && !pieces.IsDone && !pieces.IsBad)
        {
            at += pieces.Take(bytes.AsSpan(at, Math.Min(1 + (at % 7), bytes.Length - at)));
        }

        FuzzTarget.Broken(at != taken || pieces.IsDone != whole.IsDone || pieces.IsBad != whole.IsBad, "cut otherwise, read otherwise");
        return whole.IsDone;
    }

    private static bool JsonGood(byte[] bytes)
    {
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(bytes, new JsonDocumentOptions { MaxDepth = 32 });
        }
        catch (JsonException)
        {
            return false; // not the parser under test
        }

        using (document)
        {
            return document.RootElement.ValueKind == JsonValueKind.Object && Told(Schema.ReadJson(document.RootElement, []));
        }
    }

    private static bool Told(ApiParameters parameters)
    {
        if (parameters.Faults.Count > 0)
        {
            FuzzTarget.Broken(parameters.Faults.Count > 64 || parameters.FaultText.Length == 0, "faults without bound or text");
            return false;
        }

        _ = (parameters.Text("store"), parameters.OptionalInteger("backup-time"), parameters.OptionalFlag("propagate"));
        _ = (parameters.Texts("digest-list").Count, parameters.Integers("offset-list").Count);
        return true;
    }

    private static bool RequestGood(ApiRouter router, byte[] bytes)
    {
        var parts = Encoding.UTF8.GetString(bytes).Split('\n', 5);
        var body = parts.Length < 5 ? [] : bytes[^Math.Min(bytes.Length, Encoding.UTF8.GetByteCount(parts[4]))..];
        var exchange = new MemoryExchange(parts[0], parts.ElementAtOrDefault(1) ?? "", parts.ElementAtOrDefault(2) ?? "", body);
        if (parts.ElementAtOrDefault(3) is { Length: > 0 } type)
        {
            exchange.RequestHeaders["Content-Type"] = type;
        }

        var serving = router.ServeApiAsync(exchange, _ => ValueTask.FromResult<object?>("caller"));
        Seeds.Now(Done(serving));
        FuzzTarget.Broken(!exchange.ResponseStarted && !exchange.WasAborted, "no answer");
        FuzzTarget.Broken(exchange.Status >= 500, $"answer {exchange.Status}: {exchange.Answer}");
        return exchange.Status == 200;
    }

    private static Task<bool> Done(Task task) =>
        task.IsCompletedSuccessfully ? Task.FromResult(true)
            : task.IsFaulted ? Task.FromException<bool>(task.Exception!.InnerException!)
            : throw new InvalidOperationException("a request over memory did not end at once");
}
