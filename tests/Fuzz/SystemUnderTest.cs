// Every parser of the appliance that takes bytes from outside, by name. A name without a target fails CoverageTests, and so
// does a parser in the product that no target and no exemption speaks of.
namespace Holdfast.Tests.Fuzz;

/// <summary>What is fuzzed. `Sealed...` ones get their checksum, tag or chain repaired, to reach what lies behind it.</summary>
public enum SystemUnderTest
{
    BlobCheck,
    BlobDecode,
    SealedBlobDecode,
    ChunkUpload,
    FixedIndex,
    DynamicIndex,
    ManifestBlob,
    ManifestJson,
    KeyFile,
    StorageNames,
    PxarArchive,
    Catalog,
    PathPattern,
    PosixAcl,

    Ticket,
    SealedTicket,
    CredentialHeaders,
    WireNames,
    Upid,
    CalendarEvent,
    RequestHead,
    ChunkedBody,
    Query,
    JsonBody,
    ApiRequest,
    Repository,

    EventRecord,
    Checkpoint,
    PublicKey,
    LedgerExport,
    SealedLedgerExport,
    FoldSnapshot,
    SealedFoldSnapshot,
    HeadWitness,

    Settings,
    StoreOptions,
    MeasuredHistory,
    PasswordHash,
    CredentialFile,
    OtpAuth,
    MaintenanceMode,
    AgentRequest,
    EventData,
    FoldState,

    PoolJson,
    PoolText,
    DiskListing,
    SmartReport,
    NutLine,
    HardwareProfile,
    AgentTools,
    NfsText,
}
