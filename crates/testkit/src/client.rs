//! An HTTP client that reads like the requests of a test.

use crate::clock::MockClock;
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use std::time::Duration;

/// What the clock moves by before each request, so that what they make sorts in the order they were sent.
const TICK: Duration = Duration::from_millis(1);

/// Sends requests to an app, under the prefix of one tenant or none, as one caller or nobody.
#[derive(Debug, Clone)]
pub struct TestClient {
    http: Client,
    clock: MockClock,
    base: String,
    host: Option<String>,
    token: Option<String>,
}

/// An answer that was read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    /// For instance 200.
    pub status: u16,
    /// All of them.
    pub headers: HeaderMap,
    /// The body as text.
    pub text: String,
    /// The body as JSON, null if it is none.
    pub json: Value,
}

impl TestClient {
    pub(crate) fn new(clock: &MockClock, base: String) -> Self {
        let http = Client::builder().no_proxy().user_agent("testkit");
        Self {
            http: http.build().unwrap(),
            clock: clock.clone(),
            base,
            host: None,
            token: None,
        }
    }

    /// The same with an access token.
    pub fn with_token(&self, token: &str) -> Self {
        let token = Some(token.to_owned());
        Self {
            token,
            ..self.clone()
        }
    }

    /// The same without one.
    pub fn anonymous(&self) -> Self {
        Self {
            token: None,
            ..self.clone()
        }
    }

    /// The same with a `Host` of its own.
    pub fn with_host(&self, host: &str) -> Self {
        let host = Some(host.to_owned());
        Self {
            host,
            ..self.clone()
        }
    }

    /// The same under another prefix, for instance `/t/demo` or nothing.
    pub fn under(&self, prefix: &str) -> Self {
        let (origin, _) = self.split_base();
        Self {
            base: format!("{origin}{prefix}"),
            ..self.clone()
        }
    }

    /// The same over HTTP/2 from the first byte (RFC 9113 §3.3).
    pub fn over_http2(&self) -> Self {
        let http = Client::builder().no_proxy().user_agent("testkit");
        Self {
            http: http.http2_prior_knowledge().build().unwrap(),
            ..self.clone()
        }
    }

    /// What stands in front of each path, after the authority.
    pub fn prefix(&self) -> &str {
        self.split_base().1
    }

    /// The access token, if it has one.
    pub fn token(&self) -> &str {
        self.token.as_deref().expect("a token")
    }

    /// Reads.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// Takes away.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// Makes, with a JSON body.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::POST, path).json(&body))
            .await
    }

    /// Makes once, however often it is sent with the key.
    pub async fn post_once(&self, path: &str, key: &str, body: Value) -> Answer {
        let request = self.request(Method::POST, path).json(&body);
        self.send(request.header("idempotency-key", key)).await
    }

    /// Changes, with a JSON body.
    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::PATCH, path).json(&body))
            .await
    }

    /// A request that a test gives its own headers and body.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(host) = &self.host {
            request = request.header("host", host);
        }
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends it, a tick later than the one before.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        self.clock.advance(TICK);
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await.unwrap();
        Answer::new(status, headers, &bytes)
    }

    fn split_base(&self) -> (&str, &str) {
        let authority = self.base.find("//").map_or(0, |slashes| slashes + 2);
        let end = self.base[authority..].find('/');
        self.base
            .split_at(end.map_or(self.base.len(), |slash| authority + slash))
    }
}

impl Answer {
    /// An answer from its parts.
    pub fn new(status: u16, headers: HeaderMap, body: &[u8]) -> Self {
        Self {
            status,
            headers,
            text: String::from_utf8_lossy(body).into_owned(),
            json: serde_json::from_slice(body).unwrap_or_default(),
        }
    }

    /// The same, if it has the status; else the test fails, and shows the body.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// The same, if it is the problem with this status and code.
    #[track_caller]
    pub fn expect_problem(self, status: u16, code: &str) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.json["code"], code, "{}", answer.text);
        assert_eq!(answer.json["status"], status, "{}", answer.text);
        answer
    }

    /// A header, empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    /// The text at an RFC 6901 pointer.
    #[track_caller]
    pub fn text_at(&self, pointer: &str) -> &str {
        let found = self.json.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or_else(|| panic!("no text at {pointer} of {}", self.text))
    }

    /// The list at an RFC 6901 pointer.
    #[track_caller]
    pub fn list_at(&self, pointer: &str) -> &[Value] {
        let found = self.json.pointer(pointer).and_then(Value::as_array);
        found.unwrap_or_else(|| panic!("no list at {pointer} of {}", self.text))
    }
}
