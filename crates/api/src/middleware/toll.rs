//! What a request is counted as: its network's, its session's, or first the one and then the other.

use super::asked::Asked;
use crate::problem::{Code, Problem};
use crate::rate_limit::Standing;
use crate::state::Api;
use keyward_model::SessionId;

/// What was counted so far.
#[derive(Debug, Default)]
pub(crate) struct Toll {
    standing: Option<Standing>,
    /// Whether the network was counted for a credential that has not proved good yet.
    is_advanced: bool,
}

impl Toll {
    /// Counts a request as its network's.
    ///
    /// # Errors
    /// The problem of one too many.
    pub(crate) fn pay_as_network(&mut self, api: &Api, asked: &Asked) -> Result<(), Problem> {
        self.standing = api.rate_limiter.take_from_network(&asked.client, asked.now);
        self.verdict()
    }

    /// Counts the network of a credential that must be looked up; whether it may be.
    pub(crate) fn advance(&mut self, api: &Api, asked: &Asked) -> bool {
        let verdict = self.pay_as_network(api, asked);
        self.is_advanced = self.standing.is_some();
        verdict.is_ok()
    }

    /// The same, if that was not done for this request already.
    pub(crate) fn advance_once(&mut self, api: &Api, asked: &Asked) -> bool {
        match self.is_advanced {
            true => self.verdict().is_ok(),
            false => self.advance(api, asked),
        }
    }

    /// Takes back what was counted of the network of a client that proved who it is. Nothing is counted instead: it asks in
    /// the name of the tenant itself, once for each of its own requests.
    pub(crate) fn refund(&mut self, api: &Api, asked: &Asked) {
        if std::mem::take(&mut self.is_advanced) {
            api.rate_limiter.give_back_to_network(&asked.client);
        }
        self.standing = None;
    }

    /// Counts the session of a credential that proved good, and no longer its network.
    ///
    /// # Errors
    /// The problem of one too many.
    pub(crate) fn settle(
        &mut self,
        api: &Api,
        asked: &Asked,
        session_id: SessionId,
    ) -> Result<(), Problem> {
        if std::mem::take(&mut self.is_advanced) {
            api.rate_limiter.give_back_to_network(&asked.client);
        }
        self.standing = api.rate_limiter.take_from_session(session_id, asked.now);
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

    /// Where the client stands.
    pub(crate) fn standing(&self) -> Option<Standing> {
        self.standing
    }

    fn verdict(&self) -> Result<(), Problem> {
        match self.standing {
            Some(standing) if standing.is_refused() => Err(Problem::new(Code::RateLimited)),
            _ => Ok(()),
        }
    }
}
