//! The keys that sign tokens, over their whole life: what a verifier sees that follows the key set, and what this server says.

mod over;

use crate::support::tokens::{claims_of, part};
use crate::support::{assert_token_refused, change_settings};
use futures_util::future::join_all;
use keyward_model::{
    Client, Principal, Route, SigningKey, SigningKeyId, SigningKeyState, Timestamp,
};
use keyward_policy::Action;
use keyward_service::Cx;
use keyward_service::signing_keys::{
    ListedSigningKey, SigningKeyError, list_signing_keys, revoke_signing_key, rotate_signing_key,
};
use keyward_testkit::{
    KeySetFollower, Refused, TestApp, TestAppOptions, TestDatabase, TestTenant, TestUser,
    on_both_engines,
};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::Duration;

on_both_engines!(
    asvs_v9_1_3_no_token_is_refused_wrongly_across_rotations_with_eddsa,
    asvs_v9_1_3_no_token_is_refused_wrongly_across_rotations_with_es256,
    a_token_outlives_a_change_of_its_lifetime_beside_a_rotation,
    of_two_rotations_at_once_one_wins,
    rotations_and_sign_ins_at_once_leave_one_key_that_signs,
    sign_ins_on_both_sides_of_a_handover_succeed,
    asvs_v8_4_1_another_tenants_key_verifies_nothing_and_is_not_found,
    the_metadata_follows_what_is_published,
    asvs_v9_1_3_who_keeps_the_set_for_longer_knows_the_next_key,
    operators_list_rotate_and_revoke_over_their_plane,
    keys_are_for_operators_alone,
);

/// A context of an operator.
async fn operator(app: &TestApp, tenant: &TestTenant, action: Action) -> Cx {
    let route = Route::Slug(tenant.slug.parse().unwrap());
    let scope = app.platform.operator_scope(route).await.unwrap().unwrap();
    let client = Client {
        address: None,
        user_agent: None,
        request_id: app.platform.mint(app.platform.now()),
    };
    let who = Principal::Operator {
        name: "root".to_owned(),
        reason: "a test".to_owned(),
    };
    let begun = Cx::begin(&app.platform, (scope, who), client, action).await;
    begun.unwrap()
}

async fn rotate(app: &TestApp, tenant: &TestTenant) -> Result<SigningKey, SigningKeyError> {
    rotate_signing_key(&operator(app, tenant, Action::RotateSigningKey).await).await
}

async fn revoke(
    app: &TestApp,
    tenant: &TestTenant,
    id: SigningKeyId,
) -> Result<SigningKey, SigningKeyError> {
    revoke_signing_key(&operator(app, tenant, Action::RevokeSigningKey).await, id).await
}

async fn keys(app: &TestApp, tenant: &TestTenant) -> Vec<ListedSigningKey> {
    let cx = operator(app, tenant, Action::ListSigningKeys).await;
    list_signing_keys(&cx).await.unwrap()
}

/// The states of the keys, oldest first.
async fn states(app: &TestApp, tenant: &TestTenant) -> Vec<SigningKeyState> {
    let keys = keys(app, tenant).await;
    keys.iter().rev().map(|listed| listed.state).collect()
}

fn pass(app: &TestApp, seconds: u64) {
    app.database.clock.advance(Duration::from_secs(seconds));
}

/// The `kid` of a token.
fn key_of(token: &str) -> SigningKeyId {
    part(token, 0)["kid"].as_str().unwrap().parse().unwrap()
}

async fn published(app: &TestApp, tenant: &TestTenant) -> Vec<Value> {
    let answer = app.client(tenant).get("/.well-known/jwks.json").await;
    answer.expect(200).list_at("/keys").to_vec()
}

/// Verifies as a service does that knows nothing but the key set.
async fn follow(
    app: &TestApp,
    follower: &mut KeySetFollower,
    token: &str,
    leeway: i64,
) -> Result<(), Refused> {
    let now = app.database.now();
    if follower.must_read(token, now) {
        let client = app.client(&app.tenant);
        let answer = client.get("/.well-known/jwks.json").await.expect(200);
        follower.learn(&answer, now);
    }
    let claims = follower.verify(token, now, leeway)?;
    assert_eq!(claims.iss, app.tenant.issuer);
    Ok(())
}

