//! What is found out about a request on its way, and told on its answer: what it was counted as, and which page may see
//! the answer.

use super::cross_origin::CrossOrigin;
use super::toll::Toll;
use crate::state::Api;
use axum::extract::Request;
use axum::response::Response;
use keyward_service::authentication::Sender;

/// What was found out so far.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) toll: Toll,
    /// Boxed, since few requests have one.
    page: Option<Box<CrossOrigin>>,
}

impl Visit {
    pub(crate) fn begin(request: &Request) -> Self {
        Self {
            toll: Toll::default(),
            page: CrossOrigin::of(request).map(Box::new),
        }
    }

    /// The tenant and the caller are known.
    pub(crate) async fn met(&mut self, api: &Api, sender: &Sender) {
        if let Some(page) = &mut self.page {
            page.ask_tenant(api, sender).await;
        }
    }

    /// The answer, with what is to be told on it.
    pub(crate) async fn end(self, api: &Api, mut response: Response) -> Response {
        if let Some(mut page) = self.page {
            page.ask_names(api, self.toll.is_refused()).await;
            page.note_on(&mut response);
        }
        self.toll.noted_on(response)
    }
}
