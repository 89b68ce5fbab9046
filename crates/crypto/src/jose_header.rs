//! The protected header of an access token: what of it is believed before its signature is verified.

use crate::{TokenProblem, base64url};
use keyward_model::{SigningAlgorithm, SigningKeyId};
use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use std::collections::BTreeSet;
use std::fmt;

/// The type of an access token (RFC 9068 §2.1).
const ACCESS_TOKEN_TYPE: &str = "at+jwt";

/// A header as this program writes it. The order of the fields is that of the text.
#[derive(Debug, Serialize)]
struct Written {
    alg: SigningAlgorithm,
    kid: SigningKeyId,
    typ: &'static str,
}

/// A header as it was read: allowed algorithm, right type, nothing critical.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct JoseHeader {
    /// What the token says it is signed with. It must be the algorithm of the key (RFC 8725 §3.1).
    pub(crate) algorithm: SigningAlgorithm,
    /// Which key the token says it is signed with.
    pub(crate) key_id: SigningKeyId,
}

impl JoseHeader {
    /// The header as base64url of `{"alg":…,"kid":…,"typ":"at+jwt"}`.
    ///
    /// # Errors
    /// What `serde_json` says; it has nothing to object to.
    pub(crate) fn write(self) -> Result<String, serde_json::Error> {
        let header = Written {
            alg: self.algorithm,
            kid: self.key_id,
            typ: ACCESS_TOKEN_TYPE,
        };
        serde_json::to_vec(&header).map(|json| base64url::encode(&json))
    }

    /// Reads the first part of a token. Members that would name or carry a key (`jku`, `jwk`, `x5u`, `x5c`) are ignored like
    /// all unknown ones (ASVS V9.1.3).
    ///
    /// # Errors
    /// [`TokenProblem::Malformed`], also for a member that occurs twice (RFC 7515 §4) and for `crit`, of which no extension
    /// is understood (§4.1.11); [`TokenProblem::UnsupportedAlgorithm`]; [`TokenProblem::WrongType`].
    pub(crate) fn read(encoded: &str) -> Result<Self, TokenProblem> {
        let members = Members::read(encoded)?;
        let algorithm = members.algorithm()?;
        if !members.typ.as_deref().is_some_and(is_access_token_type) {
            return Err(TokenProblem::WrongType);
        }
        let key_id = members
            .kid
            .as_deref()
            .and_then(read_key_id)
            .ok_or(TokenProblem::Malformed)?;
        Ok(Self { algorithm, key_id })
    }
}

/// The allow-list (ASVS V9.1.2). `none` and the HMACs are not on it and never will be.
fn allowed_algorithm(name: &str) -> Result<SigningAlgorithm, TokenProblem> {
    SigningAlgorithm::ALL
        .into_iter()
        .find(|algorithm| algorithm.name() == name)
        .ok_or(TokenProblem::UnsupportedAlgorithm)
}

/// `at+jwt` or `application/at+jwt` (RFC 9068 §4), in any case as media types are (RFC 7515 §4.1.9).
fn is_access_token_type(name: &str) -> bool {
    name.eq_ignore_ascii_case(ACCESS_TOKEN_TYPE) || name.eq_ignore_ascii_case("application/at+jwt")
}

/// The id, if the text is written as we write it: UUIDs have other spellings, but a `kid` has one.
fn read_key_id(text: &str) -> Option<SigningKeyId> {
    text.parse()
        .ok()
        .filter(|id: &SigningKeyId| id.to_string() == text)
}

/// The members that matter.
#[derive(Debug, Default)]
pub(crate) struct Members {
    alg: Option<String>,
    pub(crate) typ: Option<String>,
    pub(crate) kid: Option<String>,
    critical: bool,
}

impl Members {
    /// Reads the first part of a token.
    ///
    /// # Errors
    /// [`TokenProblem::Malformed`], also for a member that occurs twice and for `crit`.
    pub(crate) fn read(encoded: &str) -> Result<Self, TokenProblem> {
        let json = base64url::decode(encoded).ok_or(TokenProblem::Malformed)?;
        let members: Self = serde_json::from_slice(&json).map_err(|_| TokenProblem::Malformed)?;
        match members.critical {
            true => Err(TokenProblem::Malformed),
            false => Ok(members),
        }
    }

    /// The algorithm, if it is on the allow-list.
    ///
    /// # Errors
    /// [`TokenProblem::Malformed`], [`TokenProblem::UnsupportedAlgorithm`].
    pub(crate) fn algorithm(&self) -> Result<SigningAlgorithm, TokenProblem> {
        allowed_algorithm(self.alg.as_deref().ok_or(TokenProblem::Malformed)?)
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

/// Written out because a derived `Deserialize` finds only known members twice.
struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JOSE header")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Members::default();
        let mut seen = BTreeSet::new();
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "alg" => members.alg = Some(map.next_value()?),
                "typ" => members.typ = Some(map.next_value()?),
                "kid" => members.kid = Some(map.next_value()?),
                other => {
                    members.critical |= other == "crit";
                    map.next_value::<IgnoredAny>()?;
                }
            }
            if !seen.insert(name) {
                return Err(Error::custom("a member occurs twice"));
            }
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::JoseHeader;
    use crate::fixture::signing_key_id;
    use crate::{TokenProblem, base64url};
    use keyward_model::SigningAlgorithm;

