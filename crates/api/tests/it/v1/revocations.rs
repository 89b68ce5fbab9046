//! `GET /v1/revocations`

mod verifier;

use crate::support::clients::{
    BasicClient, CLIENTS, SigningClient, assert_invalid_client, assert_oauth_error, basic_client,
    client_with,
};
use crate::support::sign_in_again;
use crate::support::tokens::claims_of;
use keyward_model::SigningAlgorithm;
use keyward_testkit::{
    Answer, EventStream, ServerEvent, TestApp, TestDatabase, TestUser, on_both_engines,
};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use std::time::Duration;

on_both_engines!(
    a_snapshot_says_what_may_still_matter_and_nothing_of_other_tenants,
    asvs_v7_4_1_each_revocation_is_said_as_it_happens_and_in_order,
    a_stream_is_resumed_without_loss_and_without_a_snapshot,
    an_id_that_is_old_or_unknown_gets_a_snapshot,
    a_heartbeat_comes_while_nothing_happens,
    asvs_v8_2_1_nobody_follows_without_the_right,
    a_client_that_signs_follows_with_an_assertion,
    asvs_v7_4_1_the_stream_of_a_client_that_is_disabled_or_changed_ends,
    the_stream_of_a_tenant_that_is_suspended_ends,
    a_client_has_so_many_streams_and_no_more,
    a_server_that_stops_ends_its_streams,
    it_is_said_over_http2_too,
    a_snapshot_of_many_comes_in_parts,
);

pub(super) const PATH: &str = "/v1/revocations";
const RIGHT: &[&str] = &["follow_revocations"];

async fn open(client: &BasicClient, last_id: Option<&str>) -> Response {
    let request = client.http.request(Method::GET, PATH);
    let request = request.basic_auth(&client.id, Some(&client.secret));
    let request = match last_id {
        Some(id) => request.header("last-event-id", id),
        None => request,
    };
    request.send().await.unwrap()
}

async fn follow(client: &BasicClient, last_id: Option<&str>) -> EventStream {
    let response = open(client, last_id).await;
    assert_eq!(response.status(), 200);
    EventStream::new(response)
}

/// The next event, within ten seconds.
async fn next(stream: &mut EventStream) -> Option<ServerEvent> {
    let waiting = tokio::time::timeout(Duration::from_secs(10), stream.next());
    waiting.await.expect("something in time")
}

async fn next_named(stream: &mut EventStream, name: &str) -> ServerEvent {
    let event = next(stream).await.expect("the stream goes on");
    assert_eq!(event.name, name, "{event:?}");
    event
}

/// The next revocation, whatever heartbeats come before it.
async fn next_revocation(stream: &mut EventStream) -> ServerEvent {
    loop {
        let event = next(stream).await.expect("the stream goes on");
        match event.name.as_str() {
            "heartbeat" => {}
            _ => {
                assert_eq!(event.name, "revocation", "{event:?}");
                return event;
            }
        }
    }
}

/// Kind and id of each.
fn named(revocations: &[Value]) -> Vec<(String, String)> {
    let text = |one: &Value, name: &str| one[name].as_str().unwrap().to_owned();
    let named = revocations.iter();
    named
        .map(|one| (text(one, "kind"), text(one, "id")))
        .collect()
}

/// All of a snapshot, which is over.
async fn snapshot(stream: &mut EventStream) -> (Vec<(String, String)>, Option<String>) {
    let event = next_named(stream, "snapshot").await;
    assert_eq!(event.data["complete"], true);
    let revocations = named(event.data["revocations"].as_array().unwrap());
    next_named(stream, "heartbeat").await;
    (revocations, event.id)
}

fn of_session(user: &TestUser) -> (String, String) {
    ("session".to_owned(), user.session_id.to_string())
}

async fn sign_out(user: &TestUser) {
    user.client
        .post("/v1/auth/logout", json!({}))
        .await
        .expect(204);
}

/// Waits for the end of a stream: the next two heartbeats at most are waited for.
async fn assert_ends(stream: &mut EventStream) {
    let ending = async { while stream.next().await.is_some() {} };
    let ended = tokio::time::timeout(Duration::from_secs(12), ending).await;
    assert!(ended.is_ok(), "it goes on");
}

