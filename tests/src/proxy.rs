//! A proxy in front of a real server, on loopback: it lets the server store and keeps the answer to itself, or takes the server
//! away.
//!
//! It knows as much of a protocol as [`ProxyRules`] say of a piece of what a client sends, and passes everything on as it is.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// The most that is passed on at once.
const PIECE: usize = 1 << 16;

/// What the proxy understands of a piece that a client sends, which is the beginning of a request more often than not.
#[derive(Clone, Copy, Debug)]
pub struct ProxyRules {
    /// Says whether it asks the server to store something for good.
    pub stores: fn(&[u8]) -> bool,
    /// Says whether a server that is away does not get it, and its connection ends.
    pub is_refused: fn(&[u8]) -> bool,
}

/// A proxy that runs until it is dropped; connections that are open then go on.
#[derive(Debug)]
pub struct FaultyProxy {
    address: SocketAddr,
    shared: Arc<ProxyShared>,
}

#[derive(Debug)]
struct ProxyShared {
    server: SocketAddr,
    rules: ProxyRules,
    /// Of so many of a hundred requests that store, nobody hears an answer; of the first one in any case.
    silent: u8,
    random: Mutex<fastrand::Rng>,
    swallowed: AtomicUsize,
    is_down: AtomicBool,
    has_ended: AtomicBool,
}

impl FaultyProxy {
    /// Listens at any port for a server on loopback. In `silent` of a hundred requests that store, the server stores and its
    /// answer is swallowed; which ones follows from the seed.
    pub fn start(server: u16, rules: ProxyRules, silent: u8, seed: u64) -> Self {
        Self::start_at(0, server, rules, silent, seed)
    }

    /// Does what [`FaultyProxy::start`] does at this port.
    pub fn start_at(port: u16, server: u16, rules: ProxyRules, silent: u8, seed: u64) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(ProxyShared {
            server: SocketAddr::from((Ipv4Addr::LOCALHOST, server)),
            rules,
            silent,
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
            swallowed: AtomicUsize::new(0),
            is_down: AtomicBool::new(false),
            has_ended: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &accepting));
        Self { address, shared }
    }

    /// Returns the port to connect to.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Takes the server away, or brings it back.
    pub fn set_down(&self, down: bool) {
        self.shared.is_down.store(down, Ordering::SeqCst);
    }

    /// Returns how many answers were swallowed.
    pub fn swallowed(&self) -> usize {
        self.shared.swallowed.load(Ordering::SeqCst)
    }
}

impl Drop for FaultyProxy {
    fn drop(&mut self) {
        self.shared.has_ended.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts, which then ends; if it has ended, there is nobody to wake.
        TcpStream::connect(self.address).ok();
    }
}

fn accept(listener: &TcpListener, shared: &Arc<ProxyShared>) {
    for client in listener.incoming().map_while(Result::ok) {
        if shared.has_ended.load(Ordering::SeqCst) {
            return;
        }
        let shared = Arc::clone(shared);
        // Whoever hangs up in the middle is no matter.
        thread::spawn(move || carry(&client, &shared).ok());
    }
}

/// Carries a connection until one of its ends closes it.
fn carry(client: &TcpStream, shared: &ProxyShared) -> io::Result<()> {
    let server = TcpStream::connect(shared.server)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let is_mute = Arc::new(AtomicBool::new(false));
    let (answers, asker, mute) = (server.try_clone()?, client.try_clone()?, Arc::clone(&is_mute));
    thread::spawn(move || carry_answers(&answers, &asker, &mute).ok());
    let asked = carry_requests(client, &server, shared, &is_mute);
    // Either may be closed already.
    server.shutdown(Shutdown::Both).ok();
    client.shutdown(Shutdown::Both).ok();
    asked
}

fn carry_requests(
    mut client: &TcpStream,
    mut server: &TcpStream,
    shared: &ProxyShared,
    is_mute: &AtomicBool,
) -> io::Result<()> {
    let mut room = vec![0; PIECE];
    loop {
        let count = client.read(&mut room)?;
        let piece = &room[..count];
        if piece.is_empty() || (shared.is_down.load(Ordering::SeqCst) && (shared.rules.is_refused)(piece)) {
            return Ok(());
        }
        if (shared.rules.stores)(piece) && shared.swallows() {
            is_mute.store(true, Ordering::SeqCst);
        }
        server.write_all(piece)?;
    }
}

fn carry_answers(mut server: &TcpStream, mut client: &TcpStream, is_mute: &AtomicBool) -> io::Result<()> {
    let mut room = vec![0; PIECE];
    loop {
        let count = server.read(&mut room)?;
        if count == 0 {
            return if is_mute.load(Ordering::SeqCst) { Ok(()) } else { client.shutdown(Shutdown::Both) };
        }
        if !is_mute.load(Ordering::SeqCst) {
            client.write_all(&room[..count])?;
        }
    }
}

impl ProxyShared {
    fn swallows(&self) -> bool {
        let is_first = self.silent > 0 && self.swallowed.load(Ordering::SeqCst) == 0;
        let dice = self.random.lock().unwrap_or_else(PoisonError::into_inner).u8(0..100);
        let swallows = is_first || dice < self.silent;
        if swallows {
            self.swallowed.fetch_add(1, Ordering::SeqCst);
        }
        swallows
    }
}
