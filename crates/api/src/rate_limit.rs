//! How many requests are taken from one network or one session: a general limit, for each node by itself.
//!
//! It keeps a single client from taking the node for itself. It guards no credential: attempts at passwords and codes
//! are counted in the store, exactly.
//!
//! - Who shows no credential is counted by network: the IPv4 address, or the /64 that an IPv6 subscriber has (ASVS
//!   V15.3.4).
//! - Who shows one that memory knows, or that proves good, is counted by session, so that many users behind one address
//!   do not share one allowance. Until it has proved good it is counted by network too, which gets that back then: whoever
//!   sends garbage for tokens pays for each.

mod buckets;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use buckets::Buckets;
use keyward_model::{Client, SessionId, Timestamp};
use keyward_service::TooManyAttempts;
use std::net::IpAddr;
use std::time::Duration;

/// How many requests are taken; none of them limits nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RateLimits {
    /// Without a credential, from one network.
    pub network: Option<RateLimit>,
    /// With one, in one session.
    pub session: Option<RateLimit>,
}

/// How many requests are taken at once, and how many a minute for long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    requests_per_minute: u32,
    burst: u32,
}

/// A limit that cannot be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRateLimit {
    /// More than one a microsecond.
    #[error("requests_per_minute is at most {}", RateLimit::PER_MINUTE_MAX)]
    TooFast,
    /// Not even one request fits.
    #[error("burst is at least 1 and at most 1000000")]
    Burst,
}

/// Where a caller stands after a request was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    kind: Kind,
    limit: RateLimit,
    /// How many more are taken at once.
    remaining: u32,
    /// When all of the burst is there again, in microseconds from now.
    whole_after_micros: i64,
    /// When the next one is taken, in microseconds from now; none, if this one was.
    retry_after_micros: Option<i64>,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Network,
    Session,
}

/// Room for one of the headers.
const HEADER_BYTES: usize = 48;

/// The counts of this node.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    networks: Option<Buckets>,
    sessions: Option<Buckets>,
}

impl RateLimit {
    /// Requests to the operator plane that bring no right token. Who has one never meets it.
    const OPERATOR_TRIES: Self = Self {
        requests_per_minute: 10,
        burst: 10,
    };
    /// The clock counts microseconds.
    const PER_MINUTE_MAX: u32 = 60_000_000;
    const BURST_MAX: u32 = 1_000_000;

    /// A limit; none, when `requests_per_minute` is 0.
    ///
    /// # Errors
    /// [`InvalidRateLimit`].
    pub fn new(requests_per_minute: u32, burst: u32) -> Result<Option<Self>, InvalidRateLimit> {
        match (requests_per_minute, burst) {
            (0, _) => Ok(None),
            (rate, _) if rate > Self::PER_MINUTE_MAX => Err(InvalidRateLimit::TooFast),
            (_, 1..=Self::BURST_MAX) => Ok(Some(Self {
                requests_per_minute,
                burst,
            })),
            _ => Err(InvalidRateLimit::Burst),
        }
    }

    /// How long one request uses up, in microseconds, rounded so that never more are taken than was said.
    fn interval_micros(self) -> i64 {
        i64::from(Self::PER_MINUTE_MAX.div_ceil(self.requests_per_minute))
    }

    /// How long the whole burst uses up.
    fn window_micros(self) -> i64 {
        self.interval_micros() * i64::from(self.burst)
    }
}

impl RateLimiter {
    pub(crate) fn new(limits: RateLimits) -> Self {
        Self {
            networks: limits
                .network
                .map(|limit| Buckets::new(Kind::Network, limit)),
            sessions: limits
                .session
                .map(|limit| Buckets::new(Kind::Session, limit)),
        }
    }

    /// Counts tries at the operator token. Few reach that listener, so that the table is small.
    pub(crate) fn of_operator_tries() -> Self {
        Self {
            networks: Some(Buckets::of_size(
                Kind::Network,
                RateLimit::OPERATOR_TRIES,
                64,
            )),
            sessions: None,
        }
    }

