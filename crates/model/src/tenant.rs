//! Tenants: who they are, under which names they are reached, and how long things live there.

use crate::{SigningAlgorithm, TenantId, Timestamp};
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

/// What a tenant may set for itself. Durations are whole seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TenantSettings {
    /// How long an access token is valid.
    pub access_token_ttl_seconds: i64,
    /// How long a session lives whatever happens (ASVS V7.3.2).
    pub session_ttl_seconds: i64,
    /// How long a session lives without a request (ASVS V7.3.1).
    pub session_idle_seconds: i64,
    /// How many days a user who was deleted can be restored.
    pub user_deletion_grace_days: i64,
    /// What the next signing key signs with.
    pub signing_algorithm: SigningAlgorithm,
    /// After how many days a signing key is followed by another; never, if 0.
    pub signing_key_rotation_days: i64,
    /// How long a new signing key is published before it signs.
    pub signing_key_propagation_seconds: i64,
    /// How long verifiers may keep the key set.
    pub key_set_max_age_seconds: i64,
    /// How many attempts at an account's password there may be in a window, from wherever; on a known device as many again.
    pub account_attempts_max: i64,
    /// How many of them from one network.
    pub account_network_attempts_max: i64,
    /// After how many failures in a row an account's password is closed to unknown devices (NIST SP 800-63B-4 §3.2.2 asks for 100 at most).
    pub account_failures_max: i64,
    /// For how many days a device is known that is not signed in on; none ever is, if 0.
    pub known_device_days: i64,
}

/// What is to become of a tenant's settings. What is not named stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SettingsChange {
    /// See [`TenantSettings::access_token_ttl_seconds`].
    pub access_token_ttl_seconds: Option<i64>,
    /// See [`TenantSettings::session_ttl_seconds`].
    pub session_ttl_seconds: Option<i64>,
    /// See [`TenantSettings::session_idle_seconds`].
    pub session_idle_seconds: Option<i64>,
    /// See [`TenantSettings::user_deletion_grace_days`].
    pub user_deletion_grace_days: Option<i64>,
    /// See [`TenantSettings::signing_algorithm`].
    pub signing_algorithm: Option<SigningAlgorithm>,
    /// See [`TenantSettings::signing_key_rotation_days`].
    pub signing_key_rotation_days: Option<i64>,
    /// See [`TenantSettings::signing_key_propagation_seconds`].
    pub signing_key_propagation_seconds: Option<i64>,
    /// See [`TenantSettings::key_set_max_age_seconds`].
    pub key_set_max_age_seconds: Option<i64>,
    /// See [`TenantSettings::account_attempts_max`].
    pub account_attempts_max: Option<i64>,
    /// See [`TenantSettings::account_network_attempts_max`].
    pub account_network_attempts_max: Option<i64>,
    /// See [`TenantSettings::account_failures_max`].
    pub account_failures_max: Option<i64>,
    /// See [`TenantSettings::known_device_days`].
    pub known_device_days: Option<i64>,
}

/// A setting is outside of its range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting} is {least} to {most}")]
pub struct SettingProblem {
    /// Its name.
    pub setting: &'static str,
    /// The least that it can be.
    pub least: i64,
    /// The most that it can be.
    pub most: i64,
}

impl TenantSettings {
    /// The settings as a change makes them.
    ///
    /// # Errors
    /// Every setting that would be outside of its range. A session outlives its access tokens and its idleness, and a new
    /// signing key is published for longer than verifiers keep a key set without it.
    pub fn changed(&self, change: &SettingsChange) -> Result<Self, Vec<SettingProblem>> {
        let changed = Self {
            access_token_ttl_seconds: change
                .access_token_ttl_seconds
                .unwrap_or(self.access_token_ttl_seconds),
            session_ttl_seconds: change
                .session_ttl_seconds
                .unwrap_or(self.session_ttl_seconds),
            session_idle_seconds: change
                .session_idle_seconds
                .unwrap_or(self.session_idle_seconds),
            user_deletion_grace_days: change
                .user_deletion_grace_days
                .unwrap_or(self.user_deletion_grace_days),
            signing_algorithm: change.signing_algorithm.unwrap_or(self.signing_algorithm),
            signing_key_rotation_days: change
                .signing_key_rotation_days
                .unwrap_or(self.signing_key_rotation_days),
            signing_key_propagation_seconds: change
                .signing_key_propagation_seconds
                .unwrap_or(self.signing_key_propagation_seconds),
            key_set_max_age_seconds: change
                .key_set_max_age_seconds
                .unwrap_or(self.key_set_max_age_seconds),
            account_attempts_max: change
                .account_attempts_max
                .unwrap_or(self.account_attempts_max),
            account_network_attempts_max: change
                .account_network_attempts_max
                .unwrap_or(self.account_network_attempts_max),
            account_failures_max: change
                .account_failures_max
                .unwrap_or(self.account_failures_max),
            known_device_days: change.known_device_days.unwrap_or(self.known_device_days),
        };
        let problems = changed.problems();
        match problems.is_empty() {
            true => Ok(changed),
            false => Err(problems),
        }
    }

