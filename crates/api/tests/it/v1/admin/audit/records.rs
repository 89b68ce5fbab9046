//! What the audit log holds of all that happens: each act once, who and from where, no secret, in its canonical form.

use crate::support::{audit_events, names, registration, try_password};
use keyward_testkit::{Answer, PASSWORD, TestApp, TestDatabase, TestUser, on_both_engines};
use reqwest::Method;
use serde_json::{Map, Value, json};

on_both_engines!(
    asvs_v16_2_1_each_act_of_a_story_has_exactly_its_event,
    asvs_v16_2_5_no_secret_is_in_the_audit_log,
    the_public_part_is_stored_in_canonical_form_and_binds_the_personal_one,
    asvs_v16_2_2_times_are_utc_with_microseconds,
    the_feed_has_a_row_for_each_event,
    a_reader_leaves_no_event,
);

const DEVICE: &str = "Ada's laptop";
const WRONG: &str = "a wrong battery staple";

struct Story {
    app: TestApp,
    administrator: TestUser,
    ada: TestUser,
    /// One for each act, in their order.
    answers: [Answer; 7],
}

impl Story {
    /// A user registers, twice, fails to sign in, signs in, changes their name, tries what is not theirs, and signs out.
    async fn tell(database: TestDatabase) -> Self {
        let app = TestApp::start(database).await;
        let administrator = app.administrator(&app.tenant).await;
        let client = app.client(&app.tenant);
        let register = || client.post("/v1/auth/register", registration("ada@example.org"));
        let (registered, taken) = (register().await.expect(201), register().await.expect(409));
        let failed = try_password(&client, "ada@example.org", WRONG).await;
        let mut body = registration("ada@example.org");
        body["device"] = json!({ "name": DEVICE, "fingerprint": "f-1" });
        let signed_in = client.post("/v1/auth/login", body).await.expect(200);
        let ada = TestUser {
            client: client.with_token(signed_in.text_at("/access_token")),
            id: signed_in.text_at("/user/id").parse().unwrap(),
            session_id: signed_in.text_at("/session/id").parse().unwrap(),
            answer: signed_in.clone(),
        };
        let named = ada.client.patch("/v1/profile", json!({ "name": "Ada" }));
        let named = named.await.expect(200);
        let denied = ada.client.get("/v1/admin/audit/events").await.expect(403);
        let request = ada.client.request(Method::POST, "/v1/auth/logout");
        let signed_out = ada.client.send(request).await.expect(204);
        let answers = [
            registered, taken, failed, signed_in, named, denied, signed_out,
        ];
        Self {
            app,
            administrator,
            ada,
            answers,
        }
    }

    /// Of each act its type, outcome, permit, actor and target.
    fn acts(&self) -> [[Value; 5]; 7] {
        let anonymous = json!({ "type": "anonymous" });
        let (id, session_id) = (self.ada.id, self.ada.session_id);
        let actor = json!({ "type": "user", "id": id, "session_id": session_id });
        let user = json!({ "type": "user", "id": id });
        let nobody = json!({ "type": "user", "id": null });
        let session = json!({ "type": "session", "id": session_id });
        let log = json!({ "type": "audit_event", "id": null });
        let act = |kind: &str, outcome: &str, permit: &str, actor: &Value, target: &Value| {
            let permit = if permit.is_empty() {
                Value::Null
            } else {
                json!(permit)
            };
            [
                json!(kind),
                json!(outcome),
                permit,
                actor.clone(),
                target.clone(),
            ]
        };
        let (register, open) = ("user.register by anyone", "session.open by anyone");
        let (change, leave) = ("user.change_profile by owner", "session.sign_out by owner");
        [
            act("user.registered", "success", register, &anonymous, &user),
            act(
                "user.registration_refused",
                "failure",
                register,
                &anonymous,
                &nobody,
            ),
            act("user.sign_in_refused", "failure", open, &anonymous, &user),
            act("session.opened", "success", open, &actor, &session),
            act("user.profile_changed", "success", change, &actor, &user),
            act("access.denied", "denied", "", &actor, &log),
            act("session.revoked", "success", leave, &actor, &session),
        ]
    }

    /// The events of the story itself, oldest first.
    async fn events(&self) -> Vec<Value> {
        let mut events = audit_events(&self.administrator, "").await;
        events.reverse();
        let set_up = events
            .iter()
            .position(|event| event["public"]["type"] == "session.opened");
        events.split_off(set_up.unwrap() + 1)
    }
}

