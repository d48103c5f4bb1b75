//! The server that all send to: it counts lines, and adds up what is in them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Instant;

const ROOM: usize = 128 * 1024;

/// What came.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DoorCount {
    pub(crate) records: u64,
    /// The sum of the hashes of all lines: two contenders that sent the same lines have the same, in whatever order.
    pub(crate) sum: u64,
    pub(crate) first: Option<Instant>,
    pub(crate) last: Option<Instant>,
}

/// Answers each request with 200 once its body is there.
pub(crate) struct CountingDoor {
    address: SocketAddr,
    count: Arc<Mutex<DoorCount>>,
}

impl CountingDoor {
    pub(crate) fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let count = Arc::<Mutex<DoorCount>>::default();
        let counted = Arc::clone(&count);
        thread::spawn(move || {
            for connection in listener.incoming() {
                let (connection, count) = (connection.expect("a connection"), Arc::clone(&counted));
                thread::spawn(move || serve(connection, &count));
            }
        });
        Self { address, count }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/prices", self.address)
    }

    /// Begins anew.
    pub(crate) fn clear(&self) {
        *self.lock() = DoorCount::default();
    }

    pub(crate) fn count(&self) -> DoorCount {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, DoorCount> {
        self.count.lock().expect("nobody panics while counting")
    }
}

/// Serves a client until it leaves, or is ended in the middle of a request.
fn serve(connection: TcpStream, count: &Mutex<DoorCount>) {
    connection.set_nodelay(true).expect("an option");
    let mut reader = BufReader::with_capacity(ROOM, connection);
    let mut body = Vec::new();
    while let Some(length) = body_length(&mut reader) {
        body.resize(length, 0);
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        note(&body, count);
        if reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").is_err() {
            return;
        }
    }
}

/// Reads the head of a request, and returns how long its body is.
fn body_length(reader: &mut impl BufRead) -> Option<usize> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            return Some(length);
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
    }
}

fn note(body: &[u8], count: &Mutex<DoorCount>) {
    let came = Instant::now();
    let (mut records, mut sum) = (0, 0_u64);
    for line in body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        records += 1;
        sum = sum.wrapping_add(hash(line));
    }
    let mut count = count.lock().expect("nobody panics while counting");
    count.first.get_or_insert(came);
    count.last = Some(came);
    count.records += records;
    count.sum = count.sum.wrapping_add(sum);
}

/// FNV-1a.
fn hash(line: &[u8]) -> u64 {
    line.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
