//! Connections: taken, bounded in number and in time, and let go at the end.
//!
//! axum's own `serve` sets no time limit on headers, so that whoever sends half a request holds a connection for ever.

use axum::extract::ConnectInfo;
use axum::extract::Request;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use keyward_api::ApiService;
use keyward_model::{Counter, Gauge};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::util::MapRequestLayer;
use tower::{Layer, Service};

/// How long a client may take to send its headers; also how long an idle connection is kept.
const HEADERS_DEADLINE: Duration = Duration::from_secs(30);
/// How long an HTTP/2 client may stay silent before it is asked, and then until it is given up.
const SILENCE_MAX: Duration = Duration::from_secs(20);
/// How many streams an HTTP/2 client may have open at once.
const STREAMS_MAX: u32 = 128;
/// How many bytes of headers are read.
const HEADER_BYTES_MAX: u32 = 32 * 1_024;
/// How long to wait when the system gives no more descriptors.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// The listener, with what is open on it.
pub(crate) struct Listener {
    socket: TcpListener,
    service: ApiService,
    builder: Builder<TokioExecutor>,
    free: Arc<Semaphore>,
    meter: Arc<ListenerMeter>,
}

/// What a listener counts.
#[derive(Debug, Default)]
pub(crate) struct ListenerMeter {
    pub(crate) taken: Counter,
    pub(crate) open: Gauge,
    pub(crate) open_max: usize,
}

/// A connection that is open, and its place among those that may be.
struct Open {
    meter: Arc<ListenerMeter>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Open {
    fn count(meter: &Arc<ListenerMeter>, place: Option<OwnedSemaphorePermit>) -> Self {
        meter.taken.increment();
        meter.open.add(1);
        Self {
            meter: meter.clone(),
            _place: place,
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.meter.open.add(-1);
    }
}

impl Listener {
    /// Serves `service` on `socket`, to at most `connections_max` clients at once; more wait in the system's queue.
    pub(crate) fn new(socket: TcpListener, service: ApiService, connections_max: usize) -> Self {
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADERS_DEADLINE)
            .max_headers(64);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(SILENCE_MAX)
            .keep_alive_timeout(SILENCE_MAX)
            .max_concurrent_streams(STREAMS_MAX)
            .max_header_list_size(HEADER_BYTES_MAX);
        let free = Arc::new(Semaphore::new(connections_max));
        Self {
            socket,
            service,
            builder,
            free,
            meter: Arc::new(ListenerMeter {
                open_max: connections_max,
                ..ListenerMeter::default()
            }),
        }
    }

    /// What it counts.
    pub(crate) fn meter(&self) -> Arc<ListenerMeter> {
        self.meter.clone()
    }

    /// Takes connections until `stop`; then lets those that are open answer what they have begun.
    pub(crate) async fn serve_until(self, stop: impl Future<Output = ()>) {
        let open = GracefulShutdown::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                (stream, place) = self.accept() => self.serve_one(stream, place, &open),
            }
        }
        drop(self.socket);
        open.shutdown().await;
    }

    async fn accept(&self) -> (TcpStream, Option<OwnedSemaphorePermit>) {
        let place = self.free.clone().acquire_owned().await.ok();
        loop {
            match self.socket.accept().await {
                Ok((stream, _)) => return (stream, place),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be taken");
                    tokio::time::sleep(EXHAUSTED_PAUSE).await;
                }
            }
        }
    }

    fn serve_one(
        &self,
        stream: TcpStream,
        place: Option<OwnedSemaphorePermit>,
        open: &GracefulShutdown,
    ) {
        let Ok(peer) = stream.peer_addr() else { return };
        let open_connection = Open::count(&self.meter, place);
        // An answer is small and whole: waiting to fill a packet only delays it.
        let _ = stream.set_nodelay(true);
        let service = with_peer(self.service.clone(), peer);
        let connection = self
            .builder
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        let connection = open.watch(connection.into_owned());
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(open_connection);
        });
    }
}

/// The service, with the peer's address in every request.
fn with_peer(
    service: ApiService,
    peer: SocketAddr,
) -> impl Service<
    hyper::Request<hyper::body::Incoming>,
    Response = axum::response::Response,
    Error = std::convert::Infallible,
    Future: Send,
> + Clone {
    MapRequestLayer::new(move |request: hyper::Request<hyper::body::Incoming>| {
        let mut request: Request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        request
    })
    .layer(service)
}
