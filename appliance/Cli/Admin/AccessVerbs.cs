// `holdfast user`, `token`, `acl`, `role`: who may do what.
using System.CommandLine;
using System.Text.Json;

namespace Holdfast.Cli;

internal static class AccessVerbs
{
    private static readonly (string, string)[] Person =
    [
        ("comment", "What it is for."), ("email", "Mail address."), ("firstname", "First name."), ("lastname", "Last name."),
        ("enable", "true or false."), ("expire", "Epoch seconds; 0 = never."),
    ];

    public static Command User(Surroundings surroundings)
    {
        var list = new AdminCommand("list", "Lists users.", "holdfast user list", "holdfast user list --tokens --output json");
        Option<bool> tokens = list.Flag("--tokens", "With their API tokens.");
        list.Does(surroundings, async call => call.Rows(
            await call.GetAsync("access/users", new Parameters().Set("include_tokens", call.Is(tokens) ? true : null)),
            call.Is(tokens) ? ["userid", "enable", "expire", "comment", "tokens"] : ["userid", "enable", "expire", "comment"]));

        var create = new AdminCommand("create", "Makes a user; asks for the password, or takes it from HOLDFAST_NEW_PASSWORD.",
            "holdfast user create alice@pbs --comment 'the night shift'");
        Argument<string> created = create.Wants("userid", "NAME@pbs.");
        create.May(Person).Does(surroundings, async call => call.Done(
            await call.PostAsync("access/users", call.Given().Set("userid", call[created]).Set("password", NewPassword(call[created]))),
            $"user {call[created]} was made"));

        var update = new AdminCommand("update", "Changes a user.", "holdfast user update alice@pbs --enable false");
        Argument<string> updated = update.Wants("userid", "NAME@REALM.");
        update.May(Person).Does(surroundings, async call => call.Done(
            await call.PutAsync("access/users/" + Uri.EscapeDataString(call[updated]), call.Changes()), $"user {call[updated]} was changed"));

        var password = new AdminCommand("password", "Sets a user's password; asks for it, or takes it from HOLDFAST_NEW_PASSWORD.",
            "holdfast user password alice@pbs");
        Argument<string> whose = password.Wants("userid", "NAME@pbs.");
        password.Does(surroundings, async call => call.Done(
            await call.PutAsync("access/password", new Parameters().Set("userid", call[whose]).Set("password", NewPassword(call[whose]))
                .Set("confirmation-password", Surroundings.Variable("PASSWORD") ?? Surroundings.AskSecret("your own password", "set PBS_PASSWORD"))),
            $"the password of {call[whose]} was set"));

        var delete = new AdminCommand("delete", "Removes a user and its tokens.", "holdfast user delete alice@pbs");
        Argument<string> deleted = delete.Wants("userid", "NAME@REALM.");
        delete.Does(surroundings, async call => call.Done(
            await call.DeleteAsync("access/users/" + Uri.EscapeDataString(call[deleted])), $"user {call[deleted]} was removed"));
        return new Command("user", "Users.") { list, create, update, password, delete };
    }

    public static Command Token(Surroundings surroundings)
    {
        var list = new AdminCommand("list", "Lists the API tokens of a user.", "holdfast token list alice@pbs");
        Argument<string> user = list.Wants("userid", "NAME@REALM.");
        list.Does(surroundings, async call =>
        {
            await RequireUserAsync(call, call[user]);
            return call.Rows(await call.GetAsync($"access/users/{Uri.EscapeDataString(call[user])}/token"), "tokenid", "enable", "expire", "comment");
        });

        var create = new AdminCommand("create", "Issues a token; its secret is shown once.", "holdfast token create alice@pbs!pve --comment 'cluster one'");
        Argument<string> created = create.Wants("tokenid", "NAME@REALM!TOKEN.");
        create.May(("comment", "What it is for."), ("enable", "true or false."), ("expire", "Epoch seconds; 0 = never."))
            .Does(surroundings, async call =>
            {
                string path = TokenPath(call[created]);
                await RequireUserAsync(call, call[created][..call[created].LastIndexOf('!')]);
                return call.Print(await call.PostAsync(path, call.Given()));
            });

        var update = new AdminCommand("update", "Changes a token; its secret stays.", "holdfast token update alice@pbs!pve --enable false");
        Argument<string> updated = update.Wants("tokenid", "NAME@REALM!TOKEN.");
        update.May(("comment", "What it is for."), ("enable", "true or false."), ("expire", "Epoch seconds; 0 = never."))
            .Does(surroundings, async call => call.Done(
                await call.PutAsync(TokenPath(call[updated]), call.Changes()), $"token {call[updated]} was changed"));

        var regenerate = new AdminCommand("regenerate", "Gives a token a new secret, shown once; the old one is void at once.",
            "holdfast token regenerate alice@pbs!pve");
        Argument<string> again = regenerate.Wants("tokenid", "NAME@REALM!TOKEN.");
        regenerate.Does(surroundings, async call => call.Print(
            await call.PutAsync(TokenPath(call[again]), new Parameters().Set("regenerate", true))));

        var delete = new AdminCommand("delete", "Revokes a token.", "holdfast token delete alice@pbs!pve");
        Argument<string> deleted = delete.Wants("tokenid", "NAME@REALM!TOKEN.");
        delete.Does(surroundings, async call => call.Done(await call.DeleteAsync(TokenPath(call[deleted])), $"token {call[deleted]} was revoked"));
        return new Command("token", "API tokens.") { list, create, update, regenerate, delete };
    }

