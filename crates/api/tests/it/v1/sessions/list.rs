//! `GET /v1/sessions`

use crate::support::{get_at, lengthen_access_tokens, names, session_as_read, sign_in_again};
use keyward_model::Clock;
use keyward_testkit::{Answer, TestApp, TestDatabase, TestUser, on_both_engines};

on_both_engines!(
    ones_own_sessions_are_listed_oldest_first,
    pages_are_walked_by_cursor_and_meet_each_session_once,
    what_has_ended_is_not_listed,
    nobody_elses_session_is_listed,
);

fn ids(answer: &Answer) -> Vec<String> {
    let items = answer.list_at("/items").iter();
    items
        .map(|item| item["id"].as_str().unwrap().to_owned())
        .collect()
}

async fn sessions_of_ada(app: &TestApp, count: usize) -> Vec<TestUser> {
    app.register(&app.tenant, "ada@example.org").await;
    let mut sessions = Vec::new();
    for _ in 0..count {
        sessions.push(app.sign_in(&app.tenant, "ada@example.org").await);
    }
    sessions
}

async fn ones_own_sessions_are_listed_oldest_first(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let sessions = sessions_of_ada(&app, 3).await;
    for user in &sessions {
        let answer = user.client.get("/v1/sessions").await.expect(200);
        assert_eq!(names(&answer.json), ["items", "next_cursor"]);
        assert!(answer.json["next_cursor"].is_null());
        let items = answer.list_at("/items");
        assert_eq!(items.len(), 3);
        for (item, opened) in items.iter().zip(&sessions) {
            let mut expected = session_as_read(opened);
            expected["current"] = (opened.session_id == user.session_id).into();
            assert_eq!(*item, expected);
        }
    }
}

async fn pages_are_walked_by_cursor_and_meet_each_session_once(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let sessions = sessions_of_ada(&app, 7).await;
    let client = &sessions[0].client;
    for limit in [1, 2, 3, 6, 7, 8] {
        let mut walked = Vec::new();
        let mut path = format!("/v1/sessions?limit={limit}");
        loop {
            let page = client.get(&path).await.expect(200);
            assert!(ids(&page).len() <= limit);
            walked.extend(ids(&page));
            let Some(next) = page.json["next_cursor"].as_str() else {
                break;
            };
            assert_eq!(ids(&page).len(), limit, "only the last page is short");
            path = format!("/v1/sessions?limit={limit}&cursor={next}");
        }
        let expected = sessions
            .iter()
            .map(|session| session.session_id.to_string());
        assert_eq!(walked, expected.collect::<Vec<_>>(), "pages of {limit}");
    }
}

async fn what_has_ended_is_not_listed(database: TestDatabase) {
    let app = TestApp::start(database).await;
    lengthen_access_tokens(&app, &app.tenant).await;
    let idle = sessions_of_ada(&app, 1).await.remove(0);
    let start = app.database.clock.now();
    let first = sign_in_again(&app, &app.tenant, &idle).await;
    let revoked = sign_in_again(&app, &app.tenant, &idle).await;
    let path = format!("/v1/sessions/{}", revoked.session_id);
    first.client.delete(&path).await.expect(204);
    let later = start.plus_seconds(20 * 60);
    let answer = get_at(&app, &first, "/v1/sessions", later).await;
    assert_eq!(
        ids(&answer),
        [idle.session_id, first.session_id].map(|id| id.to_string())
    );
    let later = start.plus_seconds(40 * 60);
    let answer = get_at(&app, &first, "/v1/sessions", later).await;
    assert_eq!(ids(&answer), [first.session_id.to_string()]);
}

async fn nobody_elses_session_is_listed(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let other = app.new_tenant("other").await;
    app.member(&app.tenant, "bob@example.org").await;
    let namesake = app.member(&other, "ada@example.org").await;
    app.administrator(&app.tenant).await;
    let answer = ada.client.get("/v1/sessions").await.expect(200);
    assert_eq!(ids(&answer), [ada.session_id.to_string()]);
    // Neither does a cursor that names somebody else's session lead there.
    let path = format!(
        "/v1/sessions?cursor={}",
        namesake.session_id.uuid().simple()
    );
    assert!(ids(&ada.client.get(&path).await.expect(200)).is_empty());
}
