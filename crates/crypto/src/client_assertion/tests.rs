use super::{AssertionClaims, AssertionProblem, verify_client_assertion, verify_client_key};
use crate::fixture::{P256_X, P256_Y, PUBLIC_KEY, p256_private_key, private_key};
use crate::private_key::PrivateKey;
use crate::{SigningError, TokenProblem, base64url};
use keyward_model::{ClientKey, SigningAlgorithm, Timestamp};
use serde_json::{Value, json};

const CLIENT: &str = "01890a5d-ac96-774b-bcce-b302099a8056";
const AUDIENCE: &str = "https://id.example/t/demo/oauth2/token";
const NOW: i64 = 1_800_000_000;

fn ed25519(kid: Option<&str>) -> ClientKey {
    ClientKey {
        kid: kid.map(str::to_owned),
        alg: SigningAlgorithm::EdDsa,
        x: PUBLIC_KEY.to_owned(),
        y: None,
    }
}

fn p256() -> ClientKey {
    ClientKey {
        kid: None,
        alg: SigningAlgorithm::Es256,
        x: P256_X.to_owned(),
        y: Some(P256_Y.to_owned()),
    }
}

fn claims() -> Value {
    json!({ "iss": CLIENT, "sub": CLIENT, "aud": AUDIENCE, "jti": "one", "exp": NOW + 60 })
}

fn sign(header: &Value, claims: &Value) -> String {
    let (algorithm, secret) = match header["alg"].as_str() {
        Some("ES256") => (SigningAlgorithm::Es256, p256_private_key()),
        _ => (SigningAlgorithm::EdDsa, private_key()),
    };
    let encode = |part: &Value| base64url::encode(part.to_string().as_bytes());
    let signed = format!("{}.{}", encode(header), encode(claims));
    let key = PrivateKey::parse(algorithm, &secret).unwrap();
    let signature = key.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", base64url::encode(signature.as_ref()))
}

fn read(claims: &Value) -> Result<AssertionClaims, AssertionProblem> {
    let assertion = sign(&json!({ "alg": "EdDSA" }), claims);
    verify_client_assertion(&assertion, &[ed25519(None)])
}

