//! All endpoints behind all layers: the service that a listener serves.

use crate::endpoints;
use crate::middleware::toll::{Toll, pay_as_network};
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
    let mut router = Router::new();
    for endpoint in endpoints::all() {
        router = endpoint.add_to(router, api);
    }
    let router = router
        .fallback(async |State(api), request: Request| unserved(&api, &request, Code::NotFound))
        .method_not_allowed_fallback(async |State(api), request: Request| {
            unserved(&api, &request, Code::MethodNotAllowed)
        })
        .with_state(api.clone());
    // The prefix is taken off before a route is looked for, so it stands outside of the router.
    let prefixed =
        MapRequestLayer::new(|request: Request| tenant_prefix::take_off(request)).layer(router);
    Router::new()
        .fallback_service(prefixed)
        .layer(axum::middleware::from_fn_with_state(
            api.clone(),
            finish::wrap,
        ))
}

/// What no endpoint serves. Nobody looks at a credential here, so that all of it is counted by network.
fn unserved(api: &Api, request: &Request, code: Code) -> Response {
    let mut toll = Toll::default();
    let problem = pay_as_network(api, request, &mut toll).err();
    toll.noted_on(
        problem
            .unwrap_or_else(|| Problem::new(code))
            .into_response(),
    )
}