async fn a_snapshot_says_what_may_still_matter_and_nothing_of_other_tenants(
    database: TestDatabase,
) {
    let app = TestApp::start(database).await;
    let long_ago = app.member(&app.tenant, "ada@example.org").await;
    sign_out(&long_ago).await;
    app.database.clock.advance(Duration::from_secs(3_662));
    let lately = sign_in_again(&app, &app.tenant, &long_ago).await;
    sign_out(&lately).await;
    let (_, client) = client_with(&app, RIGHT).await;
    let other = app.new_tenant("other").await;
    let stranger = app.member(&other, "ada@example.org").await;
    sign_out(&stranger).await;
    let mut stream = follow(&client, None).await;
    let headers = stream.response().headers();
    assert_eq!(headers["content-type"], "text/event-stream");
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["x-accel-buffering"], "no");
    let (revocations, id) = snapshot(&mut stream).await;
    assert_eq!(revocations, [of_session(&lately)]);
    assert!(id.is_some());
    let administrator = app.administrator(&other).await;
    let foreign = basic_client(&app, &other, &administrator, RIGHT).await;
    let (revocations, _) = snapshot(&mut follow(&foreign, None).await).await;
    assert_eq!(revocations, [of_session(&stranger)]);
    // What happens elsewhere is not said here.
    let again = sign_in_again(&app, &other, &stranger).await;
    sign_out(&again).await;
    let own = sign_in_again(&app, &app.tenant, &lately).await;
    sign_out(&own).await;
    let event = next_revocation(&mut stream).await;
    assert_eq!(named(&[event.data]), [of_session(&own)]);
}

async fn asvs_v7_4_1_each_revocation_is_said_as_it_happens_and_in_order(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (administrator, client) = client_with(&app, &["follow_revocations", "revoke"]).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let twin = sign_in_again(&app, &app.tenant, &ada).await;
    let third = sign_in_again(&app, &app.tenant, &ada).await;
    let mut stream = follow(&client, None).await;
    assert!(snapshot(&mut stream).await.0.is_empty());
    sign_out(&ada).await;
    let first = next_revocation(&mut stream).await;
    assert!(first.data["at"].as_str().unwrap().starts_with("2026-"));
    assert_eq!(named(&[first.data]), [of_session(&ada)]);
    let jti = claims_of(twin.client.token()).jti.to_string();
    client.revoke(twin.client.token()).await.expect(200);
    let second = next_revocation(&mut stream).await;
    assert_eq!(named(&[second.data]), [("token".to_owned(), jti)]);
    // A sign-in, a refresh and a failure revoke nothing.
    sign_in_again(&app, &app.tenant, &ada).await;
    let token = third.answer.text_at("/refresh_token");
    let body = json!({ "refresh_token": token });
    let refreshed = third.client.post("/v1/auth/refresh", body.clone()).await;
    refreshed.expect(200);
    let path = format!("/v1/admin/users/{}/disable", ada.id);
    administrator
        .client
        .post(&path, json!({}))
        .await
        .expect(200);
    let mut told = Vec::new();
    for _ in 0..4 {
        told.push(next_revocation(&mut stream).await.data);
    }
    let told = named(&told);
    assert_eq!(told[0], ("user".to_owned(), ada.id.to_string()));
    assert!(told[1..].contains(&of_session(&twin)) && told[1..].contains(&of_session(&third)));
    assert!(told[1..].iter().all(|(kind, _)| kind == "session"));
    let all = administrator.client.delete("/v1/admin/sessions/all").await;
    assert!([200, 204].contains(&all.status), "{all:?}");
    let event = next_revocation(&mut stream).await;
    let tenant = ("tenant".to_owned(), app.tenant.id.to_string());
    assert_eq!(named(&[event.data]), [tenant]);
}

async fn a_stream_is_resumed_without_loss_and_without_a_snapshot(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (_, client) = client_with(&app, RIGHT).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let mut others = Vec::new();
    for _ in 0..6 {
        others.push(sign_in_again(&app, &app.tenant, &ada).await);
    }
    let mut stream = follow(&client, None).await;
    snapshot(&mut stream).await;
    sign_out(&ada).await;
    let last = next_revocation(&mut stream).await;
    drop(stream);
    // Longer than what is said again in any case.
    app.database.clock.advance(Duration::from_secs(120));
    for other in &others[..3] {
        sign_out(other).await;
    }
    let mut stream = follow(&client, last.id.as_deref()).await;
    let mut told = Vec::new();
    loop {
        let event = next(&mut stream).await.unwrap();
        match event.name.as_str() {
            "revocation" => told.push(event.data),
            "heartbeat" => break,
            other => panic!("{other}"),
        }
    }
    let told = named(&told);
    for other in &others[..3] {
        assert!(told.contains(&of_session(other)), "{told:?}");
    }
    for other in &others[3..] {
        assert!(!told.contains(&of_session(other)), "{told:?}");
    }
    // And it goes on.
    sign_out(&others[3]).await;
    loop {
        let event = next_revocation(&mut stream).await;
        if named(&[event.data]) == [of_session(&others[3])] {
            break;
        }
    }
}