async fn asvs_v9_1_3_no_token_is_refused_wrongly_across_rotations_with_eddsa(
    database: TestDatabase,
) {
    follow_through_rotations(database, "EdDSA").await;
}

async fn asvs_v9_1_3_no_token_is_refused_wrongly_across_rotations_with_es256(
    database: TestDatabase,
) {
    follow_through_rotations(database, "ES256").await;
}

/// Forty minutes of sign-ins, a step a minute, with three rotations among them. Five verifiers keep the key set for its whole
/// time, each from another minute on, and never ask for a key that they miss; a sixth does.
async fn follow_through_rotations(database: TestDatabase, algorithm: &str) {
    // On a busy machine a hash may wait: that is not what is looked at here.
    let patient =
        |options: &mut TestAppOptions| options.hashing.wait_max = Duration::from_secs(120);
    let app = TestApp::start_with(database, patient).await;
    change_settings(
        &app,
        &app.tenant,
        &json!({ "signing_algorithm": algorithm }),
    )
    .await;
    for email in ["ada@example.org", "bob@example.org"] {
        app.register(&app.tenant, email).await;
    }
    let mut followers: Vec<_> = (0..5).map(|_| KeySetFollower::strict()).collect();
    followers.push(KeySetFollower::asking_again(30));
    let mut users: Vec<TestUser> = Vec::new();
    let (mut checks, mut refusals) = (0, Vec::new());
    for minute in 0..40 {
        let rotation = async {
            if minute % 12 == 4 {
                rotate(&app, &app.tenant).await.unwrap();
            }
        };
        let sign_ins = ["ada@example.org", "bob@example.org"];
        let sign_ins = sign_ins.map(|email| app.sign_in(&app.tenant, email));
        let (signed_in, ()) = tokio::join!(join_all(sign_ins), rotation);
        users.extend(signed_in);
        for user in &users {
            let (token, now) = (user.client.token(), app.database.now());
            let left = claims_of(token).exp - now.seconds();
            // A verifier whose clock is a minute behind still takes what has just expired.
            for follower in followers.iter_mut().take(minute + 1).filter(|_| left > -59) {
                checks += 1;
                if let Err(refused) = follow(&app, follower, token, 60).await {
                    refusals.push((minute, left, key_of(token), refused));
                }
            }
            if left > 1 {
                user.client.get("/v1/session").await.expect(200);
            }
        }
        users.retain(|user| claims_of(user.client.token()).exp + 60 > app.database.now().seconds());
        pass(&app, 60);
    }
    assert_eq!(refusals, []);
    let keys = keys(&app, &app.tenant).await;
    let signed: HashSet<_> = keys.iter().map(|listed| listed.key.id).collect();
    assert_eq!(signed.len(), 4);
    let newest = key_of(
        app.sign_in(&app.tenant, "ada@example.org")
            .await
            .client
            .token(),
    );
    assert_eq!(
        newest, keys[0].key.id,
        "the last rotation was twelve minutes ago"
    );
    let published = published(&app, &app.tenant).await;
    assert!(
        published.iter().all(|jwk| jwk["alg"] == algorithm),
        "{published:?}"
    );
    println!("{checks} verifications with {algorithm} across 3 rotations, no refusal");
}

