use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;

use super::*;

/// An authority of our own, and what it signs, as files.
struct Authority {
    directory: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let authority = Self { directory: tempfile::tempdir().unwrap(), issuer };
        authority.write("ca.pem", &authority.issuer.pem());
        authority
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    /// Signs a certificate; returns the files of it and of its key.
    fn sign(&self, name: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let file = self.write(&format!("{name}.pem"), &certificate.pem());
        (file, self.write(&format!("{name}.key"), &key.serialize_pem()))
    }

    /// Makes a server's end of TLS, which may ask for a certificate of this authority.
    fn acceptor(&self, asks: bool) -> TlsAcceptor {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = if asks {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let (certificate, key) = self.sign("server");
        let certificate = CertificateDer::from_pem_file(certificate).unwrap();
        let key = PrivateKeyDer::from_pem_file(key).unwrap();
        TlsAcceptor::from(Arc::new(builder.with_single_cert(vec![certificate], key).unwrap()))
    }
}

#[tokio::test]
async fn an_authority_of_ones_own_is_trusted_when_named() {
    let authority = Authority::new();
    let server = HttpServer::start_with([], Some(authority.acceptor(false))).await;
    let failure = batch_failure(sink_at(&server, "/", &json!({})).put(&prices()[..1]).await);
    assert_eq!(failure.kind(), FailureKind::Retriable);
    assert!(failure.to_string().contains("set `tls.ca_file`"), "{failure}");
    assert!(server.seen().is_empty());
    let changes = json!({ "tls": { "ca_file": authority.path("ca.pem") } });
    sink_at(&server, "/", &changes).put(&prices()[..1]).await.unwrap();
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_target_that_asks_for_a_certificate_gets_it() {
    let authority = Authority::new();
    let server = HttpServer::start_with([], Some(authority.acceptor(true))).await;
    let ca = json!({ "tls": { "ca_file": authority.path("ca.pem") } });
    let failure = batch_failure(sink_at(&server, "/", &ca).put(&prices()[..1]).await);
    assert_eq!(failure.kind(), FailureKind::Retriable);
    assert!(server.seen().is_empty());
    let (cert, key) = authority.sign("client");
    let tls = json!({ "tls": { "ca_file": authority.path("ca.pem"), "cert_file": cert, "key_file": key } });
    sink_at(&server, "/", &tls).put(&prices()[..1]).await.unwrap();
}

#[tokio::test]
async fn files_that_are_no_certificates_are_fatal_and_named() {
    let authority = Authority::new();
    let server = HttpServer::start([]).await;
    let empty = authority.write("empty.pem", "");
    let (cert, _) = authority.sign("client");
    let (_, other_key) = authority.sign("other");
    for (tls, key) in [
        (json!({ "ca_file": "/nowhere/ca.pem" }), "tls.ca_file"),
        (json!({ "ca_file": &empty }), "tls.ca_file"),
        (json!({ "cert_file": &cert, "key_file": &cert }), "tls.key_file"),
        (json!({ "cert_file": &cert, "key_file": &other_key }), "tls.key_file"),
    ] {
        let sink = sink_at(&server, "/", &json!({ "tls": tls }));
        let failure = batch_failure(sink.put(&prices()[..1]).await);
        assert_eq!(failure.kind(), FailureKind::Fatal);
        assert!(failure.to_string().contains(key), "{failure}");
        assert!(sink.check().await[0].as_result().is_err_and(|wrong| wrong.contains(key)));
    }
}

/// Runs itself again in processes of their own: what is set there must not reach other tests.
#[tokio::test]
async fn a_proxy_counts_only_when_asked_for() {
    if let Ok(target) = std::env::var("TEST_TARGET") {
        let asked = std::env::var("TEST_PROXY_ASKED").unwrap() == "true";
        let sink = built("http", json!({ "url": target, "proxy_from_environment": asked }));
        sink.put(&prices()[..1]).await.unwrap();
        return;
    }
    let (target, proxy) = (HttpServer::start([]).await, HttpServer::start([]).await);
    for asked in [false, true] {
        let output = tokio::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "http::tests::tls::a_proxy_counts_only_when_asked_for"])
            .env("TEST_TARGET", format!("{}/p", target.url))
            .env("TEST_PROXY_ASKED", asked.to_string())
            .env("HTTP_PROXY", &proxy.url)
            .env("http_proxy", &proxy.url)
            .env_remove("NO_PROXY")
            .env_remove("no_proxy")
            .output()
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        assert_eq!((target.lines().len(), proxy.lines().len()), (1, usize::from(asked)), "asked: {asked}");
    }
    assert_eq!(target.lines(), ["POST /p"]);
    assert_eq!(proxy.lines(), [format!("POST {}/p", target.url)]);
}
