//! Publishable keys: public names of a tenant for its own applications, with the origins that those run on.

use crate::{HostName, PublishableKeyId, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// How many origins one key allows.
pub const ALLOWED_ORIGINS_MAX: usize = 32;
/// How many keys a tenant may have, active or not.
pub const PUBLISHABLE_KEYS_MAX: i64 = 50;

/// A publishable key with all that is known of it. It is public: it names its tenant and proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishableKey {
    /// Names it to administrators.
    pub id: PublishableKeyId,
    /// The key itself.
    pub key: PublishableName,
    /// By which administrators know it.
    pub name: crate::DisplayName,
    /// Whether it leads anywhere.
    pub status: PublishableKeyStatus,
    /// From where browsers may call the API; sorted, each once.
    pub allowed_origins: Vec<Origin>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Counts its changes.
    pub version: i64,
}

/// Whether a publishable key leads anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PublishableKeyStatus {
    /// It names its tenant, and its origins are allowed.
    Active,
    /// It names nobody.
    Disabled,
}

/// What a publishable key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyMode {
    /// An application that people use: its origins are https.
    Live,
    /// One that is being made: its origins may be http.
    Test,
}

/// The key itself: `pk_live_` or `pk_test_`, 26 characters that say 128 random bits, and 7 that check what stands before
/// them, so that a typo and a scanner can tell without asking.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct PublishableName(String);

/// The text is no publishable key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a publishable key: pk_live_ or pk_test_ and 33 characters, the last seven of which are its checksum"
)]
pub struct InvalidPublishableName;

/// A web origin (RFC 6454): scheme, host and port as browsers send them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Origin(String);

/// The text is no origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an origin is http:// or https:// and a host, with a port if it has one, and nothing more")]
pub struct InvalidOrigin;

/// Letters and digits without those that look alike.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
const RANDOM_CHARACTERS: usize = 26;
const CHECK_CHARACTERS: usize = 7;

impl KeyMode {
    fn prefix(self) -> &'static str {
        match self {
            Self::Live => "pk_live_",
            Self::Test => "pk_test_",
        }
    }

    /// Whether a key of this mode may allow the origin.
    pub fn may_allow(self, origin: &Origin) -> bool {
        self == Self::Test || origin.is_https()
    }
}

impl PublishableName {
    /// The key of these random bytes.
    pub fn mint(mode: KeyMode, random: [u8; 16]) -> Self {
        let bits = u128::from_be_bytes(random);
        let body = format!("{}{}", mode.prefix(), in_base32(bits, RANDOM_CHARACTERS));
        let check = checksum(&body);
        Self(body + &check)
    }

    /// What it is for.
    pub fn mode(&self) -> KeyMode {
        match self.0.starts_with(KeyMode::Live.prefix()) {
            true => KeyMode::Live,
            false => KeyMode::Test,
        }
    }
}

impl FromStr for PublishableName {
    type Err = InvalidPublishableName;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let modes = [KeyMode::Live, KeyMode::Test];
        let rest = modes
            .into_iter()
            .find_map(|mode| text.strip_prefix(mode.prefix()))
            .ok_or(InvalidPublishableName)?;
        let whole = rest.len() == RANDOM_CHARACTERS + CHECK_CHARACTERS
            && rest.bytes().all(|byte| ALPHABET.contains(&byte));
        let (body, check) = match whole {
            true => text.split_at(text.len() - CHECK_CHARACTERS),
            false => return Err(InvalidPublishableName),
        };
        match checksum(body) == check {
            true => Ok(Self(text.to_owned())),
            false => Err(InvalidPublishableName),
        }
    }
}

impl fmt::Display for PublishableName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Origin {
    /// Whether what it serves cannot be changed on the way.
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// As browsers send it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Origin {
    type Err = InvalidOrigin;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, authority) = text.split_once("://").ok_or(InvalidOrigin)?;
        let (scheme, own_port) = match scheme.to_ascii_lowercase().as_str() {
            "https" => ("https", 443),
            "http" => ("http", 80),
            _ => return Err(InvalidOrigin),
        };
        let (host, port) = host_and_port(authority)?;
        Ok(Self(match port {
            Some(port) if port != own_port => format!("{scheme}://{host}:{port}"),
            _ => format!("{scheme}://{host}"),
        }))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn host_and_port(authority: &str) -> Result<(String, Option<u16>), InvalidOrigin> {
    let invalid = InvalidOrigin;
    let bracketed = authority
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'));
    let (host, rest) = match bracketed {
        Some((address, rest)) => {
            let address: Ipv6Addr = address.parse().map_err(|_| invalid)?;
            (format!("[{address}]"), rest)
        }
        None => {
            let end = authority.find(':').unwrap_or(authority.len());
            let (host, rest) = authority.split_at(end);
            (plain_host(host)?, rest)
        }
    };
    match rest.strip_prefix(':') {
        None if rest.is_empty() => Ok((host, None)),
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => port
            .parse()
            .map(|port| (host, Some(port)))
            .map_err(|_| invalid),
        _ => Err(invalid),
    }
}