async fn an_id_that_is_old_or_unknown_gets_a_snapshot(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (_, client) = client_with(&app, RIGHT).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let (_, id) = snapshot(&mut follow(&client, None).await).await;
    let id = id.unwrap();
    let (number, seconds) = id.split_once('-').unwrap();
    sign_out(&ada).await;
    let ahead = format!("{}-{seconds}", number.parse::<i64>().unwrap() + 1_000_000);
    for unknown in ["", "nothing", "1", "-1--1", "0x1-1", &ahead, "1-1"] {
        let (revocations, _) = snapshot(&mut follow(&client, Some(unknown)).await).await;
        assert_eq!(revocations, [of_session(&ada)], "{unknown}");
    }
    app.database.clock.advance(Duration::from_secs(3_600));
    let event = next(&mut follow(&client, Some(&id)).await).await.unwrap();
    assert_eq!(event.name, "revocation", "it is in time");
    app.database.clock.advance(Duration::from_secs(61));
    let (revocations, _) = snapshot(&mut follow(&client, Some(&id)).await).await;
    assert!(revocations.is_empty(), "none of its tokens is alive");
}

async fn a_heartbeat_comes_while_nothing_happens(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (_, client) = client_with(&app, RIGHT).await;
    let mut stream = follow(&client, None).await;
    snapshot(&mut stream).await;
    let before = app.database.clock.advance(Duration::from_secs(7));
    let event = next_named(&mut stream, "heartbeat").await;
    let as_of: keyward_model::Timestamp = event.data["as_of"].as_str().unwrap().parse().unwrap();
    assert!(as_of >= before);
    assert!(event.id.is_some());
}

async fn asvs_v8_2_1_nobody_follows_without_the_right(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let rights = ["introspect", "introspect_refresh_tokens", "revoke"];
    let (administrator, without) = client_with(&app, &rights).await;
    let client = basic_client(&app, &app.tenant, &administrator, RIGHT).await;
    let refused = |client: BasicClient| async move {
        let request = client.http.request(Method::GET, PATH);
        let request = request.basic_auth(&client.id, Some(&client.secret));
        client.http.send(request).await
    };
    assert_oauth_error(refused(without).await, 403, "unauthorized_client");
    assert_invalid_client(refused(client.with_secret("kwcs_wrong")).await);
    assert_invalid_client(client.http.get(PATH).await);
    // The token of an administrator is no client's.
    let by_token: Answer = administrator.client.get(PATH).await;
    assert_invalid_client(by_token);
    // In another tenant it is unknown.
    let other = app.new_tenant("other").await;
    let elsewhere = BasicClient {
        http: app.client(&other),
        ..client.clone()
    };
    assert_invalid_client(refused(elsewhere).await);
    // And the right to follow is no right to ask or to revoke.
    let ada = app.member(&app.tenant, "ada@example.org").await;
    assert!(!client.finds_active(ada.client.token()).await);
}

async fn a_client_that_signs_follows_with_an_assertion(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let client = SigningClient::new(&app, SigningAlgorithm::EdDsa, RIGHT).await;
    let mut claims = client.claims(&app);
    claims["aud"] = json!(format!("{}{PATH}", client.issuer));
    let assertion = client.sign(&claims);
    let request = || {
        let request = client.http.request(Method::GET, PATH);
        request.bearer_auth(&assertion)
    };
    let mut stream = EventStream::new(request().send().await.unwrap());
    next_named(&mut stream, "snapshot").await;
    assert_invalid_client(client.http.send(request()).await);
}

