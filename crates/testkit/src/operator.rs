//! Requests to the operator plane, which has no public listener: they go to its service.

use crate::client::Answer;
use crate::clock::MockClock;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::request::Builder;
use keyward_api::{Api, ApiService, OperatorPeer, operator_service};
use serde_json::Value;
use std::net::IpAddr;
use std::time::Duration;
use tower::ServiceExt;

/// What the clock moves by before each request, so that what they make sorts in the order they were sent.
const TICK: Duration = Duration::from_millis(1);

/// An operator, with a reason or none.
#[derive(Debug, Clone)]
pub struct TestOperator {
    service: ApiService,
    clock: MockClock,
    peer: Option<String>,
    reason: Option<String>,
}

impl TestOperator {
    pub(crate) fn new(api: &Api, clock: &MockClock) -> Self {
        Self {
            service: operator_service(api),
            clock: clock.clone(),
            peer: Some("uid 0 (root)".into()),
            reason: Some("a test".into()),
        }
    }

    /// The same with another reason.
    pub fn because(&self, reason: &str) -> Self {
        let reason = Some(reason.to_owned());
        Self {
            reason,
            ..self.clone()
        }
    }

    /// The same without one.
    pub fn without_reason(&self) -> Self {
        Self {
            reason: None,
            ..self.clone()
        }
    }

    /// Somebody of whom the listener says nothing.
    pub fn nobody(&self) -> Self {
        Self {
            peer: None,
            ..self.clone()
        }
    }

    /// Over a connection from an address, instead of the socket.
    pub fn from_address(&self, address: IpAddr) -> Self {
        Self {
            service: self.service.clone().for_peer(address),
            ..self.clone()
        }
    }

    /// Reads.
    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None).await
    }

    /// Makes, or does.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, Some(body)).await
    }

    /// Makes once, however often it is sent with the key.
    pub async fn post_once(&self, path: &str, key: &str, body: Value) -> Answer {
        let request = Request::post(path).header("idempotency-key", key);
        self.finish(request, Some(body)).await
    }

    /// Sends any request.
    pub async fn send(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let request = Request::builder().method(method).uri(path);
        self.finish(request, body).await
    }

    async fn finish(&self, mut request: Builder, body: Option<Value>) -> Answer {
        if let Some(reason) = &self.reason {
            request = request.header("operator-reason", reason.as_bytes());
        }
        if let Some(name) = self.peer.clone() {
            request = request.extension(OperatorPeer { name });
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let request = request.header("content-type", "application/json");
        self.exchange(request.body(body).unwrap()).await
    }

    /// The same with a request that the test made whole.
    pub async fn exchange(&self, request: Request) -> Answer {
        self.clock.advance(TICK);
        let response = self.service.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Answer::new(parts.status.as_u16(), parts.headers, &bytes)
    }
}
