//! Databases full of sessions: rows are written straight into the file, and tokens signed with the tenant's own key.

use super::process::Server;
use keyward_crypto::{
    AccessClaims, Place, SealingKey, TokenSigner, open, root_key_from_text, sealed_key_id,
};
use keyward_model::{
    Id, PrivateKeySecret, Random, SealedBytes, TenantKeySecret, Timestamp, mint_id,
};
use rusqlite::{Connection, OptionalExtension, params};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use uuid::Uuid;

/// Of the demo tenant's administrator.
pub(crate) const PASSWORD: &str = "correct horse battery staple";
/// How many different tokens are asked with at most.
const TOKENS_MAX: usize = 100_000;
/// Users of the sessions: ten sessions each, in the largest database.
const USERS_MAX: usize = 100_000;
const SECONDS: i64 = 8 * 3_600;
const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

/// A data folder and requests that validate tokens of its sessions.
pub(crate) struct Seeded {
    pub(crate) data: PathBuf,
    pub(crate) requests: Vec<Vec<u8>>,
}

struct SystemRandom(aws_lc_rs::rand::SystemRandom);

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        use aws_lc_rs::rand::SecureRandom;
        self.0.fill(bytes).unwrap();
    }
}

/// Makes an instance with so many sessions. Keyward itself makes the demo tenant and its keys.
pub(crate) fn seed(keyward: &Path, folder: &Path, sessions: usize) -> Seeded {
    let data = folder.join(format!("sessions-{sessions}"));
    drop(Server::keyward(
        keyward,
        &data,
        "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    ));
    let random = SystemRandom(aws_lc_rs::rand::SystemRandom::new());
    let mut database = Connection::open(data.join("keyward.db")).unwrap();
    let signer = open_signer(&data, &database);
    let now = now();
    let ids = insert(&mut database, sessions, now, &random);
    let issuer: String = database
        .query_row("SELECT issuer FROM tenants ORDER BY slug", [], |row| {
            row.get(0)
        })
        .unwrap();
    let requests = ids
        .iter()
        .take(TOKENS_MAX)
        .map(|(session_id, user_id)| {
            let claims = AccessClaims {
                iss: issuer.clone(),
                sub: Id::from_uuid(*user_id),
                aud: issuer.clone(),
                client_id: "first-party".to_owned(),
                sid: Id::from_uuid(*session_id),
                jti: mint_id(now, &random),
                iat: now.seconds(),
                exp: now.seconds() + SECONDS,
            };
            validation(signer.sign(&claims).unwrap().expose())
        })
        .collect();
    Seeded { data, requests }
}

/// The request that validates a token.
fn validation(token: &str) -> Vec<u8> {
    format!("GET /v1/session HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n")
        .into_bytes()
}

/// The request that signs the administrator in.
pub(crate) fn sign_in() -> Vec<u8> {
    let body = format!(r#"{{"email":"admin@demo.example","password":"{PASSWORD}"}}"#);
    format!(
        "POST /v1/auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn open_signer(data: &Path, database: &Connection) -> TokenSigner {
    let text = std::fs::read_to_string(data.join("root.key")).unwrap();
    let root = SealingKey::root(&root_key_from_text(text.trim()).unwrap()).unwrap();
    let (tenant_id, key_id, algorithm, sealed): (Uuid, Uuid, String, Vec<u8>) = database
        .query_row(
            "SELECT tenant_id, id, algorithm, sealed_private_key FROM signing_keys ORDER BY created_at",
            [],
            |row| {
                let id = |index| row.get::<_, Vec<u8>>(index).map(|bytes| Uuid::from_slice(&bytes).unwrap());
                Ok((id(0)?, id(1)?, row.get(2)?, row.get(3)?))
            },
        )
        .unwrap();
    let sealed = SealedBytes(sealed);
    let tenant_key_id = sealed_key_id(&sealed).unwrap();
    let sealed_tenant_key: Vec<u8> = database
        .query_row(
            "SELECT sealed FROM tenant_keys WHERE id = ?1",
            params![tenant_key_id.as_bytes().as_slice()],
            |row| row.get(0),
        )
        .optional()
        .unwrap()
        .unwrap();
    let place = |table, column, row| Place {
        tenant_id: Id::from_uuid(tenant_id),
        table,
        column,
        row,
    };
    let of_tenant = place("tenant_keys", "sealed", tenant_key_id);
    let tenant_key = open(&root, of_tenant, &SealedBytes(sealed_tenant_key)).unwrap();
    let tenant_key = TenantKeySecret::new(tenant_key.to_vec());
    let tenant_key = SealingKey::tenant(Id::from_uuid(tenant_key_id), &tenant_key).unwrap();
    let of_key = place("signing_keys", "sealed_private_key", key_id);
    let private = open(&tenant_key, of_key, &sealed).unwrap();
    let private = PrivateKeySecret::new(private.to_vec());
    let algorithm = serde_json::from_value(serde_json::Value::String(algorithm)).unwrap();
    TokenSigner::from_secret(Id::from_uuid(key_id), algorithm, &private).unwrap()
}

/// Inserts users with their sessions; gives both ids of each session.
fn insert(
    database: &mut Connection,
    sessions: usize,
    now: Timestamp,
    random: &SystemRandom,
) -> Vec<(Uuid, Uuid)> {
    let (tenant_id, hash): (Vec<u8>, String) = database
        .query_row("SELECT tenant_id, password_hash FROM users", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    let micros = now.micros();
    let transaction = database.transaction().unwrap();
    let mut user = transaction
        .prepare(
            "INSERT INTO users (tenant_id, id, email, email_canonical, name, role, status, password_hash,
                password_version, created_at, last_sign_in_at, last_sign_in_address, version)
             VALUES (?1, ?2, ?3, ?3, ?4, 'member', 'active', ?5, 1, ?6, ?6, '192.0.2.7', 1)",
        )
        .unwrap();
    let mut session = transaction
        .prepare(
            "INSERT INTO sessions (tenant_id, id, user_id, created_at, last_active_at, expires_at, idle_seconds,
                address, user_agent, device_priority, version)
             VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, '192.0.2.7', ?7, 0, 1)",
        )
        .unwrap();
    let users: Vec<Uuid> = (0..sessions.min(USERS_MAX))
        .map(|number| {
            let id = mint_id::<()>(now, random).uuid();
            let (email, name) = (
                format!("user-{number}@example.org"),
                format!("User {number}"),
            );
            user.execute(params![
                tenant_id,
                id.as_bytes().as_slice(),
                email,
                name,
                hash,
                micros
            ])
            .unwrap();
            id
        })
        .collect();
    let made = (0..sessions)
        .map(|number| {
            let id = mint_id::<()>(now.plus_micros(number as i64 / 4), random).uuid();
            let user_id = users[number % users.len()];
            let expires_at = now.plus_seconds(SECONDS).micros();
            session
                .execute(params![
                    tenant_id,
                    id.as_bytes().as_slice(),
                    user_id.as_bytes().as_slice(),
                    micros,
                    expires_at,
                    SECONDS,
                    AGENT
                ])
                .unwrap();
            (id, user_id)
        })
        .collect();
    drop((user, session));
    transaction.commit().unwrap();
    made
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_micros(since.as_micros() as i64)
}
