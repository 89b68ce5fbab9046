//! `keyward serve`

use crate::background::Background;
use crate::config::Config;
use crate::demo::set_up_once;
use crate::failure::Failure;
use crate::greeting::greet;
use crate::instance::{Access, Instance};
use crate::listener::{Listener, ListenerMeter, Served, Socket};
use crate::metrics::{self, Metrics};
use crate::operator::{GuardedListener, OperatorSocket};
use crate::telemetry;
use crate::tls::Tls;
use crate::traces::Traced;
use keyward_api::{Api, TrustedProxies, operator_service, service};
use keyward_crypto::sha256;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};

/// How many operators may be connected at once, on each of their listeners.
const OPERATORS_MAX: usize = 64;
/// How many of them from one network: whoever has no token may connect too, and is not to take all places.
const OPERATORS_PER_NETWORK_MAX: usize = 16;

/// Prometheus needs one; who looks by hand, another.
const METRICS_CONNECTIONS_MAX: usize = 16;
/// How many of them from one network.
const METRICS_PER_NETWORK_MAX: usize = 8;
/// How long an answer to Prometheus may take to finish at the end.
const METRICS_STOP: Duration = Duration::from_millis(500);

pub(super) async fn run(config: &Config) -> Result<(), Failure> {
    let traces = telemetry::start(config)?;
    let mut instance = Instance::open(config, Access::Serve).await?;
    // Before the demo tenant is made: its password is shown once, by a server that has its address.
    let socket = bind(config.listen, "listen").await?;
    let tls = Tls::open(config)?;
    let metrics_socket = match config.metrics.address()? {
        Some(address) => Some(bind(address, "metrics.listen").await?),
        None => None,
    };
    let for_operators = OperatorSocket::bind(&instance.hold_folder(config)?)?;
    let guarded = GuardedListener::bind(config).await?;
    let demo = set_up_once(&instance, config).await?;
    let signals = StopSignals::listen()?;
    let drain = Duration::from_secs(config.shutdown.drain_seconds);
    let background = Background::start(&instance.platform, config, drain)?;
    let api = Api::with_edge(instance.platform.clone(), config.edge()?);
    greet(
        config,
        instance.platform.engine(),
        socket.local_addr()?,
        demo.as_ref(),
    );
    let served = Traced::new(service(&api), traces.as_ref());
    // It ends with this function.
    let _following = tls.as_ref().map(Tls::follow).transpose()?;
    let proxies = config.edge()?.trusted_proxies;
    let from_one = config.connections_per_network_max;
    let listener = Listener::new(socket, served, config.connections_max)
        .behind(tls)
        .at_most_from_one_network(from_one, proxies.clone());
    let mut serving = Serving::new();
    let listener_meter = serving.begin(listener);
    let metrics = metrics_socket.map(|socket| {
        let token = config.metrics.token.get();
        let shown = Metrics {
            platform: instance.platform.clone(),
            api: api.clone(),
            listener: listener_meter,
            token: token.map(|token| sha256(token.as_bytes())),
            feed_readers: config.feed_readers(),
        };
        MetricsListener::start(socket, shown, proxies.clone())
    });
    if let Some(guarded) = &guarded {
        tracing::info!(address = %guarded.address()?, "operators are served with the token");
    }
    let operators = operator_service(&api);
    serving.begin(Listener::new(
        for_operators,
        operators.clone(),
        OPERATORS_MAX,
    ));
    if let Some(guarded) = guarded {
        let listener = Listener::new(guarded, operators, OPERATORS_MAX)
            .at_most_from_one_network(OPERATORS_PER_NETWORK_MAX, proxies);
        serving.begin(listener);
    }
    serving.until(signals, &api, (background, drain)).await;
    if let Some(metrics) = metrics {
        metrics.stop().await;
    }
    // The store closes with its last owner, after the last change has run to its end.
    drop((api, instance));
    if let Some(traces) = traces {
        traces.finish().await;
    }
    tracing::info!("stopped");
    Ok(())
}

async fn bind(address: SocketAddr, setting: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::Failed(format!(
            "cannot listen on {address} (setting `{setting}`): {error}"
        ))
    })
}

/// The listener of Prometheus. It goes on while requests finish, so that the end of a server is seen too.
struct MetricsListener {
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl MetricsListener {
    fn start(socket: TcpListener, metrics: Metrics, proxies: TrustedProxies) -> Self {
        if let Ok(address) = socket.local_addr() {
            tracing::info!(%address, "metrics are shown");
        }
        let listener = Listener::new(socket, metrics::service(metrics), METRICS_CONNECTIONS_MAX)
            .at_most_from_one_network(METRICS_PER_NETWORK_MAX, proxies);
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(listener.serve_until(async {
            let _ = stopped.await;
        }));
        Self { stop, serving }
    }

    /// Whoever still reads is cut off: the store closes with its last owner.
    async fn stop(self) {
        let _ = self.stop.send(());
        let mut serving = self.serving;
        if tokio::time::timeout(METRICS_STOP, &mut serving)
            .await
            .is_err()
        {
            serving.abort();
        }
    }
}

/// The signals that end the server. Before they are listened for they kill the process, which is as good until it serves.
struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn come(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// What is served, on all listeners.
struct Serving {
    stop: watch::Sender<()>,
    listeners: JoinSet<()>,
}

impl Serving {
    fn new() -> Self {
        Self {
            stop: watch::Sender::new(()),
            listeners: JoinSet::new(),
        }
    }

    /// Serves on one more; gives what it counts.
    fn begin<S: Socket, A: Served>(&mut self, listener: Listener<S, A>) -> Arc<ListenerMeter> {
        let meter = listener.meter();
        let mut stopped = self.stop.subscribe();
        self.listeners.spawn(listener.serve_until(async move {
            // It says nothing; it goes.
            let _ = stopped.changed().await;
        }));
        meter
    }

    /// Serves until a signal comes; then takes no more connections and lets those that are open finish, for `drain` at most.
    async fn until(
        self,
        mut signals: StopSignals,
        api: &Api,
        (background, drain): (Background, Duration),
    ) {
        signals.come().await;
        tracing::info!(
            seconds_max = drain.as_secs(),
            "stopping: open requests may finish"
        );
        drop(self.stop);
        api.end_streams();
        let finished = async {
            self.listeners.join_all().await;
            api.drain().await;
        };
        // Both drain at the same time.
        let requests = tokio::time::timeout(drain, finished);
        let (requests, ()) = tokio::join!(requests, background.stop());
        if requests.is_err() {
            tracing::warn!("some requests had not finished in time");
        }
        api.flush().await;
    }
}
