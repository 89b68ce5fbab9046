//! What is found out about a request on its way, and what is told on its answer.

use super::asked::Asked;
use super::cross_origin::{AllowedOrigin, CrossOrigin};
use super::toll::Toll;
use crate::rate_limit::Standing;
use crate::state::Api;
use axum::response::Response;
use keyward_service::authentication::Sender;

/// What was found out so far.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) toll: Toll,
    /// Boxed, since few requests have one.
    page: Option<Box<CrossOrigin>>,
}

/// What is told on an answer.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// What the request was counted as.
    pub(crate) standing: Option<Standing>,
    /// Which page may see the answer.
    pub(crate) page: Option<Box<AllowedOrigin>>,
}

/// An answer, with what is to be told on it.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) response: Response,
    pub(crate) told: Told,
}

impl Visit {
    pub(crate) fn begin(asked: &Asked) -> Self {
        Self {
            toll: Toll::default(),
            page: CrossOrigin::of(asked).map(Box::new),
        }
    }

    /// The tenant and the caller are known.
    pub(crate) async fn met(&mut self, api: &Api, sender: &Sender) {
        if let Some(page) = &mut self.page {
            Box::pin(page.ask_tenant(api, sender)).await;
        }
    }

    /// Nothing more is found out: what remains is to ask which page may see the answer.
    pub(crate) async fn end(self, api: &Api) -> Told {
        let page = match self.page {
            Some(page) => Box::pin(page.find_allowed(api, self.toll.is_refused())).await,
            None => None,
        };
        Told {
            standing: self.toll.standing(),
            page: page.map(Box::new),
        }
    }
}

impl From<Response> for Answered {
    fn from(response: Response) -> Self {
        Self {
            response,
            told: Told::default(),
        }
    }
}
