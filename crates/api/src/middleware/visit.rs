//! A request on its way: what is known of it, and what is found out and told on its answer.

use super::cross_origin::{AllowedOrigin, CrossOrigin};
use super::tenant_prefix::PrefixedSlug;
use super::toll::Toll;
use crate::extract::WholeBody;
use crate::form::Form;
use crate::rate_limit::Standing;
use crate::routes::PathParameters;
use crate::state::Api;
use axum::http::request::Parts;
use axum::response::Response;
use keyward_model::{Client, Timestamp};
use keyward_service::Presence;
use keyward_service::authentication::Sender;

/// A request, as far as the layers look at it.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) head: Parts,
    /// Its moment: the clock is read once.
    pub(crate) now: Timestamp,
    pub(crate) client: Client,
    /// The slug that stood in front of its path.
    pub(crate) slug: Option<PrefixedSlug>,
    pub(crate) parameters: PathParameters,
    /// Whether the client still waits.
    pub(crate) presence: Presence,
    /// Its whole body, once that was read.
    pub(crate) body: Option<WholeBody>,
    /// The same as a form, where a client sent it.
    pub(crate) form: Option<Form>,
}

/// What was found out so far.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) toll: Toll,
    /// Boxed, since few requests have one.
    page: Option<Box<CrossOrigin>>,
}

/// An answer, with what is to be told on it.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) response: Response,
    /// What the request was counted as.
    pub(crate) standing: Option<Standing>,
    /// Which page may see the answer.
    pub(crate) page: Option<Box<AllowedOrigin>>,
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

    /// The answer, with what is to be told on it.
    pub(crate) async fn end(self, api: &Api, response: Response) -> Answered {
        let page = match self.page {
            Some(page) => Box::pin(page.find_allowed(api, self.toll.is_refused())).await,
            None => None,
        };
        Answered {
            response,
            standing: self.toll.standing(),
            page: page.map(Box::new),
        }
    }
}

impl From<Response> for Answered {
    fn from(response: Response) -> Self {
        Self {
            response,
            standing: None,
            page: None,
        }
    }
}
