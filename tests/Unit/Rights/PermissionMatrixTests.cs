// Every endpoint of the assembled route table x every role x every place, as user and as token: the product's answer against the model's. An endpoint without
// a row fails here by its name. On virtual time and in memory: tens of thousands of calls in seconds.
using Xunit;

namespace Holdfast.Tests.Unit.Rights;

public sealed class PermissionMatrixTests
{
    /// <summary>Refusals that PBS words as a 400.</summary>
    private static readonly string[] RefusalTexts =
    [
        "backup owner check failed", "not allowed to list permissions of", "Unprivileged", "task access not allowed",
        "you are not authorized to change the password",
    ];

    private static readonly IReadOnlyList<PermissionRow> Rows =
    [
        .. typeof(PermissionRows).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(PermissionRows)))
            .OrderBy(type => type.Name, StringComparer.Ordinal)
            .SelectMany(type => ((PermissionRows)Activator.CreateInstance(type)!).Rows),
    ];

    public static TheoryData<string> Names => [.. Rows.Select(row => row.ToString())];

    [Fact]
    public async Task Every_endpoint_has_a_row_and_every_row_an_endpoint()
    {
        await using var world = await PermissionWorld.MakeAsync();
        var endpoints = world.Endpoints.ToDictionary(endpoint => $"{endpoint.Method} {endpoint.Path}", endpoint => endpoint.Anonymous);
        endpoints["UPGRADE /backup"] = endpoints["UPGRADE /reader"] = false;
        var rows = Rows.Select(row => row.Endpoint).ToHashSet();
        Assert.True(endpoints.Keys.All(rows.Contains), "no row in the permission matrix (tests/Unit/Rights/README.md) for:\n"
            + string.Join('\n', endpoints.Keys.Where(name => !rows.Contains(name)).Order()));
        Assert.True(rows.All(endpoints.ContainsKey), "rows without an endpoint:\n" + string.Join('\n', rows.Where(name => !endpoints.ContainsKey(name))));
        Assert.All(Rows, row => Assert.True(row.IsAnonymous == endpoints[row.Endpoint], $"{row}: open to everybody in one of table and product only"));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Who_may_is_who_the_model_says(string name)
    {
        var row = Rows.First(row => row.ToString() == name);
        await using var world = await PermissionWorld.MakeAsync();
        var wrong = new List<string>();
        if (!row.IsAnonymous)
        {
            var nobody = await world.CallAsync(row, null);
            Assert.Equal((401, "authentication failed"), nobody);
            Assert.Equal(world.Untouched, world.Ledger.Head.Position);
        }

        foreach (var subject in PermissionWorld.Subjects)
        {
            var before = world.Ledger.Head.Position;
            var (status, text) = await world.CallAsync(row, subject);
            if (Problem(row, subject, status, text, world.Ledger.Head.Position != before) is { } problem)
            {
                wrong.Add($"{subject}: {problem}");
            }
        }

        Assert.True(wrong.Count == 0, $"{row}: {wrong.Count} of {PermissionWorld.Subjects.Count} are wrong:\n" + string.Join('\n', wrong.Take(20)));
    }

    [Fact]
    public void The_matrix_has_every_role_at_every_place()
    {
        Assert.Equal(Subject.Roles.Keys.Order(), Holdfast.Features.Access.Roles.BuiltIn.Keys.Order());
        Assert.True(PermissionWorld.Subjects.Count > 2 * Subject.Roles.Count * Enum.GetValues<Place>().Length);
    }

    private static string? Problem(PermissionRow row, Subject subject, int status, string text, bool recorded)
    {
        var refused = status is 401 or 403 || RefusalTexts.Any(text.Contains) || (row.RefusalText is { } own && text.Contains(own));
        var may = row.May(subject);
        if (refused == may || status == 500)
        {
            return $"the model says {(may ? "yes" : "no")}, the appliance {status} {text[..Math.Min(text.Length, 200)]}";
        }

        if (refused && recorded)
        {
            return "refused, and yet an event was recorded";
        }

        return row.Shows is null || status != 200
            ? null
            : row.Shows(subject).Where(shown => text.Contains(shown.Text.Replace("{gid}", subject.GroupId)) != shown.Seen)
                .Select(shown => $"the answer {(shown.Seen ? "lacks" : "shows")} {shown.Text}").FirstOrDefault();
    }
}
