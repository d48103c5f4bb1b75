//! `sluice health`: whether a worker lives, asked from beside it, as a container without a shell has to.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::cli::command::Command;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::output::print;
use crate::config::worker::WorkerSettings;
use crate::observe::tls::certificates;

/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(4);
/// The most of an answer that is read, in bytes.
const LARGEST: u64 = 64 * 1024;

/// Asks a worker on this machine whether it lives, at the address that `listen` names.
///
/// Exits with 0 where it does, with 1 where it says that it does not, and with 3 where nobody answers. For the health check of a
/// container: `HEALTHCHECK CMD ["/usr/local/bin/sluice", "health"]`.
#[derive(Debug, Args)]
pub(crate) struct HealthArgs {
    /// Ask whether every connector runs, not only whether the process does
    #[arg(long)]
    ready: bool,
}

impl Command for HealthArgs {
    const NAME: &'static str = "health";
    const ONE_THREAD: bool = true;

    async fn run(self, context: &Context) -> Result<(), Exit> {
        let listen = &context.settings().listen;
        let path = if self.ready { "/readyz" } else { "/healthz" };
        let asked = tokio::time::timeout(PATIENCE, ask(context.settings(), path)).await;
        let answer = match asked {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(nobody(listen, &error.to_string())),
            Err(_) => return Err(nobody(listen, &format!("no answer in {PATIENCE:?}"))),
        };
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        if head.split(' ').nth(1) == Some("200") {
            return print(body.trim_end());
        }
        Err(Exit::Running(format!("the worker at {listen} is not well: {}", body.trim_end())))
    }
}

fn nobody(listen: &str, why: &str) -> Exit {
    Exit::Environment(format!("no worker answers at {listen} ({why}); is that its `listen`?"))
}

/// Returns where somebody on this machine finds a worker that listens there: all addresses are none to connect to.
fn reachable(listen: &str) -> String {
    match listen.parse::<SocketAddr>() {
        Ok(SocketAddr::V4(address)) if address.ip().is_unspecified() => {
            format!("{}:{}", Ipv4Addr::LOCALHOST, address.port())
        }
        Ok(SocketAddr::V6(address)) if address.ip().is_unspecified() => {
            format!("[{}]:{}", Ipv6Addr::LOCALHOST, address.port())
        }
        _ => listen.to_owned(),
    }
}

/// Asks for a path and returns head and body of the answer.
async fn ask(settings: &WorkerSettings, path: &str) -> io::Result<String> {
    let address = reachable(&settings.listen);
    let mut request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    if let Some(token) = settings.rest_token.as_ref().filter(|_| !settings.open_metrics) {
        request.extend(["Authorization: Bearer ", token.reveal(), "\r\n"]);
    }
    request.push_str("\r\n");
    let stream = TcpStream::connect(&address).await?;
    match &settings.tls_cert_file {
        None => exchange(stream, &request).await,
        Some(cert) => {
            let name = ServerName::from(stream.peer_addr()?.ip());
            let config = pinned(cert).map_err(io::Error::other)?;
            let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
            exchange(stream, &request).await
        }
    }
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> io::Result<String> {
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LARGEST).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Trusts the very certificate that the worker is configured with: it need not be one of this machine's name.
fn pinned(cert: &Path) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let own = certificates("tls_cert_file", cert)?.into_iter().next();
    let verifier = Pinned { own, provider: Arc::clone(&provider) };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(config)
}

#[derive(Debug)]
struct Pinned {
    own: Option<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.own.as_ref().is_some_and(|own| own.as_ref() == shown.as_ref()) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(rustls::Error::General("it shows another certificate than that of `tls_cert_file`".to_owned()))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_are_asked_at_the_one_of_this_machine() {
        assert_eq!(reachable("0.0.0.0:8083"), "127.0.0.1:8083");
        assert_eq!(reachable("[::]:8083"), "[::1]:8083");
        assert_eq!(reachable("10.0.0.7:8083"), "10.0.0.7:8083");
        assert_eq!(reachable("localhost:8083"), "localhost:8083");
    }
}