    const KID: &str = r#""kid":"01890a5d-ac96-774b-bcce-b302099a8056""#;

    fn read(json: &str) -> Result<JoseHeader, TokenProblem> {
        JoseHeader::read(&base64url::encode(json.as_bytes()))
    }

    fn good() -> JoseHeader {
        JoseHeader {
            algorithm: SigningAlgorithm::EdDsa,
            key_id: signing_key_id(),
        }
    }

    #[test]
    fn a_header_has_one_text() {
        let written = String::from_utf8(base64url::decode(&good().write().unwrap()).unwrap());
        assert_eq!(
            written.unwrap(),
            format!(r#"{{"alg":"EdDSA",{KID},"typ":"at+jwt"}}"#)
        );
        for algorithm in SigningAlgorithm::ALL {
            let header = JoseHeader {
                algorithm,
                ..good()
            };
            assert_eq!(JoseHeader::read(&header.write().unwrap()), Ok(header));
        }
    }

    #[test]
    fn asvs_v9_1_2_only_algorithms_on_the_list_are_read() {
        for name in [
            "none", "None", "", "HS256", "HS512", "ES384", "ES256K", "es256", "RS256", "eddsa",
            "Ed25519", "EdDSA ",
        ] {
            let refused = read(&format!(r#"{{"alg":"{name}",{KID},"typ":"at+jwt"}}"#));
            assert_eq!(refused, Err(TokenProblem::UnsupportedAlgorithm), "{name:?}");
        }
        for value in ["null", "1", "[\"EdDSA\"]", "{}"] {
            let refused = read(&format!(r#"{{"alg":{value},{KID},"typ":"at+jwt"}}"#));
            assert_eq!(refused, Err(TokenProblem::Malformed), "{value}");
        }
    }

    #[test]
    fn asvs_v9_2_2_only_access_tokens_are_read() {
        for name in [
            "at+jwt",
            "AT+JWT",
            "application/at+jwt",
            "Application/At+Jwt",
        ] {
            assert_eq!(
                read(&format!(r#"{{"typ":"{name}","alg":"EdDSA",{KID}}}"#)),
                Ok(good())
            );
        }
        for name in [
            "JWT",
            "jwt",
            "at+jwt ",
            "",
            "logout+jwt",
            "dpop+jwt",
            "text/at+jwt",
        ] {
            let refused = read(&format!(r#"{{"typ":"{name}","alg":"EdDSA",{KID}}}"#));
            assert_eq!(refused, Err(TokenProblem::WrongType), "{name:?}");
        }
        assert_eq!(
            read(&format!(r#"{{"alg":"EdDSA",{KID}}}"#)),
            Err(TokenProblem::WrongType)
        );
    }

    #[test]
    fn asvs_v9_1_3_members_that_bring_a_key_are_ignored() {
        let keys = r#""jku":"https://evil.example/","jwk":{"kty":"OKP"},"x5u":"https://evil.example/","x5c":["MII"]"#;
        assert_eq!(
            read(&format!(r#"{{"alg":"EdDSA",{KID},"typ":"at+jwt",{keys}}}"#)),
            Ok(good())
        );
    }

    #[test]
    fn what_is_critical_doubled_or_no_header_is_refused() {
        let rest = format!(r#""alg":"EdDSA",{KID},"typ":"at+jwt""#);
        for json in [
            format!(r#"{{{rest},"crit":["exp"]}}"#),
            format!(r#"{{{rest},"crit":[],"b64":false}}"#),
            format!(r#"{{{rest},"alg":"EdDSA"}}"#),
            format!(r#"{{{rest},"x":1,"x":1}}"#),
            format!(r#"{{{rest},"\u0078":1,"x":1}}"#),
            format!("{{{rest}}} {{}}"),
            format!("[{{{rest}}}]"),
            r#"{"alg":"EdDSA","typ":"at+jwt"}"#.to_owned(),
            rest.clone(),
            String::new(),
        ] {
            assert_eq!(read(&json), Err(TokenProblem::Malformed), "{json}");
        }
    }

    #[test]
    fn a_key_id_is_a_uuid_in_its_one_spelling() {
        for kid in [
            "",
            "../../etc/passwd",
            "01890A5D-AC96-774B-BCCE-B302099A8056",
            "01890a5dac96774bbcceb302099a8056",
            "{01890a5d-ac96-774b-bcce-b302099a8056}",
            "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8056",
        ] {
            let refused = read(&format!(
                r#"{{"alg":"EdDSA","kid":"{kid}","typ":"at+jwt"}}"#
            ));
            assert_eq!(refused, Err(TokenProblem::Malformed), "{kid:?}");
        }
    }
}
