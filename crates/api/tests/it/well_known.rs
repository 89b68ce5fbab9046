//! `/.well-known/…`: what verifiers of a tenant's tokens read.

use crate::support::names;
use crate::support::tokens::part;
use keyward_testkit::{TestApp, TestClient, TestDatabase, on_both_engines};
use serde_json::json;

on_both_engines!(
    keys_are_published_without_what_is_private,
    the_metadata_is_found_appended_and_inserted,
    a_tenant_on_its_own_host_has_its_metadata_there,
    asvs_v8_4_1_tenants_share_no_key_and_no_issuer,
);

async fn keys_are_published_without_what_is_private(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let answer = app
        .client(&app.tenant)
        .get("/.well-known/jwks.json")
        .await
        .expect(200);
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    assert_eq!(
        answer.header("vary"),
        "host, authorization, x-publishable-key, origin"
    );
    assert_eq!(answer.header("content-type"), "application/json");
    let keys = answer.list_at("/keys");
    assert_eq!(keys.len(), 1);
    assert_eq!(names(&keys[0]), ["alg", "crv", "kid", "kty", "use", "x"]);
    let expected = json!({
        "kty": "OKP",
        "crv": "Ed25519",
        "alg": "EdDSA",
        "use": "sig",
        "kid": keys[0]["kid"],
        "x": keys[0]["x"],
    });
    assert_eq!(keys[0], expected);
    assert_eq!(keys[0]["x"].as_str().unwrap().len(), 43);
    let ada = app.member(&app.tenant, "ada@example.org").await;
    assert_eq!(part(ada.client.token(), 0)["kid"], keys[0]["kid"]);
}

async fn assert_metadata(client: &TestClient, path: &str, issuer: &str) {
    let answer = client.get(path).await.expect(200);
    let methods = [
        "client_secret_basic",
        "client_secret_post",
        "private_key_jwt",
    ];
    let expected = json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "introspection_endpoint": format!("{issuer}/oauth2/introspect"),
        "introspection_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_signing_alg_values_supported": ["EdDSA", "ES256"],
        "revocation_endpoint": format!("{issuer}/oauth2/revoke"),
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": ["EdDSA", "ES256"],
        "response_types_supported": [],
        "grant_types_supported": [],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["EdDSA"],
    });
    assert_eq!(answer.json, expected, "{path}");
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
}

async fn the_metadata_is_found_appended_and_inserted(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (client, issuer) = (app.client(&app.tenant), &app.tenant.issuer);
    assert_eq!(
        *issuer,
        format!("http://{}/t/{}", app.address, app.tenant.slug)
    );
    let appended = "/.well-known/openid-configuration";
    let inserted = format!(
        "/.well-known/oauth-authorization-server/t/{}",
        app.tenant.slug
    );
    assert_metadata(&client, appended, issuer).await;
    assert_metadata(&client, "/.well-known/oauth-authorization-server", issuer).await;
    assert_metadata(&app.bare_client(), &inserted, issuer).await;
    let keys = client.get("/.well-known/jwks.json").await.expect(200);
    // Where the metadata says they are.
    let path = format!("/t/{}/.well-known/jwks.json", app.tenant.slug);
    assert_eq!(
        app.bare_client().get(&path).await.expect(200).json,
        keys.json
    );
    for path in [
        "/.well-known/oauth-authorization-server/t/no-such-tenant".into(),
        format!("{inserted}/"),
        format!("{inserted}/v1/session"),
        inserted.replace("/t/", "/"),
        inserted.replace("oauth-authorization-server", "openid-configuration"),
    ] {
        app.bare_client()
            .get(&path)
            .await
            .expect_problem(404, "not_found");
    }
}

async fn a_tenant_on_its_own_host_has_its_metadata_there(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let hosted = app.new_tenant_with_host("hosted").await;
    let client = app.bare_client().with_host(hosted.host.as_deref().unwrap());
    for path in [
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
    ] {
        assert_metadata(&client, path, &hosted.issuer).await;
    }
}

async fn asvs_v8_4_1_tenants_share_no_key_and_no_issuer(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let other = app.new_tenant("other").await;
    let mut keys = Vec::new();
    for tenant in [&app.tenant, &other] {
        let answer = app
            .client(tenant)
            .get("/.well-known/jwks.json")
            .await
            .expect(200);
        keys.push(answer.list_at("/keys")[0].clone());
    }
    assert_ne!(keys[0]["kid"], keys[1]["kid"]);
    assert_ne!(keys[0]["x"], keys[1]["x"]);
    assert_ne!(app.tenant.issuer, other.issuer);
}
