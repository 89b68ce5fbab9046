//! All endpoints behind all layers: the service that a listener serves.

use crate::endpoint::Endpoint;
use crate::endpoints;
use crate::middleware::cross_origin::{is_preflight, preflight_answer};
use crate::middleware::toll::pay_as_network;
use crate::middleware::visit::Visit;
use crate::middleware::{finish, tenant_prefix};
use crate::problem::{Code, Problem};
use crate::state::Api;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower::Service;

/// The finished service.
#[derive(Debug, Clone)]
pub struct ApiService {
    parts: Arc<Parts>,
}

/// Shared, since every request gets a clone of the service.
#[derive(Debug)]
struct Parts {
    api: Api,
    routes: Router,
    /// Whether a request may name its tenant in front of its path.
    of_tenants: bool,
}

/// Puts the endpoints behind the layers that every request passes.
pub fn service(api: &Api) -> ApiService {
    let router = router_of(endpoints::all(), api)
        .fallback(async |State(api), request: Request| unserved(api, request, Code::NotFound).await)
        .method_not_allowed_fallback(async |State(api), request: Request| {
            unserved(api, request, Code::MethodNotAllowed).await
        })
        .with_state(api.clone());
    ApiService::new(api, router, true)
}

/// The same for the endpoints of operators, which no listener of the public serves. Whoever takes the connection says who
/// is at its other end, by an [`crate::OperatorPeer`] among the extensions of each request.
pub fn operator_service(api: &Api) -> ApiService {
    let router = router_of(endpoints::of_operators(), api)
        .fallback(async || Problem::new(Code::NotFound))
        .method_not_allowed_fallback(async || Problem::new(Code::MethodNotAllowed))
        .with_state(api.clone());
    ApiService::new(api, router, false)
}

fn router_of(endpoints: Vec<Endpoint>, api: &Api) -> Router<Api> {
    let add = |router, endpoint: Endpoint| endpoint.add_to(router, api);
    endpoints.into_iter().fold(Router::new(), add)
}

impl ApiService {
    fn new(api: &Api, routes: Router, of_tenants: bool) -> Self {
        let api = api.clone();
        let parts = Parts {
            api,
            routes,
            of_tenants,
        };
        Self {
            parts: Arc::new(parts),
        }
    }
}

/// The layers that stand outside of the router are called by hand: each that axum holds costs a request several
/// allocations.
impl Service<Request> for ApiService {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let parts = self.parts.clone();
        Box::pin(async move {
            let mut routes = parts.routes.clone();
            let act = |request| match parts.of_tenants {
                // The prefix is taken off before a route is looked for.
                true => routes.call(tenant_prefix::take_off(request)),
                false => routes.call(request),
            };
            Ok(finish::wrap(&parts.api, request, act).await)
        })
    }
}

/// What no endpoint serves, and the question of a browser what one would. Nobody looks at a credential here, so that all
/// of it is counted by network.
async fn unserved(api: Api, request: Request, code: Code) -> Response {
    let mut visit = Visit::begin(&request);
    let response = match pay_as_network(&api, &request, &mut visit.toll) {
        Err(problem) => problem.into_response(),
        Ok(()) if is_preflight(&request) => preflight_answer(),
        Ok(()) => Problem::new(code).into_response(),
    };
    drop(request);
    visit.end(&api, response).await
}
