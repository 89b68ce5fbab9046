//! What a request says of who asks and in which tenant, before anybody believes it.

use super::asked::Asked;
use super::cross_origin::PUBLISHABLE_KEY;
use super::tenant_prefix::PrefixedSlug;
use crate::problem::{Code, Problem};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, HOST};
use axum::http::uri::Authority;
use keyward_model::{HostName, PublishableName};
use keyward_service::authentication::{Presented, PresentedToken, Purpose};

/// What a request says of its tenant, and the access token that it shows.
pub(super) fn presented_by<'a>(
    asked: &'a Asked,
    access_token: Option<PresentedToken<'a>>,
) -> Result<Presented<'a>, Problem> {
    let slug = match &asked.slug {
        Some(PrefixedSlug(slug)) => Some(slug.parse().map_err(|_| no_such_tenant())?),
        None => None,
    };
    let headers = &asked.head.headers;
    Ok(Presented {
        now: asked.now,
        slug,
        host: host_of(asked.head.uri.authority(), headers)?,
        publishable_key: publishable_key_of(headers)?,
        access_token,
        purpose: Purpose::Service,
        presence: asked.presence.clone(),
    })
}

pub(super) fn no_such_tenant() -> Problem {
    Problem::new(Code::NotFound).with_detail("no such tenant")
}

/// The publishable key of a request. One that is none leads to nobody, as one that was taken away does.
fn publishable_key_of(headers: &HeaderMap) -> Result<Option<PublishableName>, Problem> {
    let mut values = headers.get_all(PUBLISHABLE_KEY).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => {
            let key = value.to_str().ok().and_then(|text| text.parse().ok());
            key.map(Some).ok_or_else(no_such_tenant)
        }
        (Some(_), Some(_)) => Err(no_such_tenant()),
    }
}

/// The host name of a request; none when it is an address, which names no tenant.
///
/// It stands in the URI (HTTP/2, absolute form), in `Host`, or in both. Two that differ are refused: a proxy in front may
/// have looked at the other one (RFC 9112 §3.2, RFC 9113 §8.3.1).
fn host_of(
    authority: Option<&Authority>,
    headers: &HeaderMap,
) -> Result<Option<HostName>, Problem> {
    let invalid = |_| Problem::new(Code::InvalidHost);
    let mut first = authority.map(Authority::as_str);
    for value in headers.get_all(HOST) {
        let other = value
            .to_str()
            .map_err(|_| Problem::new(Code::InvalidHost))?;
        if !first.get_or_insert(other).eq_ignore_ascii_case(other) {
            return Err(Problem::new(Code::InvalidHost));
        }
    }
    match first {
        Some(authority) => HostName::from_authority(authority).map_err(invalid),
        None => Ok(None),
    }
}

/// What stands in front of a bearer token.
const SCHEME: &str = "Bearer ";

/// The bearer token (RFC 6750 §2.1). A second one, or another scheme, is refused rather than passed over.
pub(super) fn bearer_of(headers: &HeaderMap) -> Result<Option<PresentedToken<'_>>, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let text = value.to_str().ok();
    match (
        text.and_then(|text| text.split_at_checked(SCHEME.len())),
        values.next(),
    ) {
        (Some((scheme, token)), None) if scheme.eq_ignore_ascii_case(SCHEME) => {
            Ok(Some(PresentedToken(token.trim_ascii())))
        }
        _ => Err(Problem::new(Code::InvalidToken)),
    }
}