async fn a_token_outlives_a_change_of_its_lifetime_beside_a_rotation(database: TestDatabase) {
    let app = TestApp::start(database).await;
    app.register(&app.tenant, "ada@example.org").await;
    let lifetime = async |seconds: i64| {
        change_settings(
            &app,
            &app.tenant,
            &json!({ "access_token_ttl_seconds": seconds }),
        )
        .await;
        app.sign_in(&app.tenant, "ada@example.org").await
    };
    // A long one, the lifetime shortened, and at once a rotation: the old key stays for the long one.
    let long = lifetime(1_500).await;
    let short = lifetime(60).await;
    rotate(&app, &app.tenant).await.unwrap();
    // Raised again: what the old key still signs is cut where that key ends.
    pass(&app, 590);
    let cut = lifetime(86_400).await;
    let (old, end) = (
        key_of(long.client.token()),
        claims_of(cut.client.token()).exp,
    );
    assert_eq!(key_of(cut.client.token()), old);
    let expires_in = cut.answer.json["expires_in"].as_i64().unwrap();
    assert_eq!(expires_in, end - claims_of(cut.client.token()).iat);
    assert!((1_500..1_600).contains(&expires_in), "{expires_in}");
    pass(&app, 20);
    let next = lifetime(86_400).await;
    assert_ne!(key_of(next.client.token()), old);
    assert_eq!(
        next.answer.json["expires_in"], 86_400,
        "the new one has no end"
    );
    assert_token_refused(short.client.get("/v1/session").await);
    for user in [&long, &cut, &next] {
        let exp = claims_of(user.client.token()).exp.min(end);
        app.database
            .clock
            .set(Timestamp::from_micros(0).plus_seconds(exp - 1));
        let mut follower = KeySetFollower::strict();
        follow(&app, &mut follower, user.client.token(), 60)
            .await
            .unwrap();
    }
    // A minute after the last of its tokens the old key goes, and not before.
    for (seconds, there) in [(60, true), (61, false)] {
        app.database.clock.set(
            Timestamp::from_micros(0)
                .plus_seconds(end + seconds)
                .plus_micros(-1),
        );
        let keys = published(&app, &app.tenant).await;
        let found = keys.iter().any(|jwk| jwk["kid"] == old.to_string());
        assert_eq!(found, there, "{seconds} seconds later");
    }
}

async fn of_two_rotations_at_once_one_wins(database: TestDatabase) {
    let app = TestApp::start(database).await;
    // Keys are listed by their ids, which have a moment: the first key is of an earlier one.
    pass(&app, 1);
    let attempts = join_all((0..6).map(|_| rotate(&app, &app.tenant))).await;
    let won = attempts.iter().filter(|attempt| attempt.is_ok()).count();
    assert_eq!(won, 1, "{attempts:?}");
    for lost in attempts.iter().filter_map(|attempt| attempt.as_ref().err()) {
        assert!(
            matches!(
                lost,
                SigningKeyError::UnderWay(_) | SigningKeyError::Changed
            ),
            "{lost:?}"
        );
    }
    let expected = [SigningKeyState::Signing, SigningKeyState::Published];
    assert_eq!(states(&app, &app.tenant).await, expected);
    pass(&app, 599);
    let again = rotate(&app, &app.tenant).await;
    assert!(matches!(again, Err(SigningKeyError::UnderWay(_))));
    pass(&app, 2);
    rotate(&app, &app.tenant).await.unwrap();
}

async fn rotations_and_sign_ins_at_once_leave_one_key_that_signs(database: TestDatabase) {
    let app = TestApp::start(database).await;
    app.register(&app.tenant, "ada@example.org").await;
    let quick = json!({ "key_set_max_age_seconds": 1, "signing_key_propagation_seconds": 1 });
    change_settings(&app, &app.tenant, &quick).await;
    for round in 0..4 {
        // Each round's tokens live longer, which every one of its sign-ins has to note on the key.
        let settings = json!({
            "key_set_max_age_seconds": 1,
            "signing_key_propagation_seconds": 1,
            "access_token_ttl_seconds": 300 + round,
        });
        change_settings(&app, &app.tenant, &settings).await;
        let sign_ins = (0..4).map(|_| app.sign_in(&app.tenant, "ada@example.org"));
        let rotations = (0..3).map(|_| rotate(&app, &app.tenant));
        let (users, rotated) = tokio::join!(join_all(sign_ins), join_all(rotations));
        let won = rotated.iter().filter(|attempt| attempt.is_ok()).count();
        assert!(won <= 1, "{rotated:?}");
        for user in users {
            user.client.get("/v1/session").await.expect(200);
        }
        let states = states(&app, &app.tenant).await;
        let signing = states
            .iter()
            .filter(|state| **state == SigningKeyState::Signing);
        assert_eq!(signing.count(), 1, "{states:?}");
        pass(&app, 2);
    }
}

