//! The bug classes of recent years that no other suite has by name (docs/bug-classes.md lists all of them).

use crate::support::clients::{BasicClient, client_with};
use crate::support::{assert_token_refused, try_password};
use keyward_testkit::{
    Answer, PASSWORD, TestApp, TestClient, TestDatabase, TestUser, on_both_engines,
};
use reqwest::Method;
use serde_json::{Value, json};

on_both_engines!(
    bug_class_2_a_sign_in_takes_over_nothing_that_came_with_it,
    bug_class_9_nothing_is_built_of_the_host_that_a_client_claims,
    bug_class_12_whose_it_is_comes_from_the_session_alone,
    bug_class_16_every_end_of_a_session_ends_every_use_of_it,
);

/// Session fixation: whatever credential a sign-in comes with, the session is a new one, and the one before stays whose it was.
async fn bug_class_2_a_sign_in_takes_over_nothing_that_came_with_it(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let mallory = app.member(&app.tenant, "mallory@example.org").await;
    app.register(&app.tenant, "ada@example.org").await;
    let answer = try_password(&mallory.client, "ada@example.org", PASSWORD).await;
    let answer = answer.expect(200);
    assert_ne!(
        answer.text_at("/session/id"),
        mallory.session_id.to_string()
    );
    let before = mallory.client.get("/v1/session").await.expect(200);
    assert_eq!(before.text_at("/user/email"), "mallory@example.org");
    let chosen = json!({
        "email": "ada@example.org",
        "password": PASSWORD,
        "session_id": mallory.session_id,
    });
    let refused = mallory.client.post("/v1/auth/login", chosen).await;
    refused.expect_problem(422, "invalid_body");
}

/// Links and issuers come from what is configured.
async fn bug_class_9_nothing_is_built_of_the_host_that_a_client_claims(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let administrator = app.administrator(&app.tenant).await;
    let forged = |client: &TestClient, method: Method, path: &str, body: Option<Value>| {
        let request = client
            .request(method, path)
            .header("host", "evil.example")
            .header("x-forwarded-host", "evil.example")
            .header("forwarded", "host=evil.example;proto=https")
            .header("x-forwarded-proto", "https");
        match body {
            Some(body) => request.json(&body),
            None => request,
        }
    };
    let (client, chief) = (app.client(&app.tenant), &administrator.client);
    let credentials = json!({ "email": app.tenant.administrator, "password": PASSWORD });
    for (who, method, path, body) in [
        (
            &client,
            Method::GET,
            "/.well-known/openid-configuration",
            None,
        ),
        (&client, Method::POST, "/v1/auth/login", Some(credentials)),
        (
            chief,
            Method::POST,
            "/v1/admin/users",
            Some(json!({ "email": "new@example.org" })),
        ),
        (chief, Method::GET, "/v1/session", None),
    ] {
        let answer = who.send(forged(who, method, path, body)).await;
        assert!(
            (200..300).contains(&answer.status),
            "{path}: {}",
            answer.text
        );
        let headers = format!("{:?}", answer.headers);
        assert!(!answer.text.contains("evil.example") && !headers.contains("evil.example"));
        if let Some(issuer) = answer.json["issuer"].as_str() {
            assert_eq!(issuer, app.tenant.issuer);
        }
    }
}

/// No endpoint takes from its body whose a thing is.
async fn bug_class_12_whose_it_is_comes_from_the_session_alone(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let administrator = app.administrator(&app.tenant).await;
    for (client, method, path, mut body) in [
        (
            &ada.client,
            Method::PATCH,
            "/v1/profile",
            json!({ "name": "Eve" }),
        ),
        (
            &administrator.client,
            Method::POST,
            "/v1/admin/publishable-keys",
            json!({ "name": "Shop", "allowed_origins": [] }),
        ),
        (
            &administrator.client,
            Method::POST,
            "/v1/admin/users",
            json!({ "email": "new@example.org" }),
        ),
    ] {
        for (name, value) in [
            ("user_id", json!(administrator.id)),
            ("tenant_id", json!(app.tenant.id)),
            ("owner", json!(administrator.id)),
        ] {
            body[name] = value;
            let request = client.request(method.clone(), path).json(&body);
            let answer = client.send(request).await;
            answer.expect_problem(422, "invalid_body");
            body.as_object_mut().unwrap().remove(name);
        }
    }
    let profile = administrator.client.get("/v1/profile").await.expect(200);
    assert_ne!(profile.json["name"], "Eve");
}

