//! ES256 (RFC 7518 §3.4), and that neither algorithm passes for the other.

use super::{HEADER, claims_text, signed, unsigned};
use crate::fixture::{
    P256_X, P256_Y, PUBLIC_KEY, PYJWT_ES256_TOKEN, PYJWT_TOKEN, claims, p256_private_key,
    private_key, signing_key_id,
};
use crate::private_key::PrivateKey;
use crate::{
    AccessClaims, SigningError, TokenProblem, TokenSigner, TokenVerifier, base64url, key_id_of,
};
use aws_lc_rs::hmac;
use keyward_model::{AccessTokenSecret, SigningAlgorithm};

/// The signature of RFC 7515 appendix A.3.1, and what it signs.
const SIGNATURE: &str =
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
const MESSAGE: &str = concat!(
    "eyJhbGciOiJFUzI1NiJ9.",
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt",
    "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
);

fn point() -> Vec<u8> {
    let mut point = vec![4];
    point.extend(base64url::decode(P256_X).unwrap());
    point.extend(base64url::decode(P256_Y).unwrap());
    point
}

fn verifier() -> TokenVerifier {
    TokenVerifier::new(SigningAlgorithm::Es256, &point()).unwrap()
}

fn verify(text: &str) -> Result<AccessClaims, TokenProblem> {
    verifier().verify(&AccessTokenSecret::new(text.to_owned()))
}

fn header() -> String {
    HEADER.replace("EdDSA", "ES256")
}

/// Header and payload, signed by the right P-256 key whatever they say.
fn signed_by_p256(header: &str, payload: &str) -> String {
    let key = PrivateKey::parse(SigningAlgorithm::Es256, &p256_private_key()).unwrap();
    let text = unsigned(header, payload);
    let signature = key.sign(text.as_bytes()).unwrap();
    format!("{text}.{}", base64url::encode(signature.as_ref()))
}

#[test]
fn verifies_as_rfc_7515_appendix_a_3_2_does() {
    let signature = base64url::decode(SIGNATURE).unwrap();
    let message = MESSAGE.as_bytes();
    assert!(verifier().key.verify_sig(message, &signature).is_ok());
    assert!(
        verifier()
            .key
            .verify_sig(&message[1..], &signature)
            .is_err()
    );
}

#[test]
fn what_another_library_signed_verifies() {
    let token = AccessTokenSecret::new(PYJWT_ES256_TOKEN.to_owned());
    assert_eq!(key_id_of(&token), Ok(signing_key_id()));
    assert_eq!(verifier().verify(&token), Ok(claims()));
}

#[test]
fn asvs_v9_1_1_a_token_changed_anywhere_is_refused() {
    for position in 0..PYJWT_ES256_TOKEN.len() {
        for other in [b'A', b'b', b'.'] {
            let mut changed = PYJWT_ES256_TOKEN.as_bytes().to_vec();
            if changed[position] != other {
                changed[position] = other;
                let changed = String::from_utf8(changed).unwrap();
                assert!(verify(&changed).is_err(), "at {position}");
            }
        }
    }
}

#[test]
fn asvs_v9_1_2_the_keys_own_algorithm_counts_and_not_the_headers_word() {
    // Each key with a token of its own making whose header names the other algorithm.
    let by_p256 = signed_by_p256(HEADER, &claims_text());
    assert_eq!(verify(&by_p256), Err(TokenProblem::UnsupportedAlgorithm));
    let ed25519 = base64url::decode(PUBLIC_KEY).unwrap();
    let ed25519 = TokenVerifier::new(SigningAlgorithm::EdDsa, &ed25519).unwrap();
    let by_ed25519 = AccessTokenSecret::new(signed(&header(), &claims_text()));
    let refused = ed25519.verify(&by_ed25519);
    assert_eq!(refused, Err(TokenProblem::UnsupportedAlgorithm));
    // Each key with a sound token of the other one.
    assert_eq!(verify(PYJWT_TOKEN), Err(TokenProblem::UnsupportedAlgorithm));
    let other = AccessTokenSecret::new(PYJWT_ES256_TOKEN.to_owned());
    let refused = ed25519.verify(&other);
    assert_eq!(refused, Err(TokenProblem::UnsupportedAlgorithm));
    // A signature by the other key, under the header that this one asks for.
    let crossed = signed(&header(), &claims_text());
    assert_eq!(verify(&crossed), Err(TokenProblem::BadSignature));
    let crossed = AccessTokenSecret::new(by_p256);
    assert_eq!(ed25519.verify(&crossed), Err(TokenProblem::BadSignature));
}

#[test]
fn asvs_v9_1_2_an_hmac_with_the_public_point_is_refused() {
    let text = unsigned(&header().replace("ES256", "HS256"), &claims_text());
    let key = hmac::Key::new(hmac::HMAC_SHA256, &point());
    let tag = base64url::encode(hmac::sign(&key, text.as_bytes()).as_ref());
    let refused = verify(&format!("{text}.{tag}"));
    assert_eq!(refused, Err(TokenProblem::UnsupportedAlgorithm));
}

#[test]
fn asvs_v9_1_1_signatures_of_another_form_are_refused() {
    let (text, signature) = PYJWT_ES256_TOKEN.rsplit_once('.').unwrap();
    let good = base64url::decode(signature).unwrap();
    let (r, s) = good.split_at(32);
    let half = |bytes: &[u8], other: &[u8]| [bytes, other].concat();
    let der = {
        let integer = |part: &[u8]| {
            let mut bytes = part.to_vec();
            if bytes[0] & 0x80 != 0 {
                bytes.insert(0, 0);
            }
            [&[2, bytes.len() as u8], bytes.as_slice()].concat()
        };
        let body = [integer(r), integer(s)].concat();
        [&[0x30, body.len() as u8], body.as_slice()].concat()
    };
    for bad in [
        vec![],
        good[..63].to_vec(),
        half(&good, &[0]),
        half(&[0], &good),
        half(s, r),
        half(&[0; 32], s),
        half(r, &[0; 32]),
        vec![0; 64],
        vec![0xff; 64],
        der,
    ] {
        let token = format!("{text}.{}", base64url::encode(&bad));
        assert_eq!(verify(&token), Err(TokenProblem::BadSignature), "{bad:?}");
    }
}

#[test]
fn public_keys_of_another_form_are_refused() {
    let mut compressed = vec![2 + (point()[64] & 1)];
    compressed.extend(base64url::decode(P256_X).unwrap());
    let mut off_the_curve = point();
    off_the_curve[64] ^= 1;
    let mut hybrid = point();
    hybrid[0] = 6 + (hybrid[64] & 1);
    for key in [vec![], vec![4; 65], compressed, off_the_curve, hybrid] {
        let refused = TokenVerifier::new(SigningAlgorithm::Es256, &key);
        assert_eq!(refused.unwrap_err(), SigningError::BadPublicKey);
    }
    let as_other = TokenVerifier::new(SigningAlgorithm::EdDsa, &point());
    assert_eq!(as_other.unwrap_err(), SigningError::BadPublicKey);
}

#[test]
fn a_secret_of_one_algorithm_makes_another_key_of_the_other() {
    let id = signing_key_id();
    let ed25519 = TokenSigner::from_secret(id, SigningAlgorithm::EdDsa, &private_key()).unwrap();
    let p256 = TokenSigner::from_secret(id, SigningAlgorithm::Es256, &private_key()).unwrap();
    assert_ne!(ed25519.public_key(), p256.public_key());
}
