// How the verbs over the API are made: a command with its arguments, options, examples and an act. What all of them share (server, output, errors) is here
// once.
using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Cli;

/// <summary>A command that talks to a server's API.</summary>
internal sealed class AdminCommand : Command
{
    private readonly ServerOptions server = new();
    private readonly Option<string> output = new("--output")
    {
        Description = "text for people, json for programs.", DefaultValueFactory = _ => "text",
    };

    /// <param name="examples">Command lines, each shown below the help.</param>
    public AdminCommand(string name, string description, params string[] examples) : base(name, description)
    {
        output.AcceptOnlyFromAmong("text", "json");
        Examples.Of(this, examples);
    }

    /// <param name="mayBeEmpty">'' means something; else it is a slip of a script (an unset variable), and nothing is asked of the server.</param>
    public Argument<string> Wants(string name, string description, bool mayBeEmpty = false)
    {
        var argument = new Argument<string>(name) { Description = description };
        if (!mayBeEmpty)
        {
            argument.Validators.Add(result =>
            {
                if (result.Tokens.Any(token => token.Value.Length == 0))
                {
                    result.AddError($"<{name}> is empty: {description}");
                }
            });
        }

        Arguments.Add(argument);
        return argument;
    }

    public Argument<string?> MayWant(string name, string description)
    {
        var argument = new Argument<string?>(name) { Description = description, Arity = ArgumentArity.ZeroOrOne };
        Arguments.Add(argument);
        return argument;
    }

    /// <summary>Options whose values go into the call as they are, under their own names: <c>--comment</c> is <c>comment</c>.</summary>
    public AdminCommand May(params (string Name, string Description)[] options)
    {
        foreach ((string name, string description) in options)
        {
            Options.Add(new Option<string?>("--" + name) { Description = description });
        }

        return this;
    }

    public Option<bool> Flag(string name, string description)
    {
        var option = new Option<bool>(name) { Description = description };
        Options.Add(option);
        return option;
    }

    /// <summary>What it does with a connection; the server's options stand last in its help.</summary>
    public AdminCommand Does(Surroundings surroundings, Func<AdminCall, Task<int>> act) => DoesParsed(surroundings, (call, _) => act(call));

    /// <summary>The same for one with options of kinds that others don't have.</summary>
    public AdminCommand DoesParsed(Surroundings surroundings, Func<AdminCall, ParseResult, Task<int>> act)
    {
        server.AddTo(this);
        Options.Add(output);
        SetAction(async (parsed, cancel) =>
        {
            await using ServerAccess access = await server.ConnectAsync(parsed, surroundings, cancel);
            return await act(new AdminCall(this, access, parsed, parsed.GetValue(output) == "json", surroundings, cancel), parsed);
        });
        return this;
    }
}