/// Requests of one moment and of the next meet: those that still sign with the old key and those that sign with the new one take
/// the place of a tenant's kept signer from each other.
async fn sign_ins_on_both_sides_of_a_handover_succeed(database: TestDatabase) {
    let patient =
        |options: &mut TestAppOptions| options.hashing.wait_max = Duration::from_secs(120);
    let app = TestApp::start_with(database, patient).await;
    // Two: of one account five sign-ins are looked at at once.
    let emails = ["ada@example.org", "bob@example.org"];
    for email in emails {
        app.register(&app.tenant, email).await;
    }
    // And each has more sessions than a user has by default.
    let settings = serde_json::json!({ "sessions_per_user_max": 100 });
    change_settings(&app, &app.tenant, &settings).await;
    let handover = rotate(&app, &app.tenant).await.unwrap().signs_from;
    app.database.clock.set(handover.plus_seconds(-1));
    let mut signed_with = HashSet::new();
    for _ in 0..3 {
        // One after the other, so that they come on both sides.
        let sign_in = async |number: u64| {
            tokio::time::sleep(Duration::from_millis(3 * number)).await;
            let email = emails[usize::from(number % 2 == 1)];
            app.sign_in(&app.tenant, email).await
        };
        let back_and_forth = async {
            for side in [-1, 1].into_iter().cycle() {
                app.database.clock.set(handover.plus_seconds(side));
                tokio::time::sleep(Duration::from_millis(4)).await;
            }
        };
        let users = tokio::select! {
            users = join_all((0..8).map(sign_in)) => users,
            () = back_and_forth => unreachable!("it goes on for ever"),
        };
        for user in users {
            signed_with.insert(key_of(user.client.token()));
            let answer = user.client.get("/v1/session").await;
            let claims = claims_of(user.client.token());
            let now = app.database.now();
            assert_eq!(answer.status, 200, "{claims:?} at {now}, of {handover}");
        }
    }
    assert_eq!(signed_with.len(), 2, "both sides were met");
}

async fn asvs_v8_4_1_another_tenants_key_verifies_nothing_and_is_not_found(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let other = app.new_tenant("other").await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let theirs = key_of(ada.client.token());
    let refused = revoke(&app, &other, theirs).await;
    assert!(matches!(refused, Err(SigningKeyError::NotFound)));
    ada.client.get("/v1/session").await.expect(200);
    let listed = keys(&app, &other).await;
    assert!(listed.iter().all(|listed| listed.key.id != theirs));
    // Signed by the other tenant's key, in the name of this one.
    let stranger = crate::support::tokens::signer_of(&app, &other).await;
    let forged = stranger.sign(&claims_of(ada.client.token())).unwrap();
    for client in [&ada.client, &ada.client.under(""), &app.client(&other)] {
        let answer = client.with_token(forged.expose()).get("/v1/session").await;
        assert!([401, 404].contains(&answer.status), "{}", answer.text);
    }
}

async fn the_metadata_follows_what_is_published(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let algorithms = async || {
        let client = app.client(&app.tenant);
        let answer = client
            .get("/.well-known/openid-configuration")
            .await
            .expect(200);
        assert_eq!(answer.header("cache-control"), "public, max-age=120");
        answer.json["id_token_signing_alg_values_supported"].clone()
    };
    let settings = json!({ "signing_algorithm": "ES256", "key_set_max_age_seconds": 120 });
    change_settings(&app, &app.tenant, &settings).await;
    assert_eq!(
        algorithms().await,
        json!(["EdDSA"]),
        "from the next rotation on"
    );
    rotate(&app, &app.tenant).await.unwrap();
    assert_eq!(algorithms().await, json!(["EdDSA", "ES256"]));
    let keys = published(&app, &app.tenant).await;
    let names: Vec<&str> = keys[0]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    pass(&app, 600 + 300 + 60);
    assert_eq!(algorithms().await, json!(["ES256"]));
}

