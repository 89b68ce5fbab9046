//! Tenants: who they are, under which names they are reached, and whether they are served.

use crate::{TenantId, TenantSettings, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// One customer of the instance. Its users, keys and records are reachable from no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Names the tenant.
    pub id: TenantId,
    /// The short name in paths and on the command line; unique in the instance.
    pub slug: Slug,
    /// The `iss` of its tokens; fixed when the tenant is made.
    pub issuer: Issuer,
    /// Whether its users are served.
    pub status: TenantStatus,
    /// Its own durations.
    pub settings: TenantSettings,
    /// From when on it is deleted, if it is to be.
    pub delete_after: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Counts its changes.
    pub version: i64,
}

/// Whether a tenant's users are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TenantStatus {
    /// They are.
    Active,
    /// They are refused, until an operator lets the tenant go on.
    Suspended,
    /// They are refused, and the tenant will be deleted at its time. Until then an operator may take that back.
    Deleting,
    /// Its rows are being deleted, and there is no way back: it is as if it were gone.
    Purging,
}

impl TenantStatus {
    /// The name as it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Deleting => "deleting",
            Self::Purging => "purging",
        }
    }

    /// Whether its users, and whoever wants to become one, are let in.
    pub fn serves_users(self) -> bool {
        match self {
            Self::Active => true,
            Self::Suspended | Self::Deleting | Self::Purging => false,
        }
    }

    /// Whether it still publishes its metadata and keys: who verifies its tokens is to be told no other than before.
    pub fn publishes(self) -> bool {
        match self {
            Self::Active | Self::Suspended | Self::Deleting => true,
            Self::Purging => false,
        }
    }
}

/// Something that leads to a tenant before anything else is known of it. Unique over the whole instance.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Route {
    /// `/t/<slug>` in front of a path.
    Slug(Slug),
    /// The `Host` of a request, without its port.
    Host(HostName),
    /// The `kid` of an access token.
    SigningKey(crate::SigningKeyId),
    /// The `X-Publishable-Key` of a request.
    PublishableKey(crate::PublishableName),
    /// The `client_id` of an OAuth client.
    OAuthClient(crate::ClientId),
}

impl Route {
    /// The kind as it is stored: `slug`, `host`, `signing_key`, `publishable_key` or `oauth_client`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Slug(_) => "slug",
            Self::Host(_) => "host",
            Self::SigningKey(_) => "signing_key",
            Self::PublishableKey(_) => "publishable_key",
            Self::OAuthClient(_) => "oauth_client",
        }
    }

    /// The name as it is stored.
    pub fn name(&self) -> String {
        match self {
            Self::Slug(slug) => slug.to_string(),
            Self::Host(host) => host.to_string(),
            Self::SigningKey(id) => id.to_string(),
            Self::PublishableKey(key) => key.to_string(),
            Self::OAuthClient(id) => id.to_string(),
        }
    }
}

/// A slug, host name or issuer is not of its form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidName(&'static str);

/// A tenant's short name: 2 to 63 of `a-z`, `0-9` and `-`, with a letter or digit at each end (a DNS label, RFC 1035).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Hash)]
pub struct Slug(String);

impl Slug {
    /// It as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Slug {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (2..=63).contains(&text.len()) && is_label(text) {
            true => Ok(Self(text.to_owned())),
            false => Err(InvalidName(
                "a slug is 2 to 63 of a-z, 0-9 and -, with a letter or digit at each end",
            )),
        }
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A host name in lower case, without a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Hash)]
pub struct HostName(String);

impl HostName {
    /// Reads the value of a `Host` header or `:authority`: the port does not name a tenant, nor does the dot at the end
    /// of a fully qualified name. None, when it is the literal of an address.
    ///
    /// # Errors
    /// When it is neither a host name nor an address.
    pub fn from_authority(authority: &str) -> Result<Option<Self>, InvalidName> {
        let bracketed = authority
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(']'));
        let (host, port) = match bracketed {
            Some((address, rest)) => (address, rest.strip_prefix(':').unwrap_or(rest)),
            None => authority.split_once(':').unwrap_or((authority, "")),
        };
        if !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidName("a port is a number"));
        }
        if host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_ipv6() == bracketed.is_some())
        {
            return Ok(None);
        }
        match bracketed {
            Some(_) => Err(InvalidName("there is no address in the brackets")),
            None => host.strip_suffix('.').unwrap_or(host).parse().map(Some),
        }
    }
}

