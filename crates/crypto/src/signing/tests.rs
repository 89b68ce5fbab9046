//! What is signed and published, against the examples of the standards and against another library.

use super::{SigningError, TokenSigner, public_jwk};
use crate::fixture::{
    Counting, P256_X, P256_Y, PUBLIC_KEY, PYJWT_TOKEN, claims, p256_private_key, private_key,
    signing_key_id,
};
use crate::{TokenVerifier, base64url, mint_private_key};
use keyward_model::{SigningAlgorithm, SigningKey, Timestamp};

fn signer() -> TokenSigner {
    TokenSigner::from_secret(signing_key_id(), SigningAlgorithm::EdDsa, &private_key()).unwrap()
}

fn p256_signer() -> TokenSigner {
    let (id, algorithm) = (signing_key_id(), SigningAlgorithm::Es256);
    TokenSigner::from_secret(id, algorithm, &p256_private_key()).unwrap()
}

fn published(signer: &TokenSigner, algorithm: SigningAlgorithm) -> SigningKey {
    SigningKey {
        id: signing_key_id(),
        algorithm,
        public_key: signer.public_key(),
        sealed_private_key: None,
        created_at: Timestamp::from_micros(0),
        signs_from: Timestamp::from_micros(0),
        token_ttl_seconds: 300,
        published_until: None,
        revoked_at: None,
        version: 1,
    }
}

#[test]
fn signs_as_rfc_8037_appendix_a_4_does() {
    let signed = signer().sign_compact("eyJhbGciOiJFZERTQSJ9", b"Example of Ed25519 signing");
    assert_eq!(
        signed.unwrap().expose(),
        concat!(
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.",
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        )
    );
}

#[test]
fn signs_as_another_library_does() {
    assert_eq!(signer().sign(&claims()).unwrap().expose(), PYJWT_TOKEN);
}

#[test]
fn es256_signatures_have_64_bytes_verify_and_never_repeat() {
    let signer = p256_signer();
    let verifier = TokenVerifier::new(SigningAlgorithm::Es256, &signer.public_key()).unwrap();
    let mut seen = std::collections::HashSet::new();
    // Among so many, some r or s begins with a zero byte, which the fixed form keeps.
    for _ in 0..600 {
        let token = signer.sign(&claims()).unwrap();
        let signature = token.expose().rsplit_once('.').unwrap().1;
        assert_eq!(base64url::decode(signature).unwrap().len(), 64);
        assert!(seen.insert(signature.to_owned()), "a nonce was used twice");
        assert_eq!(verifier.verify(&token), Ok(claims()));
    }
}

#[test]
fn what_one_key_signs_another_does_not_verify() {
    let random = Counting::default();
    for algorithm in SigningAlgorithm::ALL {
        let new = || {
            let secret = mint_private_key(algorithm, &random).unwrap();
            TokenSigner::from_secret(signing_key_id(), algorithm, &secret).unwrap()
        };
        let (signer, other) = (new(), new());
        let verifier = TokenVerifier::new(algorithm, &signer.public_key()).unwrap();
        assert!(verifier.verify(&signer.sign(&claims()).unwrap()).is_ok());
        assert!(verifier.verify(&other.sign(&claims()).unwrap()).is_err());
    }
}

#[test]
fn the_public_key_has_the_shape_of_rfc_8037_appendix_a_2() {
    let key = published(&signer(), SigningAlgorithm::EdDsa);
    let expected = serde_json::json!({
        "kty": "OKP", "crv": "Ed25519", "x": PUBLIC_KEY, "use": "sig", "alg": "EdDSA",
        "kid": "01890a5d-ac96-774b-bcce-b302099a8056",
    });
    assert_eq!(public_jwk(&key), Ok(expected));
    assert_eq!(base64url::encode(&key.public_key), PUBLIC_KEY);
}

#[test]
fn the_public_key_has_the_shape_of_rfc_7515_appendix_a_3() {
    let key = published(&p256_signer(), SigningAlgorithm::Es256);
    let expected = serde_json::json!({
        "kty": "EC", "crv": "P-256", "x": P256_X, "y": P256_Y, "use": "sig", "alg": "ES256",
        "kid": "01890a5d-ac96-774b-bcce-b302099a8056",
    });
    assert_eq!(public_jwk(&key), Ok(expected));
}

#[test]
fn a_point_of_another_form_is_not_published() {
    for public_key in [vec![], vec![4; 64], vec![4; 66], vec![2; 65], vec![2; 33]] {
        let key = SigningKey {
            public_key,
            ..published(&p256_signer(), SigningAlgorithm::Es256)
        };
        assert_eq!(public_jwk(&key), Err(SigningError::BadPublicKey));
    }
}

#[test]
fn debug_shows_the_id_alone() {
    for signer in [signer(), p256_signer()] {
        assert_eq!(
            format!("{signer:?}"),
            format!("TokenSigner {{ id: {}, .. }}", signing_key_id())
        );
        let token = signer.sign(&claims()).unwrap();
        assert_eq!(format!("{token:?}"), "[redacted]");
    }
}
