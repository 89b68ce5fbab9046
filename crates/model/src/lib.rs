//! The nouns of Keyward: ids, times, secrets, tenants, users, sessions, keys, and [`Event`], everything that can happen.
//!
//! What it is not: nothing here waits, reads the time, draws randomness, speaks SQL or HTTP. [`Clock`] and [`Random`] are
//! only named here, so that every layer above can be handed one.
//!
//! Invariants:
//! - a value that was parsed stays valid: [`EmailAddress`], [`Slug`], [`HostName`], [`DisplayName`], [`Password`] have no
//!   other way in;
//! - a secret never shows in `Debug`, is wiped when dropped, and cannot be serialized by accident;
//! - an [`Event`] alone decides what the audit record shows and what memory must forget.

mod ambient;
mod attempt;
mod change;
mod country;
mod email;
mod event;
mod id;
mod idempotency;
mod instance_event;
mod invitation;
mod job;
mod key;
mod known_device;
mod meter;
mod node;
mod oauth_client;
mod page;
mod password;
mod principal;
mod publishable_key;
mod record;
mod revocation;
mod secret;
mod session;
mod settings;
mod signing_key;
mod tenant;
mod timestamp;
mod token;
mod token_family;
mod user;

pub use ambient::{Clock, Random, least_id, mint_id};
pub use attempt::{AttemptCount, AttemptLimit, AttemptScope, AttemptStanding, Factor};
pub use change::{Change, Expected};
pub use country::{CountryCode, InvalidCountryCode};
pub use email::{EmailAddress, InvalidEmail};
pub use event::{
    AccessDenial, Description, Event, Facts, Outcome, Removal, Restored, SignInFailure, Target,
};
pub use id::{
    ClientId, EventId, FamilyId, Id, JobId, KnownDeviceId, NodeId, PublishableKeyId, RequestId,
    SessionId, SigningKeyId, TenantId, TenantKeyId, TokenId, UserId,
};
pub use idempotency::{
    IdempotencyKey, InvalidIdempotencyKey, KeptAnswer, KeptContent, OnceRequest,
};
pub use instance_event::{InstanceAct, InstanceEvent};
pub use invitation::Invitation;
pub use job::{
    ATTEMPTS_MAX_DEFAULT, Job, JobDetails, JobFence, JobFilter, JobKind, JobState, NewJob,
    Progress, UnknownJobKind,
};
pub use key::{Digest, SealedBytes, SealedTenantKey};
pub use known_device::{KNOWN_DEVICES_MAX, KnownDevice};
pub use meter::{Counter, Counters, Gauge, Histogram, HistogramReading, SPANS, Stopwatch, Unit};
pub use node::Node;
pub use oauth_client::{
    CLIENT_KEYS_MAX, ClientAuthentication, ClientKey, ClientRight, ClientRights, ClientSecrets,
    ClientStatus, FIRST_PARTY_CLIENT_ID, OAUTH_CLIENTS_MAX, OAuthClient,
};
pub use page::{Cursor, InvalidCursor, Page, PageRequest};
pub use password::{
    PASSWORD_BYTES_MAX, PASSWORD_CHARACTERS_MIN, Password, PasswordHash, PasswordProblem,
};
pub use principal::{Client, Principal};
pub use publishable_key::{
    ALLOWED_ORIGINS_MAX, InvalidOrigin, InvalidPublishableName, KeyMode, Origin,
    PUBLISHABLE_KEYS_MAX, PublishableKey, PublishableKeyStatus, PublishableName,
};
pub use record::{AuditEvent, AuditFilter, EventContext, EventRecord, personal_part, public_part};
pub use revocation::{Revocation, Revoked};
pub use secret::{
    AccessTokenSecret, ClientSecret, DeviceTokenSecret, InvitationSecret, PrivateKeySecret,
    RefreshTokenSecret, RootKeySecret, Secret, SecretBytes, TenantKeySecret,
};
pub use session::{ConcurrentSessions, Device, EndReason, Ended, Session, SessionUser};
pub use settings::{
    Range, SESSION_PRESET, SETTINGS, SessionLimit, SessionPreset, Setting, SettingKind,
    SettingProblem, SettingsChange, TenantSettings,
};
pub use signing_key::{
    SigningAlgorithm, SigningKey, SigningKeyState, SigningKeysAt, Succession, TOKEN_LEEWAY_SECONDS,
};
pub use tenant::{HostName, InvalidName, Issuer, Route, Slug, Tenant, TenantStatus};
pub use timestamp::{InvalidTimestamp, Timestamp};
pub use token::{TokenKind, TokenUsage, TokenUse, UsageDay};
pub use token_family::{
    ExchangeSubject, FamilyEnd, FamilyRevoked, REPEAT_SECONDS, RefreshAnswer, RefreshTokenDigests,
    TokenAge, TokenFamily, TokenWorth, repeats_until,
};
pub use user::{
    DisplayName, InvalidDisplayName, InvalidUserQuery, Role, SignInSubject, User, UserFilter,
    UserQuery, UserStatus,
};