async fn asvs_v7_4_1_the_stream_of_a_client_that_is_disabled_or_changed_ends(
    database: TestDatabase,
) {
    let app = TestApp::start(database).await;
    let (administrator, disabled) = client_with(&app, RIGHT).await;
    let rotated = basic_client(&app, &app.tenant, &administrator, RIGHT).await;
    let kept = basic_client(&app, &app.tenant, &administrator, RIGHT).await;
    let mut streams = Vec::new();
    for client in [&disabled, &rotated, &kept] {
        let mut stream = follow(client, None).await;
        snapshot(&mut stream).await;
        streams.push(stream);
    }
    let path = |client: &BasicClient, act: &str| format!("{CLIENTS}/{}/{act}", client.id);
    let disable = path(&disabled, "disable");
    let answer = administrator.client.post(&disable, json!({})).await;
    answer.expect(200);
    let rotate = path(&rotated, "rotate-secret");
    let body = json!({ "overlap_seconds": 0 });
    let answer = administrator.client.post(&rotate, body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    app.database.clock.advance(Duration::from_secs(5));
    assert_ends(&mut streams[0]).await;
    assert_ends(&mut streams[1]).await;
    next_named(&mut streams[2], "heartbeat").await;
    // After an hour even that one has to prove anew who it is.
    app.database.clock.advance(Duration::from_secs(3_600));
    assert_ends(&mut streams[2]).await;
}

async fn the_stream_of_a_tenant_that_is_suspended_ends(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (_, client) = client_with(&app, RIGHT).await;
    let mut stream = follow(&client, None).await;
    let (_, id) = snapshot(&mut stream).await;
    let path = format!("/operator/v1/tenants/{}/suspend", app.tenant.slug);
    app.operator().post(&path, json!({})).await.expect(200);
    let tenants = [("tenant".to_owned(), app.tenant.id.to_string())];
    let event = next_revocation(&mut stream).await;
    assert_eq!(named(&[event.data]), tenants, "that is said yet");
    assert!(next(&mut stream).await.is_none());
    assert_eq!(open(&client, None).await.status(), 403);
    let path = format!("/operator/v1/tenants/{}/resume", app.tenant.slug);
    app.operator().post(&path, json!({})).await.expect(200);
    let event = next_revocation(&mut follow(&client, id.as_deref()).await).await;
    assert_eq!(named(&[event.data]), tenants);
}

async fn a_client_has_so_many_streams_and_no_more(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (_, client) = client_with(&app, RIGHT).await;
    let mut streams = Vec::new();
    for _ in 0..32 {
        streams.push(follow(&client, None).await);
    }
    let answer = open(&client, None).await;
    assert_eq!(answer.status(), 429);
    assert!(answer.headers().contains_key("retry-after"));
    streams.pop();
    let again = async {
        while open(&client, None).await.status() != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let again = tokio::time::timeout(Duration::from_secs(10), again).await;
    assert!(again.is_ok(), "a place that was left is free");
}

async fn a_server_that_stops_ends_its_streams(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (_, client) = client_with(&app, RIGHT).await;
    let mut stream = follow(&client, None).await;
    snapshot(&mut stream).await;
    app.api.end_streams();
    assert!(next(&mut stream).await.is_none());
    assert_eq!(open(&client, None).await.status(), 503);
}

async fn it_is_said_over_http2_too(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (_, client) = client_with(&app, RIGHT).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let http = client.http.over_http2();
    let mut stream = follow(&BasicClient { http, ..client }, None).await;
    assert_eq!(stream.response().version(), reqwest::Version::HTTP_2);
    snapshot(&mut stream).await;
    sign_out(&ada).await;
    let event = next_revocation(&mut stream).await;
    assert_eq!(named(&[event.data]), [of_session(&ada)]);
}

async fn a_snapshot_of_many_comes_in_parts(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (_, client) = client_with(&app, RIGHT).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    sign_out(&ada).await;
    let tenant = app.database.id_literal(app.tenant.id);
    let columns = "kind, target_id, revoked_kind, revoked_id, revoked_at";
    // Copies of the one row that there is, past the store.
    for _ in 0..1_200 {
        let id = app
            .database
            .id_literal(app.database.mint::<keyward_model::Event>());
        let sql = format!(
            "INSERT INTO feed (tenant_id, event_id, {columns}) SELECT tenant_id, {id}, {columns} FROM feed
             WHERE tenant_id = {tenant} AND revoked_kind = 'session' ORDER BY position LIMIT 1"
        );
        app.database.admin_sql(&sql).await;
    }
    let mut stream = follow(&client, None).await;
    let (mut count, mut parts) = (0, 0);
    loop {
        let event = next_named(&mut stream, "snapshot").await;
        count += event.data["revocations"].as_array().unwrap().len();
        parts += 1;
        let is_complete = event.data["complete"] == true;
        assert_eq!(
            event.id.is_some(),
            is_complete,
            "a part alone is resumed nowhere"
        );
        if is_complete {
            break;
        }
    }
    assert_eq!((count, parts), (1_201, 3));
}
