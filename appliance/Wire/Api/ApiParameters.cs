// The checked values of one API call. A getter's type must be the one its schema promises; absent optional values are
// null or the given default.
using System.Text.Json;

namespace Holdfast.Wire;

/// <summary>Values by name, and the faults found on the way. Usable only where <see cref="Faults"/> is empty.</summary>
public sealed class ApiParameters
{
    private readonly Dictionary<string, object> _values = new(StringComparer.Ordinal);
    private readonly List<ParameterFault> _faults = [];

    public IReadOnlyList<ParameterFault> Faults => _faults;

    /// <summary>PBS's text for the faults, one line for one, else a line each.</summary>
    public string FaultText => _faults.Count == 1
        ? $"parameter verification failed - '{_faults[0].Name}': {_faults[0].Reason}"
        : "parameter verification failed:\n" + string.Join('\n', _faults.Select(f => $"- '{f.Name}': {f.Reason}"));

    public bool Has(string name) => _values.ContainsKey(name);

    public string Text(string name) => (string)_values[name];

    public string? OptionalText(string name) => _values.GetValueOrDefault(name) as string;

    public long Integer(string name) => (long)_values[name];

    public long? OptionalInteger(string name) => _values.GetValueOrDefault(name) as long?;

    public long Integer(string name, long otherwise) => OptionalInteger(name) ?? otherwise;

    public bool Flag(string name, bool otherwise = false) => _values.GetValueOrDefault(name) as bool? ?? otherwise;

    public bool? OptionalFlag(string name) => _values.GetValueOrDefault(name) as bool?;

    /// <summary>A list of texts, empty where absent.</summary>
    public IReadOnlyList<string> Texts(string name) =>
        _values.GetValueOrDefault(name) is List<object> list ? list.ConvertAll(v => (string)v) : [];

    /// <summary>A list of integers, empty where absent.</summary>
    public IReadOnlyList<long> Integers(string name) =>
        _values.GetValueOrDefault(name) is List<object> list ? list.ConvertAll(v => (long)v) : [];

    /// <summary>A value that an open schema let through as JSON.</summary>
    public JsonElement? Json(string name) => _values.GetValueOrDefault(name) as JsonElement?;

    /// <summary>Adds a fault by hand, as for a rule between two parameters.</summary>
    public void Fault(string name, string reason)
    {
        if (_faults.Count < 64) // a call with thousands of faults needs no text of megabytes
        {
            _faults.Add(new ParameterFault(name, reason));
        }
    }

    internal bool WasSeen(string name) => _values.ContainsKey(name);

    internal void Set(string name, object value) => _values[name] = value;

    internal List<object> ListOf(string name)
    {
        if (!_values.TryGetValue(name, out object? list))
        {
            _values[name] = list = new List<object>();
        }

        return (List<object>)list;
    }
}
