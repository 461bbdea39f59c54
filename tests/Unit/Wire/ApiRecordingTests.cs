// The router against what a real PBS 4.2.0 answered: status, content type and body of recorded calls, most of them
// faults.
using System.Text;
using System.Text.Json;
using Holdfast.Wire;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Holdfast.Tests.Unit;

public sealed class ApiRecordingTests
{
    private static readonly string[] Recordings =
        File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "wire-recordings.jsonl"));

    public static TheoryData<string> Names =>
        [.. Recordings.Select(l => JsonDocument.Parse(l).RootElement.GetProperty("name").GetString()!)];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Recorded_call_is_answered_alike(string name)
    {
        JsonElement call = Recordings.Select(l => JsonDocument.Parse(l).RootElement)
            .Single(r => r.GetProperty("name").GetString() == name);
        var clock = new InstantClock(DateTimeOffset.UnixEpoch);
        string who = call.GetProperty("as").GetString()!;
        string query = call.GetProperty("query").GetString()!;
        var exchange = new MemoryExchange(
            call.GetProperty("method").GetString()!, call.GetProperty("path").GetString()!, query, Body(call));
        if (call.GetProperty("content_type").GetString() is { } type)
        {
            exchange.RequestHeaders["content-type"] = type;
        }

        var router = new ApiRouter(Endpoints(), clock, NullLogger.Instance);
        await router.ServeApiAsync(exchange, _ => ValueTask.FromResult<object?>(who == "none" ? null : who));

        Assert.Equal(call.GetProperty("status").GetInt32(), exchange.Status);
        Assert.Equal(call.GetProperty("response_content_type").GetString(), exchange.ContentType);
        JsonElement answer = call.GetProperty("response_body");
        if (answer.ValueKind == JsonValueKind.String)
        {
            Assert.Equal(Sorted(answer.GetString()!), Sorted(exchange.Answer));
        }
        else
        {
            Assert.True(
                JsonElement.DeepEquals(Blank(answer), Blank(JsonDocument.Parse(exchange.Answer).RootElement)),
                exchange.Answer);
        }

        double[] delays = [.. clock.Delays.Select(d => d.TotalSeconds)];
        Assert.Equal(call.TryGetProperty("seconds", out JsonElement s) ? [s.GetDouble()] : [], delays);
        bool hasCookie = call.GetProperty("response_headers_of_interest")
            .TryGetProperty("set-cookie", out JsonElement cookie);
        Assert.Equal(hasCookie ? cookie.GetString() : null, exchange.AnswerHeaders.GetValueOrDefault("Set-Cookie"));
    }

    // The order of several faults follows a hash map in PBS.
    private static string Sorted(string text) => string.Join('\n', text.Split('\n').Order(StringComparer.Ordinal));

    // Tickets and tokens differ by nature: their shape is tested elsewhere.
    private static JsonElement Blank(JsonElement json)
    {
        string text = System.Text.RegularExpressions.Regex.Replace(
            json.GetRawText(), "\"(ticket|CSRFPreventionToken)\":\\s*\"[^\"]*\"", "\"$1\":\"\"");
        return JsonDocument.Parse(text).RootElement;
    }

    private static byte[] Body(JsonElement call)
    {
        JsonElement body = call.GetProperty("body");
        return body.ValueKind switch
        {
            JsonValueKind.Null => [],
            JsonValueKind.String => Encoding.UTF8.GetBytes(body.GetString()!),
            _ => Encoding.UTF8.GetBytes(body.GetRawText()),
        };
    }

    private static ApiEndpoint Get(string path, params Parameter[] parameters) =>
        new("GET", path, new ParameterSchema(parameters), _ => ValueTask.FromResult(ApiResult.Null));

    private static ApiEndpoint Post(string path, params Parameter[] parameters) =>
        new("POST", path, new ParameterSchema(parameters), _ => ValueTask.FromResult(ApiResult.Null));

    private static ApiEndpoint[] Endpoints()
    {
        Parameter store = PbsSchema.Store();
        Parameter[] snapshot = [PbsSchema.BackupType(), PbsSchema.BackupId(), PbsSchema.BackupTime()];
        Parameter keep = Parameter.Integer("keep-last") with { Minimum = 1, Optional = true };
        return
        [
            Get("/version"),
            new("GET", "/ping", ParameterSchema.Empty, _ => ValueTask.FromResult(ApiResult.Data(w =>
            {
                w.WriteStartObject();
                w.WriteBoolean("pong", true);
                w.WriteEndObject();
            })))
            {
                Anonymous = true,
            },
            Post("/access/ticket", PbsSchema.UserId("username"), PbsSchema.Password().AsOptional()) with
            {
                Anonymous = true, Handler = Ticket,
            },
            new("DELETE", "/access/ticket", ParameterSchema.Empty, Logout) { Anonymous = true },
            Get("/access/users", Parameter.Boolean("include_tokens")),
            Post("/access/users", PbsSchema.UserId(),
                Parameter.Text("password") with { MinLength = 8, Optional = true },
                Parameter.Boolean("enable"), Parameter.Integer("expire") with { Minimum = 0, Optional = true }) with
            {
                Permit = NoRights,
            },
            Post("/config/verify", PbsSchema.JobId(), store, PbsSchema.Comment(), Parameter.Boolean("ignore-verified"),
                Parameter.Integer("outdated-after").AsOptional()),
            Get("/admin/datastore/{store}/status", store, Parameter.Boolean("verbose")) with
            {
                Handler = call => ValueTask.FromResult(
                    call.CallerAs<string>() == "norights@pbs"
                        ? ApiResult.Error(403, "permission check failed") : ApiResult.Null),
            },
            Get("/admin/datastore/{store}/snapshots", store, snapshot[0].AsOptional(), snapshot[1].AsOptional()),
            Get("/admin/datastore/{store}/files", [store, .. snapshot]),
            Get("/admin/datastore/{store}/download", [store, .. snapshot, PbsSchema.FileName()]) with
            {
                Kind = ApiKind.Stream,
            },
            Get("/admin/datastore/{store}/namespace", store,
                Parameter.Integer("max-depth") with { Maximum = 7, Optional = true }),
            Post("/admin/datastore/{store}/prune", store, snapshot[0], snapshot[1], keep, Parameter.Boolean("dry-run")),
            Get("/nodes") with { Permit = NoRights },
            Get("/nodes/{node}/tasks", PbsSchema.Node(), Parameter.Integer("limit").AsOptional()),
            Get("/nodes/{node}/tasks/{upid}/status", PbsSchema.Node(), PbsSchema.UpidText()),
        ];
    }

    private static ApiResult.Refused? NoRights(object? caller, IReadOnlyDictionary<string, string> values) =>
        caller as string == "norights@pbs" ? new ApiResult.Refused(403, "permission check failed") : null;

    private static ValueTask<ApiResult> Ticket(ApiCall call) => ValueTask.FromResult(
        call.Parameters.OptionalText("password") == "wrong-password"
            ? ApiResult.Error(401, "permission check failed.")
            : new ApiResult.Json(w =>
            {
                w.WriteStartObject();
                w.WriteString("CSRFPreventionToken", "x");
                w.WriteString("ticket", "x");
                w.WriteString("username", call.Parameters.Text("username"));
                w.WriteEndObject();
            })
            {
                TicketStyle = true,
            });

    private static ValueTask<ApiResult> Logout(ApiCall call)
    {
        call.Exchange.SetHeader("Set-Cookie", ApiResult.ClearTicketCookie);
        return ValueTask.FromResult<ApiResult>(
            new ApiResult.Bytes("{\"data\":{},\"status\":200,\"success\":true}"u8.ToArray(), null));
    }
}