async fn asvs_v16_2_1_each_act_of_a_story_has_exactly_its_event(database: TestDatabase) {
    let story = Story::tell(database).await;
    let events = story.events().await;
    let acts = story.acts();
    assert_eq!(events.len(), acts.len(), "{events:#?}");
    for ((event, act), answer) in events.iter().zip(acts).zip(&story.answers) {
        let public = &event["public"];
        let said =
            ["type", "outcome", "permit", "actor", "target"].map(|name| public[name].clone());
        assert_eq!(said, act);
        assert_eq!(
            public["request_id"],
            answer.header("x-request-id"),
            "{act:?}"
        );
        assert_eq!(public["tenant_id"], story.app.tenant.id.to_string());
        assert_eq!(public["id"], event["id"]);
        assert_eq!(event["personal"]["address"], "127.0.0.1", "{act:?}");
        assert_eq!(event["personal"]["user_agent"], "testkit", "{act:?}");
        assert_eq!(names(event), ["id", "personal", "public"]);
    }
    let [registered, taken, failed, opened, named, _, revoked] = &events[..] else {
        panic!("seven events");
    };
    assert_eq!(
        registered["public"]["after"],
        json!({ "role": "member", "status": "active" })
    );
    assert_eq!(
        registered["personal"]["after"],
        json!({ "email": "ada@example.org" })
    );
    assert_eq!(
        taken["personal"]["details"],
        json!({ "email": "ada@example.org" })
    );
    assert_eq!(
        failed["public"]["details"],
        json!({ "reason": "wrong_password" })
    );
    let session = &story.ada.answer.json["session"];
    assert_eq!(
        opened["public"]["after"]["expires_at"],
        session["expires_at"]
    );
    assert_eq!(
        opened["public"]["after"]["user_id"],
        story.ada.id.to_string()
    );
    let device = json!({ "device_name": DEVICE, "device_fingerprint": "f-1" });
    assert_eq!(opened["personal"]["after"], device);
    assert_eq!(
        named["personal"]["before"],
        json!({ "email": "ada@example.org" })
    );
    assert_eq!(named["personal"]["after"]["name"], "Ada");
    assert_eq!(revoked["public"]["details"]["reason"], "signed_out");
}

async fn asvs_v16_2_5_no_secret_is_in_the_audit_log(database: TestDatabase) {
    let story = Story::tell(database).await;
    let log = json!(audit_events(&story.administrator, "").await).to_string();
    let rows = story.app.database.rows_of_tenant(story.app.tenant.id).await;
    let stored = rows
        .iter()
        .filter(|(table, _)| ["audit_events", "feed"].contains(&table.as_str()));
    let stored = format!("{:?}", stored.collect::<Vec<_>>());
    let tenant = story.app.database.id_literal(story.app.tenant.id);
    let query = format!("SELECT password_hash FROM users WHERE tenant_id = {tenant}");
    let hashes = story.app.database.admin_rows(&query).await;
    let hashes: Vec<_> = hashes.into_iter().flatten().flatten().collect();
    assert!(hashes.iter().all(|hash| hash.starts_with("$argon2id$")));
    let tails = hashes
        .iter()
        .map(|hash| hash.rsplit('$').next().unwrap().to_owned());
    let mut secrets: Vec<String> = tails.collect();
    secrets.extend([
        "$argon2id".into(),
        PASSWORD.into(),
        WRONG.into(),
        "kwr_".into(),
        "eyJ".into(),
    ]);
    for user in [&story.ada, &story.administrator] {
        secrets.push(user.answer.text_at("/refresh_token")[4..].to_owned());
        secrets.push(user.client.token().rsplit('.').next().unwrap().to_owned());
    }
    for (table, rows) in &rows {
        let sealed = |row: &Vec<Option<String>>| {
            row.iter()
                .flatten()
                .filter(|text| text.len() > 100)
                .cloned()
                .collect::<Vec<_>>()
        };
        if ["tenant_keys", "signing_keys"].contains(&table.as_str()) {
            secrets.extend(rows.iter().flat_map(sealed));
        }
    }
    assert!(secrets.len() > 10, "{}", secrets.len());
    for secret in &secrets {
        let secret = secret.trim_start_matches("\\\\x");
        assert!(!log.contains(secret), "{secret} is shown");
        assert!(!stored.contains(secret), "{secret} is stored");
    }
}

