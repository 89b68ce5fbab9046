//! Access tokens with whatever claims a test wants, signed by a tenant's own key.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyward_crypto::{AccessClaims, Place, SealingKey, TokenSigner, open};
use keyward_model::{
    Id, PrivateKeySecret, RootKeySecret, SealedBytes, SigningAlgorithm, TenantKeySecret,
};
use keyward_testkit::{ROOT_KEY, TestApp, TestTenant};
use serde_json::Value;
use uuid::Uuid;

/// The signer of a tenant: its key is unsealed as the server does it, but past the store.
pub(crate) async fn signer_of(app: &TestApp, tenant: &TestTenant) -> TokenSigner {
    let root = SealingKey::root(&RootKeySecret::new(ROOT_KEY.to_vec())).unwrap();
    let (id, sealed) = sealed_row(app, tenant, "tenant_keys", "sealed").await;
    let place = Place {
        tenant_id: tenant.id,
        table: "tenant_keys",
        column: "sealed",
        row: id,
    };
    let tenant_key = TenantKeySecret::new(open(&root, place, &sealed).unwrap().to_vec());
    let key = SealingKey::tenant(Id::from_uuid(id), &tenant_key).unwrap();
    let (id, sealed) = sealed_row(app, tenant, "signing_keys", "sealed_private_key").await;
    let place = Place {
        table: "signing_keys",
        column: "sealed_private_key",
        row: id,
        ..place
    };
    let secret = PrivateKeySecret::new(open(&key, place, &sealed).unwrap().to_vec());
    TokenSigner::from_secret(Id::from_uuid(id), SigningAlgorithm::EdDsa, &secret).unwrap()
}

/// The claims of a token, which nobody verifies here.
pub(crate) fn claims_of(token: &str) -> AccessClaims {
    serde_json::from_value(part(token, 1)).unwrap()
}

/// A part of a token, decoded: 0 is its header, 1 its payload.
pub(crate) fn part(token: &str, index: usize) -> Value {
    let encoded = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(encoded).unwrap()).unwrap()
}

/// A token of these two parts and any signature.
pub(crate) fn assemble(header: &Value, payload: &Value, signature: &str) -> String {
    format!("{}.{}.{signature}", encode(header), encode(payload))
}

/// A part of a token.
pub(crate) fn encode(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}

async fn sealed_row(
    app: &TestApp,
    tenant: &TestTenant,
    table: &str,
    column: &str,
) -> (Uuid, SealedBytes) {
    let tenant_id = app.database.id_literal(tenant.id);
    let query = format!("SELECT id, {column} FROM {table} WHERE tenant_id = {tenant_id}");
    let rows = app.database.admin_rows(&query).await;
    let text = |index: usize| rows[0][index].clone().unwrap();
    (text(0).parse().unwrap(), SealedBytes(unhex(&text(1))))
}

/// Bytes as either engine shows them.
fn unhex(text: &str) -> Vec<u8> {
    let digits = text.trim_start_matches("\\x").as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}
