// POST access/users/U/token/T: a token with a secret of 122 random bits, shown in this answer and never again. As in PBS the user need not exist (yet); the
// token opens nothing until it does.
using System.Security.Cryptography;
using Holdfast.Features.Events;
using Holdfast.Wire;

namespace Holdfast.Features.Access;

/// <summary>Issues tokens.</summary>
public sealed class IssueToken(Permissions permissions, CredentialStore credentials, AccessDecider decider)
{
    /// <summary>Tokens of one user: whoever may make his own must not fill the credential file.</summary>
    public const int TokensPerUserMax = 500;

    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("POST", ListTokens.Path + "/{token-name}",
            new(PbsSchema.UserId(), PbsSchema.TokenName() with { MaxLength = 64 }, AccessJson.Enable, AccessJson.Expire, PbsSchema.Comment(),
                AccessJson.Digest),
            IssueAsync) { Permit = permissions.NeedsOrSelf(ListUsers.Path, Privileges.PermissionsModify) },
    ];

    /// <summary>A new secret, in the shape of a UUID as PBS's are.</summary>
    public static string NewSecret()
    {
        Span<byte> bytes = stackalloc byte[16];
        RandomNumberGenerator.Fill(bytes);
        bytes[6] = (byte)((bytes[6] & 0x0f) | 0x40);
        bytes[8] = (byte)((bytes[8] & 0x3f) | 0x80);
        return new Guid(bytes, bigEndian: true).ToString("D");
    }

    private ValueTask<ApiResult> IssueAsync(ApiCall call)
    {
        var userid = call.Parameters.Text("userid");
        return decider.DecideAsync(userid, call, state => Decide(state, userid, call));
    }

    private AccessDecision Decide(AccessState state, string userid, ApiCall call)
    {
        var name = call.Parameters.Text("token-name");
        var tokenid = userid + "!" + name;
        if (AccessDecider.IsStale(call, AccessDecider.UsersDigest(state)))
        {
            return new AccessDecision.Refused(AccessDecider.Modified);
        }

        if (state.Tokens.ContainsKey(tokenid))
        {
            return new AccessDecision.Refused($"token '{name}' for user '{userid}' already exists.");
        }

        if (state.TokensOf(userid).Count() >= TokensPerUserMax)
        {
            return new AccessDecision.Refused($"user '{userid}' has {TokensPerUserMax} tokens already: at most that many");
        }

        var secret = NewSecret();
        var issued = new TokenIssued(tokenid, call.Parameters.OptionalFlag("enable"), call.Parameters.OptionalInteger("expire"),
            AccessJson.Trimmed(call.Parameters.OptionalText("comment")));
        var answer = ApiResult.Data(json =>
        {
            json.WriteStartObject();
            json.WriteString("tokenid", tokenid);
            json.WriteString("value", secret);
            json.WriteEndObject();
        });
        return new AccessDecision.Accepted([Event.Of(issued, call.CallerAs<Caller>().Because($"POST {ListUsers.Path}/{userid}/token/{name}"))], answer)
        {
            Secrets = () => credentials.Put(tokenid, PasswordHash.Of(secret, PasswordHash.TokenRounds)),
        };
    }
}
