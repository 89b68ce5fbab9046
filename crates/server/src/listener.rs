//! Connections: taken, bounded in number and in time, and let go at the end.
//!
//! axum's own `serve` sets no time limit on headers, so that whoever sends half a request holds a connection for ever.

mod crowd;
mod patient;

use crate::operator::OperatorToken;
use crate::tls::Tls;
use crate::traces::Traced;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::response::Response;
use crowd::{Counted, Crowd};
use hyper::body::{Body as _, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use keyward_api::{ApiService, OperatorPeer, TrustedProxies};
use keyward_model::{Counter, Gauge};
use patient::Patient;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::server::TlsStream;
use tower::Service;

/// How long a client may take to send its headers; also how long an idle connection is kept.
const HEADERS_DEADLINE: Duration = Duration::from_secs(30);
/// How long an HTTP/2 client may stay silent before it is asked, and then until it is given up.
const SILENCE_MAX: Duration = Duration::from_secs(20);
/// How many streams an HTTP/2 client may have open at once.
const STREAMS_MAX: u32 = 128;
/// How many bytes of headers are read.
const HEADER_BYTES_MAX: u32 = 32 * 1_024;
/// How long a client may take for its TLS handshake.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);
/// How long to wait when the system gives no more descriptors.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// Where connections come from.
pub(crate) trait Socket: Send + Sync + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Takes one, and finds out who is at its other end.
    fn accept(&self) -> impl Future<Output = std::io::Result<(Self::Stream, Peer)>> + Send;
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone)]
pub(crate) enum Peer {
    /// Somebody at an address.
    Address(SocketAddr),
    /// An account of this machine, on the operators' Unix socket.
    Account(OperatorPeer),
    /// Somebody at an address who is an operator if they hold the token.
    Holder(SocketAddr, Arc<OperatorToken>),
}

/// The listener, with what is open on it.
pub(crate) struct Listener<S, A = ApiService> {
    socket: S,
    service: A,
    builder: Arc<Builder<TokioExecutor>>,
    tls: Option<Tls>,
    crowd: Option<Arc<Crowd>>,
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
    _place: Place,
}

/// What a connection has taken of what there is: one of all places, and one of its network's.
type Place = (Option<OwnedSemaphorePermit>, Option<Counted>);

impl Open {
    fn count(meter: &Arc<ListenerMeter>, place: Place) -> Self {
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

/// What a listener may serve: what is always ready.
pub(crate) trait Served:
    Service<Request, Response = Response, Error = Infallible, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static
{
    /// The same for what comes over connections from one address.
    fn for_address(self, address: IpAddr) -> Self;
}

impl Served for ApiService {
    fn for_address(self, address: IpAddr) -> Self {
        self.for_peer(address)
    }
}

impl Served for Traced {
    fn for_address(self, address: IpAddr) -> Self {
        self.for_peer(address)
    }
}

/// Pages that look the same from everywhere.
impl Served for Router {
    fn for_address(self, _: IpAddr) -> Self {
        self
    }
}

impl<S: Socket, A: Served> Listener<S, A> {
    /// Serves `service` on `socket`, to at most `connections_max` clients at once; more wait in the system's queue.
    pub(crate) fn new(socket: S, service: A, connections_max: usize) -> Self {
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADERS_DEADLINE)
            .max_headers(64)
            // An answer is small: copying it behind its head costs less than two pieces cost the system.
            .writev(false)
            .max_buf_size(HEADER_BYTES_MAX as usize);
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
            builder: Arc::new(builder),
            tls: None,
            crowd: None,
            free,
            meter: Arc::new(ListenerMeter {
                open_max: connections_max,
                ..ListenerMeter::default()
            }),
        }
    }

    /// The same behind TLS.
    pub(crate) fn behind(mut self, tls: Option<Tls>) -> Self {
        self.tls = tls;
        self
    }

