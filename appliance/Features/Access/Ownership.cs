// Who counts as the owner of a group (pbs-protocol.md 1.8): the id itself, or the user whose token owns it. A token never counts for its user.
namespace Holdfast.Features.Access;

/// <summary>The ownership rule.</summary>
public static class Ownership
{
    /// <summary>Is <paramref name="caller"/> the owner, or the user of the owning token?</summary>
    public static bool Is(string owner, string caller)
    {
        if (owner == caller)
        {
            return true;
        }

        var bang = AccessState.TokenSeparator(owner);
        return bang >= 0 && owner[..bang] == caller;
    }
}
