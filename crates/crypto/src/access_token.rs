//! What an access token says (RFC 9068), and why one is refused.

use keyward_model::{SessionId, Timestamp, TokenId, UserId};
use serde::{Deserialize, Serialize};

/// How far ahead of our clock a token may say it was issued, in seconds. Its end knows no such grace.
const ISSUED_AHEAD_SECONDS_MAX: i64 = 30;

/// The claims of an access token (RFC 9068 §2.2); the fields have the names of the claims. Others are ignored on reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// The issuer: an URL.
    pub iss: String,
    /// The user.
    pub sub: UserId,
    /// The one audience; a list of them is refused on reading.
    pub aud: String,
    /// The client that it was issued to.
    pub client_id: String,
    /// The session that it rests on.
    pub sid: SessionId,
    /// Names the token.
    pub jti: TokenId,
    /// When it was issued, in seconds since 1970.
    pub iat: i64,
    /// From when on it is no longer valid, in seconds since 1970.
    pub exp: i64,
}

/// Why an access token is refused. Clients are told `invalid_token` (RFC 6750 §3.1) and no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenProblem {
    /// Not of the form of our access tokens, longer than 4,096 bytes, or with critical extensions.
    #[error("the token is malformed")]
    Malformed,
    /// Another type of token than `at+jwt`.
    #[error("the token is no access token")]
    WrongType,
    /// An algorithm that is not allowed or not that of the key.
    #[error("the token's algorithm is not allowed")]
    UnsupportedAlgorithm,
    /// Not signed by the key.
    #[error("the token's signature is wrong")]
    BadSignature,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Issued more than 30 seconds from now.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// Issued by somebody else.
    #[error("the token has another issuer")]
    OtherIssuer,
    /// Meant for somebody else.
    #[error("the token is for another audience")]
    OtherAudience,
}

impl AccessClaims {
    /// Whether the token counts at `now`, here (RFC 9068 §4; ASVS V9.2.1, V9.2.3). Whether its session lives is another
    /// question.
    ///
    /// # Errors
    /// [`TokenProblem::Expired`], from the second of `exp` on; [`TokenProblem::NotYetValid`], when `iat` is more than 30
    /// seconds ahead; [`TokenProblem::OtherIssuer`]; [`TokenProblem::OtherAudience`].
    pub fn check(&self, now: Timestamp, issuer: &str, audience: &str) -> Result<(), TokenProblem> {
        if self.exp <= now.seconds() {
            return Err(TokenProblem::Expired);
        }
        if self.iat.saturating_sub(now.seconds()) > ISSUED_AHEAD_SECONDS_MAX {
            return Err(TokenProblem::NotYetValid);
        }
        if self.iss != issuer {
            return Err(TokenProblem::OtherIssuer);
        }
        match self.aud == audience {
            true => Ok(()),
            false => Err(TokenProblem::OtherAudience),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AccessClaims, TokenProblem};
    use crate::fixture::claims;
    use keyward_model::Timestamp;

    const ISSUER: &str = "https://id.example/t/demo";
    const AUDIENCE: &str = "https://api.example";

    fn check_at(micros: i64) -> Result<(), TokenProblem> {
        claims().check(Timestamp::from_micros(micros), ISSUER, AUDIENCE)
    }

    #[test]
    fn asvs_v9_2_1_a_token_ends_on_the_second_and_starts_30_before_it_was_issued() {
        assert_eq!(check_at(1_800_000_299_999_999), Ok(()));
        assert_eq!(check_at(1_800_000_300_000_000), Err(TokenProblem::Expired));
        assert_eq!(check_at(1_799_999_970_000_000), Ok(()));
        assert_eq!(
            check_at(1_799_999_969_999_999),
            Err(TokenProblem::NotYetValid)
        );
    }

    #[test]
    fn asvs_v9_2_1_extreme_times_do_not_overflow() {
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        let ancient = AccessClaims {
            iat: i64::MIN,
            exp: i64::MIN,
            ..claims()
        };
        assert_eq!(
            ancient.check(now, ISSUER, AUDIENCE),
            Err(TokenProblem::Expired)
        );
        let distant = AccessClaims {
            iat: i64::MAX,
            exp: i64::MAX,
            ..claims()
        };
        let before_all = Timestamp::from_micros(i64::MIN);
        assert_eq!(
            distant.check(before_all, ISSUER, AUDIENCE),
            Err(TokenProblem::NotYetValid)
        );
    }

    #[test]
    fn asvs_v9_2_3_a_token_for_another_audience_or_by_another_issuer_is_refused() {
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        for audience in ["", "https://api.example/", "https://API.example", "web"] {
            let refused = claims().check(now, ISSUER, audience);
            assert_eq!(refused, Err(TokenProblem::OtherAudience));
        }
        for issuer in [
            "",
            "https://id.example/t/demo/",
            "https://id.example/t/other",
        ] {
            assert_eq!(
                claims().check(now, issuer, AUDIENCE),
                Err(TokenProblem::OtherIssuer)
            );
        }
    }
}
