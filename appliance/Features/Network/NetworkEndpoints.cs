// The network over the API: PBS's calls (nodes/{node}/network, interface by interface, staged until they are applied; nodes/{node}/dns), and ours for what PBS
// does not have: a plan as a whole, a change that must be confirmed, doors, a test of packet sizes.
using Holdfast.Contracts.Network;
using Holdfast.Features.Access;
using Holdfast.Features.Agent;
using Holdfast.Features.Events;
using Holdfast.Features.Node;
using Holdfast.Wire;

namespace Holdfast.Features.Network;

/// <summary>Endpoints of this slice.</summary>
public sealed class NetworkEndpoints(
    Permissions permissions, INodeSource node, AgentActs acts, NetworkWatch watch, Recorder recorder)
{
    private const string Root = "/nodes/{node}";
    private const string On = "/system/network/interfaces";
    private const string OnDns = "/system/network/dns";
    private const int ConfirmWithinS = 120;
    private static readonly TimeSpan Within = TimeSpan.FromMinutes(2);

    private static readonly Parameter Name = Parameter.Text("iface") with { MinLength = 1, MaxLength = 15 };
    private static readonly Parameter Change = Parameter.Text("change") with { MinLength = 1, MaxLength = 64 };
    private static readonly Parameter ConfirmIn = Parameter.Integer("confirm-within") with
    {
        Optional = true, Minimum = ApplyNetwork.ConfirmWithinMinS, Maximum = ApplyNetwork.ConfirmWithinMaxS,
    };

    private readonly Lock gate = new();

    /// <summary>Edits that nobody has applied yet; a restart forgets them.</summary>
    private NetworkPlan? staged;

    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        Read("/network", On, List), Read("/network/{iface}", On, Show, Name),
        Changes("POST", "/network", On, AddAsync, [Name, .. NetworkEdits.Parameters]),
        Changes("PUT", "/network/{iface}", On, UpdateAsync,
            [Name, .. NetworkEdits.Parameters, Parameter.List("delete", Parameter.Text("") with { Choices = NetworkEdits.Deletable }).AsOptional()]),
        Changes("DELETE", "/network/{iface}", On, RemoveAsync, Name),
        Changes("PUT", "/network", On, ApplyStagedAsync, ConfirmIn),
        Changes("DELETE", "/network", On, ForgetStagedAsync),
        Read("/network-plan", On, ShowPlan),
        Changes("POST", "/network-plan", On, ApplyPlanAsync, Parameter.Text("plan") with { MaxLength = NetworkPlanJson.CharsMax }, ConfirmIn),
        Read("/network-change", On, ShowChange), Changes("POST", "/network-change", On, ConfirmAsync, Change),
        Changes("DELETE", "/network-change", On, RevertAsync, Change),
        Changes("PUT", "/network-doors", On, DoorsAsync, Doors("service"), Doors("admin")),
        Changes("POST", "/network-path", On, TestPathAsync, Parameter.Text("target") with { MinLength = 1, MaxLength = 253 },
            Parameter.Integer("mtu") with { Minimum = NetworkPlan.MtuBytesMin, Maximum = NetworkPlan.MtuBytesMax }),
        Read("/dns", OnDns, ShowDns),
        Changes("PUT", "/dns", OnDns, SetDnsAsync, Server("dns1"), Server("dns2"), Server("dns3"),
            Parameter.Text("search") with { Optional = true, MaxLength = 253 },
            Parameter.List("delete", Parameter.Text("") with { Choices = ["dns1", "dns2", "dns3"] }).AsOptional()),
    ];

    private static Parameter Server(string name) => Parameter.Text(name) with
    {
        Optional = true, Check = text => NetworkPlan.Ip(text) is null ? "no address of a name server" : null,
    };

    private static Parameter Doors(string name) => Parameter.List(name, Parameter.Text("") with { MaxLength = 64 }).AsOptional();

    private ApiEndpoint Read(string path, string on, Func<ApiCall, Task<ApiResult>> handler, params Parameter[] more) =>
        new("GET", Root + path, new([PbsSchema.Node(), .. more]), call => BoxCalls.AnswerAsync(() => handler(call)))
        {
            Permit = permissions.Needs(on, Privileges.SysAudit),
        };

    private ApiEndpoint Changes(string method, string path, string on, Func<ApiCall, Task<ApiResult>> handler, params Parameter[] more) =>
        new(method, Root + path, new([PbsSchema.Node(), .. more]), call => BoxCalls.AnswerAsync(() => handler(call)))
        {
            Permit = permissions.Needs(on, Privileges.SysModify),
        };

    private Task<NetworkFacts> FactsAsync(ApiCall call) => acts.Agent.AskForAsync<NetworkFacts>(new ReadNetwork(), Within, call.Aborted);

    /// <summary>What is staged, else what is planned, else what a box does without a plan.</summary>
    private async Task<NetworkPlan> BaseAsync(ApiCall call)
    {
        var facts = await FactsAsync(call).ConfigureAwait(false);
        lock (gate)
        {
            return staged ?? facts.Plan ?? NetworkEdits.Default(facts);
        }
    }

    private ApiResult Stage(NetworkPlan? plan)
    {
        lock (gate)
        {
            staged = plan;
        }

        return ApiResult.Null;
    }

    private async Task<ApiResult> List(ApiCall call)
    {
        var (ports, plan, changes) = await SeenAsync(call).ConfigureAwait(false);
        return ApiResult.Data(json =>
        {
            json.WriteStartArray();
            foreach (var port in ports)
            {
                NetworkShapes.Write(json, port, plan?.Interfaces.FirstOrDefault(one => one.Name == port.Name));
            }

            // What will be there once it is applied.
            foreach (var one in plan?.Interfaces.Where(one => ports.All(port => port.Name != one.Name)) ?? [])
            {
                NetworkShapes.Write(json, new NetworkPort(one.Name, false, one.Type, []), one);
            }

            json.WriteEndArray();
        }, json => json.WriteString("changes", changes));
    }

    private async Task<ApiResult> Show(ApiCall call)
    {
        var name = call.Parameters.Text("iface");
        var (ports, plan, _) = await SeenAsync(call).ConfigureAwait(false);
        var (port, one) = (ports.FirstOrDefault(port => port.Name == name), plan?.Interfaces.FirstOrDefault(one => one.Name == name));
        return port is null && one is null ? ApiResult.Error($"interface '{name}' does not exist.")
            : ApiResult.Data(json => NetworkShapes.Write(json, port ?? new NetworkPort(name, false, one!.Type, []), one));
    }

    /// <summary>Without an agent, what the system shows by itself.</summary>
    private async Task<(List<NetworkPort> Ports, NetworkPlan? Plan, string Changes)> SeenAsync(ApiCall call)
    {
        var ports = node.Identify().Ports.Where(port => port.Kind != "loopback").ToList();
        if (!acts.Agent.IsThere)
        {
            return (ports, null, "");
        }

        var facts = await FactsAsync(call).ConfigureAwait(false);
        lock (gate)
        {
            return (ports, staged ?? facts.Plan, staged is null ? "" : NetworkPlanJson.ToJson(staged));
        }
    }

    private async Task<ApiResult> AddAsync(ApiCall call)
    {
        var (plan, name) = (await BaseAsync(call).ConfigureAwait(false), call.Parameters.Text("iface"));
        return plan.Interfaces.Any(one => one.Name == name) ? ApiResult.Error($"interface '{name}' already exists")
            : Stage(NetworkEdits.Add(plan, name, call.Parameters));
    }

    private async Task<ApiResult> UpdateAsync(ApiCall call)
    {
        var (plan, name) = (await BaseAsync(call).ConfigureAwait(false), call.Parameters.Text("iface"));
        return plan.Interfaces.FirstOrDefault(one => one.Name == name) is { } before
            ? Stage(NetworkEdits.Change(plan, before, call.Parameters, call.Parameters.Texts("delete")))
            : ApiResult.Error($"interface '{name}' does not exist.");
    }

    private async Task<ApiResult> RemoveAsync(ApiCall call)
    {
        var (plan, name) = (await BaseAsync(call).ConfigureAwait(false), call.Parameters.Text("iface"));
        return plan.Interfaces.Any(one => one.Name == name) ? Stage(NetworkEdits.Remove(plan, name)) : ApiResult.Error($"interface '{name}' does not exist.");
    }

    private Task<ApiResult> ForgetStagedAsync(ApiCall call) => Task.FromResult(Stage(null));

    private async Task<ApiResult> ApplyStagedAsync(ApiCall call)
    {
        NetworkPlan? plan;
        lock (gate)
        {
            plan = staged;
        }

        return plan is null ? ApiResult.Error("nothing is to be applied: no interface was changed") : await ApplyAsync(call, plan).ConfigureAwait(false);
    }

    private async Task<ApiResult> ApplyPlanAsync(ApiCall call)
    {
        try
        {
            return await ApplyAsync(call, NetworkPlanJson.Parse(call.Parameters.Text("plan"))).ConfigureAwait(false);
        }
        catch (InvalidDataException error)
        {
            return ApiResult.BadParameter("plan", error.Message);
        }
    }

    private async Task<ApiResult> DoorsAsync(ApiCall call)
    {
        var plan = await BaseAsync(call).ConfigureAwait(false);
        return Stage(plan with { Doors = new DoorPlan(call.Parameters.Texts("service"), call.Parameters.Texts("admin")) });
    }

    private async Task<ApiResult> ApplyAsync(ApiCall call, NetworkPlan plan)
    {
        var because = call.CallerAs<Caller>().Because($"{call.Exchange.Method} {call.Exchange.Path}");
        if (plan.Problem() is { } problem)
        {
            return ApiResult.Error(problem);
        }

        await watch.CheckAsync(call.Aborted).ConfigureAwait(false);
        var within = (int)call.Parameters.Integer("confirm-within", ConfirmWithinS);
        var changed = await acts.DoAsync<NetworkChanged>(new ApplyNetwork(plan, within), because, Within).ConfigureAwait(false);
        await recorder.NoteAsync(NetworkWatch.Stream, new NetworkApplied(changed.Change, plan, within), because).ConfigureAwait(false);
        Stage(null);
        return ApiResult.String(changed.Change);
    }

    private async Task<ApiResult> ShowPlan(ApiCall call)
    {
        var plan = NetworkPlanJson.ToJson(await BaseAsync(call).ConfigureAwait(false));
        return ApiResult.Data(json => json.WriteRawValue(plan));
    }

    private async Task<ApiResult> ShowChange(ApiCall call)
    {
        var facts = await FactsAsync(call).ConfigureAwait(false);
        return ApiResult.Data(json => NetworkShapes.Write(json, facts));
    }

    private async Task<ApiResult> ConfirmAsync(ApiCall call)
    {
        await acts.DoAsync<Contracts.Agent.AgentDone>(
            new ConfirmNetwork(call.Parameters.Text("change")), call.CallerAs<Caller>().Because("POST network-change"), Within).ConfigureAwait(false);
        await watch.CheckAsync(call.Aborted).ConfigureAwait(false);
        return ApiResult.Null;
    }

    private async Task<ApiResult> RevertAsync(ApiCall call)
    {
        await acts.DoAsync<Contracts.Agent.AgentDone>(
            new RevertNetwork(call.Parameters.Text("change")), call.CallerAs<Caller>().Because("DELETE network-change"), Within).ConfigureAwait(false);
        await watch.CheckAsync(call.Aborted).ConfigureAwait(false);
        return ApiResult.Null;
    }

    private async Task<ApiResult> TestPathAsync(ApiCall call)
    {
        var verdict = await acts.Agent.AskForAsync<PathVerdict>(
            new TestPath(call.Parameters.Text("target"), (int)call.Parameters.Integer("mtu")), Within, call.Aborted).ConfigureAwait(false);
        return ApiResult.Data(json =>
        {
            json.WriteStartObject();
            json.WriteBoolean("passes", verdict.Passes);
            if (verdict.Why is { } why)
            {
                json.WriteString("why", why);
            }

            json.WriteEndObject();
        });
    }

    private Task<ApiResult> ShowDns(ApiCall call) => Task.FromResult(NetworkShapes.Dns(node.Identify()));

    /// <summary>Nobody locks himself out by a name server: it is confirmed as it is applied.</summary>
    private async Task<ApiResult> SetDnsAsync(ApiCall call)
    {
        var facts = await FactsAsync(call).ConfigureAwait(false);
        var (plan, given) = (facts.Plan ?? NetworkEdits.Default(facts), call.Parameters);
        var delete = given.Texts("delete");
        string[] names = ["dns1", "dns2", "dns3"];
        string[] servers =
        [
            .. names.Select((name, i) => delete.Contains(name) ? null : given.OptionalText(name) ?? plan.Dns.ElementAtOrDefault(i)).OfType<string>(),
        ];
        var wanted = plan with { Dns = servers, Search = given.OptionalText("search") is { Length: > 0 } search ? search : plan.Search };
        var result = await ApplyAsync(call, wanted).ConfigureAwait(false);
        if (result is ApiResult.Refused)
        {
            return result;
        }

        var applied = await FactsAsync(call).ConfigureAwait(false);
        await acts.DoAsync<Contracts.Agent.AgentDone>(
            new ConfirmNetwork(applied.Pending?.Change ?? ""), call.CallerAs<Caller>().Because("PUT dns"), Within).ConfigureAwait(false);
        await watch.CheckAsync(call.Aborted).ConfigureAwait(false);
        return ApiResult.Null;
    }
}
