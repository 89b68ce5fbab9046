//! What a request is counted as: its network's, its session's, or first the one and then the other.

use super::finish::Moment;
use crate::problem::{Code, Problem};
use crate::rate_limit::Standing;
use crate::state::Api;
use axum::extract::Request;
use axum::response::Response;
use keyward_model::{Client, SessionId, Timestamp};

/// What was counted so far.
#[derive(Debug, Default)]
pub(crate) struct Toll {
    standing: Option<Standing>,
    /// Whether the network was counted for a credential that has not proved good yet.
    is_advanced: bool,
}

/// Counts a request as its network's.
///
/// # Errors
/// The problem of one too many.
pub(crate) fn pay_as_network(api: &Api, request: &Request, toll: &mut Toll) -> Result<(), Problem> {
    let client = request.extensions().get::<Client>();
    let moment = request.extensions().get::<Moment>();
    toll.standing = client
        .zip(moment)
        .and_then(|(client, Moment(now))| api.rate_limiter.take_from_network(client, *now));
    toll.verdict()
}

impl Toll {
    /// Counts the network of a credential that must be looked up; whether it may be.
    pub(crate) fn advance(&mut self, api: &Api, client: &Client, now: Timestamp) -> bool {
        self.standing = api.rate_limiter.take_from_network(client, now);
        self.is_advanced = self.standing.is_some();
        self.verdict().is_ok()
    }

    /// Counts the session of a credential that proved good, and no longer its network.
    ///
    /// # Errors
    /// The problem of one too many.
    pub(crate) fn settle(
        &mut self,
        api: &Api,
        client: &Client,
        session_id: SessionId,
        now: Timestamp,
    ) -> Result<(), Problem> {
        if std::mem::take(&mut self.is_advanced) {
            api.rate_limiter.give_back_to_network(client);
        }
        self.standing = api.rate_limiter.take_from_session(session_id, now);
        self.verdict()
    }

    /// Whether nothing was counted yet.
    pub(crate) fn is_unpaid(&self) -> bool {
        self.standing.is_none()
    }

    /// Whether the request was one too many.
    pub(crate) fn is_refused(&self) -> bool {
        self.verdict().is_err()
    }

    /// The answer, which is to tell where its client stands.
    pub(crate) fn noted_on(self, mut response: Response) -> Response {
        if let Some(standing) = self.standing {
            response.extensions_mut().insert(standing);
        }
        response
    }

    fn verdict(&self) -> Result<(), Problem> {
        match self.standing {
            Some(standing) if standing.is_refused() => Err(Problem::new(Code::RateLimited)),
            _ => Ok(()),
        }
    }
}
