//! The settings: an embedded default file, then a file, the environment, and flags.

mod layers;
mod throttling;

use crate::command_line::{Global, Serve};
use crate::process;
use keyward_api::{Edge, RateLimit, RateLimits, TrustedProxies};
use keyward_crypto::HashCost;
use keyward_model::{Issuer, Password, Slug};
use keyward_service::ThrottlingSettings;
use keyward_service::feed::EVENTS_FILE;
use keyward_store::role_of;
use layers::{environment, overlay, parse, set_from_environment};
use serde::{Deserialize, Serialize, Serializer};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tracing_subscriber::EnvFilter;
use zeroize::Zeroizing;

/// Every setting with its default and its meaning.
pub(crate) const DEFAULT: &str = include_str!("default.toml");

/// All settings.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    pub(crate) connections_max: usize,
    pub(crate) connections_per_network_max: usize,
    pub(crate) data: PathBuf,
    pub(crate) public_url: String,
    pub(crate) default_tenant: String,
    pub(crate) trusted_proxies: Vec<String>,
    pub(crate) forwarded_header: String,
    pub(crate) rate_limit: RateLimitSettings,
    throttling: throttling::Throttling,
    pub(crate) tls: TlsSettings,
    pub(crate) demo: Demo,
    pub(crate) operator: Operator,
    pub(crate) database: Database,
    pub(crate) node: Node,
    pub(crate) passwords: Passwords,
    pub(crate) sessions: Sessions,
    pub(crate) jobs: Jobs,
    pub(crate) metrics: Metrics,
    pub(crate) traces: Traces,
    pub(crate) memory: Memory,
    pub(crate) events: Events,
    pub(crate) log: Log,
    pub(crate) shutdown: Shutdown,
}

#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RateLimitSettings {
    pub(crate) network: RateLimitSetting,
    pub(crate) session: RateLimitSetting,
}