fn check(claims: &Value) -> Result<(), AssertionProblem> {
    let now = Timestamp::from_micros(0).plus_seconds(NOW);
    read(claims)?.check(now, CLIENT, &["https://id.example/t/demo", AUDIENCE])
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

#[test]
fn an_assertion_of_either_algorithm_is_verified_by_the_key_that_it_names() {
    for header in [
        json!({ "alg": "EdDSA" }),
        json!({ "alg": "EdDSA", "typ": "JWT", "kid": "a" }),
        json!({ "alg": "ES256", "typ": "client-authentication+jwt" }),
    ] {
        let assertion = sign(&header, &claims());
        let keys = [p256(), ed25519(Some("b")), ed25519(Some("a"))];
        let found = verify_client_assertion(&assertion, &keys).unwrap();
        assert_eq!((found.sub.as_str(), found.jti.as_str()), (CLIENT, "one"));
    }
}

#[test]
fn asvs_v9_1_1_what_no_key_of_the_client_signed_is_refused() {
    let assertion = sign(&json!({ "alg": "EdDSA", "kid": "a" }), &claims());
    let refused = |keys: &[ClientKey]| verify_client_assertion(&assertion, keys).unwrap_err();
    assert_eq!(refused(&[]), AssertionProblem::UnknownKey);
    assert_eq!(refused(&[ed25519(Some("b"))]), AssertionProblem::UnknownKey);
    assert_eq!(refused(&[p256()]), AssertionProblem::UnknownKey);
    let mut changed = assertion.clone();
    changed.truncate(changed.len() - 2);
    changed.push_str("AA");
    let refused = verify_client_assertion(&changed, &[ed25519(Some("a"))]).unwrap_err();
    assert!(matches!(refused, AssertionProblem::Token(_)), "{refused}");
}

#[test]
fn asvs_v9_1_2_asvs_v9_2_2_other_algorithms_and_other_kinds_of_token_are_refused() {
    for (header, problem) in [
        (json!({ "alg": "none" }), TokenProblem::UnsupportedAlgorithm),
        (
            json!({ "alg": "HS256" }),
            TokenProblem::UnsupportedAlgorithm,
        ),
        (
            json!({ "alg": "RS256" }),
            TokenProblem::UnsupportedAlgorithm,
        ),
        (
            json!({ "alg": "EdDSA", "typ": "at+jwt" }),
            TokenProblem::WrongType,
        ),
        (
            json!({ "alg": "EdDSA", "typ": "" }),
            TokenProblem::WrongType,
        ),
        (
            json!({ "alg": "EdDSA", "crit": ["exp"] }),
            TokenProblem::Malformed,
        ),
        (json!({}), TokenProblem::Malformed),
    ] {
        let assertion = sign(&header, &claims());
        let refused = verify_client_assertion(&assertion, &[ed25519(None)]);
        assert_eq!(refused, Err(problem.into()), "{header}");
    }
}

#[test]
fn asvs_v9_2_3_an_assertion_is_of_one_client_for_this_server_alone() {
    assert_eq!(check(&claims()), Ok(()));
    let list = json!(["https://id.example/t/demo"]);
    assert_eq!(check(&with("aud", list)), Ok(()));
    for name in ["iss", "sub"] {
        let other = with(name, json!("another"));
        assert_eq!(check(&other), Err(AssertionProblem::OtherClient));
    }
    let other = with("aud", json!("https://id.example/t/other"));
    assert_eq!(check(&other), Err(AssertionProblem::OtherAudience));
    for several in [json!([]), json!([AUDIENCE, "https://elsewhere.example"])] {
        let refused = check(&with("aud", several));
        assert_eq!(refused, Err(TokenProblem::Malformed.into()));
    }
}

#[test]
fn asvs_v9_2_1_an_assertion_counts_for_five_minutes_at_most() {
    let wrong = Err(AssertionProblem::WrongTime);
    for (name, seconds, expected) in [
        ("exp", 0, wrong),
        ("exp", 1, Ok(())),
        ("exp", 300, Ok(())),
        ("exp", 301, wrong),
        ("nbf", 30, Ok(())),
        ("nbf", 31, wrong),
        ("iat", 30, Ok(())),
        ("iat", 31, wrong),
        ("iat", -9_999, Ok(())),
    ] {
        let outcome = check(&with(name, json!(NOW + seconds)));
        assert_eq!(outcome, expected, "{name} {seconds}");
    }
    assert_eq!(check(&with("exp", json!(i64::MAX))), wrong);
    assert_eq!(check(&with("exp", json!(i64::MIN))), wrong);
}

#[test]
fn what_cannot_be_remembered_is_refused() {
    let mut nameless = claims();
    nameless.as_object_mut().unwrap().remove("jti");
    assert_eq!(check(&nameless), Err(TokenProblem::Malformed.into()));
    for name in [String::new(), "x".repeat(256)] {
        let refused = check(&with("jti", json!(name)));
        assert_eq!(refused, Err(AssertionProblem::BadName));
    }
    assert_eq!(check(&with("jti", json!("x".repeat(255)))), Ok(()));
}

#[test]
fn asvs_v11_6_1_only_a_point_of_its_curve_is_a_key() {
    assert_eq!(verify_client_key(&ed25519(None)), Ok(()));
    assert_eq!(verify_client_key(&p256()), Ok(()));
    let change = |mut key: ClientKey, change: fn(&mut ClientKey)| {
        change(&mut key);
        verify_client_key(&key)
    };
    let bad = Err(SigningError::BadPublicKey);
    assert_eq!(change(p256(), |key| key.y = None), bad);
    assert_eq!(change(p256(), |key| key.x.pop().map_or((), drop)), bad);
    assert_eq!(
        change(p256(), |key| key.y = Some(key.x.clone())),
        bad,
        "off the curve"
    );
    assert_eq!(
        change(ed25519(None), |key| key.y = Some(key.x.clone())),
        bad
    );
    assert_eq!(change(ed25519(None), |key| key.x = String::new()), bad);
    assert_eq!(
        change(ed25519(None), |key| key.alg = SigningAlgorithm::Es256),
        bad
    );
}
