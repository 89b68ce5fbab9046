//! HTTP/1.1 byte by byte, for requests that no client would send.

use keyward_testkit::{Answer, TestApp};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than any answer takes, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection on which a test writes what it likes.
pub(crate) struct RawConnection {
    stream: BufReader<TcpStream>,
}

impl RawConnection {
    pub(crate) async fn open(app: &TestApp) -> Self {
        let stream = TcpStream::connect(app.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream: BufReader::new(stream),
        }
    }

    /// Sends bytes as they are.
    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream
            .get_mut()
            .write_all(bytes.as_ref())
            .await
            .unwrap();
    }

    /// Reads one answer with its body; `Content-Length` says how long it is.
    pub(crate) async fn answer(&mut self) -> Answer {
        let read = timeout(PATIENCE, self.read_answer(true)).await;
        read.expect("an answer in time")
    }

    /// Reads one answer to a HEAD request, or a 1xx or 204: it has no body, whatever its length is said to be.
    pub(crate) async fn bodiless_answer(&mut self) -> Answer {
        let read = timeout(PATIENCE, self.read_answer(false)).await;
        read.expect("an answer in time")
    }

    /// Whether the server ends the connection and sends nothing more.
    pub(crate) async fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        let read = timeout(PATIENCE, self.stream.read_to_end(&mut rest)).await;
        read.is_ok_and(|read| read.is_err() || rest.is_empty())
    }

    async fn read_answer(&mut self, with_body: bool) -> Answer {
        let status_line = self.read_line().await;
        let status = status_line.split(' ').nth(1).expect("a status line");
        let mut headers = HeaderMap::new();
        loop {
            let line = self.read_line().await;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_str(value.trim()).unwrap());
        }
        let length = headers.get("content-length").filter(|_| with_body);
        let length = length.map_or(0, |length| length.to_str().unwrap().parse().unwrap());
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await.unwrap();
        Answer::new(status.parse().unwrap(), headers, &body)
    }

    async fn read_line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).await.unwrap();
        line.trim_end().to_owned()
    }
}

/// Sends one request without a body on a connection of its own: `head` is its first line and headers, without a `Host`.
pub(crate) async fn send(app: &TestApp, head: &str) -> Answer {
    let mut connection = RawConnection::open(app).await;
    let host = app.address;
    let request = format!("{}\r\nHost: {host}\r\n\r\n", head.trim_end());
    connection.write(request).await;
    connection.answer().await
}
