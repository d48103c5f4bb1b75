//! Sends the requests that a batch makes.

use async_trait::async_trait;
use serde_json::{Map, Value, json};
use sluice_connector_api::{
    Failure, FailureKind, Finding, FormNeed, Json, Limits, Order, PutError, Record, Repetition,
    SettingsError, Sink, SinkSettings, TombstoneFate,
};
use sluice_wire::header::HeaderMap;
use sluice_wire::{Auth, Connections, HttpAnswer, HttpClient, HttpRequest, Method, START_BYTES, WHOLE_BYTES};

use super::plan::{Plan, Planned, Planner};
use super::rules::Rules;
use super::settings::HttpSettings;

impl SinkSettings for HttpSettings {
    const NAME: &'static str = "http";

    fn build(self) -> Result<Box<dyn Sink>, SettingsError> {
        self.validate()?;
        Ok(Box::new(Http::new(self)?))
    }
}

/// Sends the requests of a batch one after the other.
struct Http {
    planner: Planner,
    rules: Rules,
    settings: HttpSettings,
    client: HttpClient,
}

impl Http {
    fn new(settings: HttpSettings) -> Result<Self, SettingsError> {
        let planner = Planner::new(&settings)?;
        let rules = Rules::new(&settings);
        let auth =
            Auth::new("auth", &settings.auth, planner.target().base(), settings.request_timeout.get())?;
        if auth.fixed_name().is_some_and(|name| planner.has_header(name)) {
            return Err(SettingsError::at(
                "auth.header.name",
                "`headers` has this header as well; remove one",
            ));
        }
        let client = HttpClient::new(connections(&settings), auth);
        Ok(Self { planner, rules, settings, client })
    }

    async fn exchange(&self, request: &HttpRequest) -> Result<HttpAnswer, Failure> {
        let most_bytes = if self.rules.read_items() { WHOLE_BYTES } else { START_BYTES };
        self.client.exchange(request, most_bytes).await
    }

    /// Sends one request; tells which of its records were not stored, or why none was.
    async fn send(&self, planned: &mut Planned) -> Result<Vec<(usize, Failure)>, Failure> {
        self.settings.compression.apply(&mut planned.request)?;
        self.rules.outcome(planned, &self.exchange(&planned.request).await?)
    }

    /// Asks for the head of the part of the URL that has no tags: it writes nothing, whatever is there.
    async fn look(&self) -> Finding {
        let target = self.planner.target();
        let request = HttpRequest::new(Method::HEAD, target.fixed_part());
        let subject = format!("target {}", target.origin());
        match self.exchange(&request).await {
            Ok(answer) => self.seen(subject, &answer),
            Err(failure) => Finding::from_failure(subject, &failure),
        }
    }

    /// What a HEAD proves: name, network, TLS, and a server that answers. Whether it takes the records, it does not: some
    /// servers refuse it, or fail at it, and take what is sent.
    fn seen(&self, subject: String, answer: &HttpAnswer) -> Finding {
        let (status, said) = (answer.status, answer.said());
        let method = self.planner.method();
        let refused =
            || format!("answers a HEAD with {said}; it does not accept these credentials, change `auth`");
        match status {
            // Without `auth`, credentials may be among the headers that have tags, which are not sent here.
            401 if self.client.auth().names().is_empty() => Finding::unseen(subject, refused()),
            401 => Finding::wrong(subject, refused()),
            407 => {
                Finding::wrong(subject, format!("the proxy answers {said}; put its credentials into its URL"))
            }
            429 | 502..=504 => {
                Finding::unreachable(subject, format!("answers a HEAD with {said}; see to the target"))
            }
            500.. => Finding::unseen(
                subject,
                format!("answers a HEAD with {said}; whether it takes a {method} is seen at the first one"),
            ),
            _ => Finding::good(
                subject,
                format!(
                    "answers (a HEAD, with {status}); whether it takes a {method} is seen at the first one"
                ),
            ),
        }
    }

    fn shown(&self, request: &HttpRequest) -> Value {
        let mut headers: Map<_, _> = shown_headers(&request.headers);
        if let Some(encoding) = self.settings.compression.encoding(request) {
            headers.insert("content-encoding".to_owned(), encoding.into());
        }
        headers.extend(
            self.client.auth().names().into_iter().map(|name| (name.to_owned(), "[redacted]".into())),
        );
        json!({
            "method": request.method.as_str(),
            "url": request.url.as_str(),
            "headers": headers,
            "body": shown_body(request),
        })
    }
}

#[async_trait]
impl Sink for Http {
    /// One record per request makes one per put, so that puts in flight run side by side and a failure repeats nothing.
    fn limits(&self) -> Limits {
        // Without an order of their own, records without a key keep that of their partition.
        let order = if self.settings.unordered { Order::Key } else { Order::KeyOrPartition };
        let limits = Limits::default().with_max_in_flight(self.settings.max_in_flight).with_order(order);
        if self.settings.batch.is_some() { limits } else { limits.with_max_records(1) }
    }

