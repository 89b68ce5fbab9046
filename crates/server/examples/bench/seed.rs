//! Databases full of sessions, written through the store as every row is, and tokens signed with the tenant's own key.

mod instance;
mod tenants;

pub(crate) use tenants::seed_tenants;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use instance::Instance;
use keyward_crypto::{AccessClaims, client_secret_digest, mint_client_secret};
use keyward_model::{
    ClientAuthentication, ClientRight, ClientSecrets, ClientStatus, ConcurrentSessions, Device,
    Event, OAuthClient, PasswordHash, Role, Session, SessionId, Timestamp, User, UserId,
    UserStatus,
};
use keyward_store::{Error, TenantScope};
use std::path::{Path, PathBuf};

/// Of the demo tenant's administrator.
pub(crate) const PASSWORD: &str = "correct horse battery staple";
/// How many different tokens are asked with at most.
const TOKENS_MAX: usize = 100_000;
/// Users of the sessions: ten sessions each, in the largest database.
const USERS_MAX: usize = 100_000;
/// Rows of one transaction.
const BATCH: usize = 1_000;
const SECONDS: i64 = 8 * 3_600;
const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

/// A data folder and requests that validate tokens of its sessions.
pub(crate) struct Seeded {
    pub(crate) data: PathBuf,
    pub(crate) requests: Vec<Vec<u8>>,
    /// The same tokens, asked about by an OAuth client.
    pub(crate) introspections: Vec<Vec<u8>>,
}

/// Makes an instance with so many sessions. Keyward itself makes the demo tenant and its keys.
pub(crate) fn seed(keyward: &Path, folder: &Path, sessions: usize) -> Seeded {
    let data = folder.join(format!("sessions-{sessions}"));
    let instance = Instance::make(keyward, &data);
    let (requests, introspections) = runtime().block_on(async {
        let scope = instance.scope_of_demo().await;
        let now = instance.now();
        let users = insert_users(&instance, &scope, sessions.min(USERS_MAX), now).await;
        let made = insert_sessions(&instance, &scope, &users, sessions, now).await;
        let credential = insert_client(&instance, &scope, now).await;
        let tokens = tokens(&instance, &scope, &made, now).await;
        let validations = tokens.iter().map(|token| validation(token)).collect();
        let asked = tokens.iter().map(|token| introspection(token, &credential));
        (validations, asked.collect())
    });
    Seeded {
        data,
        requests,
        introspections,
    }
}

/// Of one thread: the store's own do the work.
fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}

/// Tokens of the first of the sessions.
async fn tokens(
    instance: &Instance,
    scope: &TenantScope,
    sessions: &[(SessionId, UserId)],
    now: Timestamp,
) -> Vec<String> {
    let (issuer, signer) = instance.signer(scope).await;
    let asked = sessions.iter().take(TOKENS_MAX);
    let token = |(session_id, user_id): &(SessionId, UserId)| {
        let claims = AccessClaims {
            iss: issuer.clone(),
            sub: *user_id,
            aud: issuer.clone(),
            client_id: "first-party".to_owned(),
            sid: *session_id,
            jti: instance.mint(now),
            iat: now.seconds(),
            exp: now.seconds() + SECONDS,
        };
        signer.sign(&claims).unwrap().expose().to_owned()
    };
    asked.map(token).collect()
}

/// The request that validates a token.
fn validation(token: &str) -> Vec<u8> {
    format!("GET /v1/session HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n")
        .into_bytes()
}

