// Whether a datastore is held back, and with which words (pbs-protocol.md 2.3): `read-only`, `offline` and what PBS has beside them. The text form is
// PBS's property string, with or without the key of its first member.
namespace Holdfast.Features.Datastores;

/// <summary>A maintenance mode.</summary>
/// <param name="Type">One of <see cref="Types"/>.</param>
/// <param name="Message">What the admin says about it; null if nothing.</param>
public sealed record MaintenanceMode(string Type, string? Message)
{
    /// <summary>All modes, in PBS's order.</summary>
    public static readonly IReadOnlyList<string> Types = ["read-only", "offline", "delete", "unmount", "s3-refresh"];

    /// <summary>Reads are allowed, writes never are.</summary>
    public bool AllowsReading => Type == "read-only";

    /// <summary>What a caller is told, after <c>datastore 'S' is unavailable: </c>.</summary>
    public string Reason => Type switch
    {
        "delete" => "datastore is being deleted",
        "unmount" => "datastore is being unmounted",
        _ => $"{Type} maintenance mode: {Message}",
    };

    /// <summary>The mode behind a property string such as <c>read-only,message=moving</c> or <c>type=offline</c>.</summary>
    /// <param name="problem">PBS's refusal when this returns null.</param>
    public static MaintenanceMode? Parse(string text, out string problem)
    {
        string? type = null;
        string? message = null;
        foreach (var (key, value) in PropertyString.Split(text, "type"))
        {
            switch (key)
            {
                case "type":
                    type = value;
                    break;
                case "message":
                    message = value;
                    break;
                default:
                    problem = $"unknown field `{key}`, expected `type` or `message`";
                    return null;
            }
        }

        problem = type is null ? "missing field `type`"
            : Types.Contains(type) ? ""
            : $"unknown variant `{type}`, expected one of {string.Join(", ", Types.Select(known => $"`{known}`"))}";
        return problem.Length == 0 ? new MaintenanceMode(type!, message) : null;
    }

    /// <summary>As lists and configuration show it: the type without its key.</summary>
    public override string ToString() => Message is null ? Type : $"{Type},message={PropertyString.Quote(Message)}";
}
