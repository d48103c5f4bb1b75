//! HTTP: one request in, one answer out, unless a fault strikes.

use std::sync::Arc;
use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::connect_info::ConnectInfo;
use axum::extract::{Request as HttpRequest, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::Value;
use tokio::sync::oneshot;

use crate::apply::apply;
use crate::connection::{Cut, CuttableListener};
use crate::error::ServiceError;
use crate::fault::DocumentFault;
use crate::operation::{OperationTarget, route};
use crate::state::{Flight, Shared};
use crate::{Call, Fault, answer, control, request, signature};

/// How much of a body is read to refuse it with an answer; beyond, the connection is closed.
const READ_LIMIT: usize = 64 * 1024 * 1024;

/// Answers requests until the emulator is stopped.
pub(crate) async fn serve(listener: CuttableListener, shared: Arc<Shared>) {
    let router = control::routes()
        .fallback(answer)
        .with_state(Arc::clone(&shared))
        .into_make_service_with_connect_info::<Cut>();
    let served =
        axum::serve(listener, router).with_graceful_shutdown(async move { shared.stopped().await }).await;
    if let Err(error) = served {
        tracing::error!(%error, "the emulator ended");
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(connection): ConnectInfo<Cut>,
    http: HttpRequest,
) -> Response {
    // Dropped with this future, when the client goes away.
    let (_client, gone) = oneshot::channel();
    // In a task of its own: what has arrived is carried out, even if the client no longer waits.
    let task = tokio::spawn(async move { exchange(&shared, http, gone).await });
    let Ok(Some(response)) = task.await else {
        connection.cut();
        return Response::default();
    };
    response
}

/// Returns the answer to a request. `None`: the connection is to be cut instead.
async fn exchange(shared: &Shared, http: HttpRequest, gone: oneshot::Receiver<()>) -> Option<Response> {
    let (head, body) = http.into_parts();
    let Some(target) = route(head.method.as_str(), head.uri.path()) else {
        return Some(answer::refusal(&ServiceError::unknown_operation()));
    };
    // Fails when the client goes away half-way: then no request has arrived.
    let bytes = to_bytes(body, READ_LIMIT).await.ok()?;
    let body = request::read(&bytes);
    let call = Call::arrived(shared.now(), &target, body.as_ref().ok());
    let (id, fault) = shared.arrived(call);
    let flight = shared.take_off(target.operation);
    let exchange = Exchange { shared, target, headers: head.headers, body, flight };
    let response = exchange.meet(fault, gone).await?;
    shared.answered(id, response.status().as_u16(), answer::code(&response));
    Some(response)
}

/// A request that is being answered.
struct Exchange<'a> {
    shared: &'a Shared,
    target: OperationTarget,
    headers: HeaderMap,
    body: Result<Value, ServiceError>,
    flight: Flight<'a>,
}

impl Exchange<'_> {
    /// Lets a fault strike. `None`: the connection is to be cut.
    async fn meet(&self, fault: Option<Fault>, gone: oneshot::Receiver<()>) -> Option<Response> {
        match fault {
            None => Some(self.perform(&[]).await),
            Some(Fault::Error { status, code, message, retry_after }) => {
                let refused = answer::refusal(&ServiceError::new(status, &code, message));
                Some(answer::with_retry_after(refused, retry_after))
            }
            Some(Fault::Raw { status, body }) => Some(answer::raw(status, "text/html", body)),
            Some(Fault::DropBeforeApplying) => None,
            Some(Fault::DropAfterApplying) => {
                self.perform(&[]).await;
                None
            }
            Some(Fault::Delay(delay)) => {
                self.wait(delay).await;
                Some(self.perform(&[]).await)
            }
            Some(Fault::DelayAnswer(delay)) => {
                let answer = self.perform(&[]).await;
                self.wait(delay).await;
                Some(answer)
            }
            Some(Fault::Hang) => {
                tokio::select! {
                    _ = gone => {}
                    () = self.shared.stopped() => {}
                }
                None
            }
            Some(Fault::Garbled) => Some(answer::garbled(self.target.operation, self.result(&[]).await)),
            Some(Fault::Documents(faults)) => Some(self.perform(&faults).await),
        }
    }

    async fn perform(&self, faults: &[DocumentFault]) -> Response {
        answer::of(self.target.operation, self.result(faults).await)
    }

    /// Checks in the order that AWS has: who asks, how often, then what.
    async fn result(&self, faults: &[DocumentFault]) -> Result<Value, ServiceError> {
        let shared = self.shared;
        signature::check(&self.headers, shared.settings.expected_access_key_id.as_deref())?;
        shared.take(self.target.operation)?;
        self.flight.check()?;
        self.wait(shared.latency()).await;
        apply(shared, &self.target, self.body.as_ref().map_err(Clone::clone)?, faults)
    }

    async fn wait(&self, delay: Duration) {
        if delay.is_zero() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = self.shared.stopped() => {}
        }
    }
}
