//! Tokens that verify, and all that must not.

mod es256;

use super::{TokenVerifier, key_id_of};
use crate::fixture::{PUBLIC_KEY, PYJWT_TOKEN, claims, private_key, signing_key_id};
use crate::{
    AccessClaims, PasswordHasher, SealingKey, SigningError, TokenProblem, TokenSigner, base64url,
};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::Ed25519KeyPair;
use keyward_model::{AccessTokenSecret, SigningAlgorithm};
use serde_json::{Value, json};

const HEADER: &str =
    r#"{"alg":"EdDSA","kid":"01890a5d-ac96-774b-bcce-b302099a8056","typ":"at+jwt"}"#;

fn verifier() -> TokenVerifier {
    let key = base64url::decode(PUBLIC_KEY).unwrap();
    TokenVerifier::new(SigningAlgorithm::EdDsa, &key).unwrap()
}

fn verify(text: &str) -> Result<AccessClaims, TokenProblem> {
    verifier().verify(&AccessTokenSecret::new(text.to_owned()))
}

/// Header and payload, signed by the right key whatever they say.
fn signed(header: &str, payload: &str) -> String {
    let pair = Ed25519KeyPair::from_seed_unchecked(private_key().expose()).unwrap();
    let text = unsigned(header, payload);
    let signature = pair.try_sign(text.as_bytes()).unwrap();
    format!("{text}.{}", base64url::encode(signature.as_ref()))
}

fn unsigned(header: &str, payload: &str) -> String {
    format!(
        "{}.{}",
        base64url::encode(header.as_bytes()),
        base64url::encode(payload.as_bytes())
    )
}

/// The claims with one of them replaced.
fn claims_with(name: &str, value: Value) -> String {
    let mut claims = serde_json::to_value(claims()).unwrap();
    claims[name] = value;
    claims.to_string()
}

fn claims_text() -> String {
    serde_json::to_string(&claims()).unwrap()
}

#[test]
fn what_another_library_signed_verifies() {
    let token = AccessTokenSecret::new(PYJWT_TOKEN.to_owned());
    assert_eq!(key_id_of(&token), Ok(signing_key_id()));
    assert_eq!(verifier().verify(&token), Ok(claims()));
}

#[test]
fn verifies_as_rfc_8037_appendix_a_5_does() {
    let signature =
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let message = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let signature = base64url::decode(signature).unwrap();
    assert!(verifier().key.verify_sig(message, &signature).is_ok());
    assert!(
        verifier()
            .key
            .verify_sig(&message[1..], &signature)
            .is_err()
    );
}

#[test]
fn asvs_v9_1_1_a_token_changed_anywhere_is_refused() {
    for position in 0..PYJWT_TOKEN.len() {
        for other in [b'A', b'b', b'.', b'='] {
            let mut changed = PYJWT_TOKEN.as_bytes().to_vec();
            if changed[position] != other {
                changed[position] = other;
                assert!(
                    verify(&String::from_utf8(changed).unwrap()).is_err(),
                    "at {position}"
                );
            }
        }
        assert!(
            verify(&PYJWT_TOKEN[..position]).is_err(),
            "cut to {position}"
        );
    }
}

#[test]
fn asvs_v9_1_1_claims_are_not_read_before_the_signature_holds() {
    let signature = PYJWT_TOKEN.rsplit_once('.').unwrap().1;
    let not_even_json = format!("{}.{signature}", unsigned(HEADER, "no claims at all"));
    assert_eq!(verify(&not_even_json), Err(TokenProblem::BadSignature));
    let tampered = unsigned(HEADER, &claims_with("sub", json!(claims().sid)));
    assert_eq!(
        verify(&format!("{tampered}.{signature}")),
        Err(TokenProblem::BadSignature)
    );
    assert_eq!(
        verify(&format!("{tampered}.")),
        Err(TokenProblem::BadSignature)
    );
    assert_eq!(verify(&tampered), Err(TokenProblem::Malformed));
}

#[test]
fn asvs_v9_1_2_none_hmac_with_the_public_key_and_other_algorithms_are_refused() {
    let header = |name: &str| HEADER.replace("EdDSA", name);
    let bare = format!("{}.", unsigned(&header("none"), &claims_text()));
    assert_eq!(verify(&bare), Err(TokenProblem::UnsupportedAlgorithm));
    let text = unsigned(&header("HS256"), &claims_text());
    let key = hmac::Key::new(hmac::HMAC_SHA256, &base64url::decode(PUBLIC_KEY).unwrap());
    let tag = base64url::encode(hmac::sign(&key, text.as_bytes()).as_ref());
    assert_eq!(
        verify(&format!("{text}.{tag}")),
        Err(TokenProblem::UnsupportedAlgorithm)
    );
    for name in ["none", "HS256", "RS256", "ES384"] {
        let token = signed(&header(name), &claims_text());
        assert_eq!(verify(&token), Err(TokenProblem::UnsupportedAlgorithm));
        let found = key_id_of(&AccessTokenSecret::new(token));
        assert_eq!(found, Err(TokenProblem::UnsupportedAlgorithm));
    }
}