    public static Command Acl(Surroundings surroundings)
    {
        var list = new AdminCommand("list", "Lists who has which role where.", "holdfast acl list", "holdfast acl list --path /datastore/main");
        list.May(("path", "Only of this path and below."))
            .Does(surroundings, async call => call.Rows(await call.GetAsync("access/acl", call.Given()), "path", "ugid", "roleid", "propagate"));
        return new Command("acl", "The access list.")
        {
            list,
            Change("set", "Gives a role on a path.", "holdfast acl set /datastore/main DatastoreBackup alice@pbs!pve", surroundings, isDelete: false),
            Change("delete", "Takes a role away.", "holdfast acl delete /datastore/main DatastoreBackup alice@pbs!pve", surroundings, isDelete: true),
        };
    }

    public static Command Role(Surroundings surroundings)
    {
        var list = new AdminCommand("list", "Lists roles and their privileges.", "holdfast role list");
        list.Does(surroundings, async call => call.Rows(await call.GetAsync("access/roles"), "roleid", "privs", "comment"));

        var create = new AdminCommand("create", "Makes a role of your own.", "holdfast role create Operator Datastore.Audit,Datastore.Verify");
        Argument<string> name = create.Wants("roleid", "Its name.");
        Argument<string> privileges = create.Wants("privileges", "Names, joined by commas.");
        create.May(("comment", "What it is for.")).Does(surroundings, async call => call.Done(
            await call.PostAsync("access/roles", call.Given().Set("roleid", call[name]).Set("privs", call[privileges].Split(','))),
            $"role {call[name]} was made"));

        var update = new AdminCommand("update", "Changes a role of your own.", "holdfast role update Operator --privs Datastore.Audit,Datastore.Prune");
        Argument<string> updated = update.Wants("roleid", "Its name.");
        update.May(("privs", "All its privileges, joined by commas."), ("comment", "What it is for.")).Does(surroundings, async call =>
        {
            Parameters changes = call.Changes();
            string? privileges = changes.Text("privs");
            return call.Done(
                await call.PutAsync("access/roles/" + Uri.EscapeDataString(call[updated]), changes.Without("privs").Set("privs", privileges?.Split(','))),
                $"role {call[updated]} was changed");
        });

        var delete = new AdminCommand("delete", "Removes a role of your own.", "holdfast role delete Operator");
        Argument<string> deleted = delete.Wants("roleid", "Its name.");
        delete.Does(surroundings, async call => call.Done(
            await call.DeleteAsync("access/roles/" + Uri.EscapeDataString(call[deleted])), $"role {call[deleted]} was removed"));
        return new Command("role", "Roles.") { list, create, update, delete };
    }

    private static AdminCommand Change(string name, string description, string example, Surroundings surroundings, bool isDelete)
    {
        var command = new AdminCommand(name, description, example);
        Argument<string> path = command.Wants("path", "/, /datastore/NAME, /datastore/NAME/NAMESPACE ...");
        Argument<string> role = command.Wants("role", "See 'holdfast role list'.");
        Argument<string> who = command.Wants("auth-id", "USER@REALM or USER@REALM!TOKEN.");
        Option<bool> alone = command.Flag("--no-propagate", "On this path alone, not below it.");
        return command.Does(surroundings, async call => call.Done(
            await call.PutAsync("access/acl", new Parameters().Set("path", call[path]).Set("role", call[role]).Set("auth-id", call[who])
                .Set("propagate", call.Is(alone) ? false : null).Set("delete", isDelete ? true : null)),
            $"{call[who]} {(isDelete ? "no longer has" : "has")} {call[role]} on {call[path]}"));
    }

    /// <summary>PBS issues and lists tokens of users that there are not; whoever asks for one has mistyped.</summary>
    private static Task RequireUserAsync(AdminCall call, string userid) =>
        call.RequireAsync("access/users/" + Uri.EscapeDataString(userid), new(), _ => true, "");

    private static string TokenPath(string tokenId)
    {
        int bang = tokenId.LastIndexOf('!');
        return bang > 0 && bang < tokenId.Length - 1
            ? $"access/users/{Uri.EscapeDataString(tokenId[..bang])}/token/{Uri.EscapeDataString(tokenId[(bang + 1)..])}"
            : throw new UsageException($"'{tokenId}' is no token: USER@REALM!TOKEN is wanted");
    }

    private static string NewPassword(string whose)
    {
        if (Surroundings.Variable("NEW_PASSWORD") is { } given)
        {
            return given;
        }

        string first = Surroundings.AskSecret($"new password of {whose}", "set HOLDFAST_NEW_PASSWORD, or run on a terminal");
        return Surroundings.AskSecret("the same again", "run on a terminal") == first ? first : throw new FailedException("the passwords differ");
    }
}
