//! The kinds of token, and what is counted of them. No kind passes for another: what a text looks like is asked before it is
//! looked up anywhere.

use crate::{ClientId, Timestamp};
use serde::{Deserialize, Serialize};

/// Seconds of a day of UTC.
const DAY_SECONDS: i64 = 86_400;

/// What a token is for (AUTH-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// Proves a session, for minutes: a JWT (RFC 9068).
    Access,
    /// Continues a session: `kwr_…`.
    Refresh,
    /// Another provider's, which Keyward keeps sealed and never takes from a caller: it has no form of its own.
    Social,
    /// A service's own, for long: `sk_live_…`, `sk_test_…`.
    Api,
}

/// What happens to tokens, as far as it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TokenUse {
    /// One was issued, for a new session.
    Issued,
    /// One was issued in the place of another.
    Refreshed,
    /// One was revoked.
    Revoked,
    /// Somebody asked whether one is good.
    Introspected,
}

/// How often what happened to the tokens of one kind, on one day, at or by one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenUsage {
    /// On which day of UTC.
    pub day: UsageDay,
    /// To which kind.
    pub kind: TokenKind,
    /// To whom they were issued, or who asked; none is Keyward's own sign-in.
    pub client: Option<ClientId>,
    /// How many were issued.
    pub issued: i64,
    /// How many were issued in the place of others.
    pub refreshed: i64,
    /// How many were revoked.
    pub revoked: i64,
    /// How often somebody asked about one.
    pub introspected: i64,
}

/// A day of UTC, as days since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UsageDay(pub i64);

impl TokenKind {
    /// What a text looks like, by its form alone; none, if it is of no kind that anybody can present.
    pub fn of(text: &str) -> Option<Self> {
        if text.starts_with("kwr_") {
            return Some(Self::Refresh);
        }
        if text.starts_with("sk_live_") || text.starts_with("sk_test_") {
            return Some(Self::Api);
        }
        // Three parts with two dots. No other kind has one in it.
        let is_compact = text.bytes().filter(|byte| *byte == b'.').count() == 2;
        is_compact.then_some(Self::Access)
    }

    /// The name as it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Refresh => "refresh",
            Self::Social => "social",
            Self::Api => "api",
        }
    }
}

impl UsageDay {
    /// The day of a moment.
    pub fn of(moment: Timestamp) -> Self {
        Self(moment.seconds().div_euclid(DAY_SECONDS))
    }

    /// Its first moment.
    pub fn begin(self) -> Timestamp {
        Timestamp::from_micros(0).plus_seconds(self.0.saturating_mul(DAY_SECONDS))
    }
}

impl TokenUsage {
    /// Nothing yet.
    pub fn nothing(day: UsageDay, kind: TokenKind, client: Option<ClientId>) -> Self {
        Self {
            day,
            kind,
            client,
            issued: 0,
            refreshed: 0,
            revoked: 0,
            introspected: 0,
        }
    }

    /// Counts one more.
    pub fn count(&mut self, what: TokenUse) {
        let counter = match what {
            TokenUse::Issued => &mut self.issued,
            TokenUse::Refreshed => &mut self.refreshed,
            TokenUse::Revoked => &mut self.revoked,
            TokenUse::Introspected => &mut self.introspected,
        };
        *counter += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::{TokenKind, UsageDay};
    use crate::Timestamp;

    #[test]
    fn asvs_v9_2_2_each_kind_has_a_form_of_its_own() {
        for (text, kind) in [
            ("kwr_AAAA", Some(TokenKind::Refresh)),
            ("kwr_a.b.c", Some(TokenKind::Refresh)),
            ("sk_live_aaaa", Some(TokenKind::Api)),
            ("sk_test_aaaa", Some(TokenKind::Api)),
            ("eyJ.eyJ.c2ln", Some(TokenKind::Access)),
            ("pk_live_aaaa", None),
            ("kwc_aaaa", None),
            ("kwi_aaaa", None),
            ("eyJ.eyJ", None),
            ("a.b.c.d.e", None),
            ("", None),
        ] {
            assert_eq!(TokenKind::of(text), kind, "{text}");
        }
    }

    #[test]
    fn a_day_begins_at_midnight_of_utc() {
        for (seconds, day) in [(-1, -1), (0, 0), (86_399, 0), (86_400, 1)] {
            let moment = Timestamp::from_micros(0).plus_seconds(seconds);
            assert_eq!(UsageDay::of(moment), UsageDay(day));
        }
        assert_eq!(UsageDay(1).begin().seconds(), 86_400);
    }
}