/// The fix of one path and not of its siblings: all ways in which a session ends, against all in which it is used.
async fn bug_class_16_every_end_of_a_session_ends_every_use_of_it(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let rights = ["introspect", "introspect_refresh_tokens", "revoke"];
    for end in [
        End::SignOut,
        End::Own,
        End::Others,
        End::All,
        End::AdministratorOne,
        End::AdministratorUser,
        End::Everybody,
        End::Disabled,
        End::Deleted,
        End::Reused,
        End::RevokedRefreshToken,
    ] {
        // Everybody includes the administrator.
        let (administrator, client) = client_with(&app, &rights).await;
        let email = format!("{end:?}@example.org").to_lowercase();
        let ada = app.member(&app.tenant, &email).await;
        let first = ada.answer.text_at("/refresh_token").to_owned();
        let exchanged = refresh(&app, &first).await.expect(200);
        let uses = Uses {
            warm: app.client(&app.tenant).with_token(ada.client.token()),
            cold: app
                .client(&app.tenant)
                .with_token(exchanged.text_at("/access_token")),
            refresh: exchanged.text_at("/refresh_token").to_owned(),
            first,
        };
        uses.warm.get("/v1/session").await.expect(200);
        end.come(&app, &ada, (&administrator, &client), &uses).await;
        uses.are_over(&app, &client).await;
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    SignOut,
    Own,
    Others,
    All,
    AdministratorOne,
    AdministratorUser,
    Everybody,
    Disabled,
    Deleted,
    Reused,
    RevokedRefreshToken,
}

/// What a session is used with.
struct Uses {
    warm: TestClient,
    cold: TestClient,
    refresh: String,
    first: String,
}

impl End {
    async fn come(
        self,
        app: &TestApp,
        ada: &TestUser,
        (administrator, client): (&TestUser, &BasicClient),
        uses: &Uses,
    ) {
        let chief = &administrator.client;
        let email = ada.answer.text_at("/user/email");
        let (user, session) = (ada.id, ada.session_id);
        let answer = match self {
            Self::SignOut => ada.client.post("/v1/auth/logout", json!({})).await,
            Self::Own => ada.client.delete(&format!("/v1/sessions/{session}")).await,
            Self::Others => {
                let other = app.sign_in(&app.tenant, email).await;
                other.client.delete("/v1/sessions/others").await
            }
            Self::All => ada.client.delete("/v1/sessions/all").await,
            Self::AdministratorOne => chief.delete(&format!("/v1/admin/sessions/{session}")).await,
            Self::AdministratorUser => {
                chief
                    .delete(&format!("/v1/admin/users/{user}/sessions"))
                    .await
            }
            Self::Everybody => chief.delete("/v1/admin/sessions/all").await,
            Self::Disabled => {
                let path = format!("/v1/admin/users/{user}/disable");
                chief.post(&path, json!({})).await
            }
            Self::Deleted => chief.delete(&format!("/v1/admin/users/{user}")).await,
            Self::Reused => {
                app.database
                    .clock
                    .advance(std::time::Duration::from_secs(10));
                let refused = refresh(app, &uses.first).await;
                refused.expect_problem(401, "invalid_refresh_token");
                return;
            }
            Self::RevokedRefreshToken => client.revoke(&uses.refresh).await,
        };
        assert!(
            (200..300).contains(&answer.status),
            "{self:?}: {}",
            answer.text
        );
    }
}

impl Uses {
    async fn are_over(&self, app: &TestApp, client: &BasicClient) {
        for access in [&self.warm, &self.cold] {
            assert_token_refused(access.get("/v1/session").await);
            assert!(!client.finds_active(access.token()).await);
        }
        for token in [&self.refresh, &self.first] {
            let refused = refresh(app, token).await;
            refused.expect_problem(401, "invalid_refresh_token");
            assert!(!client.finds_active(token).await);
        }
    }
}

async fn refresh(app: &TestApp, token: &str) -> Answer {
    let body = json!({ "refresh_token": token });
    app.client(&app.tenant).post("/v1/auth/refresh", body).await
}
