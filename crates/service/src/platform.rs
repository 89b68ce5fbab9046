//! What every use case stands on, wired once at start.

use crate::countries::Countries;
use crate::hashing::{HashPool, HashingError};
use crate::keyring::RootKey;
use crate::meter::{ServiceMeter, ServiceReading};
use crate::parsed_keys::ParsedKeys;
use crate::passwords::BreachList;
use crate::refresh::Erasures;
use crate::revocation_stream::Readers;
use crate::throttling::ThrottlingSettings;
use crate::token_usage::TokenCounts;
use crate::touches::Touches;
use keyward_model::{
    Clock, CountryCode, Id, NodeId, Password, PasswordHash, Random, Removal, Route, Slug,
    Timestamp, mint_id,
};
use keyward_store::{Lock, Store, StoreReading, TenantScope};
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::Semaphore;

/// The running parts. Cheap to clone.
#[derive(Clone)]
pub struct Platform(Arc<Running>);

/// The running parts, of somebody who does not keep them running.
pub(crate) struct WeakPlatform(Weak<Running>);

struct Running {
    parts: Parts,
    meter: ServiceMeter,
    parsed_keys: Arc<ParsedKeys>,
    touches: Touches,
    token_counts: TokenCounts,
    erasures: Erasures,
    /// Whoever estimates a password's strength has the one turn.
    estimates: Arc<Semaphore>,
    readers: Arc<Readers>,
}

/// The parts themselves, as `server` and the tests put them together.
pub struct Parts {
    /// The database.
    pub store: Store,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// The threads that hash passwords.
    pub hashing: HashPool,
    /// What tenants' keys are sealed under.
    pub root_key: RootKey,
    /// Passwords that leaked, if the operator has a list of them.
    pub breach_list: Option<Arc<BreachList>>,
    /// In which countries addresses are, if the operator has a database of them.
    pub countries: Option<Countries>,
    /// What the operator set.
    pub settings: Settings,
}

/// What the operator set, as far as use cases look at it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The tenant of requests that name none; a development instance has `demo`.
    pub default_tenant: Option<Slug>,
    /// The URL under which tenants without a host of their own are reached.
    pub base_url: String,
    /// What operators call this node.
    pub node_name: String,
    /// How many attempts at credentials there may be.
    pub throttling: ThrottlingSettings,
}

impl Platform {
    /// Takes the parts over.
    pub fn new(parts: Parts) -> Self {
        let parsed_keys = Arc::new(ParsedKeys::new());
        let readers = Arc::new(Readers::default());
        let (keys, woken) = (parsed_keys.clone(), readers.clone());
        parts.store.follow_removals(move |removal| {
            match removal {
                Some(Removal::Tenant(id)) => keys.forget(id),
                Some(
                    Removal::User(_) | Removal::Session(_) | Removal::Token(_) | Removal::Client(_),
                ) => {}
                None => keys.forget_all(),
            }
            woken.wake_for(removal);
        });
        Self(Arc::new(Running {
            parts,
            meter: ServiceMeter::default(),
            parsed_keys,
            touches: Touches::default(),
            token_counts: TokenCounts::default(),
            erasures: Erasures::default(),
            estimates: Arc::new(Semaphore::new(1)),
            readers,
        }))
    }

    /// The same for what may outlive a server: its store closes with its last owner.
    pub(crate) fn downgrade(&self) -> WeakPlatform {
        WeakPlatform(Arc::downgrade(&self.0))
    }

    /// The database. Use cases alone reach it: outside of this crate nothing is read or changed without a permit.
    pub(crate) fn store(&self) -> &Store {
        &self.0.parts.store
    }

    pub(crate) fn meter(&self) -> &ServiceMeter {
        &self.0.meter
    }

    /// What the use cases counted so far.
    pub fn reading(&self) -> ServiceReading {
        self.0.meter.read(self.hashing().reading())
    }

    /// What the store counted so far, and how it stands.
    pub fn store_reading(&self) -> StoreReading {
        self.store().reading()
    }

    /// Names this process among those that serve the database; none where it serves alone, and for a command.
    pub fn node_id(&self) -> Option<NodeId> {
        self.store().node_id()
    }