    fn problems(&self) -> Vec<SettingProblem> {
        let session_ttl = self.session_ttl_seconds;
        let ranges = [
            (
                "access_token_ttl_seconds",
                self.access_token_ttl_seconds,
                (30, 3_600.min(session_ttl)),
            ),
            ("session_ttl_seconds", session_ttl, (300, 30 * 86_400)),
            (
                "session_idle_seconds",
                self.session_idle_seconds,
                (60, session_ttl),
            ),
            (
                "user_deletion_grace_days",
                self.user_deletion_grace_days,
                (0, 365),
            ),
            (
                "signing_key_rotation_days",
                self.signing_key_rotation_days,
                (0, 3_650),
            ),
            (
                "key_set_max_age_seconds",
                self.key_set_max_age_seconds,
                (1, 86_400),
            ),
            ("account_attempts_max", self.account_attempts_max, (1, 100)),
            (
                "account_network_attempts_max",
                self.account_network_attempts_max,
                (1, 100),
            ),
            ("account_failures_max", self.account_failures_max, (10, 100)),
            ("known_device_days", self.known_device_days, (0, 365)),
            // Otherwise a key could sign while verifiers still keep a set without it.
            (
                "signing_key_propagation_seconds",
                self.signing_key_propagation_seconds,
                (self.key_set_max_age_seconds, 604_800),
            ),
        ];
        let outside =
            |(_, value, (least, most)): &(_, i64, (i64, i64))| value < least || value > most;
        ranges
            .into_iter()
            .filter(outside)
            .map(|(setting, _, (least, most))| SettingProblem {
                setting,
                least,
                most,
            })
            .collect()
    }
}

impl Default for TenantSettings {
    fn default() -> Self {
        Self {
            access_token_ttl_seconds: 300,
            session_ttl_seconds: 8 * 3_600,
            session_idle_seconds: 30 * 60,
            user_deletion_grace_days: 30,
            signing_algorithm: SigningAlgorithm::default(),
            signing_key_rotation_days: 90,
            signing_key_propagation_seconds: 600,
            key_set_max_age_seconds: 300,
            account_attempts_max: 5,
            account_network_attempts_max: 5,
            account_failures_max: 100,
            known_device_days: 90,
        }
    }
}

/// Something that leads to a tenant before anything else is known of it. Unique over the whole instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// `/t/<slug>` in front of a path.
    Slug(Slug),
    /// The `Host` of a request, without its port.
    Host(HostName),
    /// The `kid` of an access token.
    SigningKey(crate::SigningKeyId),
    /// The `X-Publishable-Key` of a request.
    PublishableKey(crate::PublishableName),
}

impl Route {
    /// The kind as it is stored: `slug`, `host`, `signing_key` or `publishable_key`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Slug(_) => "slug",
            Self::Host(_) => "host",
            Self::SigningKey(_) => "signing_key",
            Self::PublishableKey(_) => "publishable_key",
        }
    }

    /// The name as it is stored.
    pub fn name(&self) -> String {
        match self {
            Self::Slug(slug) => slug.to_string(),
            Self::Host(host) => host.to_string(),
            Self::SigningKey(id) => id.to_string(),
            Self::PublishableKey(key) => key.to_string(),
        }
    }
}

/// A slug, host name or issuer is not of its form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidName(&'static str);

/// A tenant's short name: 2 to 63 of `a-z`, `0-9` and `-`, with a letter or digit at each end (a DNS label, RFC 1035).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
    use super::{HostName, Issuer, SettingsChange, Slug, TenantSettings, TenantStatus};

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
    fn a_setting_outside_of_its_range_is_named() {
        let settings = TenantSettings::default();
        let change = SettingsChange {
            session_ttl_seconds: Some(600),
            ..SettingsChange::default()
        };
        // The idle time of half an hour would outlive it.
        let problems = settings.changed(&change).unwrap_err();
        assert_eq!(problems[0].to_string(), "session_idle_seconds is 60 to 600");
        let change = SettingsChange {
            session_idle_seconds: Some(600),
            ..change
        };
        let changed = settings.changed(&change).unwrap();
        assert_eq!(
            (
                changed.session_ttl_seconds,
                changed.access_token_ttl_seconds
            ),
            (600, 300)
        );
        for seconds in [i64::MIN, -1, 0, 29, 3_601, i64::MAX] {
            let change = SettingsChange {
                access_token_ttl_seconds: Some(seconds),
                ..SettingsChange::default()
            };
            assert_eq!(settings.changed(&change).unwrap_err().len(), 1, "{seconds}");
        }
        let of_keys = |max_age, propagation| SettingsChange {
            key_set_max_age_seconds: Some(max_age),
            signing_key_propagation_seconds: Some(propagation),
            ..SettingsChange::default()
        };
        assert!(settings.changed(&of_keys(1, 1)).is_ok());
        for (max_age, propagation) in [(300, 299), (0, 600), (86_401, 90_000), (1, i64::MAX)] {
            let problems = settings.changed(&of_keys(max_age, propagation));
            assert_eq!(problems.unwrap_err().len(), 1, "{max_age} {propagation}");
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
