//! All endpoints behind all layers: the service that a listener serves.

use crate::endpoints;
use crate::middleware::finish::{Parts, answer};
use crate::routes::Routes;
use crate::state::Api;
use axum::extract::Request;
use axum::response::Response;
use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower::Service;

/// The finished service.
///
/// Its layers are functions that call one another, not tower's: each of those that axum holds costs a request
/// allocations and a copy of all that is under way.
#[derive(Debug, Clone)]
pub struct ApiService {
    parts: Arc<Parts>,
    peer: Option<IpAddr>,
}

/// Puts the endpoints behind the layers that every request passes.
pub fn service(api: &Api) -> ApiService {
    ApiService::new(api, Routes::new(endpoints::all(), &api.meter), true)
}

/// The same for the endpoints of operators, which no listener of the public serves. Whoever takes the connection says who
/// is at its other end, by an [`crate::OperatorPeer`] among the extensions of each request.
pub fn operator_service(api: &Api) -> ApiService {
    let routes = Routes::new(endpoints::of_operators(), &api.meter);
    ApiService::new(api, routes, false)
}

impl ApiService {
    fn new(api: &Api, routes: Routes, is_public: bool) -> Self {
        let api = api.clone();
        let parts = Parts {
            api,
            routes,
            is_public,
        };
        Self {
            parts: Arc::new(parts),
            peer: None,
        }
    }

    /// The same for the requests that come over connections from `peer`. Without one a request is of no network, and none of
    /// what is counted by network counts it.
    #[must_use]
    pub fn for_peer(mut self, peer: IpAddr) -> Self {
        self.peer = Some(peer);
        self
    }
}

impl Service<Request> for ApiService {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        Box::pin(answer(self.parts.clone(), self.peer, request))
    }
}
