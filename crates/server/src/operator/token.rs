//! The operator token: what opens the operator plane on a network. Only its digest is kept in memory.

use crate::config::ConfigError;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use keyward_api::OperatorPeer;
use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use zeroize::Zeroizing;

/// How long a token is at least, in bytes.
const BYTES_MIN: usize = 32;

/// What a request must hold to be an operator's.
pub(crate) struct OperatorToken {
    digest: [u8; 32],
    holder: OperatorPeer,
}

impl OperatorToken {
    /// The token in a file, whose holder is called `name` in the audit log.
    pub(crate) fn in_file(path: &Path, name: &str) -> Result<Self, ConfigError> {
        let secret = read_token(path, "operator.token_file")?;
        Ok(Self {
            digest: digest_of(secret.as_bytes()),
            holder: OperatorPeer {
                name: name.to_owned(),
            },
        })
    }

    /// The holder, if these headers carry the token (RFC 6750 §2.1), once.
    pub(crate) fn holder_in(&self, headers: &HeaderMap) -> Option<OperatorPeer> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let value = values.next()?;
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        let alone = values.next().is_none() && scheme.eq_ignore_ascii_case("bearer");
        let digest = digest_of(token.trim().as_bytes());
        let is_it = verify_slices_are_equal(&digest, &self.digest).is_ok();
        (alone && is_it).then(|| self.holder.clone())
    }
}

/// Only its owner may read the file.
pub(crate) fn read_token(path: &Path, setting: &str) -> Result<Zeroizing<String>, ConfigError> {
    let shown = path.display();
    let refused = |reason: String| ConfigError(format!("{setting}: {reason}"));
    let text = std::fs::read_to_string(path).map(Zeroizing::new);
    let text = text.map_err(|error| refused(format!("cannot read {shown}: {error}")))?;
    let mode = std::fs::metadata(path).map_or(0o777, |metadata| metadata.permissions().mode());
    if mode & 0o077 != 0 {
        return Err(refused(format!(
            "others may read {shown}: run `chmod 600 {shown}`, and make a new token if they did"
        )));
    }
    let token = Zeroizing::new(text.trim().to_owned());
    match token.len() >= BYTES_MIN && token.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(token),
        false => Err(refused(format!(
            "{shown} must hold one word of at least {BYTES_MIN} characters, for instance from `openssl rand -hex 32`"
        ))),
    }
}

fn digest_of(secret: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, secret).as_ref());
    bytes
}

impl fmt::Debug for OperatorToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "OperatorToken(of {})", self.holder.name)
    }
}

#[cfg(test)]
mod tests {
    use super::OperatorToken;
    use axum::http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
    use std::os::unix::fs::PermissionsExt;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn headers(values: &[&str]) -> HeaderMap {
        let value = |text: &&str| (AUTHORIZATION, HeaderValue::from_str(text).unwrap());
        values.iter().map(value).collect()
    }

    #[test]
    fn asvs_v13_2_3_only_the_whole_token_opens() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, format!("{SECRET}\n")).unwrap();
        let open = OperatorToken::in_file(&path, "ci").unwrap_err();
        assert!(open.to_string().contains("chmod 600"), "{open}");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        let token = OperatorToken::in_file(&path, "ci").unwrap();
        assert!(!format!("{token:?}").contains(SECRET));
        let right = format!("Bearer {SECRET}");
        assert_eq!(token.holder_in(&headers(&[&right])).unwrap().name, "ci");
        for wrong in [
            &[][..],
            &["Bearer"],
            &["Bearer "],
            &[SECRET],
            &["Bearer 0123456789abcdef0123456789abcdeg"],
            &["Bearer 0123456789abcdef0123456789abcde"],
            &[&format!("Basic {SECRET}")],
            &[&right, &right],
        ] {
            assert!(token.holder_in(&headers(wrong)).is_none(), "{wrong:?}");
        }
        std::fs::write(&path, "too short").unwrap();
        assert!(OperatorToken::in_file(&path, "ci").is_err());
    }
}