#[test]
fn asvs_v9_1_3_a_token_that_brings_its_own_key_is_verified_with_ours() {
    let seed = [9_u8; 32];
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": base64url::encode(&seed)});
    let header = HEADER.replace(
        "}",
        &format!(r#","jwk":{jwk},"jku":"https://evil.example/"}}"#),
    );
    let text = unsigned(&header, &claims_text());
    let signature = base64url::encode(pair.try_sign(text.as_bytes()).unwrap().as_ref());
    assert_eq!(
        verify(&format!("{text}.{signature}")),
        Err(TokenProblem::BadSignature)
    );
    assert_eq!(verify(&signed(&header, &claims_text())), Ok(claims()));
}

#[test]
fn asvs_v9_2_2_another_type_of_token_is_refused_though_signed() {
    let id_token = HEADER.replace("at+jwt", "JWT");
    assert_eq!(
        verify(&signed(&id_token, &claims_text())),
        Err(TokenProblem::WrongType)
    );
    let untyped = HEADER.replace(r#","typ":"at+jwt""#, "");
    assert_eq!(
        verify(&signed(&untyped, &claims_text())),
        Err(TokenProblem::WrongType)
    );
}

/// Signed claims with `name` changed to each of the values, or left out.
fn refuse_claims(name: &str, values: &[Value]) {
    for value in values {
        let token = signed(HEADER, &claims_with(name, value.clone()));
        assert_eq!(
            verify(&token),
            Err(TokenProblem::Malformed),
            "{name}: {value}"
        );
    }
    let mut claims = serde_json::to_value(claims()).unwrap();
    claims.as_object_mut().unwrap().remove(name);
    let token = signed(HEADER, &claims.to_string());
    assert_eq!(
        verify(&token),
        Err(TokenProblem::Malformed),
        "without {name}"
    );
}

#[test]
fn asvs_v9_2_1_a_token_without_sound_times_is_refused_though_signed() {
    let odd = [
        json!("1800000300"),
        json!(1_800_000_300.5),
        json!(null),
        json!(u64::MAX),
    ];
    refuse_claims("exp", &odd);
    refuse_claims("iat", &odd);
    let doubled = claims_text().replace("{", r#"{"exp":9999999999,"#);
    assert_eq!(
        verify(&signed(HEADER, &doubled)),
        Err(TokenProblem::Malformed)
    );
}

#[test]
fn asvs_v9_2_3_a_token_for_a_list_of_audiences_is_refused_though_signed() {
    refuse_claims(
        "aud",
        &[
            json!(["https://api.example"]),
            json!([]),
            json!(null),
            json!({}),
        ],
    );
}

#[test]
fn claims_of_another_shape_are_refused_though_signed() {
    for name in ["sub", "sid", "jti"] {
        refuse_claims(name, &[json!("ada"), json!(7), json!(null)]);
    }
    for name in ["iss", "client_id"] {
        refuse_claims(name, &[json!(7), json!(null)]);
    }
}

#[test]
fn claims_that_are_unknown_are_ignored() {
    assert_eq!(
        verify(&signed(HEADER, &claims_with("scope", json!("read")))),
        Ok(claims())
    );
}

#[test]
fn tokens_of_another_form_or_too_long_are_refused() {
    let long = signed(HEADER, &claims_with("scope", json!("x".repeat(4_096))));
    let four_parts = format!("{PYJWT_TOKEN}.x");
    for text in ["", ".", "..", "...", "a.b", "a.b.c", &four_parts, &long] {
        assert_eq!(verify(text), Err(TokenProblem::Malformed));
        let found = key_id_of(&AccessTokenSecret::new(text.to_owned()));
        assert_eq!(found, Err(TokenProblem::Malformed));
    }
    assert_eq!(
        verify(&format!("{PYJWT_TOKEN}=")),
        Err(TokenProblem::Malformed)
    );
}

#[test]
fn public_keys_of_another_form_are_refused() {
    // The right key as SubjectPublicKeyInfo (RFC 8410 §4), which the library would take.
    let mut wrapped = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00".to_vec();
    wrapped.extend(base64url::decode(PUBLIC_KEY).unwrap());
    for key in [vec![], vec![1; 31], vec![1; 33], wrapped] {
        let refused = TokenVerifier::new(SigningAlgorithm::EdDsa, &key);
        assert_eq!(refused.unwrap_err(), SigningError::BadPublicKey);
    }
}

#[test]
fn keys_may_be_kept_by_many_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<TokenVerifier>();
    shared::<TokenSigner>();
    shared::<SealingKey>();
    shared::<PasswordHasher>();
}

#[test]
fn debug_shows_the_algorithm_alone() {
    assert_eq!(
        format!("{:?}", verifier()),
        "TokenVerifier { algorithm: EdDsa, .. }"
    );
}