async fn the_public_part_is_stored_in_canonical_form_and_binds_the_personal_one(
    database: TestDatabase,
) {
    let story = Story::tell(database).await;
    let tenant = story.app.database.id_literal(story.app.tenant.id);
    let query = format!(
        "SELECT public_part, personal_part, seq FROM audit_events WHERE tenant_id = {tenant} ORDER BY id DESC"
    );
    let rows = story.app.database.admin_rows(&query).await;
    let events = audit_events(&story.administrator, "").await;
    assert_eq!(rows.len(), events.len());
    let canonical = |value: &Value| serde_json_canonicalizer::to_string(value).unwrap();
    let mut salts = Map::new();
    for (row, event) in rows.iter().zip(&events) {
        let (public, personal) = (row[0].as_deref().unwrap(), row[1].as_deref().unwrap());
        assert_eq!(public, canonical(&event["public"]));
        assert_eq!(personal, canonical(&event["personal"]));
        let digest = keyward_crypto::sha256(personal.as_bytes()).0;
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(event["public"]["personal_digest"], digest);
        assert_eq!(row[2], None, "nothing is sealed yet");
        let salt = event["personal"]["salt"].as_str().unwrap();
        assert_eq!(salt.len(), 32);
        assert!(
            salts.insert(salt.to_owned(), Value::Null).is_none(),
            "a salt of its own"
        );
        // The issuer of this tenant is an address by itself.
        let public = public.replace(&story.app.tenant.issuer, "");
        for person in ["ada@", "127.0.0.1", "testkit", DEVICE, "Ada"] {
            assert!(!public.contains(person), "{person} is in {public}");
        }
    }
}

async fn asvs_v16_2_2_times_are_utc_with_microseconds(database: TestDatabase) {
    let story = Story::tell(database).await;
    let events = story.events().await;
    let times: Vec<_> = events
        .iter()
        .map(|event| event["public"]["occurred_at"].as_str().unwrap())
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    for time in times {
        let parsed: keyward_model::Timestamp = time.parse().unwrap();
        assert_eq!(parsed.to_string(), time);
        assert!(time.starts_with("2026-01-01T00:00:") && time.ends_with('Z') && time.len() == 27);
    }
}

async fn the_feed_has_a_row_for_each_event(database: TestDatabase) {
    let story = Story::tell(database).await;
    let tenant = story.app.database.id_literal(story.app.tenant.id);
    let query = format!(
        "SELECT a.kind, f.kind, f.entity_version, f.removal_kind FROM audit_events a
         LEFT JOIN feed f ON f.tenant_id = a.tenant_id AND f.event_id = a.id
         WHERE a.tenant_id = {tenant} ORDER BY f.position"
    );
    let rows = story.app.database.admin_rows(&query).await;
    let mut events = audit_events(&story.administrator, "").await;
    events.reverse();
    assert_eq!(rows.len(), events.len());
    for (row, event) in rows.iter().zip(&events) {
        assert_eq!(row[0], row[1]);
        assert_eq!(row[0].as_deref(), event["public"]["type"].as_str());
        let version = event["public"]["entity_version"]
            .as_i64()
            .map(|version| version.to_string());
        assert_eq!(row[2], version);
        let removal = match row[0].as_deref() {
            Some("session.revoked") => Some("session"),
            // Its names led nowhere until then, which nodes may remember.
            Some("tenant.created") => Some("tenant"),
            // What a node remembers of the user is no longer what the row says.
            Some("user.profile_changed" | "session.opened") => Some("user"),
            _ => None,
        };
        assert_eq!(row[3].as_deref(), removal);
    }
}

async fn a_reader_leaves_no_event(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let administrator = app.administrator(&app.tenant).await;
    let before = audit_events(&administrator, "").await;
    for path in [
        "/v1/session",
        "/v1/sessions",
        "/v1/profile",
        "/v1/admin/audit/events",
        "/.well-known/jwks.json",
    ] {
        administrator.client.get(path).await.expect(200);
    }
    administrator.client.get("/v1/nowhere").await.expect(404);
    assert_eq!(audit_events(&administrator, "").await, before);
}