/// <summary>One run of an <see cref="AdminCommand"/>.</summary>
internal sealed class AdminCall(
    Command command, ServerAccess access, ParseResult parsed, bool isJson, Surroundings surroundings, CancellationToken cancel)
{
    public ServerAccess Access => access;

    public bool IsJson => isJson;

    public CancellationToken Cancel => cancel;

    public Surroundings Surroundings => surroundings;

    public string this[Argument<string> argument] => parsed.GetRequiredValue(argument);

    public string? Maybe(Argument<string?> argument) => parsed.GetValue(argument);

    public bool Is(Option<bool> option) => parsed.GetValue(option);

    /// <summary>Value of an option that is no parameter of the call by its own name.</summary>
    public string? Of(Option<string?> option) => parsed.GetValue(option);

    /// <summary>Path of a call on the store: <c>admin/datastore/main/groups</c>.</summary>
    public string OnStore(string verb) => $"admin/datastore/{Uri.EscapeDataString(access.Store)}/{verb}";

    /// <summary>The namespace as a parameter, none for the root.</summary>
    public Parameters InNamespace() => new Parameters().Set("ns", access.Namespace.IsRoot ? null : access.Namespace.Text);

    /// <summary>Namespace, type and id of a group.</summary>
    public Parameters OfGroup(string text)
    {
        BackupGroup group = SnapshotsVerb.Group(text)!;
        return InNamespace().Set("backup-type", group.TypeName).Set("backup-id", group.Id);
    }

    /// <summary>The same of a snapshot, with its time.</summary>
    public Parameters OfSnapshot(string text)
    {
        if (!SnapshotName.TryParse(text, out SnapshotName? name))
        {
            throw new UsageException($"'{text}' is no snapshot: TYPE/ID/YYYY-MM-DDTHH:MM:SSZ is wanted (see 'holdfast snapshot list')");
        }

        return OfGroup(name!.Group.ToString()).Set("backup-time", name.Time);
    }

    /// <summary>The options that were given, under their names.</summary>
    public Parameters Given()
    {
        var given = new Parameters();
        foreach (Option<string?> option in command.Options.OfType<Option<string?>>().Where(option => !Shared.Contains(option.Name)))
        {
            given.Set(option.Name[2..], parsed.GetValue(option) is { } text ? Typed(option.Name[2..], text) : null);
        }

        return given;
    }

    /// <summary>The options that were given to a command that changes something.</summary>
    /// <exception cref="UsageException">None was.</exception>
    public Parameters Changes() => Given() is { IsEmpty: false } given ? given
        : throw new UsageException("nothing to change: give at least one option (--help shows them)");

    /// <summary>Asks the person at the terminal; who has none (a script) is taken at its word.</summary>
    /// <exception cref="FailedException">The answer is no.</exception>
    public void Confirm(string question, bool isConfirmed)
    {
        if (isConfirmed || Console.IsInputRedirected)
        {
            return;
        }

        Console.Error.Write($"{Tables.Printable(question)} (yes/no) ");
        if (Console.In.ReadLine()?.Trim().ToLowerInvariant() is not ("y" or "yes"))
        {
            throw new FailedException("nothing was done");
        }
    }

    /// <summary>Looks whether there is such a thing before it is worked on, where the server itself would say nothing. Who may not look is not kept from
    /// it.</summary>
    /// <exception cref="FailedException">There is none: <paramref name="otherwise"/>.</exception>
    public async Task RequireAsync(string path, Parameters query, Func<JsonElement, bool> isThere, string otherwise)
    {
        try
        {
            if (!isThere(await GetAsync(path, query)))
            {
                throw new FailedException(otherwise);
            }
        }
        catch (PbsException refused) when (refused.Status == 403)
        {
            // The call itself is asked for other rights.
        }
    }

    public async Task<JsonElement> GetAsync(string path, Parameters? query = null) =>
        Data(await access.Client.GetAsync(path, (query ?? new()).ToQuery(), cancel));

    public async Task<JsonElement> PostAsync(string path, Parameters? body = null) =>
        Data(await access.Client.PostAsync(path, (body ?? new()).ToBody(), cancel));

    /// <summary>Takes back what the run did, also when it was interrupted.</summary>
    public Task TakeBackAsync(string path, Parameters body) => access.Client.PostAsync(path, body.ToBody(), CancellationToken.None);

    public async Task<JsonElement> PutAsync(string path, Parameters? query = null) =>
        Data(await access.Client.PutAsync(path, (query ?? new()).ToQuery(), cancel));

    public async Task<JsonElement> DeleteAsync(string path, Parameters? query = null) =>
        Data(await access.Client.DeleteAsync(path, (query ?? new()).ToQuery(), cancel));

    /// <summary>Prints a list: in text these members as columns.</summary>
    public int Rows(JsonElement data, params string[] columns)
    {
        if (!isJson && data.ValueKind == JsonValueKind.Array)
        {
            Tables.Write(Console.Out, [columns, .. data.EnumerateArray().Select(item => columns.Select(name => Text(item, name)).ToArray())]);
            return 0;
        }

        return Print(data);
    }

    /// <summary>Prints one thing: in text a line a member.</summary>
    public int Print(JsonElement data)
    {
        if (isJson)
        {
            Console.WriteLine(JsonSerializer.Serialize(data, Indented));
        }
        else if (data.ValueKind == JsonValueKind.Object)
        {
            Tables.Write(Console.Out,
            [
                ["member", "value"],
                .. data.EnumerateObject().OrderBy(member => member.Name, StringComparer.Ordinal)
                    .Select(member => (string[])[member.Name, Text(data, member.Name)]),
            ]);
        }
        else if (data.ValueKind is not (JsonValueKind.Null or JsonValueKind.Undefined))
        {
            Console.WriteLine(data.ValueKind == JsonValueKind.String ? Lines(data.GetString()!) : data.GetRawText());
        }

        return 0;
    }

    /// <summary>Prints what was done: in text this sentence, in json what the server answered.</summary>
    public int Done(JsonElement data, string sentence)
    {
        Console.WriteLine(isJson ? JsonSerializer.Serialize(data, Indented) : Tables.Printable(sentence));
        return 0;
    }

    /// <summary>Follows a task that was started to its end; the exit status is its own.</summary>
    public Task<int> FollowAsync(JsonElement upid) =>
        new TaskFollower(this).RunAsync(upid.GetString() ?? throw new FailedException("the server named no task"));

    private static readonly HashSet<string> Shared = ["--repository", "--ns", "--fingerprint", "--output"];

    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private static JsonElement Data(JsonElement answer) =>
        answer.ValueKind == JsonValueKind.Object && answer.TryGetProperty("data", out JsonElement data) ? data : default;

    /// <summary>Booleans and numbers as what they are: a JSON body is not coerced by the server.</summary>
    private static object Typed(string name, string text)
    {
        if (name is "enable" or "disable" or "verify-new" or "ignore-verified" or "ignore-backup-window")
        {
            return text.ToLowerInvariant() switch
            {
                "true" or "yes" or "on" or "1" => true,
                "false" or "no" or "off" or "0" => false,
                _ => throw new UsageException($"--{name} is true or false"),
            };
        }

        bool isNumber = name is "max-depth" or "outdated-after" or "expire" or "limit" or "since" or "until" or "mtu" or "vlan-id" or "confirm-within"
            or "quota" or "refquota" or "recordsize"
            || name.StartsWith("keep-", StringComparison.Ordinal);
        return !isNumber ? text
            : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number
            : throw new UsageException($"--{name} is a number, 0 or more");
    }

    private static string Text(JsonElement item, string name)
    {
        if (item.ValueKind != JsonValueKind.Object || !item.TryGetProperty(name, out JsonElement value))
        {
            return "-";
        }

        return value.ValueKind switch
        {
            JsonValueKind.Null => "-",
            JsonValueKind.Number when IsTime(name) && value.TryGetInt64(out long time) && time > 0 => SnapshotName.FormatTime(time),
            JsonValueKind.Number when IsSize(name) && value.TryGetInt64(out long size) => Sizes.Text(size),
            JsonValueKind.Array when value.GetArrayLength() == 0 => "-",
            JsonValueKind.Array => Tables.Printable(string.Join(' ', value.EnumerateArray().Select(OneOf))),
            JsonValueKind.String => value.GetString() is { Length: > 0 } text ? Tables.Printable(text) : name == "ns" ? "(root)" : "-",
            JsonValueKind.Object => Tables.Printable(Text(value, "state") is var state and not "-" ? state : value.GetRawText()),
            _ => value.GetRawText(),
        };
    }

    private static string OneOf(JsonElement item) => item.ValueKind switch
    {
        JsonValueKind.String => item.GetString()!,
        JsonValueKind.Object when item.TryGetProperty("filename", out JsonElement file) => ArchiveNames.Short(file.GetString() ?? ""),
        JsonValueKind.Object when item.TryGetProperty("tokenid", out JsonElement token) => token.GetString() ?? "",
        _ => item.GetRawText(),
    };

    private static bool IsTime(string name) =>
        name is "backup-time" or "last-backup" or "last-verified" or "starttime" or "endtime" or "next-run" or "last-run-endtime" or "expire";

    private static bool IsSize(string name) =>
        name is "size" or "total" or "used" or "avail" or "alloc" or "free" or "quota" || name.EndsWith("-bytes", StringComparison.Ordinal);

    private static string Lines(string text) => string.Join('\n', text.TrimEnd('\n').Split('\n').Select(Tables.Printable));
}

