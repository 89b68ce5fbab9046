//! `GET /openapi.json`, `GET /docs`, `GET /docs/style.css`

use super::{all, of_operators};
use crate::description::{describe, describe_for_operators};
use crate::docs_page;
use crate::endpoint::Endpoint;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::IntoResponse;
use keyward_policy::Action;
use std::sync::LazyLock;

const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static DOCUMENT: LazyLock<String> = LazyLock::new(|| describe(&all()).to_string());
static FOR_OPERATORS: LazyLock<String> =
    LazyLock::new(|| describe_for_operators(&of_operators()).to_string());
static PAGE: LazyLock<String> = LazyLock::new(|| docs_page::render(&all()));

pub(crate) fn openapi() -> Endpoint {
    Endpoint::get("/openapi.json", Action::ReadApiDescription)
        .of_instance()
        .summary("This API, for programs: OpenAPI 3.1.")
        .gives_no_json(StatusCode::OK)
        .handled_by(async || {
            (
                [(header::CONTENT_TYPE, "application/json")],
                DOCUMENT.as_str(),
            )
                .into_response()
        })
}

pub(crate) fn operator_openapi() -> Endpoint {
    Endpoint::get(
        "/operator/v1/openapi.json",
        Action::ReadOperatorApiDescription,
    )
    .of_operators()
    .summary("The operators' API, for programs: OpenAPI 3.1. It tells nothing of the instance, and is not recorded.")
    .gives_no_json(StatusCode::OK)
    .handled_by(async || {
        (
            [(header::CONTENT_TYPE, "application/json")],
            FOR_OPERATORS.as_str(),
        )
            .into_response()
    })
}

pub(crate) fn page() -> Endpoint {
    Endpoint::get("/docs", Action::ReadApiDescription)
        .of_instance()
        .summary("This API, for people.")
        .gives_no_json(StatusCode::OK)
        .handled_by(async || html().into_response())
}

pub(crate) fn style() -> Endpoint {
    Endpoint::get("/docs/style.css", Action::ReadApiDescription)
        .of_instance()
        .summary("The style of that page.")
        .gives_no_json(StatusCode::OK)
        .handled_by(async || {
            (
                [(header::CONTENT_TYPE, "text/css; charset=utf-8")],
                docs_page::STYLE,
            )
        })
}

fn html() -> ([(HeaderName, &'static str); 2], &'static str) {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
    ];
    (headers, PAGE.as_str())
}