    /// The same with at most `connections_max` from one network that is no proxy's.
    pub(crate) fn at_most_from_one_network(
        mut self,
        connections_max: usize,
        proxies: TrustedProxies,
    ) -> Self {
        self.crowd = Some(Crowd::new(connections_max, proxies));
        self
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
                (stream, peer, place) = self.accept() => self.serve_one(stream, peer, place, &open),
            }
        }
        drop(self.socket);
        open.shutdown().await;
    }

    async fn accept(&self) -> (S::Stream, Peer, Place) {
        let place = self.free.clone().acquire_owned().await.ok();
        loop {
            match self.socket.accept().await {
                Ok((stream, peer)) => match self.count(&peer) {
                    Ok(counted) => return (stream, peer, (place, counted)),
                    // It is hung up on: an answer would take what is to be kept for others.
                    Err(()) => drop(stream),
                },
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be taken");
                    tokio::time::sleep(EXHAUSTED_PAUSE).await;
                }
            }
        }
    }

    /// Counts the connection among those of its network; an error, if it is one too many.
    fn count(&self, peer: &Peer) -> Result<Option<Counted>, ()> {
        match (&self.crowd, peer.address()) {
            (Some(crowd), Some(address)) => crowd.admit(address),
            _ => Ok(None),
        }
    }

    fn serve_one(&self, stream: S::Stream, peer: Peer, place: Place, open: &GracefulShutdown) {
        let open_connection = Open::count(&self.meter, place);
        let service = ForPeer::new(self.service.clone(), peer);
        let (builder, watcher, tls) = (self.builder.clone(), open.watcher(), self.tls.clone());
        // A handshake takes a client as long as it likes, so it is no business of the loop that takes connections.
        tokio::spawn(async move {
            let ended = match tls {
                None => {
                    let stream = TokioIo::new(Patient::new(stream));
                    let connection = builder.serve_connection(stream, service).into_owned();
                    watcher.watch(connection).await
                }
                Some(tls) => match shake_hands(&tls, stream).await {
                    Ok(stream) => {
                        let stream = TokioIo::new(Patient::new(stream));
                        let connection = builder.serve_connection(stream, service).into_owned();
                        watcher.watch(connection).await
                    }
                    Err(error) => Err(error.into()),
                },
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(open_connection);
        });
    }
}

async fn shake_hands<S>(tls: &Tls, stream: S) -> std::io::Result<TlsStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let hands = tls.acceptor.accept(stream);
    tokio::time::timeout(HANDSHAKE_DEADLINE, hands).await?
}

impl Socket for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> std::io::Result<(TcpStream, Peer)> {
        let (stream, address) = TcpListener::accept(self).await?;
        // An answer is small and whole: waiting to fill a packet only delays it.
        let _ = stream.set_nodelay(true);
        Ok((stream, Peer::Address(address)))
    }
}

impl Peer {
    /// From where the connection comes, if it is from a network.
    fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Address(address) | Self::Holder(address, _) => Some(address.ip()),
            Self::Account(_) => None,
        }
    }

    /// Who is an operator, of those who may be one by what they are or by what the request says.
    fn operator(&self, headers: &HeaderMap) -> Option<OperatorPeer> {
        match self {
            Self::Address(_) => None,
            Self::Account(account) => Some(account.clone()),
            Self::Holder(_, token) => token.holder_in(headers),
        }
    }
}

/// The service of one connection, as hyper asks it.
struct ForPeer<A> {
    service: A,
    peer: Peer,
}

impl<A: Served> ForPeer<A> {
    fn new(service: A, peer: Peer) -> Self {
        let service = match peer.address() {
            Some(address) => service.for_address(address),
            None => service,
        };
        Self { service, peer }
    }
}

impl<A: Served> hyper::service::Service<hyper::Request<Incoming>> for ForPeer<A> {
    type Response = Response;
    type Error = Infallible;
    type Future = A::Future;

    fn call(&self, request: hyper::Request<Incoming>) -> A::Future {
        let mut request = request.map(|body| match body.is_end_stream() {
            true => Body::empty(),
            false => Body::new(body),
        });
        if let Some(operator) = self.peer.operator(request.headers()) {
            request.extensions_mut().insert(operator);
        }
        self.service.clone().call(request)
    }
}