fn plain_host(host: &str) -> Result<String, InvalidOrigin> {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => Ok(address.to_string()),
        Ok(IpAddr::V6(_)) => Err(InvalidOrigin),
        Err(_) => {
            let host: Result<HostName, _> = host.parse();
            host.map(|host| host.to_string()).map_err(|_| InvalidOrigin)
        }
    }
}

fn in_base32(mut bits: u128, length: usize) -> String {
    let mut characters = vec![' '; length];
    for character in characters.iter_mut().rev() {
        *character = char::from(ALPHABET[(bits % 32) as usize]);
        bits /= 32;
    }
    characters.into_iter().collect()
}

fn checksum(body: &str) -> String {
    in_base32(u128::from(crc32(body.as_bytes())), CHECK_CHARACTERS)
}

/// CRC-32 as of ISO-HDLC: it finds slips of the pen, and is no proof of anything.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let carry = crc & 1;
            crc = (crc >> 1) ^ (0xedb8_8320 * carry);
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::{KeyMode, Origin, PublishableName, crc32};

    #[test]
    fn the_checksum_is_the_known_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_key_says_what_it_is_and_a_slip_is_found() {
        for mode in [KeyMode::Live, KeyMode::Test] {
            let key = PublishableName::mint(mode, [0xa7; 16]);
            let text = key.to_string();
            assert_eq!(text.len(), 41);
            assert_eq!(key.mode(), mode);
            assert_eq!(text.parse(), Ok(key));
            for (place, _) in text.char_indices() {
                for other in ["b", "2", "_", "A", "é", ""] {
                    let mut slip = text.clone();
                    slip.replace_range(place..=place, other);
                    assert!(
                        slip == text || slip.parse::<PublishableName>().is_err(),
                        "{slip}"
                    );
                }
            }
            // Two that changed places.
            for place in 8..40 {
                let mut bytes = text.clone().into_bytes();
                bytes.swap(place, place + 1);
                let slip = String::from_utf8(bytes).unwrap();
                assert!(
                    slip == text || slip.parse::<PublishableName>().is_err(),
                    "{slip}"
                );
            }
        }
        for bad in ["", "pk_live_", "sk_live_x", "pk_live_\u{e9}"] {
            assert!(bad.parse::<PublishableName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_origin_is_read_as_browsers_write_it() {
        for (text, origin) in [
            ("https://app.example", "https://app.example"),
            ("HTTPS://App.Example:443", "https://app.example"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://localhost:80", "http://localhost"),
            ("https://app.example:8443", "https://app.example:8443"),
            ("http://127.0.0.1:5173", "http://127.0.0.1:5173"),
            ("http://[::1]:5173", "http://[::1]:5173"),
            ("http://[0:0:0:0:0:0:0:1]", "http://[::1]"),
        ] {
            assert_eq!(text.parse::<Origin>().unwrap().as_str(), origin);
        }
    }

    #[test]
    fn asvs_v3_4_2_what_is_no_single_origin_is_none() {
        for bad in [
            "",
            "null",
            "*",
            "https://*",
            "https://*.example",
            "app.example",
            "https://",
            "https:///",
            "https://app.example/",
            "https://app.example/path",
            "https://app.example?x",
            "https://app.example#x",
            "https://user@app.example",
            "ftp://app.example",
            "file://",
            "https://app.example:",
            "https://app.example:x",
            "https://app.example:70000",
            "https://app.example:+443",
            "https://app.example https://b.example",
            "https://a,b",
            "https://app_x.example",
            "https://::1",
            "https://[::1",
            "https://[::1]x",
            "https://1.2.3",
            "chrome-extension://abc",
            " https://app.example",
            "https://app.example ",
            "https://app.example.",
            "https://ex\u{e4}mple.org",
        ] {
            assert!(bad.parse::<Origin>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_live_key_allows_https_alone() {
        let (secure, plain): (Origin, Origin) = (
            "https://a.example".parse().unwrap(),
            "http://a.example".parse().unwrap(),
        );
        assert!(KeyMode::Live.may_allow(&secure) && !KeyMode::Live.may_allow(&plain));
        assert!(KeyMode::Test.may_allow(&secure) && KeyMode::Test.may_allow(&plain));
    }
}
