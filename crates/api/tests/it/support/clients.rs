//! OAuth clients of a tenant, and what they ask.

use crate::support::tokens::encode;
use keyward_crypto::{TokenSigner, mint_private_key};
use keyward_model::{Clock, Id, Random, SigningAlgorithm};
use keyward_testkit::{Answer, TestApp, TestClient, TestTenant, TestUser};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) const CLIENTS: &str = "/v1/admin/clients";
pub(crate) const INTROSPECT: &str = "/oauth2/introspect";
pub(crate) const REVOKE: &str = "/oauth2/revoke";
pub(crate) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A client with its secret, that asks by `Authorization: Basic`.
#[derive(Debug, Clone)]
pub(crate) struct BasicClient {
    pub(crate) http: TestClient,
    pub(crate) id: String,
    pub(crate) secret: String,
}

/// A client that signs, with its key.
pub(crate) struct SigningClient {
    pub(crate) http: TestClient,
    pub(crate) id: String,
    pub(crate) issuer: String,
    key: Vec<u8>,
    algorithm: SigningAlgorithm,
}

/// Makes a client of `client_secret_basic` with these rights.
pub(crate) async fn basic_client(
    app: &TestApp,
    tenant: &TestTenant,
    administrator: &TestUser,
    rights: &[&str],
) -> BasicClient {
    let body = json!({ "name": "A service", "rights": rights });
    let made = administrator.client.post(CLIENTS, body).await.expect(201);
    BasicClient {
        http: app.client(tenant),
        id: made.text_at("/client/id").to_owned(),
        secret: made.text_at("/client_secret").to_owned(),
    }
}

/// The first tenant's administrator and a client of it.
pub(crate) async fn client_with(app: &TestApp, rights: &[&str]) -> (TestUser, BasicClient) {
    let administrator = app.administrator(&app.tenant).await;
    let client = basic_client(app, &app.tenant, &administrator, rights).await;
    (administrator, client)
}

/// A form that nobody's credential stands in.
pub(crate) fn form(http: &TestClient, path: &str, parameters: &[(&str, &str)]) -> RequestBuilder {
    let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs = parameters
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    let body = pairs.collect::<Vec<_>>().join("&");
    http.request(Method::POST, path)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
}

impl BasicClient {
    /// Sends a form as this client.
    pub(crate) async fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Answer {
        let request = form(&self.http, path, parameters);
        let request = request.basic_auth(&self.id, Some(&self.secret));
        self.http.send(request).await
    }

    /// The same with another secret.
    pub(crate) fn with_secret(&self, secret: &str) -> Self {
        let secret = secret.to_owned();
        Self {
            secret,
            ..self.clone()
        }
    }

    /// What is said of a token.
    pub(crate) async fn introspect(&self, token: &str) -> Value {
        let answer = self.ask(INTROSPECT, &[("token", token)]).await;
        answer.expect(200).json
    }

    /// Whether a token is said to count.
    pub(crate) async fn finds_active(&self, token: &str) -> bool {
        let said = self.introspect(token).await;
        if said["active"] != true {
            assert_eq!(said, json!({ "active": false }), "and nothing else is said");
        }
        said["active"] == true
    }

    /// Revokes a token.
    pub(crate) async fn revoke(&self, token: &str) -> Answer {
        self.ask(REVOKE, &[("token", token)]).await
    }
}

impl SigningClient {
    /// Makes one with a key of its own.
    pub(crate) async fn new(app: &TestApp, algorithm: SigningAlgorithm, rights: &[&str]) -> Self {
        let administrator = app.administrator(&app.tenant).await;
        let secret = mint_private_key(algorithm, &app.database.random).unwrap();
        let key = secret.expose().to_vec();
        let jwk = public_jwk(algorithm, &key);
        let body = json!({
            "name": "A service that signs",
            "rights": rights,
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks": { "keys": [jwk] },
        });
        let made = administrator.client.post(CLIENTS, body).await.expect(201);
        assert_eq!(made.json["client_secret"], Value::Null);
        Self {
            http: app.client(&app.tenant),
            id: made.text_at("/client/id").to_owned(),
            issuer: app.tenant.issuer.clone(),
            key,
            algorithm,
        }
    }

    /// The claims of a good assertion.
    pub(crate) fn claims(&self, app: &TestApp) -> Value {
        let mut name = [0; 16];
        app.database.random.fill(&mut name);
        json!({
            "iss": self.id,
            "sub": self.id,
            "aud": self.issuer,
            "jti": Uuid::from_bytes(name).to_string(),
            "exp": app.database.clock.now().seconds() + 60,
        })
    }

    /// An assertion of these claims.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = json!({ "alg": self.algorithm, "typ": "JWT" });
        let signed = format!("{}.{}", encode(&header), encode(claims));
        format!("{signed}.{}", sign(self.algorithm, &self.key, &signed))
    }

    /// Asks about a token with an assertion.
    pub(crate) async fn introspect_by(&self, assertion: &str, token: &str) -> Answer {
        let parameters = [
            ("token", token),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", assertion),
        ];
        let request = form(&self.http, INTROSPECT, &parameters);
        self.http.send(request).await
    }
}

/// The answer is that of a client which did not prove who it is (RFC 6749 §5.2).
#[track_caller]
pub(crate) fn assert_invalid_client(answer: Answer) {
    let answer = assert_oauth_error(answer, 401, "invalid_client");
    let challenge = answer.header("www-authenticate");
    assert_eq!(challenge, r#"Basic realm="keyward", charset="UTF-8""#);
}

/// The answer is an error of RFC 6749's shape.
#[track_caller]
pub(crate) fn assert_oauth_error(answer: Answer, status: u16, error: &str) -> Answer {
    let answer = answer.expect(status);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.json["error"], error, "{}", answer.text);
    let names = crate::support::names(&answer.json);
    assert_eq!(names, ["error", "error_description"]);
    answer
}

/// The public half as a JWK, by the server's own signer of tokens.
pub(crate) fn public_jwk(algorithm: SigningAlgorithm, key: &[u8]) -> Value {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let secret = keyward_model::PrivateKeySecret::new(key.to_vec());
    let signer = TokenSigner::from_secret(Id::from_uuid(Uuid::nil()), algorithm, &secret).unwrap();
    let public = signer.public_key();
    match algorithm {
        SigningAlgorithm::EdDsa => {
            json!({ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(public) })
        }
        SigningAlgorithm::Es256 => json!({
            "kty": "EC",
            "crv": "P-256",
            "x": URL_SAFE_NO_PAD.encode(&public[1..33]),
            "y": URL_SAFE_NO_PAD.encode(&public[33..]),
        }),
    }
}

fn sign(algorithm: SigningAlgorithm, key: &[u8], message: &str) -> String {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let message = message.as_bytes();
    let signature = match algorithm {
        SigningAlgorithm::EdDsa => Ed25519KeyPair::from_seed_unchecked(key)
            .unwrap()
            .sign(message),
        SigningAlgorithm::Es256 => {
            let secret = keyward_model::PrivateKeySecret::new(key.to_vec());
            let id = Id::from_uuid(Uuid::nil());
            let public = TokenSigner::from_secret(id, algorithm, &secret)
                .unwrap()
                .public_key();
            let pair = EcdsaKeyPair::from_private_key_and_public_key(
                &ECDSA_P256_SHA256_FIXED_SIGNING,
                key,
                &public,
            );
            pair.unwrap().sign(&SystemRandom::new(), message).unwrap()
        }
    };
    URL_SAFE_NO_PAD.encode(signature.as_ref())
}
