//! Requests with an `Idempotency-Key`: done once, and answered alike each time.

use crate::declaration::Declaration;
use crate::extract::WholeBody;
use crate::problem::{Code, Problem};
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use keyward_model::{IdempotencyKey, KeptContent};
use keyward_service::{Cx, DoneBefore, OnceAsked};

/// What a client names its request by.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

pub(super) async fn run(declaration: Declaration, request: Request, next: Next) -> Response {
    match try_run(declaration, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn try_run(
    declaration: Declaration,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let found = request.extensions().get::<Cx>().cloned();
    let (Some(cx), Some(keep)) = (found, declaration.keep) else {
        return Ok(next.run(request).await);
    };
    let Some(key) = key_of(request.headers())? else {
        return Ok(next.run(request).await);
    };
    let body = request.extensions().get::<WholeBody>().cloned();
    let body = body.as_ref().map_or(&[][..], |body| body.0.as_slice());
    let cx = cx.once(OnceAsked {
        key,
        route: format!("{} {}", declaration.method, declaration.path),
        content: [request.uri().path().as_bytes(), body],
        keep,
    });
    if let Some(done) = cx.find_done_before().await? {
        return again(declaration, done);
    }
    request.extensions_mut().insert(cx.clone());
    let response = next.run(request).await;
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

fn again(declaration: Declaration, done: DoneBefore) -> Result<Response, Problem> {
    match done {
        DoneBefore::Other => Err(Problem::new(Code::IdempotencyKeyReused)),
        DoneBefore::Same(KeptContent::Secret(id)) => {
            Err(Problem::new(Code::AnswerNotRepeated).with_id(id))
        }
        DoneBefore::Same(KeptContent::Whole(body)) => {
            let mut response = (declaration.success, body).into_response();
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
            Ok(response)
        }
    }
}
