//! `/t/<slug>` in front of a path names the tenant; it is taken off, and remembered.

use axum::http::Uri;
use axum::http::uri::PathAndQuery;

/// The slug that stood in front of the path, as it stood there.
#[derive(Debug, Clone)]
pub(crate) struct PrefixedSlug(pub(crate) String);

/// RFC 8414 §3.1 puts the well-known part in front of the issuer's path instead of behind it.
const INSERTED: &str = "/.well-known/oauth-authorization-server";

pub(crate) fn take_off(uri: &mut Uri) -> Option<PrefixedSlug> {
    let (slug, path) = split(uri.path())?;
    let (slug, without) = (slug.to_owned(), with_path(uri, path)?);
    *uri = without;
    Some(PrefixedSlug(slug))
}

/// The slug in a path, and what the path is without it.
fn split(path: &str) -> Option<(&str, &str)> {
    if let Some(slug) = path
        .strip_prefix(INSERTED)
        .and_then(|rest| rest.strip_prefix("/t/"))
    {
        return (!slug.contains('/')).then_some((slug, INSERTED));
    }
    let rest = path.strip_prefix("/t/")?;
    let end = rest.find('/')?;
    let (slug, path) = rest.split_at(end);
    Some((slug, path))
}

fn with_path(uri: &Uri, path: &str) -> Option<Uri> {
    let path = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(path).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn the_slug_is_taken_off_in_front_and_behind_the_inserted_well_known() {
        assert_eq!(split("/t/demo/v1/session"), Some(("demo", "/v1/session")));
        assert_eq!(
            split("/.well-known/oauth-authorization-server/t/demo"),
            Some(("demo", "/.well-known/oauth-authorization-server"))
        );
        assert_eq!(split("/t/a/t/b"), Some(("a", "/t/b")));
        for path in [
            "/",
            "/t/",
            "/t/demo",
            "/v1/session",
            "/.well-known/oauth-authorization-server",
        ] {
            assert_eq!(split(path), None, "{path}");
        }
    }
}