    fn on_tombstone(&self) -> TombstoneFate {
        self.settings.on_null.fate()
    }

    fn repetition(&self) -> Repetition {
        Repetition::stores_again("the request is sent again, and what that does is up to the target")
    }

    /// Sends the requests in order, up to the first that fails for another reason than the data.
    async fn put(&self, batch: &[Record]) -> Result<(), PutError> {
        let Plan { requests, rejected: mut failures } = self.planner.plan(batch);
        let mut requests = requests.into_iter();
        while let Some(mut planned) = requests.next() {
            match self.send(&mut planned).await {
                Ok(items) => {
                    let stop = items.iter().any(|(_, failure)| failure.kind() != FailureKind::Rejected);
                    failures.extend(items);
                    if stop {
                        give_up(&mut failures, requests.by_ref());
                    }
                }
                Err(failure) if failure.kind() == FailureKind::Rejected => match &*planned.indices {
                    [index] => failures.push((*index, failure)),
                    // The record at fault is not known: the engine narrows the batch down to it.
                    _ => return Err(PutError::Batch(failure)),
                },
                Err(failure) if planned.indices.len() == batch.len() => return Err(PutError::Batch(failure)),
                Err(failure) => {
                    failures.extend(planned.indices.iter().map(|index| (*index, again(&failure))));
                    give_up(&mut failures, requests.by_ref());
                }
            }
        }
        if failures.is_empty() { Ok(()) } else { Err(PutError::Records(failures)) }
    }

    fn needs(&self) -> Vec<FormNeed> {
        self.planner.needs()
    }

    fn warnings(&self) -> Vec<SettingsError> {
        let text = "a part of the path in single braces, or behind a colon, is sent as it is; a tag is written `{{field}}`, or \
                    `{{@record.key}}`";
        let keys = self.planner.with_placeholders().into_iter();
        keys.map(|key| SettingsError::at(key, text)).collect()
    }

    fn size_of(&self, record: &Record) -> usize {
        self.planner.size_of(record)
    }

    /// Shows the request, or a list of them where the batch makes none or several.
    fn preview(&self, batch: &[Record]) -> Result<Value, PutError> {
        let Plan { requests, rejected } = self.planner.plan(batch);
        if !rejected.is_empty() {
            return Err(PutError::Records(rejected));
        }
        match &*requests {
            [planned] => Ok(self.shown(&planned.request)),
            requests => Ok(requests.iter().map(|planned| self.shown(&planned.request)).collect()),
        }
    }

    async fn check(&self) -> Vec<Finding> {
        let mut findings = self.client.check().await;
        if findings.iter().all(|finding| finding.as_result().is_ok()) {
            findings.push(self.look().await);
        }
        findings
    }
}

fn connections(settings: &HttpSettings) -> Connections {
    let mut connections = Connections::new(settings.request_timeout.get());
    connections.tls = settings.tls.clone();
    connections.connect_timeout = settings.connect_timeout.get();
    connections.keep_alive = settings.keep_alive.get();
    connections.max_idle = settings.max_in_flight;
    connections.proxy_from_environment = settings.proxy_from_environment;
    connections
}

/// Fails the records of requests that are not sent, since what comes before them has to be put first.
fn give_up(failures: &mut Vec<(usize, Failure)>, requests: impl Iterator<Item = Planned>) {
    let Some(first) = failures.iter().rposition(|(_, failure)| failure.kind() != FailureKind::Rejected)
    else {
        return;
    };
    for index in requests.flat_map(|planned| planned.indices) {
        let failure = failures.get(first).map(|(_, failure)| again(failure));
        failures.extend(failure.map(|failure| (index, failure)));
    }
}

/// Says the same of another record.
fn again(failure: &Failure) -> Failure {
    let reason = failure.to_string();
    let same = match failure.kind() {
        FailureKind::Fatal => Failure::fatal(reason),
        FailureKind::Rejected => Failure::rejected(reason),
        FailureKind::Retriable => Failure::retriable(reason).because(failure.trouble()),
    };
    match failure.wait() {
        Some(wait) => same.retry_after(wait),
        None => same,
    }
}

fn shown_headers(headers: &HeaderMap) -> Map<String, Value> {
    let shown = headers.iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned().into())
    });
    shown.collect()
}

/// JSON as JSON, all else as text.
fn shown_body(request: &HttpRequest) -> Value {
    if !request.has_body() {
        return Value::Null;
    }
    match Json::from_slice(&request.body) {
        Ok(json) => json.into_value(),
        Err(_) => String::from_utf8_lossy(&request.body).into_owned().into(),
    }
}