    /// Counts a request from this client's network. None, where nothing is limited; a Unix socket has no network.
    pub(crate) fn take_from_network(&self, client: &Client, now: Timestamp) -> Option<Standing> {
        Some(self.networks.as_ref()?.take(network_of(client)?, now))
    }

    /// Takes back what was counted of a network whose credential proved good.
    pub(crate) fn give_back_to_network(&self, client: &Client) {
        if let (Some(networks), Some(network)) = (&self.networks, network_of(client)) {
            networks.give_back(network);
        }
    }

    /// Counts a request in a session.
    pub(crate) fn take_from_session(&self, id: SessionId, now: Timestamp) -> Option<Standing> {
        Some(self.sessions.as_ref()?.take(id.uuid().as_u128(), now))
    }
}

/// The network of a client as a number: an IPv4 address in its mapped form, or the upper half of an IPv6 address, which
/// is one subscriber's.
fn network_of(client: &Client) -> Option<u128> {
    Some(match client.address?.to_canonical() {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits() >> 64 << 64,
    })
}

impl Standing {
    /// Whether the request was one too many.
    pub(crate) fn is_refused(&self) -> bool {
        self.retry_after_micros.is_some()
    }

    /// How long the client must wait, if the request was one too many.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let micros = self.retry_after_micros?;
        Some(Duration::from_micros(micros.unsigned_abs()))
    }

    /// Writes `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11), and after a refusal
    /// `Retry-After`. What is promised is the burst and the time in which all of it comes back.
    pub(crate) fn add_to(&self, headers: &mut HeaderMap) {
        let window = whole_seconds(self.limit.window_micros());
        let after = whole_seconds(self.whole_after_micros);
        let policy = (self.limit.burst, "w", window);
        let now = (self.remaining, "t", after);
        for (header, key, (count, unit, seconds)) in
            [("ratelimit-policy", "q", policy), ("ratelimit", "r", now)]
        {
            let mut text = Vec::with_capacity(HEADER_BYTES);
            text.extend_from_slice(self.kind.quoted());
            write_field(&mut text, key, i64::from(count));
            write_field(&mut text, unit, seconds);
            if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(text)) {
                // Beside the window of attempts that refused it, if one did.
                headers.append(HeaderName::from_static(header), value);
            }
        }
        if let Some(wait) = self.retry_after_micros {
            let seconds = whole_seconds(wait).max(1);
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
    }
}

/// Writes the same fields of a window of attempts that is full: `account_attempts`, `network_attempts` and so on.
pub(crate) fn add_full_window(headers: &mut HeaderMap, full: &TooManyAttempts) {
    let after = whole_seconds(i64::try_from(full.retry_after.as_micros()).unwrap_or(i64::MAX));
    let policy = (
        i64::from(full.limit.attempts_max),
        "w",
        full.limit.window_seconds,
    );
    for (header, key, (count, unit, seconds)) in [
        ("ratelimit-policy", "q", policy),
        ("ratelimit", "r", (0, "t", after)),
    ] {
        let mut text = Vec::with_capacity(HEADER_BYTES);
        text.extend_from_slice(format!("\"{}_attempts\"", full.scope.name()).as_bytes());
        write_field(&mut text, key, count);
        write_field(&mut text, unit, seconds);
        if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(text)) {
            headers.append(HeaderName::from_static(header), value);
        }
    }
}

impl Kind {
    fn quoted(self) -> &'static [u8] {
        match self {
            Self::Network => b"\"network\"",
            Self::Session => b"\"session\"",
        }
    }
}

/// Rounded up: nobody is told to come too early.
fn whole_seconds(micros: i64) -> i64 {
    micros.max(0).saturating_add(999_999) / 1_000_000
}

/// Writes `;key=number`, without what a format string costs: every answer has four of them.
fn write_field(text: &mut Vec<u8>, key: &str, number: i64) {
    text.push(b';');
    text.extend_from_slice(key.as_bytes());
    text.push(b'=');
    text.extend_from_slice(itoa::Buffer::new().format(number.max(0)).as_bytes());
}

#[cfg(test)]
mod tests;