/// The request by which a client asks about a token.
fn introspection(token: &str, credential: &str) -> Vec<u8> {
    let body = format!("token={token}");
    format!(
        "POST /oauth2/introspect HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic {credential}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Inserts an OAuth client that may ask about every token; gives what it shows in `Authorization: Basic`.
async fn insert_client(instance: &Instance, scope: &TenantScope, now: Timestamp) -> String {
    let secret = mint_client_secret(&instance.random);
    let client = OAuthClient {
        id: instance.mint(now),
        name: "A service".parse().unwrap(),
        authentication: ClientAuthentication::ClientSecretBasic,
        rights: [ClientRight::Introspect].into_iter().collect(),
        status: ClientStatus::Active,
        secrets: ClientSecrets {
            current: Some(client_secret_digest(&secret)),
            previous: None,
        },
        keys: Vec::new(),
        created_at: now,
        version: 1,
    };
    let credential = format!("{}:{}", client.id, secret.expose());
    let created = Event::OAuthClientCreated {
        client: client.clone(),
    };
    let record = instance.record(now, &created);
    let written = instance.store.write(scope, async move |tx| {
        assert!(tx.insert_oauth_client(&client).await?);
        tx.record(&record).await
    });
    written
        .await
        .unwrap_or_else(|error: Error| panic!("{error}"));
    STANDARD.encode(credential)
}

/// The request that signs the administrator in.
pub(crate) fn sign_in() -> Vec<u8> {
    sign_in_with("admin@demo.example")
}

/// The request that signs one of the users in.
pub(crate) fn sign_in_as(number: usize) -> Vec<u8> {
    sign_in_with(&format!("user-{number}@example.org"))
}

fn sign_in_with(email: &str) -> Vec<u8> {
    let body = format!(r#"{{"email":"{email}","password":"{PASSWORD}"}}"#);
    format!(
        "POST /v1/auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Inserts active members; gives their ids.
async fn insert_users(
    instance: &Instance,
    scope: &TenantScope,
    count: usize,
    now: Timestamp,
) -> Vec<UserId> {
    let phc = instance.password_hash(scope).await.expose().to_owned();
    let all: Vec<User> = (0..count)
        .map(|number| user(instance, number, now))
        .collect();
    for batch in all.chunks(BATCH) {
        let users = batch.to_vec();
        let user = users[0].clone();
        let record = instance.record(now, &Event::UserCreated { user });
        let hash = PasswordHash::from_phc(phc.clone());
        let written = instance.store.write(scope, async move |tx| {
            for user in &users {
                tx.insert_user(user, Some(&hash)).await?.unwrap();
            }
            tx.record(&record).await
        });
        written
            .await
            .unwrap_or_else(|error: Error| panic!("{error}"));
    }
    all.iter().map(|user| user.id).collect()
}

fn user(instance: &Instance, number: usize, now: Timestamp) -> User {
    User {
        id: instance.mint(now),
        email: format!("user-{number}@example.org").parse().unwrap(),
        name: Some(format!("User {number}").parse().unwrap()),
        role: Role::Member,
        status: UserStatus::Active,
        created_at: now,
        last_sign_in_at: None,
        last_sign_in_address: None,
        deletes_at: None,
        version: 1,
    }
}

/// Inserts sessions of the users in turn; gives both ids of each.
async fn insert_sessions(
    instance: &Instance,
    scope: &TenantScope,
    users: &[UserId],
    count: usize,
    now: Timestamp,
) -> Vec<(SessionId, UserId)> {
    let mut made = Vec::with_capacity(count);
    while made.len() < count {
        let numbers = made.len()..count.min(made.len() + BATCH);
        let sessions: Vec<Session> = numbers
            .map(|number| session(instance, users[number % users.len()], number, now))
            .collect();
        made.extend(sessions.iter().map(|session| (session.id, session.user_id)));
        let opened = Event::SessionOpened {
            session: sessions[0].clone(),
            concurrent: ConcurrentSessions::default(),
            hash_upgraded: false,
        };
        let record = instance.record(now, &opened);
        let written = instance.store.write(scope, async move |tx| {
            for session in &sessions {
                tx.insert_session(session).await?;
            }
            tx.record(&record).await
        });
        written
            .await
            .unwrap_or_else(|error: Error| panic!("{error}"));
    }
    made
}

fn session(instance: &Instance, user_id: UserId, number: usize, now: Timestamp) -> Session {
    Session {
        id: instance.mint(now.plus_micros(number as i64 / 4)),
        user_id,
        created_at: now,
        last_active_at: now,
        expires_at: now.plus_seconds(SECONDS),
        idle_seconds: SECONDS,
        address: Some("192.0.2.7".to_owned()),
        user_agent: Some(AGENT.to_owned()),
        device: Device::default(),
        ended: None,
        version: 1,
        authenticated_at: now,
        country: None,
    }
}
