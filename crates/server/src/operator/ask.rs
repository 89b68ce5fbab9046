//! A command's way to the operator plane: one HTTP request, over the network if it is told to, over the socket of the server
//! that runs, and else to the very same service in this process.

use super::account::account_at_the_command_line;
use super::socket;
use super::token::read_token;
use crate::command_line::{Global, Why};
use crate::config::Config;
use crate::data_folder::{DataFolder, SOCKET_NAME};
use crate::failure::Failure;
use crate::instance::{Access, Instance};
use axum::body::{Body, to_bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use axum::http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use keyward_api::{Api, OperatorPeer, operator_service};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tower::ServiceExt;

/// How long an answer may be, in bytes: far more than a page of the longest list.
const ANSWER_BYTES_MAX: usize = 64 * 1_024 * 1_024;
/// How often to look for a server that has the folder but takes no connections yet, or for the end of another command.
const BUSY_LOOKS: usize = 60;
/// How long to wait in between.
const BUSY_PAUSE: Duration = Duration::from_millis(50);
/// How long the other end may take to connect, and to answer.
const DEADLINE: Duration = Duration::from_secs(120);

/// What a command asks of the operator plane.
#[derive(Debug)]
pub(crate) struct Ask {
    method: Method,
    path: String,
    body: Option<Value>,
    reason: String,
    not_found: Option<String>,
}

impl Ask {
    /// A read for `command`, whose name is the reason if none was given.
    pub(crate) fn get(path: String, why: Why, command: &str) -> Self {
        Self::new(Method::GET, path, why, command)
    }

    pub(crate) fn new(method: Method, path: String, why: Why, command: &str) -> Self {
        Self {
            method,
            path,
            body: None,
            reason: why.reason.unwrap_or_else(|| format!("keyward {command}")),
            not_found: None,
        }
    }

    /// The same with a body.
    pub(crate) fn with(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// What to say when there is no such thing.
    pub(crate) fn or_say(mut self, text: String) -> Self {
        self.not_found = Some(text);
        self
    }

    fn changes(&self) -> bool {
        self.method != Method::GET
    }

    fn request(&self, host: &str) -> Result<Request<Body>, Failure> {
        let body = self
            .body
            .as_ref()
            .map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let reason = HeaderValue::from_bytes(self.reason.as_bytes())
            .map_err(|_| Failure::Usage("--reason is one line of printable characters".into()))?;
        Request::builder()
            .method(self.method.clone())
            .uri(&self.path)
            .header(HOST, host)
            .header(USER_AGENT, "keyward command line")
            .header(CONTENT_TYPE, "application/json")
            .header("operator-reason", reason)
            .body(body)
            .map_err(Failure::of)
    }
}

/// Asks, and gives the answer's body.
pub(crate) async fn ask(config: &Config, global: &Global, ask: Ask) -> Result<Value, Failure> {
    let response = match &global.operator_url {
        Some(url) => over_network(url, global.operator_token_file.as_deref(), &ask).await?,
        None => match running_server(config).await? {
            Some(stream) => exchange(stream, ask.request("operator.sock")?).await?,
            None => in_this_process(config, &ask).await?,
        },
    };
    read(response, ask).await
}

/// A connection to the server that runs on this data folder. If somebody holds the folder and is no such server, it is
/// about to be one, or soon done.
async fn running_server(config: &Config) -> Result<Option<UnixStream>, Failure> {
    for _ in 0..BUSY_LOOKS {
        let stream = connect(config).await?;
        if stream.is_some() || !DataFolder::is_held(&config.data) {
            return Ok(stream);
        }
        tokio::time::sleep(BUSY_PAUSE).await;
    }
    connect(config).await
}

async fn connect(config: &Config) -> Result<Option<UnixStream>, Failure> {
    socket::connect(&config.data).await.map_err(|error| {
        let path = config.data.join(SOCKET_NAME);
        Failure::Failed(format!(
            "cannot reach the server at {}: {error}",
            path.display()
        ))
    })
}

async fn over_network(
    url: &str,
    token_file: Option<&Path>,
    ask: &Ask,
) -> Result<Response<Body>, Failure> {
    let usage = |text: &str| Failure::Usage(format!("--operator-url {url}: {text}"));
    let parsed: Uri = url.parse().map_err(|_| usage("not a URL"))?;
    let authority = match (parsed.scheme_str(), parsed.authority(), parsed.path()) {
        (Some("http"), Some(authority), "/") => authority.clone(),
        _ => {
            return Err(usage(
                "must be http://HOST:PORT, without a path; for TLS, tunnel it",
            ));
        }
    };
    let file = token_file.ok_or_else(|| usage("needs --operator-token-file"))?;
    let token = read_token(file, "--operator-token-file")?;
    let mut request = ask.request(authority.as_str())?;
    let mut bearer =
        HeaderValue::try_from(format!("Bearer {}", token.as_str())).map_err(Failure::of)?;
    bearer.set_sensitive(true);
    request.headers_mut().insert(AUTHORIZATION, bearer);
    let place = (
        authority.host().trim_matches(['[', ']']),
        authority.port_u16().unwrap_or(80),
    );
    let connected = tokio::time::timeout(DEADLINE, TcpStream::connect(place)).await;
    let unreachable =
        |error: &dyn std::fmt::Display| Failure::Failed(format!("cannot reach {url}: {error}"));
    let stream = connected
        .map_err(|error| unreachable(&error))?
        .map_err(|error| unreachable(&error))?;
    exchange(stream, request).await
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Body>,
) -> Result<Response<Body>, Failure> {
    let cut = |error: &dyn std::fmt::Display| {
        Failure::Failed(format!(
            "the server did not answer ({error}); whether it did what was asked is not known"
        ))
    };
    let exchanged = async {
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        sender.send_request(request).await
    };
    let response = tokio::time::timeout(DEADLINE, exchanged).await;
    let response = response.map_err(|error| cut(&error))?;
    Ok(response.map_err(|error| cut(&error))?.map(Body::new))
}

/// Nobody serves: the same service answers here, on the instance itself.
async fn in_this_process(config: &Config, ask: &Ask) -> Result<Response<Body>, Failure> {
    let access = match ask.changes() {
        true => Access::Change,
        false => Access::Look,
    };
    let instance = Instance::open(config, access).await?;
    let api = Api::new(instance.platform.clone());
    let mut request = ask.request("localhost")?;
    let name = account_at_the_command_line();
    request.extensions_mut().insert(OperatorPeer { name });
    let response = operator_service(&api).oneshot(request).await;
    let (parts, body) = match response {
        Ok(response) => response.into_parts(),
        Err(impossible) => match impossible {},
    };
    let body = to_bytes(body, ANSWER_BYTES_MAX)
        .await
        .map_err(Failure::of)?;
    api.drain().await;
    Ok(Response::from_parts(parts, Body::from(body)))
}

async fn read(response: Response<Body>, ask: Ask) -> Result<Value, Failure> {
    let status = response.status();
    let bytes = to_bytes(response.into_body(), ANSWER_BYTES_MAX).await;
    let bytes = bytes.map_err(|error| Failure::Failed(format!("the answer broke off: {error}")))?;
    if status.is_success() && bytes.is_empty() {
        return Ok(Value::Null);
    }
    let body: Value = serde_json::from_slice(&bytes).map_err(|_| {
        Failure::Failed(format!(
            "the answer ({status}) is not JSON: is this Keyward's operator plane?"
        ))
    })?;
    match status.is_success() {
        true => Ok(body),
        false => Err(refusal(status, &body, ask)),
    }
}

fn refusal(status: StatusCode, problem: &Value, ask: Ask) -> Failure {
    let text = |name: &str| problem[name].as_str().unwrap_or_default();
    let title = text("title");
    let mut words = match text("detail") {
        "" => title.to_owned(),
        detail => format!("{title}: {detail}"),
    };
    for field in problem["errors"].as_array().into_iter().flatten() {
        let (pointer, detail) = (&field["pointer"], &field["detail"]);
        words.push_str(&format!(
            "\n  {} {}",
            pointer.as_str().unwrap_or_default(),
            detail.as_str().unwrap_or_default()
        ));
    }
    match status {
        StatusCode::NOT_FOUND => Failure::Failed(ask.not_found.unwrap_or(words)),
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => Failure::Usage(words),
        StatusCode::UNAUTHORIZED => {
            Failure::Failed("the operator token is not the one that the server has".to_owned())
        }
        StatusCode::INTERNAL_SERVER_ERROR => Failure::Failed(format!(
            "{words}; the server's log says more about request {}",
            text("request_id")
        )),
        _ => Failure::Failed(words),
    }
}
