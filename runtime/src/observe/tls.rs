//! TLS of the listener: certificates from files, read anew when they change, and certificates of clients.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

/// How often the files are looked at, at most: at the first connection after that.
const LOOK: Duration = Duration::from_secs(10);

/// The files of a listener that speaks TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerTlsFiles {
    /// The certificate with its chain, as PEM.
    pub cert: PathBuf,
    /// Its private key, as PEM and not encrypted.
    pub key: PathBuf,
    /// The authorities of the certificates that clients show, as PEM; none where clients need not show any.
    pub client_ca: Option<PathBuf>,
}

/// Says whether the client of a connection showed a certificate of one of the authorities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ShownCertificate(pub(crate) bool);

/// The server's end of TLS. Files that have changed are read anew; while they are not valid the last ones hold.
#[derive(Debug)]
pub(crate) struct ListenerTls {
    files: ListenerTlsFiles,
    state: Mutex<Loaded>,
}

#[derive(Debug)]
struct Loaded {
    config: Arc<ServerConfig>,
    stamps: Vec<Option<SystemTime>>,
    looked: Instant,
}

impl ListenerTls {
    /// Reads the files, or says which is not valid, and why.
    pub(crate) fn load(files: ListenerTlsFiles) -> Result<Self, String> {
        let loaded = Loaded { stamps: files.stamps(), config: files.config()?, looked: Instant::now() };
        Ok(Self { files, state: Mutex::new(loaded) })
    }

    /// Returns what the next connection is accepted with.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let mut loaded = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if loaded.looked.elapsed() >= LOOK {
            loaded.looked = Instant::now();
            self.files.read_anew(&mut loaded);
        }
        TlsAcceptor::from(Arc::clone(&loaded.config))
    }
}

impl ListenerTlsFiles {
    fn read_anew(&self, loaded: &mut Loaded) {
        let stamps = self.stamps();
        if stamps == loaded.stamps {
            return;
        }
        loaded.stamps = stamps;
        match self.config() {
            Ok(config) => {
                loaded.config = config;
                tracing::info!("the certificates of the listener are read anew");
            }
            Err(error) => tracing::error!("the listener keeps the certificates that it has: {error}"),
        }
    }

    fn stamps(&self) -> Vec<Option<SystemTime>> {
        let files = [&self.cert, &self.key].into_iter().chain(&self.client_ca);
        files.map(|file| fs::metadata(file).and_then(|metadata| metadata.modified()).ok()).collect()
    }

    fn config(&self) -> Result<Arc<ServerConfig>, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS cannot be set up: {error}"))?;
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(file) => {
                // Which paths need one is for whoever serves them to say.
                let verifier = WebPkiClientVerifier::builder_with_provider(authorities(file)?, provider)
                    .allow_unauthenticated()
                    .build()
                    .map_err(|error| unfit("tls_client_ca_file", file, &error))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let key = private_key("tls_key_file", &self.key)?;
        let mut config = builder
            .with_single_cert(certificates("tls_cert_file", &self.cert)?, key)
            .map_err(|error| format!("`tls_cert_file` and `tls_key_file` do not fit together: {error}"))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

fn authorities(file: &Path) -> Result<Arc<RootCertStore>, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("tls_client_ca_file", file)? {
        roots.add(certificate).map_err(|error| unfit("tls_client_ca_file", file, &error))?;
    }
    Ok(Arc::new(roots))
}

/// Reads the certificates in a file that a setting names; there is at least one.
pub(crate) fn certificates(setting: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = found.map_err(|error| unfit(setting, file, &error))?;
    if found.is_empty() { Err(unfit(setting, file, &"there is no certificate in it")) } else { Ok(found) }
}

/// Reads the private key in a file that a setting names.
pub(crate) fn private_key(setting: &str, file: &Path) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_file(file).map_err(|error| match error {
        pem::Error::NoItemsFound => unfit(setting, file, &"there is no private key in it"),
        other => unfit(setting, file, &other),
    })
}

/// Says that a file which a setting names cannot be used.
pub(crate) fn unfit(setting: &str, file: &Path, why: &dyn std::fmt::Display) -> String {
    format!("`{setting}`: {}: {why}", file.display())
}
