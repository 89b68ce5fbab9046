//! Connections: URLs, TLS, pools and time limits.

use crate::error::Error;
use crate::memory::MEMORY_BYTES_MAX;
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::{AsyncMessage, Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long a request waits for a connection, and a connection for its server.
const WAIT: Duration = Duration::from_secs(5);

/// How a PostgreSQL store is opened.
#[derive(Clone)]
pub struct PostgresOptions {
    /// `postgres://` URL of the app role; it may hold a password.
    pub app_url: String,
    /// The same of the system role.
    pub system_url: String,
    /// How many connections the app role has at most; the system role has a quarter.
    pub connections_max: usize,
    /// PEM file of the authorities that sign the server's certificate; else the system's are used.
    pub ca_file: Option<PathBuf>,
    /// About how many bytes of sessions a node keeps in memory.
    pub memory_bytes_max: usize,
    /// Takes the tenant filter out of every statement, to show that row-level security holds alone.
    #[cfg(feature = "testing")]
    pub without_tenant_filter: bool,
}

impl PostgresOptions {
    /// The usual numbers for these two roles.
    pub fn new(app_url: impl Into<String>, system_url: impl Into<String>) -> Self {
        Self {
            app_url: app_url.into(),
            system_url: system_url.into(),
            connections_max: 16,
            ca_file: None,
            memory_bytes_max: MEMORY_BYTES_MAX,
            #[cfg(feature = "testing")]
            without_tenant_filter: false,
        }
    }
}

impl std::fmt::Debug for PostgresOptions {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("PostgresOptions")
            .field("connections_max", &self.connections_max)
            .finish_non_exhaustive()
    }
}

pub(super) fn pool(
    url: &str,
    options: &PostgresOptions,
    connections_max: usize,
) -> Result<Pool, Error> {
    let mut config = parse(url)?;
    // A transaction that hangs must not hold its locks and its connection for ever.
    let limits = "-c statement_timeout=10s -c idle_in_transaction_session_timeout=10s";
    let given = config
        .get_options()
        .map(|given| format!("{given} {limits}"));
    config.options(given.unwrap_or_else(|| limits.to_owned()));
    let tls = tls(&config, options.ca_file.as_deref())?;
    let recycling = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    let manager = Manager::from_config(config, tls, recycling);
    Pool::builder(manager)
        .max_size(connections_max.max(1))
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(WAIT))
        .create_timeout(Some(WAIT))
        .recycle_timeout(Some(WAIT))
        .build()
        .map_err(Error::unfit)
}

/// A connection outside of any pool, for migrations. It lives as long as the client.
pub(crate) async fn connect_once(url: &str, ca_file: Option<&Path>) -> Result<Client, Error> {
    let config = parse(url)?;
    let (client, connection) = config
        .connect(tls(&config, ca_file)?)
        .await
        .map_err(|error| Error::unavailable(words(&error)))?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::warn!(error = words(&error), "a connection to PostgreSQL ended");
        }
    });
    Ok(client)
}

/// Where nodes are woken.
pub(super) const CHANNEL: &str = "keyward_removals";

/// A connection of the system role that is woken by others. Dropped, it is closed at once: its client alone may wait for a
/// database that does not answer.
pub(super) struct Listening {
    pub(super) client: Client,
    /// Ends with the connection, and says why.
    pub(super) connection: JoinHandle<String>,
    /// Rung by a notification.
    pub(super) bell: Arc<Notify>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// Connects a node's own connection, and listens. Neither end waits long for the other.
pub(super) async fn listen(
    options: &PostgresOptions,
    application: &str,
) -> Result<Listening, Error> {
    let mut config = parse(&options.system_url)?;
    let limits = "-c statement_timeout=5s -c idle_session_timeout=0 -c tcp_keepalives_idle=2 \
                  -c tcp_keepalives_interval=1 -c tcp_keepalives_count=2 -c tcp_user_timeout=4000";
    let given = config
        .get_options()
        .map(|given| format!("{given} {limits}"));
    config
        .options(given.unwrap_or_else(|| limits.to_owned()))
        .application_name(application)
        .connect_timeout(Duration::from_secs(2))
        .tcp_user_timeout(Duration::from_secs(4))
        .keepalives(true)
        .keepalives_idle(Duration::from_secs(2))
        .keepalives_interval(Duration::from_secs(1))
        .keepalives_retries(2);
    let (client, mut connection) = config
        .connect(tls(&config, options.ca_file.as_deref())?)
        .await
        .map_err(|error| Error::unavailable(words(&error)))?;
    let bell = Arc::new(Notify::new());
    let rung = bell.clone();
    let heard = async move {
        loop {
            match poll_fn(|context| connection.poll_message(context)).await {
                Some(Ok(AsyncMessage::Notification(_))) => rung.notify_one(),
                Some(Ok(_)) => {}
                Some(Err(error)) => return words(&error),
                None => return "the connection was closed".to_owned(),
            }
        }
    };
    let listening = Listening {
        client,
        connection: tokio::spawn(heard),
        bell,
    };
    let listen = format!("LISTEN {CHANNEL}");
    let began = listening.client.batch_execute(&listen).await;
    began.map_err(|error| Error::unavailable(words(&error)))?;
    Ok(listening)
}

/// An error with its causes, which tokio-postgres does not print by itself. It never holds a password.
pub(crate) fn words(error: &tokio_postgres::Error) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    format!("{error}{}", cause.unwrap_or_default())
}

fn parse(url: &str) -> Result<Config, Error> {
    // The URL holds a password: the error must not repeat it.
    let mut config = Config::from_str(url).map_err(|_| {
        Error::unfit(
            "the database URL is not of the form postgres://user:password@host:port/database",
        )
    })?;
    config.connect_timeout(WAIT).application_name("keyward");
    Ok(config)
}

fn tls(config: &Config, ca_file: Option<&Path>) -> Result<MakeRustlsConnect, Error> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(path) => {
            let unreadable = |error| {
                Error::Unfit(format!(
                    "cannot read the authorities in {}: {error}",
                    path.display()
                ))
            };
            for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
                roots
                    .add(certificate.map_err(unreadable)?)
                    .map_err(Error::unfit)?;
            }
        }
        // No certificate will be looked at; reading the system's takes longer than all the rest.
        None if config.get_ssl_mode() == SslMode::Disable => {}
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Error::unfit)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
