//! Certificates for `https`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::{Failure, SettingsError};

use crate::any_host::AnyHost;

/// Certificates for `https`, as PEM files. They are read at the first request; a restart reads them again.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_field_names, reason = "operators know these keys by these names")]
#[schemars(extend("x-instead" = {
    "insecure, insecure_skip_verify, skip_verify, skip_cert_verify, verify, verify_certificate, verify_hostname, reject_unauthorized, trust_all": "certificates are always verified; name the authority that signed them in `ca_file`",
    "enabled, enable": "`https://` in the address is what encrypts; leave this out",
}))]
pub struct HttpTlsSettings {
    /// Certificates of authorities to trust beside the system's, such as `/etc/sluice/ca.pem`.
    #[serde(default)]
    #[schemars(extend("x-also" = ["ca", "cafile", "ca_cert", "ca_path", "root_cas_file", "ca_location", "truststore", "ca_certificate"]))]
    pub ca_file: Option<PathBuf>,
    /// The certificate that this client shows, with its chain. Needs `key_file`.
    #[serde(default)]
    #[schemars(extend("x-also" = ["cert", "crt_file", "client_cert", "certificate", "certificate_file", "keystore"]))]
    pub cert_file: Option<PathBuf>,
    /// The private key of `cert_file`, not encrypted.
    #[serde(default)]
    #[schemars(extend("x-also" = ["key", "client_key", "private_key", "key_path"]))]
    pub key_file: Option<PathBuf>,
}

impl HttpTlsSettings {
    /// Checks what the schema cannot say; errors name keys below `tls`.
    pub fn validate(&self) -> Result<(), SettingsError> {
        match (&self.cert_file, &self.key_file) {
            (Some(_), None) => Err(SettingsError::at("tls.cert_file", "a certificate needs its `key_file`")),
            (None, Some(_)) => Err(SettingsError::at("tls.key_file", "a private key needs its `cert_file`")),
            _ => Ok(()),
        }
    }

    /// Reads the files and makes the client's end of TLS, for HTTP.
    pub(crate) fn load(&self) -> Result<ClientConfig, Failure> {
        let mut config = self.client_config()?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    /// Reads the files and makes the client's end of TLS, for any protocol. The server's certificate has to be for its host.
    pub fn client_config(&self) -> Result<ClientConfig, Failure> {
        let builder = config_builder()?.with_root_certificates(self.authorities()?);
        self.with_our_certificate(builder)
    }

    /// Reads the files and makes the client's end of TLS for a server whose certificate may be for any host, as long as an
    /// authority vouches for it.
    pub fn client_config_of_any_host(&self) -> Result<ClientConfig, Failure> {
        let provider = rustls::crypto::ring::default_provider();
        let verifier =
            WebPkiServerVerifier::builder_with_provider(self.authorities()?.into(), provider.into()).build();
        let verifier = verifier.map_err(|error| not_set_up(&error))?;
        let builder =
            config_builder()?.dangerous().with_custom_certificate_verifier(Arc::new(AnyHost::new(verifier)));
        self.with_our_certificate(builder)
    }

    fn with_our_certificate(
        &self,
        builder: ConfigBuilder<ClientConfig, WantsClientCert>,
    ) -> Result<ClientConfig, Failure> {
        let (Some(cert), Some(key)) = (&self.cert_file, &self.key_file) else {
            return Ok(builder.with_no_client_auth());
        };
        builder.with_client_auth_cert(certificates("tls.cert_file", cert)?, private_key(key)?).map_err(
            |error| {
                Failure::fatal(format!("`tls.cert_file` and `tls.key_file` do not fit together: {error}"))
            },
        )
    }

    /// A system without certificates is no fault here: `http` needs none, and a handshake tells the rest.
    fn authorities(&self) -> Result<RootCertStore, Failure> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(path) = &self.ca_file {
            for certificate in certificates("tls.ca_file", path)? {
                roots.add(certificate).map_err(|error| unfit("tls.ca_file", path, &error.to_string()))?;
            }
        }
        Ok(roots)
    }
}

fn config_builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, Failure> {
    let provider = rustls::crypto::ring::default_provider();
    ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .map_err(|error| not_set_up(&error))
}

fn not_set_up(error: &dyn std::fmt::Display) -> Failure {
    Failure::fatal(format!("TLS cannot be set up: {error}"))
}

fn certificates(key: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let found = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = found.map_err(|error| unfit(key, path, &error.to_string()))?;
    if found.is_empty() { Err(unfit(key, path, "there is no certificate in it")) } else { Ok(found) }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, Failure> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| unfit("tls.key_file", path, &error.to_string()))
}

fn unfit(key: &str, path: &Path, why: &str) -> Failure {
    Failure::fatal(format!("`{key}` cannot be used: {}: {why}; it must be a PEM file", path.display()))
}
