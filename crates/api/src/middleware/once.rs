//! Requests with an `Idempotency-Key`: done once, and answered alike each time. Where none is heeded a change that comes
//! with one is refused: who sends it relies on it.

use super::gate::handle;
use super::visit::Asked;
use crate::admitted::Context;
use crate::declaration::Declaration;
use crate::problem::{Code, Problem};
use crate::routes::Served;
use crate::state::Api;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use keyward_model::{IdempotencyKey, KeptContent};
use keyward_service::{DoneBefore, Keep, OnceAsked};

/// What a client names its request by.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

pub(super) async fn run(
    api: &Api,
    served: &Served,
    asked: Box<Asked>,
    context: Context,
) -> Response {
    match (&context, served.declaration.keep) {
        (Context::Tenant(_), Some(keep)) if asked.head.headers.contains_key(KEY) => {
            let answering = Box::pin(run_once(api, served, keep, asked, context));
            let answered = answering.await;
            answered.unwrap_or_else(IntoResponse::into_response)
        }
        (_, None) if !asked.head.method.is_safe() && asked.head.headers.contains_key(KEY) => {
            Problem::new(Code::IdempotencyKeyNotHeeded).into_response()
        }
        _ => handle(api, served, asked, context).await,
    }
}

async fn run_once(
    api: &Api,
    served: &Served,
    keep: Keep,
    asked: Box<Asked>,
    context: Context,
) -> Result<Response, Problem> {
    let declaration = &served.declaration;
    let (Context::Tenant(cx), Some(key)) = (&context, key_of(&asked.head.headers)?) else {
        return Ok(handle(api, served, asked, context).await);
    };
    let body = asked.body.as_ref();
    let body = body.map_or(&[][..], |body| body.0.as_slice());
    let cx = cx.clone().once(OnceAsked {
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

/// The one key of a request.
fn key_of(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let mut values = headers.get_all(KEY).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let key = value.to_str().ok().and_then(|text| text.parse().ok());
    match (key, values.next()) {
        (Some(key), None) => Ok(Some(key)),
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