/// <summary>Parameters of a call, by name; absent values are left out.</summary>
internal sealed class Parameters
{
    private readonly Dictionary<string, object> values = [];

    public Parameters Set(string name, object? value)
    {
        if (value is not null)
        {
            values[name] = value;
        }

        return this;
    }

    public Parameters With(Parameters more)
    {
        foreach ((string name, object value) in more.values)
        {
            values[name] = value;
        }

        return this;
    }

    public Parameters Without(string name)
    {
        values.Remove(name);
        return this;
    }

    public Parameters Only(string name)
    {
        foreach (string other in values.Keys.Where(key => key != name).ToList())
        {
            values.Remove(other);
        }

        return this;
    }

    public bool Has(string name) => values.ContainsKey(name);

    public bool IsEmpty => values.Count == 0;

    /// <summary>A value as text; null if there is none.</summary>
    public string? Text(string name) => values.GetValueOrDefault(name)?.ToString();

    public Dictionary<string, object> ToBody() => values;

    public string ToQuery()
    {
        var query = new StringBuilder();
        foreach ((string name, object value) in values)
        {
            foreach (object item in value is string[] list ? list : (object[])[value])
            {
                query.Append(query.Length == 0 ? "" : "&").Append(name).Append('=').Append(Uri.EscapeDataString(item switch
                {
                    bool flag => flag ? "1" : "0",
                    IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
                    _ => item.ToString()!,
                }));
            }
        }

        return query.ToString();
    }
}