#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RateLimitSetting {
    requests_per_minute: u32,
    burst: u32,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsSettings {
    certificate_file: PathBuf,
    key_file: PathBuf,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Demo {
    pub(crate) enabled: bool,
    pub(crate) admin_password: SecretSetting,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Operator {
    pub(crate) listen: String,
    pub(crate) token_file: PathBuf,
    pub(crate) name: String,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Database {
    pub(crate) url: SecretSetting,
    pub(crate) system_url: SecretSetting,
    pub(crate) owner_url: SecretSetting,
    pub(crate) admin_url: SecretSetting,
    pub(crate) connections_max: usize,
    pub(crate) ca_file: PathBuf,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Node {
    name: String,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Passwords {
    pub(crate) memory_kib: u32,
    pub(crate) iterations: u32,
    pub(crate) parallelism: u32,
    pub(crate) threads: usize,
    pub(crate) queue_seconds_max: u64,
    pub(crate) breach_list_file: PathBuf,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sessions {
    pub(crate) country_file: PathBuf,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Jobs {
    pub(crate) workers: usize,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Metrics {
    listen: String,
    pub(crate) token: SecretSetting,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Traces {
    otlp_endpoint: String,
    sample_ratio: f64,
    pub(crate) service_name: String,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Memory {
    pub(crate) sessions_mib: usize,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Events {
    pub(crate) file: PathBuf,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Log {
    pub(crate) format: LogFormat,
    pub(crate) filter: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    Auto,
    Json,
    Pretty,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shutdown {
    pub(crate) drain_seconds: u64,
}

/// A setting that is secret, or holds a secret; empty when it is not set.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub(crate) struct SecretSetting(Zeroizing<String>);

/// A setting that cannot be used: which one, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ConfigError(pub(crate) String);

impl SecretSetting {
    /// The value, if it is set.
    pub(crate) fn get(&self) -> Option<&str> {
        (!self.0.is_empty()).then_some(self.0.as_str())
    }
}

impl std::fmt::Debug for SecretSetting {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(if self.0.is_empty() {
            "\"\""
        } else {
            "[redacted]"
        })
    }
}

impl RateLimitSetting {
    fn limit(self, name: &str) -> Result<Option<RateLimit>, ConfigError> {
        RateLimit::new(self.requests_per_minute, self.burst)
            .map_err(|error| ConfigError(format!("rate_limit.{name}: {error}")))
    }
}

impl TlsSettings {
    /// The files of the certificate and of its key, if TLS is wanted.
    pub(crate) fn files(&self) -> Result<Option<(&Path, &Path)>, ConfigError> {
        let named = |path: &PathBuf| !path.as_os_str().is_empty();
        let needed = |missing: &str, given: &str| {
            ConfigError(format!("tls.{missing} is needed with tls.{given}"))
        };
        match (named(&self.certificate_file), named(&self.key_file)) {
            (false, false) => Ok(None),
            (true, true) => Ok(Some((&self.certificate_file, &self.key_file))),
            (true, false) => Err(needed("key_file", "certificate_file")),
            (false, true) => Err(needed("certificate_file", "key_file")),
        }
    }
}

impl Log {
    /// What is logged.
    pub(crate) fn filter(&self) -> Result<EnvFilter, ConfigError> {
        EnvFilter::try_new(&self.filter)
            .map_err(|error| ConfigError(format!("log.filter: {error}")))
    }
}

impl Traces {
    /// The collector's URL without its path, if traces are sent.
    pub(crate) fn endpoint(&self) -> Result<Option<&str>, ConfigError> {
        let endpoint = self.otlp_endpoint.trim_end_matches('/');
        match endpoint.split_once("://") {
            None if endpoint.is_empty() => Ok(None),
            Some(("http" | "https", rest)) if !rest.is_empty() && !rest.contains(['/', '@']) => {
                Ok(Some(endpoint))
            }
            _ => Err(ConfigError(
                "traces.otlp_endpoint must be an http or https URL without a path, as http://127.0.0.1:4318".to_owned(),
            )),
        }
    }

    /// Which part of the traces is kept, 0 to 1.
    pub(crate) fn sample_ratio(&self) -> Result<f64, ConfigError> {
        match (0.0..=1.0).contains(&self.sample_ratio) {
            true => Ok(self.sample_ratio),
            false => Err(ConfigError(
                "traces.sample_ratio must be from 0.0 to 1.0".to_owned(),
            )),
        }
    }
}

impl Metrics {
    /// Where metrics are shown, if they are.
    pub(crate) fn address(&self) -> Result<Option<SocketAddr>, ConfigError> {
        if self.listen.is_empty() {
            return Ok(None);
        }
        let address: SocketAddr = self.listen.parse().map_err(|_| {
            ConfigError(
                "metrics.listen must be an address and a port, as 127.0.0.1:9464".to_owned(),
            )
        })?;
        if !address.ip().is_loopback() && self.token.get().is_none() {
            return Err(ConfigError(format!(
                "metrics.token is needed with metrics.listen = \"{address}\", which others can reach: Prometheus shows it \
                 as `authorization: {{ credentials_file: … }}`"
            )));
        }
        Ok(Some(address))
    }
}

impl Database {
    fn checked(&self) -> Result<(), ConfigError> {
        for (name, url) in [
            ("url", &self.url),
            ("system_url", &self.system_url),
            ("owner_url", &self.owner_url),
            ("admin_url", &self.admin_url),
        ] {
            url.get()
                .map(role_of)
                .transpose()
                .map_err(|error| ConfigError(format!("database.{name}: {error}")))?;
        }
        Ok(())
    }
}

impl Serialize for SecretSetting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if self.0.is_empty() { "" } else { "[redacted]" })
    }
}

impl Config {
    /// Reads the settings of this process.
    pub(crate) fn load(global: &Global, serve: &Serve) -> Result<Self, ConfigError> {
        let mut config = Self::layered(global.config.as_deref(), environment()?.into_iter())?;
        if let Some(data) = &global.data {
            config.data = data.clone();
        }
        if let Some(listen) = serve.listen {
            config.listen = listen;
        }
        if serve.no_demo {
            config.demo.enabled = false;
            config.default_tenant = String::new();
        }
        config.checked()
    }

    fn layered(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut table = parse(DEFAULT, "the default settings")?;
        if let Some(path) = file {
            let text = std::fs::read_to_string(path).map_err(|error| {
                ConfigError(format!("cannot read --config {}: {error}", path.display()))
            })?;
            overlay(&mut table, parse(&text, &path.display().to_string())?, "")?;
        }
        for (name, text) in environment {
            set_from_environment(&mut table, &name, &text)?;
        }
        // Its text is of two lines, the second of which names the setting.
        table.try_into().map_err(|error: toml::de::Error| {
            ConfigError(error.to_string().trim_end().replace('\n', " "))
        })
    }

    fn checked(self) -> Result<Self, ConfigError> {
        self.hash_cost()?;
        self.default_tenant()?;
        self.edge()?;
        self.throttling()?;
        self.tls.files()?;
        self.base_url()
            .parse::<Issuer>()
            .map_err(|error| ConfigError(format!("public_url: {error}")))?;
        if self.database.url.get().is_some() && self.database.system_url.get().is_none() {
            return Err(ConfigError(
                "database.system_url is needed with database.url: the role that finds the tenant of a request \
                 (KEYWARD_DATABASE_SYSTEM_URL; `keyward migrate --create-roles` makes it)"
                    .to_owned(),
            ));
        }
        self.database.checked()?;
        self.demo_password()?;
        self.metrics.address()?;
        self.traces.endpoint()?;
        self.traces.sample_ratio()?;
        self.operator_listen()?;
        self.log.filter()?;
        Ok(self)
    }

    /// The password that the demo tenant's administrator is to have, if one is set.
    pub(crate) fn demo_password(&self) -> Result<Option<Password>, ConfigError> {
        let chosen = self.demo.admin_password.get().map(Password::chosen);
        chosen
            .transpose()
            .map_err(|problem| ConfigError(format!("demo.admin_password: {problem}")))
    }

    /// The cost of hashing a password.
    pub(crate) fn hash_cost(&self) -> Result<HashCost, ConfigError> {
        let Passwords {
            memory_kib,
            iterations,
            parallelism,
            ..
        } = self.passwords;
        let cost = HashCost {
            memory_kib,
            iterations,
            parallelism,
        };
        cost.checked()
            .map_err(|error| ConfigError(format!("passwords: {error}")))
    }

    /// The tenant of requests that name none.
    pub(crate) fn default_tenant(&self) -> Result<Option<Slug>, ConfigError> {
        match self.default_tenant.as_str() {
            "" => Ok(None),
            slug => slug
                .parse()
                .map(Some)
                .map_err(|error| ConfigError(format!("default_tenant: {error}"))),
        }
    }

    /// What operators call this node.
    pub(crate) fn node_name(&self) -> String {
        match self.node.name.as_str() {
            "" => process::host_name().unwrap_or_else(|| "keyward".to_owned()),
            name => name.to_owned(),
        }
    }

    /// What lies between a client and this process.
    pub(crate) fn edge(&self) -> Result<Edge, ConfigError> {
        let header = self
            .forwarded_header
            .parse()
            .map_err(|error| ConfigError(format!("forwarded_header: {error}")))?;
        let trusted_proxies = TrustedProxies::new(&self.trusted_proxies, header)
            .map_err(|error| ConfigError(format!("trusted_proxies: {error}")))?;
        let RateLimitSettings { network, session } = self.rate_limit;
        let rate_limits = RateLimits {
            network: network.limit("network")?,
            session: session.limit("session")?,
        };
        Ok(Edge {
            trusted_proxies,
            rate_limits,
        })
    }

    /// How many attempts at credentials there may be.
    pub(crate) fn throttling(&self) -> Result<ThrottlingSettings, ConfigError> {
        self.throttling.checked()
    }

    /// What clients of this process speak.
    pub(crate) fn scheme(&self) -> &'static str {
        match self.tls.files() {
            Ok(Some(_)) => "https",
            _ => "http",
        }
    }

    /// The URL of tenants without a host of their own.
    pub(crate) fn base_url(&self) -> String {
        match self.public_url.trim_end_matches('/') {
            "" => format!("{}://{}", self.scheme(), self.listen),
            url => url.to_owned(),
        }
    }

    /// How many bytes of sessions are kept in memory.
    pub(crate) fn memory_bytes_max(&self) -> usize {
        self.memory.sessions_mib.saturating_mul(1_024 * 1_024)
    }

    /// Where operators are served on a network, if they are. Whoever reaches that place needs the token.
    pub(crate) fn operator_listen(&self) -> Result<Option<SocketAddr>, ConfigError> {
        let listen = self.operator.listen.as_str();
        if listen.is_empty() {
            return Ok(None);
        }
        let address = listen
            .parse()
            .map_err(|_| ConfigError(format!("operator.listen: {listen} is no ADDRESS:PORT")))?;
        match self.operator.token_file.as_os_str().is_empty() {
            true => Err(ConfigError(
                "operator.token_file is needed with operator.listen".to_owned(),
            )),
            false => Ok(Some(address)),
        }
    }

    /// The names in which this server reads the feed of events.
    pub(crate) fn feed_readers(&self) -> Vec<&'static str> {
        let file = self.events_file().map(|_| EVENTS_FILE);
        file.into_iter().collect()
    }

    /// The file that events are appended to, if one is set.
    pub(crate) fn events_file(&self) -> Option<&Path> {
        let path = self.events.file.as_path();
        (!path.as_os_str().is_empty()).then_some(path)
    }

    /// The file of the database's authorities, if one is set.
    pub(crate) fn ca_file(&self) -> Option<&Path> {
        let path = self.database.ca_file.as_path();
        (!path.as_os_str().is_empty()).then_some(path)
    }
}

#[cfg(test)]
mod tests;
