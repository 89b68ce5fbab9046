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
use tower::Layer;
use tower::util::MapRequestLayer;

/// The finished service.
pub type ApiService = Router;

/// Puts the endpoints behind the layers that every request passes.
pub fn service(api: &Api) -> ApiService {
    let router = router_of(endpoints::all(), api)
        .fallback(async |State(api), request: Request| unserved(api, request, Code::NotFound).await)
        .method_not_allowed_fallback(async |State(api), request: Request| {
            unserved(api, request, Code::MethodNotAllowed).await
        })
        .with_state(api.clone());
    // The prefix is taken off before a route is looked for, so it stands outside of the router.
    let prefixed =
        MapRequestLayer::new(|request: Request| tenant_prefix::take_off(request)).layer(router);
    finished(Router::new().fallback_service(prefixed), api)
}

/// The same for the endpoints of operators, which no listener of the public serves. Whoever takes the connection says who
/// is at its other end, by an [`crate::OperatorPeer`] among the extensions of each request.
pub fn operator_service(api: &Api) -> ApiService {
    let router = router_of(endpoints::of_operators(), api)
        .fallback(async || Problem::new(Code::NotFound))
        .method_not_allowed_fallback(async || Problem::new(Code::MethodNotAllowed))
        .with_state(api.clone());
    finished(router, api)
}

fn router_of(endpoints: Vec<Endpoint>, api: &Api) -> Router<Api> {
    let add = |router, endpoint: Endpoint| endpoint.add_to(router, api);
    endpoints.into_iter().fold(Router::new(), add)
}

fn finished(router: Router, api: &Api) -> ApiService {
    let layer = axum::middleware::from_fn_with_state(api.clone(), finish::wrap);
    router.layer(layer)
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
