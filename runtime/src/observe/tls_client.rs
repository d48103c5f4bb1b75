//! The client's end of TLS, as PEM files have it.

use std::path::PathBuf;

use rustls::{ClientConfig, RootCertStore};

use crate::observe::tls::{certificates, private_key, unfit};

/// The files that a client trusts and shows.
#[derive(Clone, Debug)]
pub(crate) struct ClientTlsFiles {
    /// Authorities to trust beside the system's.
    pub(crate) ca: Option<PathBuf>,
    /// The certificate to show, with its chain, where there is a key, too.
    pub(crate) cert: Option<PathBuf>,
    /// Its key.
    pub(crate) key: Option<PathBuf>,
    /// What an operator knows the three by.
    pub(crate) names: [&'static str; 3],
}

impl ClientTlsFiles {
    /// Reads the files. The error names the one that does not do.
    pub(crate) fn config(&self) -> Result<ClientConfig, String> {
        let [ca, cert, key] = self.names;
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(file) = &self.ca {
            for certificate in certificates(ca, file)? {
                roots.add(certificate).map_err(|error| unfit(ca, file, &error))?;
            }
        }
        let tls = ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS cannot be set up: {error}"))?
            .with_root_certificates(roots);
        let (Some(cert_file), Some(key_file)) = (&self.cert, &self.key) else {
            return Ok(tls.with_no_client_auth());
        };
        let private = private_key(key, key_file)?;
        tls.with_client_auth_cert(certificates(cert, cert_file)?, private)
            .map_err(|error| format!("`{cert}` and `{key}` do not fit together: {error}"))
    }
}
