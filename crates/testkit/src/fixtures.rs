//! First rows: valid tenants, users, sessions and keys, made only through what the store offers everybody.

use crate::databases::TestDatabase;
use keyward_model::{
    Client, ClientAuthentication, ClientRight, ClientSecrets, ClientStatus, ConcurrentSessions,
    Device, Digest, EmailAddress, Event, EventContext, EventRecord, Issuer, JobKind, KeyMode,
    NewJob, OAuthClient, PasswordHash, Principal, PublishableKey, PublishableKeyStatus,
    PublishableName, Random, Role, Route, SealedBytes, SealedTenantKey, Session, SessionId,
    SigningAlgorithm, SigningKey, Tenant, TenantId, TenantSettings, TenantStatus, TokenFamily,
    User, UserId, UserStatus, personal_part, public_part,
};
use keyward_store::{Error, TenantScope};

/// Makes a tenant that its slug leads to, and gives its scope.
///
/// The slug is `name` and something random: on PostgreSQL tests share a database, and a slug is unique there.
pub async fn new_tenant(database: &TestDatabase, name: &str) -> (TenantScope, Tenant) {
    let tenant = unsaved_tenant(database, name);
    let scope = database.store.scope_for_new_tenant(tenant.id);
    let route = Route::Slug(tenant.slug.clone());
    let created = Event::TenantCreated {
        tenant: tenant.clone(),
    };
    let record = event_record(database, tenant.id, &created);
    let (to_insert, to_route) = (tenant.clone(), route.clone());
    database
        .store
        .write(&scope, async move |tx| {
            assert!(tx.insert_tenant(&to_insert).await?.is_some(), "slug taken");
            assert!(tx.insert_route(&to_route).await?, "route taken");
            // It has no keys that a schedule could rotate.
            tx.plan_rotation(None).await?;
            tx.record(&record).await
        })
        .await
        .unwrap();
    let scopes = database.store.resolve(vec![route]).await.unwrap();
    (scopes[0].expect("the new route"), tenant)
}

/// Makes an active member with the password hash `$fixture$`.
pub async fn new_user(database: &TestDatabase, scope: &TenantScope) -> User {
    let user = unsaved_user(database);
    let created = Event::UserCreated { user: user.clone() };
    let record = event_record(database, scope.tenant_id(), &created);
    let to_insert = user.clone();
    database
        .store
        .write(scope, async move |tx| {
            let hash = PasswordHash::from_phc("$fixture$".into());
            assert!(tx.insert_user(&to_insert, Some(&hash)).await?.is_some());
            tx.record(&record).await
        })
        .await
        .unwrap();
    user
}

/// Opens a session of a user.
pub async fn new_session(database: &TestDatabase, scope: &TenantScope, user: UserId) -> Session {
    let session = unsaved_session(database, user);
    let opened = Event::SessionOpened {
        session: session.clone(),
        concurrent: ConcurrentSessions::default(),
        hash_upgraded: false,
    };
    let record = event_record(database, scope.tenant_id(), &opened);
    let to_insert = session.clone();
    let written: Result<(), Error> = database
        .store
        .write(scope, async move |tx| {
            tx.insert_session(&to_insert).await?;
            tx.record(&record).await
        })
        .await;
    written.unwrap();
    session
}

/// An event as it is recorded: by the system, with a digest that is made up.
pub fn event_record(database: &TestDatabase, tenant_id: TenantId, event: &Event) -> EventRecord {
    let description = event.describe();
    let client = Client {
        address: Some([192, 0, 2, 1].into()),
        user_agent: Some("testkit".into()),
        request_id: database.mint(),
    };
    let context = EventContext {
        tenant_id,
        id: database.mint(),
        occurred_at: database.now(),
        actor: &Principal::System,
        client: &client,
        permit: Some("fixture"),
    };
    let personal = personal_part(&context, &description.personal, [7; 16]).unwrap();
    EventRecord {
        id: context.id,
        occurred_at: context.occurred_at,
        kind: description.kind,
        outcome: description.outcome,
        actor: Principal::System,
        target: description.target,
        entity_version: description.entity_version,
        removal: description.removal,
        is_awaited: event.is_awaited(),
        revoked: event.revokes(),
        public: public_part(&context, &description, Digest([0xd1; 32])).unwrap(),
        personal,
    }
}

/// A tenant that no row stands for yet; its slug is `name` and something random.
pub fn unsaved_tenant(database: &TestDatabase, name: &str) -> Tenant {
    let id = database.mint();
    let slug = format!("{name}-{}", random_hex(database)).parse().unwrap();
    Tenant {
        id,
        issuer: Issuer::on_shared_host("https://keyward.example", &slug).unwrap(),
        slug,
        status: TenantStatus::Active,
        settings: TenantSettings::default(),
        created_at: database.now(),
        delete_after: None,
        version: 1,
    }
}

