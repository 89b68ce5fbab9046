//! An event as it is recorded: a public part in canonical form, and a personal part that can be erased.
//!
//! The public part is RFC 8785 JSON, ready to become a leaf of a Merkle tree (RFC 6962). It carries the digest of the
//! personal part, so that what was erased can no longer be changed either. The personal part begins with 128 random bits:
//! without them a digest of an address could be found by trying.

use crate::{
    Client, Description, Digest, EventId, Facts, Outcome, Principal, Removal, Revoked, Target,
    TenantId, Timestamp,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The version of the public part's form.
const FORM: u8 = 1;

/// An event as the store writes it.
#[derive(Debug, Clone)]
pub struct EventRecord {
    /// Names the event; sorts by time.
    pub id: EventId,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// The type, for instance `session.revoked`.
    pub kind: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// Who did it.
    pub actor: Principal,
    /// What it was done to.
    pub target: Target,
    /// The version of the target after it.
    pub entity_version: Option<i64>,
    /// What every node must forget.
    pub removal: Option<Removal>,
    /// Whether the answer waits until every node has forgotten it.
    pub is_awaited: bool,
    /// What counts no more from then on.
    pub revoked: Option<Revoked>,
    /// RFC 8785 bytes as text.
    pub public: String,
    /// RFC 8785 bytes as text, erasable.
    pub personal: String,
}

/// The circumstances of an event.
#[derive(Debug, Clone, Copy)]
pub struct EventContext<'a> {
    /// In which tenant.
    pub tenant_id: TenantId,
    /// Names the event.
    pub id: EventId,
    /// When.
    pub occurred_at: Timestamp,
    /// Who.
    pub actor: &'a Principal,
    /// From where.
    pub client: &'a Client,
    /// The decision that allowed it, in words; none for a denial.
    pub permit: Option<&'a str>,
}

/// An event as it is read back.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEvent {
    /// Names the event.
    pub id: EventId,
    /// The public part.
    pub public: Map<String, Value>,
    /// The personal part; empty once it was erased.
    pub personal: Map<String, Value>,
}

/// Which events are asked for; what is none matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Of this type.
    pub kind: Option<String>,
    /// With this outcome.
    pub outcome: Option<Outcome>,
    /// By this user.
    pub actor_id: Option<Uuid>,
    /// Done to this.
    pub target_id: Option<Uuid>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
}

/// The personal part: from where, and what names a person. `salt` is 128 random bits.
///
/// # Errors
/// When JSON refuses a value, which it does not for what an event holds.
pub fn personal_part(
    context: &EventContext<'_>,
    facts: &Facts,
    salt: [u8; 16],
) -> Result<String, serde_json::Error> {
    let mut part = facts_of(facts);
    part.insert(
        "salt".into(),
        json!(Uuid::from_bytes(salt).simple().to_string()),
    );
    if let Some(address) = context.client.address {
        part.insert("address".into(), json!(address));
    }
    if let Some(user_agent) = &context.client.user_agent {
        part.insert("user_agent".into(), json!(user_agent));
    }
    if let Principal::Operator { name, reason } = context.actor {
        part.insert("operator".into(), json!({ "name": name, "reason": reason }));
    }
    canonical(part)
}

/// The public part, with the digest of the personal one.
///
/// # Errors
/// As [`personal_part`].
pub fn public_part(
    context: &EventContext<'_>,
    description: &Description,
    personal_digest: Digest,
) -> Result<String, serde_json::Error> {
    let mut part = facts_of(&description.public);
    let mut put = |name: &str, value: Value| part.insert(name.to_owned(), value);
    put("v", json!(FORM));
    put("tenant_id", json!(context.tenant_id));
    put("id", json!(context.id));
    put("occurred_at", json!(context.occurred_at));
    put("type", json!(description.kind));
    put("outcome", json!(description.outcome));
    put("actor", actor(context.actor));
    put(
        "target",
        json!({ "type": description.target.kind, "id": description.target.id }),
    );
    put("permit", json!(context.permit));
    put("request_id", json!(context.client.request_id));
    put("personal_digest", json!(hex(&personal_digest.0)));
    if let Some(version) = description.entity_version {
        put("entity_version", json!(version));
    }
    canonical(part)
}

fn actor(principal: &Principal) -> Value {
    match principal {
        Principal::User {
            user_id,
            session_id,
            ..
        } => {
            json!({ "type": "user", "id": user_id, "session_id": session_id })
        }
        Principal::OAuthClient { client_id, .. } => {
            json!({ "type": "oauth_client", "id": client_id })
        }
        Principal::Anonymous | Principal::Operator { .. } | Principal::System => {
            json!({ "type": principal.kind() })
        }
    }
}

fn facts_of(facts: &Facts) -> Map<String, Value> {
    [
        ("before", &facts.before),
        ("after", &facts.after),
        ("details", &facts.details),
    ]
    .into_iter()
    .filter(|(_, fields)| !fields.is_empty())
    .map(|(name, fields)| (name.to_owned(), Value::Object(fields.clone())))
    .collect()
}

fn canonical(part: Map<String, Value>) -> Result<String, serde_json::Error> {
    serde_json_canonicalizer::to_string(&Value::Object(part))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::{EventContext, personal_part, public_part};
    use crate::{Client, Digest, Event, Id, Principal, Timestamp};
    use uuid::Uuid;

    fn client() -> Client {
        Client {
            address: Some([192, 0, 2, 7].into()),
            user_agent: Some("curl/8".into()),
            request_id: Id::from_uuid(Uuid::from_u128(3)),
        }
    }

    #[test]
    fn the_public_part_is_canonical_and_names_no_person() {
        let client = client();
        let context = EventContext {
            tenant_id: Id::from_uuid(Uuid::from_u128(1)),
            id: Id::from_uuid(Uuid::from_u128(2)),
            occurred_at: Timestamp::from_micros(0),
            actor: &Principal::Anonymous,
            client: &client,
            permit: Some("user.register by anyone"),
        };
        let email = "ada@example.org".parse().unwrap();
        let description = Event::RegistrationRefused { email }.describe();
        let personal = personal_part(&context, &description.personal, [9; 16]).unwrap();
        let public = public_part(&context, &description, Digest([0xab; 32])).unwrap();
        assert_eq!(
            personal,
            r#"{"address":"192.0.2.7","details":{"email":"ada@example.org"},"salt":"09090909090909090909090909090909","user_agent":"curl/8"}"#
        );
        assert_eq!(
            public,
            format!(
                concat!(
                    r#"{{"actor":{{"type":"anonymous"}},"id":"00000000-0000-0000-0000-000000000002","#,
                    r#""occurred_at":"1970-01-01T00:00:00.000000Z","outcome":"failure","permit":"user.register by anyone","#,
                    r#""personal_digest":"{}","request_id":"00000000-0000-0000-0000-000000000003","#,
                    r#""target":{{"id":null,"type":"user"}},"tenant_id":"00000000-0000-0000-0000-000000000001","#,
                    r#""type":"user.registration_refused","v":1}}"#
                ),
                "ab".repeat(32)
            )
        );
    }
}