async fn asvs_v9_1_3_who_keeps_the_set_for_longer_knows_the_next_key(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let keep_for = async |seconds: i64| {
        let (age, ahead) = ("key_set_max_age_seconds", "signing_key_propagation_seconds");
        let settings = json!({ (age): seconds, (ahead): seconds });
        let chief = app.administrator(&app.tenant).await.client;
        let changed = chief.patch("/v1/admin/settings", settings).await;
        changed.expect(200);
    };
    app.register(&app.tenant, "ada@example.org").await;
    let sign_in = || app.sign_in(&app.tenant, "ada@example.org");
    keep_for(3_600).await;
    let (mut follower, before) = (KeySetFollower::strict(), sign_in().await);
    let read = follow(&app, &mut follower, before.client.token(), 0);
    assert_eq!(read.await, Ok(()));
    let told_until = app.database.now().plus_seconds(3_600);
    // Shortened twice: it is the longest that counts.
    keep_for(60).await;
    keep_for(1).await;
    let next = rotate(&app, &app.tenant).await.unwrap();
    assert!(next.signs_from >= told_until && next.signs_from < told_until.plus_seconds(60));
    for after in [-3_000, -1_800, -600, -60, 60, 600] {
        app.database.clock.set(told_until.plus_seconds(after));
        let user = sign_in().await;
        let token = user.client.token();
        assert_eq!(follow(&app, &mut follower, token, 0).await, Ok(()));
        assert_eq!(key_of(token) == next.id, after > 0);
    }
    let soon = rotate(&app, &app.tenant).await.unwrap().signs_from;
    assert!(soon < app.database.now().plus_seconds(2), "nobody has it");
}

async fn operators_list_rotate_and_revoke_over_their_plane(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let (operator, old) = (app.operator(), key_of(ada.client.token()));
    let path = format!("/operator/v1/tenants/{}/signing-keys", app.tenant.slug);
    let rotated = operator.post(&format!("{path}/rotate"), json!({})).await;
    let rotated = rotated.expect(201).json["signing_key"].clone();
    assert_eq!(rotated["state"], "published");
    let again = operator.post(&format!("{path}/rotate"), json!({})).await;
    again.expect_problem(409, "rotation_under_way");
    let unexplained = operator.without_reason();
    let refused = unexplained.post(&format!("{path}/rotate"), json!({})).await;
    refused.expect_problem(400, "operator_reason_missing");
    let revoked = operator
        .post(&format!("{path}/{old}/revoke"), json!({}))
        .await;
    let revoked = revoked.expect(200);
    assert_eq!(revoked.text_at("/signing_key/state"), "signing");
    assert_eq!(revoked.json["signing_key"]["id"], rotated["id"]);
    assert_token_refused(ada.client.get("/v1/session").await);
    let listed = operator.get(&path).await.expect(200);
    assert_eq!(listed.json["next_cursor"], Value::Null);
    let states: Vec<_> = listed
        .list_at("/items")
        .iter()
        .map(|key| &key["state"])
        .collect();
    assert_eq!(states, ["signing", "revoked"]);
    assert!(!listed.text.contains("private") && !listed.text.contains("sealed"));
    let unknown = "01890a5d-ac96-774b-bcce-b302099a8056";
    for gone in [old.to_string().as_str(), unknown, "no-id"] {
        let answer = operator
            .post(&format!("{path}/{gone}/revoke"), json!({}))
            .await;
        answer.expect_problem(404, "not_found");
    }
    let elsewhere = path.replace(&app.tenant.slug, "no-such-tenant");
    operator
        .get(&elsewhere)
        .await
        .expect_problem(404, "not_found");
}

async fn keys_are_for_operators_alone(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let route = Route::Slug(app.tenant.slug.parse().unwrap());
    for action in [
        Action::ListSigningKeys,
        Action::RotateSigningKey,
        Action::RevokeSigningKey,
    ] {
        let scope = app
            .platform
            .operator_scope(route.clone())
            .await
            .unwrap()
            .unwrap();
        let client = Client {
            address: None,
            user_agent: None,
            request_id: app.platform.mint(app.platform.now()),
        };
        let who = Principal::Anonymous;
        let refused = Cx::begin(&app.platform, (scope, who), client, action).await;
        assert!(refused.is_err());
    }
    // A context that was begun for one thing does no other.
    let cx = operator(&app, &app.tenant, Action::ListSigningKeys).await;
    assert!(matches!(
        rotate_signing_key(&cx).await,
        Err(SigningKeyError::Denied(_))
    ));
    assert_eq!(states(&app, &app.tenant).await, [SigningKeyState::Signing]);
}
