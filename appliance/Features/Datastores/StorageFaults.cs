// The border where failures of a datastore become answers: refusals and bad data keep their texts, and a sync that failed closes the store.
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Features.Datastores;

/// <summary>Wraps endpoints that touch a datastore.</summary>
public sealed class StorageFaults(DatastoreRegistry stores)
{
    /// <summary>The same endpoint; a <see cref="StorageException"/> is answered by 400 and its text.</summary>
    /// <param name="storeOf">Which datastore a call works on.</param>
    public ApiEndpoint Guard(ApiEndpoint endpoint, Func<ApiCall, OpenDatastore?> storeOf) => endpoint with
    {
        Handler = async call =>
        {
            try
            {
                return await endpoint.Handler(call).ConfigureAwait(false);
            }
            catch (StorageException error) when (!call.Exchange.ResponseStarted)
            {
                if (storeOf(call) is { } store)
                {
                    await stores.SawAsync(store, error).ConfigureAwait(false);
                }

                return ApiResult.Error(error.Message);
            }
        },
    };

    /// <summary>The same answer for a call that no endpoint carries.</summary>
    public async Task<ApiException> RefusalAsync(OpenDatastore store, StorageException error)
    {
        await stores.SawAsync(store, error).ConfigureAwait(false);
        return new ApiException(error.Message);
    }
}
