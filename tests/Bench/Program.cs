// The benchmark: measures the built appliance from outside, row by row, and prints a table. It starts itself again with a
// verb to be the client, or the appliance with a view of its inside, as a process of its own.
using Holdfast.Tests.Bench;

return args switch
{
    ["client", .. var rest] => await ClientVerb.RunAsync(rest),
    ["serve", .. var rest] => await ServeVerb.RunAsync(rest),
    _ => await BenchRun.RunAsync(args),
};
