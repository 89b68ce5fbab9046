//! Versions of things in headers: `ETag` in answers, `If-Match` in changes (RFC 9110 §8.8.3, §13.1.1).

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::header::{ETAG, IF_MATCH};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use keyward_model::Expected;
use serde::Serialize;
use std::convert::Infallible;

/// Of which versions a thing may be when it is changed.
pub(crate) struct IfMatch(pub(crate) Expected);

/// An answer with the version of what it shows, as its entity tag.
pub(crate) struct Versioned<T>(pub(crate) i64, pub(crate) Json<T>);

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let values = parts.headers.get_all(IF_MATCH).iter();
        let texts: Vec<&str> = values
            .flat_map(|value| value.to_str().unwrap_or_default().split(','))
            .map(str::trim)
            .collect();
        if texts.is_empty() || texts.contains(&"*") {
            return Ok(Self(Expected::Any));
        }
        Ok(Self(Expected::Versions(
            texts.into_iter().filter_map(version_in).collect(),
        )))
    }
}

/// The version in a tag. One that is none of ours, or a weak one, matches nothing.
fn version_in(tag: &str) -> Option<i64> {
    let text = tag.strip_prefix('"')?.strip_suffix('"')?;
    let version: i64 = text.parse().ok()?;
    (version.to_string() == text).then_some(version)
}

impl<T: Serialize> IntoResponse for Versioned<T> {
    fn into_response(self) -> Response {
        ([(ETAG, format!("\"{}\"", self.0))], self.1).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::version_in;

    #[test]
    fn only_a_strong_tag_of_ours_names_a_version() {
        assert_eq!(version_in("\"12\""), Some(12));
        for other in [
            "12", "W/\"12\"", "\"+12\"", "\"012\"", "\"\"", "\"abc\"", "\"",
        ] {
            assert_eq!(version_in(other), None, "{other}");
        }
    }
}
