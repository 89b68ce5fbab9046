//! An instance that no server runs on, opened as a server would open it.

use super::PASSWORD;
use crate::process::Server;
use aws_lc_rs::rand::SecureRandom;
use keyward_crypto::{
    HashCost, PasswordHasher, Place, SealingKey, TokenSigner, open, root_key_from_text,
    sealed_key_id,
};
use keyward_model::{
    Client, Clock, Event, EventRecord, Id, PasswordHash, Principal, PrivateKeySecret, Random,
    RootKeySecret, Route, TenantKeySecret, Timestamp, mint_id,
};
use keyward_policy::Action;
use keyward_service::{
    Cx, HashLimits, HashPool, Parts, Platform, RootKey, Settings, ThrottlingSettings,
};
use keyward_store::{Error, SqliteOptions, Store, TenantScope};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Rows that are written straight into the store, and use cases.
pub(super) struct Instance {
    pub(super) store: Store,
    pub(super) random: SystemRandom,
    platform: Platform,
    root_key: RootKeySecret,
}

#[derive(Clone, Default)]
pub(super) struct SystemRandom(aws_lc_rs::rand::SystemRandom);

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.fill(bytes).unwrap();
    }
}

struct SystemClock(Instant);

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Timestamp::from_micros(since.as_micros() as i64)
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

impl Instance {
    /// Lets Keyward itself make the data folder with the tenant `demo`, and opens it.
    pub(super) fn make(keyward: &Path, data: &Path) -> Self {
        let alive = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
        drop(Server::keyward(keyward, data, alive));
        let text = std::fs::read_to_string(data.join("root.key")).unwrap();
        let root_key = root_key_from_text(text.trim()).unwrap();
        let store = Store::open_sqlite(&SqliteOptions::at(data.join("keyward.db"))).unwrap();
        let (random, clock) = (
            SystemRandom::default(),
            Arc::new(SystemClock(Instant::now())),
        );
        let hasher = PasswordHasher::new(HashCost::default(), &random).unwrap();
        let limits = HashLimits {
            threads: 1,
            wait_max: Duration::from_secs(5),
        };
        let platform = Platform::new(Parts {
            store: store.clone(),
            clock: clock.clone(),
            random: Arc::new(random.clone()),
            hashing: HashPool::start(hasher, limits, clock).unwrap(),
            root_key: RootKey::new(&root_key).unwrap(),
            breach_list: None,
            countries: None,
            settings: Settings {
                node_name: "bench".to_owned(),
                default_tenant: None,
                base_url: "http://bench.invalid".to_owned(),
                throttling: ThrottlingSettings::default(),
            },
        });
        Self {
            store,
            random,
            platform,
            root_key,
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.platform.now()
    }

    pub(super) fn mint<K>(&self, now: Timestamp) -> Id<K> {
        mint_id(now, &self.random)
    }

    pub(super) async fn scope_of_demo(&self) -> TenantScope {
        let route = Route::Slug("demo".parse().unwrap());
        self.store.resolve(vec![route]).await.unwrap()[0].unwrap()
    }

    /// A context in which a tenant is made.
    pub(super) async fn begin_tenant(&self) -> Cx {
        let client = Client {
            address: None,
            user_agent: None,
            request_id: self.mint(self.now()),
        };
        let sender = (self.platform.scope_for_new_tenant(), Principal::System);
        let begun = Cx::begin(&self.platform, sender, client, Action::CreateTenant);
        begun.await.unwrap()
    }

    /// What stands for a batch of rows in the log: the store wants an event in every transaction.
    pub(super) fn record(&self, now: Timestamp, event: &Event) -> EventRecord {
        let description = event.describe();
        EventRecord {
            id: self.mint(now),
            occurred_at: now,
            kind: description.kind,
            outcome: description.outcome,
            actor: Principal::System,
            target: description.target,
            entity_version: description.entity_version,
            removal: description.removal,
            is_awaited: false,
            revoked: None,
            public: "{}".to_owned(),
            personal: "{}".to_owned(),
        }
    }

    /// The hash of the administrator's password.
    pub(super) async fn password_hash(&self, scope: &TenantScope) -> PasswordHash {
        let email = "admin@demo.example".parse().unwrap();
        let found = self
            .store
            .read(scope, async move |tx| tx.find_sign_in_subject(&email).await);
        let found: Result<_, Error> = found.await;
        let hash = found.unwrap().unwrap().password_hash;
        hash.unwrap_or_else(|| panic!("the administrator has the password {PASSWORD}"))
    }

    /// The issuer of the tenant's tokens, and what signs them.
    pub(super) async fn signer(&self, scope: &TenantScope) -> (String, TokenSigner) {
        let now = self.now();
        let read = self.store.read(scope, async move |tx| {
            let issuer = tx.find_tenant().await?.unwrap().issuer;
            let key = tx.list_published_signing_keys(now).await?.remove(0);
            let sealed = key.sealed_private_key.as_ref().unwrap();
            let sealing = Id::from_uuid(sealed_key_id(sealed).unwrap());
            let tenant_key = tx.find_tenant_key(sealing).await?.unwrap();
            Ok::<_, Error>((issuer, key, tenant_key))
        });
        let (issuer, key, tenant_key) = read.await.unwrap();
        let place = |table, column, row| Place {
            tenant_id: scope.tenant_id(),
            table,
            column,
            row,
        };
        let root = SealingKey::root(&self.root_key).unwrap();
        let of_tenant = place("tenant_keys", "sealed", tenant_key.id.uuid());
        let opened = open(&root, of_tenant, &tenant_key.sealed).unwrap();
        let secret = TenantKeySecret::new(opened.to_vec());
        let sealing = SealingKey::tenant(tenant_key.id, &secret).unwrap();
        let of_key = place("signing_keys", "sealed_private_key", key.id.uuid());
        let opened = open(&sealing, of_key, &key.sealed_private_key.unwrap()).unwrap();
        let secret = PrivateKeySecret::new(opened.to_vec());
        let signer = TokenSigner::from_secret(key.id, key.algorithm, &secret).unwrap();
        (issuer.to_string(), signer)
    }
}