    /// Which engine keeps the data, as people call it.
    pub fn engine(&self) -> &'static str {
        self.store().engine_name()
    }

    /// The state of the four locks.
    ///
    /// # Errors
    /// The store's.
    pub async fn locks(&self) -> Result<Vec<Lock>, keyward_store::Error> {
        self.store().locks().await
    }

    /// Tries whether nodes would hear of one another's changes at once; gives how long it took, where there may be several.
    ///
    /// # Errors
    /// The store's.
    pub async fn try_notifying(&self) -> Result<Option<Duration>, keyward_store::Error> {
        self.store().try_notifying().await
    }

    /// An operator's way into an existing tenant; every transaction in it records an event.
    ///
    /// # Errors
    /// The store's.
    pub async fn operator_scope(
        &self,
        route: Route,
    ) -> Result<Option<TenantScope>, keyward_store::Error> {
        self.store().operator_scope(route).await
    }

    /// An operator's way into a tenant that is about to be made.
    pub fn scope_for_new_tenant(&self) -> TenantScope {
        self.store().scope_for_new_tenant(self.mint(self.now()))
    }

    /// The present moment; a request asks once.
    pub fn now(&self) -> Timestamp {
        self.0.parts.clock.now()
    }

    /// How long it is since some moment, for measuring how long something takes.
    pub fn monotonic(&self) -> Duration {
        self.0.parts.clock.monotonic()
    }

    /// Randomness.
    pub fn random(&self) -> &dyn Random {
        self.0.parts.random.as_ref()
    }

    /// A new id for `now`.
    pub fn mint<K>(&self, now: Timestamp) -> Id<K> {
        mint_id(now, self.random())
    }

    /// The threads that hash passwords.
    pub fn hashing(&self) -> &HashPool {
        &self.0.parts.hashing
    }

    /// Hashes a new password.
    pub(crate) async fn hash(&self, password: Arc<Password>) -> Result<PasswordHash, HashingError> {
        let random = self.0.parts.random.clone();
        self.0.parts.hashing.hash(password, random).await
    }

    /// What tenants' keys are sealed under.
    pub fn root_key(&self) -> &RootKey {
        &self.0.parts.root_key
    }

    /// Keys that were opened and parsed.
    pub(crate) fn parsed_keys(&self) -> &ParsedKeys {
        &self.0.parsed_keys
    }

    /// Sessions that were seen.
    pub(crate) fn touches(&self) -> &Touches {
        &self.0.touches
    }

    /// What was counted of tokens.
    pub(crate) fn token_counts(&self) -> &TokenCounts {
        &self.0.token_counts
    }

    /// The turn to estimate a password's strength.
    pub(crate) fn estimates(&self) -> &Arc<Semaphore> {
        &self.0.estimates
    }

    /// Passwords that leaked.
    pub(crate) fn breach_list(&self) -> Option<&Arc<BreachList>> {
        self.0.parts.breach_list.as_ref()
    }

    /// The country of an address, as far as that is known.
    pub(crate) fn country_of(&self, address: Option<IpAddr>) -> Option<CountryCode> {
        let countries = self.0.parts.countries.as_ref()?;
        countries.find(address?)
    }

    /// Answers that are to be erased.
    pub(crate) fn erasures(&self) -> &Erasures {
        &self.0.erasures
    }

    /// Who reads revocations for those who follow them.
    pub(crate) fn readers(&self) -> &Readers {
        &self.0.readers
    }

    /// Ends every stream of revocations, and lets none begin: they would never end by themselves.
    pub fn end_streams(&self) {
        self.readers().stop();
    }

    /// What the operator set.
    pub fn settings(&self) -> &Settings {
        &self.0.parts.settings
    }
}

impl WeakPlatform {
    /// The running parts, if they still run.
    pub(crate) fn upgrade(&self) -> Option<Platform> {
        self.0.upgrade().map(Platform)
    }
}

impl fmt::Debug for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Platform")
            .field("settings", &self.0.parts.settings)
            .finish_non_exhaustive()
    }
}
