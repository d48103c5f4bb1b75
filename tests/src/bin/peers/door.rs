//! The server that all send to: it counts lines, and adds up what is in them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::clock::Clock;
use crate::line::{LineTally, sentence};

const ROOM: usize = 128 * 1024;

/// What came.
#[derive(Clone, Debug, Default)]
pub(crate) struct DoorCount {
    pub(crate) tally: LineTally,
    pub(crate) first: Option<Instant>,
    pub(crate) last: Option<Instant>,
    clock: Option<Arc<Clock>>,
}

/// What the door is like.
#[derive(Clone, Debug, Default)]
pub(crate) struct DoorKind {
    /// How long it takes to answer.
    pub(crate) latency: Duration,
    /// The folder for the authority's certificate, if it speaks TLS.
    pub(crate) tls: Option<PathBuf>,
}

/// Answers each request with 200 once its body is there.
pub(crate) struct CountingDoor {
    address: SocketAddr,
    count: Arc<Mutex<DoorCount>>,
    /// The authority's certificate, for the clients.
    pub(crate) ca: Option<PathBuf>,
}

impl CountingDoor {
    pub(crate) fn open(kind: &DoorKind) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let count = Arc::<Mutex<DoorCount>>::default();
        let tls = kind.tls.as_deref().map(certify);
        let (ca, config) = tls.unzip();
        let (counted, latency) = (Arc::clone(&count), kind.latency);
        thread::spawn(move || {
            for connection in listener.incoming() {
                let (connection, count, config) =
                    (connection.expect("a connection"), Arc::clone(&counted), config.clone());
                thread::spawn(move || accept(connection, config, latency, &count));
            }
        });
        Self { address, count, ca }
    }

    pub(crate) fn url(&self) -> String {
        let scheme = if self.ca.is_some() { "https" } else { "http" };
        format!("{scheme}://{}/prices", self.address)
    }

    /// Begins anew; with a clock it notes when each record came.
    pub(crate) fn clear(&self, clock: Option<Arc<Clock>>) {
        *self.lock() = DoorCount { clock, ..DoorCount::default() };
    }

    pub(crate) fn count(&self) -> DoorCount {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, DoorCount> {
        self.count.lock().expect("nobody panics while counting")
    }
}

/// Makes an authority and a certificate of this machine. Returns the authority's file, and how to speak TLS.
fn certify(folder: &Path) -> (PathBuf, Arc<ServerConfig>) {
    let mut params = CertificateParams::new([]).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "the door's authority");
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key"));
    let authority = authority.expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("an address");
    let certificate = params.signed_by(&key, &authority).expect("a certificate");
    let ca = folder.join("door-ca.pem");
    std::fs::write(&ca, authority.pem()).expect("a file");
    let chain = vec![CertificateDer::from_pem_slice(certificate.pem().as_bytes()).expect("a certificate")];
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config =
        config.expect("versions").with_no_client_auth().with_single_cert(chain, key).expect("a pair");
    (ca, Arc::new(config))
}

fn accept(
    connection: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    latency: Duration,
    count: &Mutex<DoorCount>,
) {
    connection.set_nodelay(true).expect("an option");
    match tls {
        None => serve(connection, latency, count),
        Some(config) => {
            let session = ServerConnection::new(config).expect("a session");
            serve(StreamOwned::new(session, connection), latency, count);
        }
    }
}

/// Serves a client until it leaves, or is ended in the middle of a request.
fn serve(connection: impl Read + Write, latency: Duration, count: &Mutex<DoorCount>) {
    let mut reader = BufReader::with_capacity(ROOM, connection);
    let mut body = Vec::new();
    while read_request(&mut reader, &mut body).is_some() {
        note(&body, count);
        if !latency.is_zero() {
            thread::sleep(latency);
        }
        let connection = reader.get_mut();
        if connection
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .and_then(|()| connection.flush())
            .is_err()
        {
            return;
        }
    }
}

/// Reads a request, and keeps its body.
fn read_request(reader: &mut impl BufRead, body: &mut Vec<u8>) -> Option<()> {
    let mut length = None;
    let mut is_chunked = false;
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        let header = line.to_ascii_lowercase();
        if let Some(value) = header.strip_prefix("content-length:") {
            length = Some(value.trim().parse().expect("a length"));
        }
        is_chunked |= header.starts_with("transfer-encoding:") && header.contains("chunked");
    }
    body.clear();
    match length {
        Some(length) => {
            body.resize(length, 0);
            reader.read_exact(body).ok()
        }
        None if is_chunked => read_chunks(reader, body),
        None => Some(()),
    }
}

/// Reads a body that comes in chunks (RFC 9112, section 7.1).
fn read_chunks(reader: &mut impl BufRead, body: &mut Vec<u8>) -> Option<()> {
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let size = usize::from_str_radix(line.trim(), 16).ok()?;
        let end = body.len() + size;
        body.resize(end + 2, 0);
        reader.read_exact(body.get_mut(end - size..)?).ok()?;
        body.truncate(end);
        if size == 0 {
            return Some(());
        }
    }
}

fn note(body: &[u8], count: &Mutex<DoorCount>) {
    let came = Instant::now();
    let clock = count.lock().expect("nobody panics while counting").clock.clone();
    let mut tally = LineTally::default();
    for line in body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let text = sentence(line);
        tally.add(text);
        if let Some(clock) = &clock {
            clock.came(text, came);
        }
    }
    let mut count = count.lock().expect("nobody panics while counting");
    count.first.get_or_insert(came);
    count.last = Some(came);
    count.tally.join(tally);
}
