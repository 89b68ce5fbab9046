//! TLS from two files, which are read again when they change.
//!
//! A pair that cannot be used stops a start, and later keeps the one before it: a renewal that went wrong ends no service.

use crate::config::Config;
use crate::failure::Failure;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// What handshakes are made with.
#[derive(Clone)]
pub(crate) struct Tls {
    pub(crate) acceptor: TlsAcceptor,
    pair: Arc<Pair>,
}

/// The certificate and its key, and where they come from.
#[derive(Debug)]
struct Pair {
    certificate_file: PathBuf,
    key_file: PathBuf,
    provider: Arc<CryptoProvider>,
    current: RwLock<Arc<CertifiedKey>>,
}

/// The look at the files, which ends when this is dropped.
pub(crate) struct Following(JoinHandle<()>);

impl Tls {
    /// TLS as the settings say; none, where they name no files.
    ///
    /// # Errors
    /// Which setting is wrong, and how.
    pub(crate) fn open(config: &Config) -> Result<Option<Self>, Failure> {
        let Some((certificate_file, key_file)) = config.tls.files()? else {
            return Ok(None);
        };
        let provider = Arc::new(aws_lc_rs::default_provider());
        let current = read_pair(certificate_file, key_file, &provider).map_err(Failure::Usage)?;
        let pair = Arc::new(Pair {
            certificate_file: certificate_file.to_owned(),
            key_file: key_file.to_owned(),
            provider: provider.clone(),
            current: RwLock::new(Arc::new(current)),
        });
        let mut settings = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(Failure::of)?
            .with_no_client_auth()
            .with_cert_resolver(pair.clone());
        settings.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(settings));
        Ok(Some(Self { acceptor, pair }))
    }

    /// Reads the files again on SIGHUP, and when a look each minute finds them changed.
    pub(crate) fn follow(&self) -> std::io::Result<Following> {
        let mut hangup = signal(SignalKind::hangup())?;
        let pair = self.pair.clone();
        Ok(Following(tokio::spawn(async move {
            let mut seen = pair.changed_at();
            loop {
                let asked = tokio::select! {
                    _ = hangup.recv() => true,
                    () = tokio::time::sleep(LOOK_EVERY) => false,
                };
                let now = pair.changed_at();
                if asked || now != seen {
                    seen = now;
                    pair.read_again();
                }
            }
        })))
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Pair {
    fn read_again(&self) {
        match read_pair(&self.certificate_file, &self.key_file, &self.provider) {
            Ok(pair) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(pair);
                tracing::info!("the TLS certificate was read again");
            }
            Err(reason) => tracing::error!(
                reason,
                "the TLS certificate could not be read again; the one before stays"
            ),
        }
    }

    fn changed_at(&self) -> [Option<SystemTime>; 2] {
        [&self.certificate_file, &self.key_file].map(|path| {
            let facts = std::fs::metadata(path);
            facts.and_then(|facts| facts.modified()).ok()
        })
    }
}

impl ResolvesServerCert for Pair {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Some(current.clone())
    }
}

fn read_pair(
    certificate_file: &Path,
    key_file: &Path,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, String> {
    let of_certificate = |problem: String| {
        format!(
            "tls.certificate_file {}: {problem}",
            certificate_file.display()
        )
    };
    let of_key = |problem: String| format!("tls.key_file {}: {problem}", key_file.display());
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificate_file)
        .and_then(Iterator::collect)
        .map_err(|error| of_certificate(error.to_string()))?;
    if chain.is_empty() {
        return Err(of_certificate("there is no certificate in it".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_file(key_file).map_err(|error| of_key(error.to_string()))?;
    CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => of_key(format!(
            "it is not the key of {}",
            certificate_file.display()
        )),
        rustls::Error::InvalidCertificate(_) => of_certificate(error.to_string()),
        _ => of_key(error.to_string()),
    })
}
