//! The connections of the listener, bounded in number and in time: requests that are sent by halves, and answers that
//! nobody takes, cannot use up the descriptors of the process.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// The most connections at once; whoever comes then waits until one ends.
const CONNECTIONS: usize = 64;
/// How long the head of a request may take. It counts for a connection on which none comes, too.
const HEAD: Duration = Duration::from_secs(5);
/// How long a connection may serve one request after the other.
const AGE: Duration = Duration::from_mins(1);
/// How long it may then take to end what is under way.
const END: Duration = Duration::from_secs(10);
/// How long to wait when no connection can be taken: the process may have no descriptor left for now.
const PAUSE: Duration = Duration::from_millis(200);

/// Serves until `stop` is cancelled.
pub(super) async fn serve(listener: &TcpListener, router: Router, stop: CancellationToken) {
    let free = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let next = async { (Arc::clone(&free).acquire_owned().await, listener.accept().await) };
        let next = tokio::select! {
            next = next => next,
            () = stop.cancelled() => return,
        };
        let (Ok(permit), Ok((stream, _))) = next else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let (router, stop) = (router.clone(), stop.clone());
        tokio::spawn(async move {
            connection(stream, router, &stop).await;
            drop(permit);
        });
    }
}

async fn connection(stream: TcpStream, router: Router, stop: &CancellationToken) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::pin!(connection);
    tokio::select! {
        // Whatever goes wrong with it is the client's to see.
        _ = connection.as_mut() => return,
        () = tokio::time::sleep(AGE) => {}
        () = stop.cancelled() => {}
    }
    connection.as_mut().graceful_shutdown();
    let _late = tokio::time::timeout(END, connection).await.is_err();
}
