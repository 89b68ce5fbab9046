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
    put("personal_digest", json!(personal_digest.hex()));
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

/// RFC 8785. What JSON has only one spelling for is written as it stands, in a quarter of the time.
fn canonical(part: Map<String, Value>) -> Result<String, serde_json::Error> {
    let part = Value::Object(part);
    match has_one_spelling(&part) {
        true => serde_json::to_string(&part),
        false => serde_json_canonicalizer::to_string(&part),
    }
}

/// Whether names are in order already, by bytes as by UTF-16 units, and numbers are whole and exact to every reader.
fn has_one_spelling(value: &Value) -> bool {
    const EXACT_MAX: u64 = (1 << 53) - 1;
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => true,
        Value::Number(number) => number
            .as_i64()
            .is_some_and(|number| number.unsigned_abs() <= EXACT_MAX),
        Value::Array(values) => values.iter().all(has_one_spelling),
        Value::Object(fields) => {
            fields.keys().is_sorted()
                && fields
                    .iter()
                    .all(|(name, value)| name.is_ascii() && has_one_spelling(value))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{EventContext, canonical, has_one_spelling, personal_part, public_part};
    use crate::{Client, Digest, Event, Id, Principal, Timestamp};
    use proptest::prelude::{Strategy, any};
    use proptest::{collection, prop_assert_eq, prop_oneof, proptest};
    use serde_json::{Value, json};
    use uuid::Uuid;

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<Option<bool>>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1_000_i64..1_000).prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                collection::btree_map("[ -~]{0,4}|.{0,4}", inner, 0..6)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_value_is_written_as_the_standard_says(value in any_json()) {
            let standard = serde_json_canonicalizer::to_string(&value).unwrap();
            let part = [("part".to_owned(), value)].into_iter().collect();
            prop_assert_eq!(canonical(part).unwrap(), format!(r#"{{"part":{standard}}}"#));
        }
    }

    #[test]
    fn what_has_two_spellings_is_left_to_the_library() {
        // By bytes U+FB33 comes before U+1F600, by UTF-16 units behind it (RFC 8785 section 3.2.3).
        for two in [
            json!({ "\u{fb33}": 1, "\u{1f600}": 2 }),
            json!([1e21]),
            json!(-0.0),
            json!(1_u64 << 53),
            json!({ "a": [9_007_199_254_740_993_u64] }),
        ] {
            assert!(!has_one_spelling(&two), "{two}");
        }
        let one = json!({ "a": [-7, "\u{fb33}\u{7f}\u{1f}"], "b": null, "c": true });
        assert!(has_one_spelling(&one));
    }

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
