//! Somebody who looks at the page of a daemon: what a browser asks for that shows one of its connectors.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use sluice_tests::listener;

/// How often a page asks for the connector that it shows, beside the stream of all.
const ASK: Duration = Duration::from_secs(2);
/// How soon the end is noticed.
const LOOK: Duration = Duration::from_millis(100);

/// An open page. It is closed with its value.
pub(crate) struct Watcher {
    closed: Arc<AtomicBool>,
    threads: Vec<JoinHandle<usize>>,
}

impl Watcher {
    /// Opens the page of a connector.
    pub(crate) fn open(address: &str, connector: &'static str) -> Self {
        let closed = Arc::<AtomicBool>::default();
        let (until, to) = (Arc::clone(&closed), address.to_owned());
        let stream = spawn(move || listen(&to, &until));
        let (until, to) = (Arc::clone(&closed), address.to_owned());
        let asking = spawn(move || ask(&to, connector, &until));
        Self { closed, threads: vec![stream, asking] }
    }

    /// Closes it. Fails where it was shown nothing, since then nobody looked.
    pub(crate) fn close(mut self) {
        self.closed.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            assert!(thread.join().expect("a page") > 0, "the page was shown nothing");
        }
    }
}

/// Listens to what all connectors are up to. Returns how many events there were.
fn listen(address: &str, closed: &AtomicBool) -> usize {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(LOOK)).expect("a time");
    let request = format!("GET /live HTTP/1.1\r\nHost: {address}\r\nAccept: text/event-stream\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("a request");
    let (mut text, mut piece) = (Vec::new(), vec![0; 65536]);
    while !closed.load(Ordering::Relaxed) {
        // Nothing comes for most of the time.
        if let Ok(count) = stream.read(&mut piece) {
            assert!(count > 0, "the stream has ended");
            text.extend_from_slice(piece.get(..count).expect("what was read"));
        }
    }
    String::from_utf8_lossy(&text).matches("event: state").count()
}

/// Asks for one connector again and again. Returns how often it was answered.
fn ask(address: &str, connector: &str, closed: &AtomicBool) -> usize {
    let mut answers = 0;
    while !closed.load(Ordering::Relaxed) {
        let answer = listener::get(address, &format!("/live/{connector}"));
        assert_eq!(answer.status, 200, "{}", answer.body);
        answers += 1;
        let asked = Instant::now();
        while asked.elapsed() < ASK && !closed.load(Ordering::Relaxed) {
            sleep(LOOK);
        }
    }
    answers
}