/// An active member that no row stands for yet.
pub fn unsaved_user(database: &TestDatabase) -> User {
    let email: EmailAddress = format!("User-{}@Example.org", random_hex(database))
        .parse()
        .unwrap();
    User {
        id: database.mint(),
        email,
        name: Some("Ada Lovelace".parse().unwrap()),
        role: Role::Member,
        status: UserStatus::Active,
        created_at: database.now(),
        last_sign_in_at: None,
        last_sign_in_address: None,
        deletes_at: None,
        version: 1,
    }
}

/// A session that no row stands for yet: it lives 8 hours, or 30 minutes without a request.
pub fn unsaved_session(database: &TestDatabase, user_id: UserId) -> Session {
    let id = database.mint();
    let now = database.now();
    Session {
        id,
        user_id,
        created_at: now,
        last_active_at: now,
        expires_at: now.plus_seconds(8 * 3_600),
        idle_seconds: 1_800,
        address: Some("192.0.2.1".into()),
        user_agent: Some("testkit".into()),
        device: Device {
            name: Some("a laptop".into()),
            fingerprint: Some("f1".into()),
            priority: 3,
        },
        ended: None,
        version: 1,
        authenticated_at: now,
        country: None,
    }
}

/// A family of refresh tokens that no row stands for yet.
pub fn unsaved_token_family(database: &TestDatabase, session_id: SessionId) -> TokenFamily {
    let (mut selector, mut digest) = (Digest([0; 32]), Digest([0; 32]));
    database.random.fill(&mut selector.0);
    database.random.fill(&mut digest.0);
    TokenFamily {
        id: database.mint(),
        session_id,
        client_id: "first-party".to_owned(),
        selector,
        generation: 1,
        digest,
        previous: None,
        issued_at: database.now(),
        rotated_at: None,
        expires_at: database.now().plus_seconds(3_600),
        revoked: None,
    }
}

/// A signing key that no row stands for yet; its bytes are no real key.
pub fn unsaved_signing_key(database: &TestDatabase) -> SigningKey {
    SigningKey {
        id: database.mint(),
        algorithm: SigningAlgorithm::EdDsa,
        public_key: vec![0xa5; 32],
        sealed_private_key: Some(SealedBytes(vec![0x5a; 90])),
        created_at: database.now(),
        signs_from: database.now(),
        token_ttl_seconds: 300,
        published_until: None,
        revoked_at: None,
        version: 1,
    }
}

/// A publishable key that no row stands for yet, with one origin.
pub fn unsaved_publishable_key(database: &TestDatabase) -> PublishableKey {
    let mut random = [0; 16];
    database.random.fill(&mut random);
    let key = PublishableName::mint(KeyMode::Live, random);
    let origin = format!("https://{}.example", database.mint::<PublishableKey>());
    PublishableKey {
        id: database.mint(),
        key,
        name: "Web shop".parse().unwrap(),
        status: PublishableKeyStatus::Active,
        allowed_origins: vec![origin.parse().unwrap()],
        created_at: database.now(),
        version: 1,
    }
}

/// An OAuth client that no row stands for yet, with a secret that nobody has.
pub fn unsaved_oauth_client(database: &TestDatabase) -> OAuthClient {
    let mut digest = [0; 32];
    database.random.fill(&mut digest);
    OAuthClient {
        id: database.mint(),
        name: "A service".parse().unwrap(),
        authentication: ClientAuthentication::ClientSecretBasic,
        rights: [ClientRight::Introspect].into_iter().collect(),
        status: ClientStatus::Active,
        secrets: ClientSecrets {
            current: Some(Digest(digest)),
            previous: None,
        },
        keys: Vec::new(),
        created_at: database.now(),
        version: 1,
    }
}

/// A job that no row stands for yet; its time has come.
pub fn unsaved_job(database: &TestDatabase) -> NewJob {
    NewJob::new(database.mint(), JobKind::PruneSessions {}, database.now())
}

/// A tenant's key that no row stands for yet; its bytes are no real key.
pub fn unsaved_tenant_key(database: &TestDatabase) -> SealedTenantKey {
    SealedTenantKey {
        id: database.mint(),
        sealed: SealedBytes(vec![0xee; 90]),
        created_at: database.now(),
    }
}

fn random_hex(database: &TestDatabase) -> String {
    let mut bytes = [0; 4];
    database.random.fill(&mut bytes);
    format!("{:08x}", u32::from_le_bytes(bytes))
}
