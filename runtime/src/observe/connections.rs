//! The connections of the listener, bounded in number and in time: requests that are sent by halves, and answers that
//! nobody takes, cannot use up the descriptors of the process.

use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::observe::lasting::{Lasting, LastingPlaces};
use crate::observe::peers::PeerPlaces;
use crate::observe::tls::{ListenerTls, ShownCertificate};

/// The most connections at once; whoever comes then waits until one ends.
const CONNECTIONS: usize = 64;
/// How long the head of a request may take. It counts for a connection on which none comes, too.
const HEAD: Duration = Duration::from_secs(5);
/// How long a connection may serve one request after the other, unless one of its answers lasts.
const AGE: Duration = Duration::from_mins(1);
/// How long it may then take to end what is under way.
const END: Duration = Duration::from_secs(10);
/// How long to wait when no connection can be taken: the process may have no descriptor left for now.
const PAUSE: Duration = Duration::from_millis(200);

/// Serves until `stop` is cancelled.
pub(super) async fn serve(
    listener: &TcpListener,
    tls: Option<Arc<ListenerTls>>,
    router: Router,
    stop: CancellationToken,
) {
    let free = Arc::new(Semaphore::new(CONNECTIONS));
    let (places, peers) = (LastingPlaces::new(), PeerPlaces::default());
    loop {
        let next = async { (Arc::clone(&free).acquire_owned().await, listener.accept().await) };
        let next = tokio::select! {
            next = next => next,
            () = stop.cancelled() => return,
        };
        let (Ok(permit), Ok((stream, peer))) = next else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        // Who has too many is hung up on: it must not wait in the line of the others.
        let Some(place) = peers.begin(peer.ip()) else { continue };
        let (router, lasting, stop) = (router.clone(), places.of_connection(), stop.clone());
        let tls = tls.clone();
        tokio::spawn(async move {
            match tls {
                None => connection(stream, router, lasting, &stop).await,
                Some(tls) => secure_connection(stream, &tls, router, lasting, &stop).await,
            }
            drop((permit, place));
        });
    }
}

/// Shakes hands first; whoever does not in time, or shows a certificate of nobody known, is gone.
async fn secure_connection(
    stream: TcpStream,
    tls: &ListenerTls,
    router: Router,
    lasting: Lasting,
    stop: &CancellationToken,
) {
    let shaken = tokio::time::timeout(HEAD, tls.acceptor().accept(stream)).await;
    let stream = match shaken {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::debug!("a client was not let in: {error}");
            return;
        }
        Err(_) => return,
    };
    let has_shown = stream.get_ref().1.peer_certificates().is_some();
    let router = router.layer(Extension(ShownCertificate(has_shown)));
    connection(stream, router, lasting, stop).await;
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    lasting: Lasting,
    stop: &CancellationToken,
) {
    let given = lasting.clone();
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(given.clone());
        router.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        // Whatever goes wrong with it is the client's to see.
        _ = connection.as_mut() => return,
        () = tokio::time::sleep(AGE) => {}
        () = stop.cancelled() => {}
    }
    if lasting.lasts() {
        tokio::select! {
            _ = connection.as_mut() => return,
            () = stop.cancelled() => {}
        }
    }
    connection.as_mut().graceful_shutdown();
    let _late = tokio::time::timeout(END, connection).await.is_err();
}
