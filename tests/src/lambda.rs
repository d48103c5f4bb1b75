//! The Lambda runtime API (2018-06-01) on loopback, for tests that run the binary as a function.
//!
//! It hands out one event at a time and takes the answer, as the service does. Paths and headers: "Using the Lambda
//! runtime API for custom runtimes" in AWS's guide.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::sluice::{PATIENCE, Sluice};

/// The trace that every invocation belongs to.
pub const TRACE: &str = "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1";

/// A running host. Dropping it ends it, and the function with it.
#[derive(Debug)]
pub struct RuntimeApi {
    address: SocketAddr,
    events: UnboundedSender<Invocation>,
    replies: Receiver<FunctionAnswer>,
    polls: Receiver<Instant>,
    invocations: usize,
    /// Dropped last.
    _runtime: Runtime,
}

#[derive(Debug)]
struct Invocation {
    request: String,
    timeout: Duration,
    event: Bytes,
}

/// What a function answered, or what it could not begin for.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionAnswer {
    /// The last part of the path: `response` or `error`.
    pub kind: String,
    /// The request that it answers; `init` for an error before the first.
    pub request: String,
    /// The body.
    pub body: Value,
    /// From the event to the answer.
    pub took: Duration,
}

impl FunctionAnswer {
    /// Returns the partitions and offsets that are listed as not done.
    #[track_caller]
    pub fn failures(&self) -> Vec<(String, i64)> {
        assert_eq!(self.kind, "response", "{self:?}");
        let failures = self.body["batchItemFailures"].as_array().expect("a list");
        let place = |failure: &Value| {
            let item = &failure["itemIdentifier"];
            (
                item["partition"].as_str().expect("a partition").to_owned(),
                item["offset"].as_i64().expect("an offset"),
            )
        };
        failures.iter().map(place).collect()
    }

    /// Returns the text of an error.
    #[track_caller]
    pub fn error(&self) -> &str {
        assert_eq!(self.kind, "error", "{self:?}");
        self.body["errorMessage"].as_str().expect("a text")
    }
}

struct Served {
    events: tokio::sync::Mutex<UnboundedReceiver<Invocation>>,
    replies: Mutex<Sender<FunctionAnswer>>,
    polls: Mutex<Sender<Instant>>,
    handed_out: Mutex<Instant>,
}

impl RuntimeApi {
    /// Starts a host.
    pub fn start() -> Self {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().expect("a runtime");
        let (events, queue) = unbounded_channel();
        let ((replier, replies), (poller, polls)) = (channel(), channel());
        let served = Arc::new(Served {
            events: tokio::sync::Mutex::new(queue),
            replies: Mutex::new(replier),
            polls: Mutex::new(poller),
            handed_out: Mutex::new(Instant::now()),
        });
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{request}/{kind}", post(invoked))
            .route("/2018-06-01/runtime/init/error", post(failed_to_start))
            .layer(DefaultBodyLimit::disable())
            .with_state(served);
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = listener.local_addr().expect("an address");
        runtime.spawn(async move { axum::serve(listener, routes).await });
        Self { address, events, replies, polls, invocations: 0, _runtime: runtime }
    }

    /// Lets a command run as a function of this host, called `prices`.
    #[must_use]
    pub fn function(&self, command: Sluice) -> Sluice {
        command.envs(self.environment())
    }

    /// Returns what a function finds in its environment.
    pub fn environment(&self) -> [(&'static str, String); 7] {
        [
            ("AWS_LAMBDA_RUNTIME_API", self.address.to_string()),
            ("AWS_LAMBDA_FUNCTION_NAME", "prices".to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128".to_owned()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_DEFAULT_REGION", "us-east-1".to_owned()),
            ("TZ", ":UTC".to_owned()),
        ]
    }

    /// Invokes the function with so much time, and waits for the answer a while longer.
    #[track_caller]
    pub fn invoke(&mut self, event: impl AsRef<[u8]>, timeout: Duration) -> FunctionAnswer {
        self.invocations += 1;
        let request = format!("8476a536-e9f4-11e8-9739-{:012}", self.invocations);
        let event = Bytes::copy_from_slice(event.as_ref());
        self.events.send(Invocation { request: request.clone(), timeout, event }).expect("the host runs");
        let reply = self.reply(timeout + PATIENCE);
        assert_eq!(reply.request, request);
        reply
    }

    /// Waits for the error of a function that could not begin.
    #[track_caller]
    pub fn init_error(&self) -> FunctionAnswer {
        let reply = self.reply(PATIENCE);
        assert_eq!(reply.request, "init");
        reply
    }

    #[track_caller]
    fn reply(&self, patience: Duration) -> FunctionAnswer {
        self.replies.recv_timeout(patience).expect("the function answers")
    }

    /// Waits until the function asks for an event, and returns when that was.
    #[track_caller]
    pub fn polled(&self) -> Instant {
        self.polls.recv_timeout(PATIENCE).expect("the function asks for an event")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn next(State(served): State<Arc<Served>>) -> Response {
    // Whoever looks at the polls may have gone.
    lock(&served.polls).send(Instant::now()).ok();
    let Some(Invocation { request, timeout, event }) = served.events.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let deadline = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock") + timeout;
    *lock(&served.handed_out) = Instant::now();
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", request),
        ("lambda-runtime-deadline-ms", deadline.as_millis().to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:us-east-1:123456789012:function:prices".to_owned(),
        ),
        ("lambda-runtime-trace-id", TRACE.to_owned()),
    ];
    (headers, event).into_response()
}

async fn invoked(
    State(served): State<Arc<Served>>,
    Path((request, kind)): Path<(String, String)>,
    body: Bytes,
) -> StatusCode {
    take(&served, request, kind, &body)
}

async fn failed_to_start(State(served): State<Arc<Served>>, body: Bytes) -> StatusCode {
    take(&served, "init".to_owned(), "error".to_owned(), &body)
}

fn take(served: &Served, request: String, kind: String, body: &[u8]) -> StatusCode {
    let reply = FunctionAnswer {
        kind,
        request,
        body: serde_json::from_slice(body).expect("JSON"),
        took: lock(&served.handed_out).elapsed(),
    };
    lock(&served.replies).send(reply).ok();
    StatusCode::ACCEPTED
}

/// An event as the service makes it of records of one partition: its offset, key and value, each in base64.
pub fn event(
    topic: &str,
    partition: i32,
    records: impl IntoIterator<Item = (i64, Option<String>, Option<String>)>,
) -> Value {
    let record = |(offset, key, value): (i64, Option<String>, Option<String>)| {
        let mut record = serde_json::json!({
            "topic": topic, "partition": partition, "offset": offset, "timestamp": 1_739_712_345_678_i64,
            "timestampType": "CREATE_TIME", "headers": [],
        });
        for (name, text) in [("key", key), ("value", value)] {
            if let Some(text) = text {
                record[name] = text.into();
            }
        }
        record
    };
    let records: Vec<Value> = records.into_iter().map(record).collect();
    serde_json::json!({
        "eventSource": "aws:kafka",
        "eventSourceArn": "arn:aws:kafka:us-east-1:123456789012:cluster/prices/751d2973-a626-431c-9d4e-d7975eb44dd7-2",
        "bootstrapServers": "b-2.prices.kafka.us-east-1.amazonaws.com:9098,b-1.prices.kafka.us-east-1.amazonaws.com:9098",
        "records": { format!("{topic}-{partition}"): records },
    })
}
