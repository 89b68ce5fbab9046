//! Requests with an `Idempotency-Key`: done once, and answered alike each time. Where none is heeded a change that comes
//! with one is refused: who sends it relies on it.

use super::asked::Asked;
use crate::admitted::{Admitted, Context};
use crate::declaration::Declaration;
use crate::problem::{Code, Problem};
use crate::served::{Handling, Served};
use crate::state::Api;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use keyward_model::{IdempotencyKey, KeptContent};
use keyward_service::{Cx, DoneBefore, Keep, OnceAsked};
use std::pin::Pin;
use std::sync::Arc;

/// What a client names its request by.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// An endpoint at work, or what stands in front of it.
type Running<'a> = Pin<Box<dyn Future<Output = Response> + Send + 'a>>;

/// Has the endpoint answer: at most once, where the request says so.
pub(super) fn run<'a>(
    api: &'a Api,
    served: &'a Served,
    asked: Box<Asked>,
    context: Context,
) -> Running<'a> {
    if asked.head.method.is_safe() || !asked.head.headers.contains_key(KEY) {
        return handle(api, served, asked, context);
    }
    Box::pin(async move {
        let answered = match (context, served.declaration.keep) {
            (Context::Tenant(cx), Some(keep)) => run_once(api, served, asked, (cx, keep)).await,
            _ => Err(Problem::new(Code::IdempotencyKeyNotHeeded)),
        };
        answered.unwrap_or_else(IntoResponse::into_response)
    })
}

/// Calls the endpoint's handler.
fn handle(api: &Api, served: &Served, asked: Box<Asked>, context: Context) -> Handling {
    let admitted = Admitted {
        api: api.clone(),
        context,
        parameters: asked.parameters,
        body: asked.body,
        form: asked.form.map(Arc::new),
    };
    let request = Request::from_parts(asked.head, Body::empty());
    (served.handler)(request, admitted)
}

async fn run_once(
    api: &Api,
    served: &Served,
    asked: Box<Asked>,
    (cx, keep): (Cx, Keep),
) -> Result<Response, Problem> {
    let declaration = &served.declaration;
    let key = key_of(&asked.head.headers)?;
    let body = asked.body.as_ref();
    let body = body.map_or(&[][..], |body| body.0.as_slice());
    let cx = cx.once(OnceAsked {
        key,
        route: format!("{} {}", declaration.method, declaration.path),
        content: [asked.head.uri.path().as_bytes(), body],
        keep,
    });
    if let Some(done) = cx.find_done_before().await? {
        return again(declaration, done);
    }
    let response = handle(api, served, asked, Context::Tenant(cx.clone())).await;
    // Another one with its key was faster, or it is an operator's.
    match cx.was_done_before() {
        Some(done) => again(declaration, done),
        None => Ok(response),
    }
}

/// The one key of a request that has some.
fn key_of(headers: &HeaderMap) -> Result<IdempotencyKey, Problem> {
    let mut values = headers.get_all(KEY).iter();
    let key = values
        .next()
        .and_then(|value| value.to_str().ok()?.parse().ok());
    match (key, values.next()) {
        (Some(key), None) => Ok(key),
        _ => Err(Problem::new(Code::InvalidIdempotencyKey)),
    }
}

fn again(declaration: &Declaration, done: DoneBefore) -> Result<Response, Problem> {
    match done {
        DoneBefore::Other => Err(Problem::new(Code::IdempotencyKeyReused)),
        DoneBefore::Same(KeptContent { made, body: None }) => {
            Err(Problem::new(Code::AnswerNotRepeated).with_id(made))
        }
        DoneBefore::Same(KeptContent {
            body: Some(body), ..
        }) => {
            let mut response = (declaration.success, body).into_response();
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
            Ok(response)
        }
    }
}
