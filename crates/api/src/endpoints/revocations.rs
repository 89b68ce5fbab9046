//! `GET /v1/revocations`: server-sent events (WHATWG HTML §9.2) for services that verify access tokens themselves.

use crate::endpoint::Endpoint;
use crate::extract::Caller;
use crate::problem::{Code, Problem};
use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use futures_util::stream;
use keyward_model::{Revocation, Timestamp};
use keyward_policy::Action;
use keyward_service::revocation_stream::{Follower, Message, ResumeId, Said, follow_revocations};
use serde_json::{Value, json};
use std::convert::Infallible;
use utoipa::ToSchema;

/// How long a client waits before it connects again, in milliseconds.
const RETRY: &str = "retry: 1000\n\n";

/// The data of an event `revocation`.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "the shape that is promised; it is written event by event"
)]
pub(crate) struct RevocationBody {
    /// `session` (the `sid` of a token), `token` (`jti`), `user` (`sub`, of tokens issued until `at`), `tenant` (all tokens of
    /// the issuer that were issued until `at`) or `signing_key` (`kid`).
    kind: String,
    /// Which one.
    #[schema(format = "uuid")]
    id: String,
    /// When it was revoked.
    #[schema(format = "date-time")]
    at: String,
}

/// The data of an event `snapshot`: a part of all revocations whose tokens may still be alive.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "the shape that is promised; it is written event by event"
)]
pub(crate) struct RevocationSnapshot {
    /// Some of them.
    revocations: Vec<RevocationBody>,
    /// Whether it is the last part.
    complete: bool,
    /// All that was revoked until then is in the parts.
    #[schema(format = "date-time")]
    as_of: String,
}

/// The data of an event `heartbeat`.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "the shape that is promised; it is written event by event"
)]
pub(crate) struct RevocationHeartbeat {
    /// All that was revoked until then was said.
    #[schema(format = "date-time")]
    as_of: String,
}

/// The data of one event, by its name.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
#[expect(
    dead_code,
    reason = "the shape that is promised; it is written event by event"
)]
pub(crate) enum RevocationEvent {
    /// Of `snapshot`, first, unless an earlier stream is resumed.
    Snapshot(RevocationSnapshot),
    /// Of `revocation`.
    Revocation(RevocationBody),
    /// Of `heartbeat`, every five seconds.
    Heartbeat(RevocationHeartbeat),
}

pub(super) fn endpoint() -> Endpoint {
    Endpoint::get("/v1/revocations", Action::FollowRevocations)
        .by_clients()
        .summary(
            "Says what a service must refuse that verifies access tokens itself, as it is revoked.",
        )
        .streams::<RevocationEvent>()
        .fails_with(&[Code::UnauthorizedClient, Code::Forbidden])
        .handled_by(answer)
}

async fn answer(Caller(cx): Caller, headers: HeaderMap) -> Result<Response, Problem> {
    let follower = follow_revocations(&cx, resumed(&headers)).await?;
    let begin = stream::once(async { Ok::<_, Infallible>(Bytes::from_static(RETRY.as_bytes())) });
    let said = stream::unfold(follower, |mut follower: Follower| async move {
        let message = follower.next().await?;
        Some((Ok(Bytes::from(text_of(&message))), follower))
    });
    let body = Body::from_stream(futures_util::StreamExt::chain(begin, said));
    let mut response = Response::new(body);
    let to = response.headers_mut();
    to.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    to.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies that would wait for more than one event (nginx) are told not to.
    let buffering = HeaderName::from_static("x-accel-buffering");
    to.insert(buffering, HeaderValue::from_static("no"));
    Ok(response)
}

/// From where the stream is resumed; what is no id of ours is as none.
fn resumed(headers: &HeaderMap) -> Option<ResumeId> {
    let id = headers.get("last-event-id")?;
    id.to_str().ok()?.parse().ok()
}

/// An event as it is written. Its data is one line: JSON has no line breaks of its own.
fn text_of(message: &Message) -> String {
    let (name, data) = match &message.said {
        Said::Snapshot {
            revocations,
            is_complete,
            as_of,
        } => {
            let revocations: Vec<Value> = revocations.iter().map(body_of).collect();
            let data =
                json!({ "revocations": revocations, "complete": is_complete, "as_of": as_of });
            ("snapshot", data)
        }
        Said::Revocation(revocation) => ("revocation", body_of(revocation)),
        Said::Heartbeat { as_of } => ("heartbeat", json!({ "as_of": as_of })),
    };
    let id = message
        .id
        .map(|id| format!("id: {id}\n"))
        .unwrap_or_default();
    format!("{id}event: {name}\ndata: {data}\n\n")
}

fn body_of(revocation: &Revocation) -> Value {
    let Revocation { revoked, at } = revocation;
    let (kind, id) = revoked.columns();
    let at: &Timestamp = at;
    json!({ "kind": kind, "id": id, "at": at })
}