impl FromStr for HostName {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let host = text.to_ascii_lowercase();
        let numeric = host
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
        match !numeric && (1..=253).contains(&host.len()) && host.split('.').all(is_label) {
            true => Ok(Self(host)),
            false => Err(InvalidName(
                "a host name is labels of a-z, 0-9 and -, joined by dots, without a port",
            )),
        }
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn is_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// The issuer identifier of a tenant (RFC 8414 §2): an http or https URL without query, fragment or final slash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Issuer(String);

impl Issuer {
    /// It as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The issuer of a tenant on a shared base URL: `<base>/t/<slug>`.
    ///
    /// # Errors
    /// When the base is no http or https URL.
    pub fn on_shared_host(base: &str, slug: &Slug) -> Result<Self, InvalidName> {
        format!("{}/t/{slug}", base.trim_end_matches('/')).parse()
    }

    /// The issuer of a tenant with a host of its own: `https://<host>`.
    pub fn on_own_host(host: &HostName) -> Self {
        Self(format!("https://{host}"))
    }
}

impl FromStr for Issuer {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"));
        let known = rest.is_some_and(|rest| {
            !rest.is_empty()
                && !rest.starts_with('/')
                && rest.bytes().all(|byte| byte.is_ascii_graphic())
        });
        match known && !text.contains(['?', '#', '\\', '"', '@']) && !text.ends_with('/') {
            true => Ok(Self(text.to_owned())),
            false => Err(InvalidName(
                "an issuer is an http(s) URL without query, fragment or final slash",
            )),
        }
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{HostName, Issuer, Slug, TenantStatus};

    #[test]
    fn a_status_is_stored_by_the_name_that_it_says() {
        for status in [
            TenantStatus::Active,
            TenantStatus::Suspended,
            TenantStatus::Deleting,
            TenantStatus::Purging,
        ] {
            assert_eq!(serde_json::to_value(status).unwrap(), status.name());
            assert_eq!(status.serves_users(), status == TenantStatus::Active);
        }
    }

    #[test]
    fn slugs_are_dns_labels() {
        for good in ["demo", "a1", "acme-2"] {
            assert!(good.parse::<Slug>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "a",
            "-a",
            "a-",
            "Acme",
            "a.b",
            "a/b",
            "ü-slug",
            &"x".repeat(64),
        ] {
            assert!(bad.parse::<Slug>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_host_is_read_without_its_port_and_final_dot() {
        for (authority, host) in [
            ("Acme.Example:8080", "acme.example"),
            ("demo.localhost", "demo.localhost"),
            ("acme.example.", "acme.example"),
            ("acme.example.:443", "acme.example"),
        ] {
            let read = HostName::from_authority(authority).unwrap().unwrap();
            assert_eq!(read.to_string(), host);
        }
    }

    #[test]
    fn an_address_names_nobody_and_anything_else_is_refused() {
        for address in ["127.0.0.1:8080", "127.0.0.1", "[::1]:8080", "[::1]"] {
            assert_eq!(HostName::from_authority(address), Ok(None), "{address}");
        }
        for bad in [
            "",
            "a..b",
            "a b",
            "acme.example:80x",
            "x@acme.example",
            "a,b",
            "bad_host",
            "[x]",
            "::1",
            "1.2.3",
        ] {
            assert!(HostName::from_authority(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn issuers_are_plain_urls() {
        let slug: Slug = "demo".parse().unwrap();
        let issuer = Issuer::on_shared_host("http://127.0.0.1:8080/", &slug).unwrap();
        assert_eq!(issuer.to_string(), "http://127.0.0.1:8080/t/demo");
        for bad in [
            "",
            "ftp://x",
            "https://",
            "https://x/",
            "https://x?y",
            "https://x#y",
            "https:///t",
        ] {
            assert!(bad.parse::<Issuer>().is_err(), "{bad}");
        }
    }
}
