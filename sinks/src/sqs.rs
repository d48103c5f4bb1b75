//! Records in an Amazon SQS queue: `SendMessageBatch` by signed HTTP, see docs/decisions/0006-signed-http.md.

use std::collections::HashMap;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sluice_connector_api::{
    Failure, Finding, Json, Limits, Order, PutError, Record, Repetition, SettingsError, Sink, TombstoneFate,
    expectation_of,
};
use sluice_wire::{
    AwsCall, AwsService, AwsSettings, AwsSinkSettings, CALL_LINGER, HttpAnswer, Method, Url, endpoint_url,
    one_line, shown_code,
};

use crate::record::lines::LineFormat;

/// Bytes of a batch and of each entry of it: 1 MiB since August 2025. A queue with a lower limit of its own says so.
const MAX_BYTES: usize = 1024 * 1024;
/// Entries of a batch.
const MAX_ENTRIES: usize = 10;
/// What is wrong with the data, and not with the queue.
const REJECTING: [&str; 4] =
    ["BatchRequestTooLong", "InvalidMessageContents", "InvalidParameterValue", "MessageTooLong"];

/// Sends records to an Amazon SQS queue, ten per call.
///
/// Made for dead letters, and good for any queue. Of a FIFO queue, whose name ends in `.fifo`, the group is the record's
/// partition, and the deduplication id its topic, partition and offset, so that one that is put again within five
/// minutes is not there twice. A record takes at most 1 MiB, or what the queue's own limit says. A batch holds up to
/// 10 records and 1MiB.
///
/// `region` and `endpoint_url` default to what `queue_url` says. Needs the right `sqs:SendMessage` on the queue.
///
/// ```yaml
/// sink:
///   sqs:
///     queue_url: https://sqs.eu-central-1.amazonaws.com/123456789012/prices-dlq
/// ```
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqsSettings {
    /// The queue's URL, such as `https://sqs.eu-central-1.amazonaws.com/123456789012/prices-dlq`.
    #[schemars(regex(pattern = "^https?://."), extend("patternErrorMessage" = "the URL of a queue, such as https://sqs.eu-central-1.amazonaws.com/123456789012/prices; `aws sqs get-queue-url` tells it"))]
    #[schemars(extend("x-also" = ["queue", "url", "sqs_queue_url"]))]
    pub queue_url: String,
    /// What is sent: `json_lines`, a JSON object with the whole record, its headers included, or `raw`, the value alone.
    /// Default: `json_lines`.
    #[serde(default)]
    #[schemars(extend("x-also" = ["codec", "encoding"]))]
    pub format: LineFormat,
    /// Puts in flight at once, from 1 to 16; a FIFO queue keeps the order of each partition. Default: 4.
    #[serde(default = "max_in_flight")]
    #[schemars(range(min = 1, max = 16))]
    pub max_in_flight: usize,
}

fn max_in_flight() -> usize {
    4
}

impl AwsSinkSettings for SqsSettings {
    const NAME: &'static str = "sqs";

    fn build(self, aws: AwsSettings) -> Result<Box<dyn Sink>, SettingsError> {
        let queue = endpoint_url("queue_url", &self.queue_url)?;
        let endpoint = match &aws.endpoint_url {
            Some(url) => endpoint_url("endpoint_url", url)?,
            None => queue.join("/").map_err(|error| SettingsError::at("queue_url", error.to_string()))?,
        };
        let region = aws.region.or_else(|| region_of(&queue));
        let service = AwsService::new("sqs", region, endpoint, aws.request_timeout.get(), self.max_in_flight);
        Ok(Box::new(Sqs { is_fifo: self.queue_url.strip_suffix(".fifo").is_some(), settings: self, service }))
    }
}

/// Reads the region out of a host such as `sqs.eu-central-1.amazonaws.com`.
fn region_of(queue: &Url) -> Option<String> {
    let (region, domain) = queue.host_str()?.strip_prefix("sqs.")?.split_once('.')?;
    domain.starts_with("amazonaws.").then(|| region.to_owned())
}

struct Sqs {
    settings: SqsSettings,
    is_fifo: bool,
    service: AwsService,
}

/// What `SendMessageBatch` answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Sent {
    #[serde(default)]
    successful: Vec<Successful>,
    #[serde(default)]
    failed: Vec<Failed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Successful {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Failed {
    id: String,
    #[serde(default)]
    sender_fault: bool,
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

impl Sqs {
    /// The body of an entry, or why there is none.
    fn text(&self, record: &Record) -> Result<String, Failure> {
        let line = self.settings.format.line(record)?;
        let text = String::from_utf8(line).map_err(|_| {
            Failure::rejected(
                "the value is not valid UTF-8, and a queue takes text; set `format: json_lines`",
            )
        })?;
        match self.settings.format {
            // What XML has no character for, JSON can write in others.
            LineFormat::JsonLines => Ok(text.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff")),
            LineFormat::Raw if text.is_empty() => {
                Err(Failure::rejected("the value is empty, and a queue takes none such"))
            }
            LineFormat::Raw => match text.chars().find(|char| !is_xml(*char)) {
                None => Ok(text),
                Some(char) => Err(Failure::rejected(format!(
                    "the value holds the character U+{:04X}, which a queue does not take; set `format: json_lines`",
                    u32::from(char)
                ))),
            },
        }
    }

    fn entry(&self, index: usize, record: &Record) -> Result<Value, Failure> {
        let mut entry = json!({ "Id": index.to_string(), "MessageBody": self.text(record)? });
        if let Some(entry) = entry.as_object_mut().filter(|_| self.is_fifo) {
            let part = record.part().map(|part| format!(".{part}")).unwrap_or_default();
            entry.insert("MessageGroupId".to_owned(), record.origin().topic_partition().to_string().into());
            entry.insert("MessageDeduplicationId".to_owned(), format!("{}{part}", record.origin()).into());
        }
        Ok(entry)
    }

    /// The request of a batch, and the records that make no entry.
    fn request(&self, batch: &[Record]) -> (Value, Vec<(usize, Failure)>) {
        let (mut entries, mut rejected) = (Vec::new(), Vec::new());
        for (index, record) in batch.iter().enumerate() {
            match self.entry(index, record) {
                Ok(entry) => entries.push(entry),
                Err(failure) => rejected.push((index, failure)),
            }
        }
        (json!({ "QueueUrl": self.settings.queue_url, "Entries": entries }), rejected)
    }

    async fn call(&self, operation: &str, request: &Value) -> Result<HttpAnswer, Failure> {
        let call = AwsCall {
            operation,
            method: Method::POST,
            url: self.service.endpoint().clone(),
            headers: vec![
                ("content-type", "application/x-amz-json-1.0".to_owned()),
                ("x-amz-target", format!("AmazonSQS.{operation}")),
            ],
            body: request.to_string().into(),
            code,
            rejecting: &REJECTING,
        };
        self.service.call(call).await
    }

    async fn send(&self, request: &Value, indices: &[usize]) -> Result<Vec<(usize, Failure)>, Failure> {
        let answer = self.call("SendMessageBatch", request).await?;
        let sent: Sent = serde_json::from_slice(&answer.body).map_err(|error| {
            let reason = format!("SendMessageBatch was not answered in full: {}", expectation_of(&error));
            Failure::retriable(reason)
        })?;
        Ok(failures(sent, indices))
    }
}

/// The code of an error, such as `QueueDoesNotExist` of `com.amazonaws.sqs#QueueDoesNotExist`.
fn code(answer: &HttpAnswer) -> Option<String> {
    let body = Json::from_slice(&answer.body).ok()?.into_value();
    let code = body.get("__type")?.as_str()?;
    Some(code.rsplit(['#', '.']).next().unwrap_or(code).to_owned())
}

/// The records that were not sent. One that the answer does not name is not known to be.
fn failures(sent: Sent, indices: &[usize]) -> Vec<(usize, Failure)> {
    let mut outcomes: HashMap<String, Option<Failure>> = HashMap::new();
    outcomes.extend(sent.successful.into_iter().map(|entry| (entry.id, None)));
    outcomes.extend(sent.failed.into_iter().map(|entry| (entry.id.clone(), Some(entry.failure()))));
    let unnamed = || Some(Failure::retriable("SendMessageBatch did not say what became of the record"));
    let outcome =
        |index: &usize| Some((*index, outcomes.remove(&index.to_string()).unwrap_or_else(unnamed)?));
    indices.iter().filter_map(outcome).collect()
}

impl Failed {
    fn failure(&self) -> Failure {
        let said = format!("SendMessageBatch refused the record{}", shown_code(&self.code));
        let code = self.code.rsplit('.').next().unwrap_or(&self.code);
        let failure = match code {
            _ if code.contains("Throttl") => Failure::throttled(said),
            _ if REJECTING.contains(&code) => Failure::rejected(said),
            _ if self.sender_fault => Failure::fatal(said),
            _ => Failure::retriable(said),
        };
        // The words may quote the record.
        failure.with_detail(one_line(&self.message))
    }
}

/// Says whether XML has this character: a queue takes no others.
fn is_xml(char: char) -> bool {
    matches!(char, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

#[async_trait]
impl Sink for Sqs {
    fn limits(&self) -> Limits {
        Limits::default()
            .with_max_records(MAX_ENTRIES)
            .with_max_batch_bytes(MAX_BYTES)
            .with_max_in_flight(self.settings.max_in_flight)
            .with_order(if self.is_fifo { Order::Partition } else { Order::Key })
            .with_linger(CALL_LINGER)
    }

    fn on_tombstone(&self) -> TombstoneFate {
        self.settings.format.fate()
    }

    fn repetition(&self) -> Repetition {
        Repetition::stores_again(if self.is_fifo {
            "the queue drops what it got within the last five minutes, and takes what is older once more"
        } else {
            "each record becomes a message more"
        })
    }

    async fn put(&self, batch: &[Record]) -> Result<(), PutError> {
        let (request, mut failures) = self.request(batch);
        let is_sent = |index: &usize| !failures.iter().any(|(rejected, _)| rejected == index);
        let sent: Vec<usize> = (0..batch.len()).filter(is_sent).collect();
        if !sent.is_empty() {
            failures.extend(self.send(&request, &sent).await?);
        }
        if failures.is_empty() { Ok(()) } else { Err(PutError::Records(failures)) }
    }

    /// A record that makes no entry counts with its own size, so that the engine need not know.
    fn size_of(&self, record: &Record) -> usize {
        self.text(record).map_or_else(|_| record.size(), |text| text.len())
    }

    fn preview(&self, batch: &[Record]) -> Result<Value, PutError> {
        let (request, rejected) = self.request(batch);
        if rejected.is_empty() { Ok(request) } else { Err(PutError::Records(rejected)) }
    }

    async fn check(&self) -> Vec<Finding> {
        let request = json!({ "QueueUrl": self.settings.queue_url, "AttributeNames": ["QueueArn"] });
        let call = Box::pin(self.call("GetQueueAttributes", &request));
        self.service.check(format!("queue {}", self.settings.queue_url), call).await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use sluice_connector_api::{FailureKind, Payload};

    use super::*;
    use crate::built::built;
    use sluice_plugin_testing::{batch_failure, record_failures, sink_contract, text, tombstone, with_value};
    use sluice_wire_testing::{HttpReply, HttpServer, reply};

    /// Answers each call as if all ten entries that there may be were sent.
    fn all_sent() -> HttpReply {
        let entries: Vec<_> = (0..10).map(|id| json!({ "Id": id.to_string(), "MessageId": "m" })).collect();
        reply(200, "", &json!({ "Successful": entries }).to_string())
    }

    fn sink_at(server: &HttpServer, changes: &Value) -> Box<dyn Sink> {
        let queue = format!("{}/123456789012/dlq", server.url);
        let mut settings = json!({ "queue_url": queue, "region": "eu-west-3" });
        settings.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        built("sqs", settings)
    }

    #[tokio::test]
    async fn keeps_the_contract() {
        let server = HttpServer::start(std::iter::repeat_with(all_sent).take(50)).await;
        sink_contract(&*sink_at(&server, &json!({}))).await;
    }

    #[tokio::test]
    async fn a_batch_is_one_signed_call_with_the_whole_records() {
        let server = HttpServer::start([all_sent()]).await;
        let mut record = text(7, "a");
        record.headers.push("__connect.errors.topic", Some("prices".into()));
        sink_at(&server, &json!({})).put(&[record, tombstone(8)]).await.unwrap();
        let seen = &server.seen()[0];
        assert_eq!(
            (seen.line().as_str(), seen.headers["x-amz-target"].as_str()),
            ("POST /", "AmazonSQS.SendMessageBatch")
        );
        assert!(seen.headers["authorization"].contains("/eu-west-3/sqs/aws4_request"), "{:?}", seen.headers);
        let entries = &seen.json()["Entries"];
        let body: Value = serde_json::from_str(entries[0]["MessageBody"].as_str().unwrap()).unwrap();
        let header = json!([{ "name": "__connect.errors.topic", "value": "prices" }]);
        assert_eq!((&body["value"], &body["offset"], &body["headers"]), (&json!("a"), &json!(7), &header));
        assert!(entries[1]["MessageBody"].as_str().unwrap().contains("\"value\":null"), "{entries}");
        assert_eq!(entries[0].get("MessageGroupId"), None);
    }

    #[tokio::test]
    async fn a_fifo_queue_gets_groups_and_ids() {
        let server = HttpServer::start([all_sent()]).await;
        let queue = format!("{}/123456789012/dlq.fifo", server.url);
        let sink = sink_at(&server, &json!({ "queue_url": queue }));
        sink.put(&[text(7, "a").with_part(2)]).await.unwrap();
        let entry = &server.seen()[0].json()["Entries"][0];
        assert_eq!(
            (&entry["MessageGroupId"], &entry["MessageDeduplicationId"]),
            (&json!("prices-0"), &json!("prices-0-7.2"))
        );
        assert_eq!(sink.limits().order, Order::Partition);
    }

    #[tokio::test]
    async fn each_entry_has_an_outcome_of_its_own() {
        let failed = |id: &str, fault: bool, code: &str| json!({ "Id": id, "SenderFault": fault, "Code": code, "Message": "m" });
        let answer = json!({
            "Successful": [{ "Id": "0" }],
            "Failed": [
                failed("1", true, "AWS.SimpleQueueService.InvalidMessageContents"),
                failed("2", false, "InternalError"),
                failed("3", true, "AccessDenied"),
            ],
        });
        let server = HttpServer::start([reply(200, "", &answer.to_string())]).await;
        let batch: Vec<_> = (0..5).map(|offset| text(offset, "a")).collect();
        let seen = record_failures(sink_at(&server, &json!({})).put(&batch).await);
        let kinds: Vec<_> = seen.iter().map(|(index, kind, _)| (*index, *kind)).collect();
        let (rejected, retriable) = (FailureKind::Rejected, FailureKind::Retriable);
        assert_eq!(
            kinds,
            [(1, rejected), (2, retriable), (3, FailureKind::Fatal), (4, retriable)],
            "4 was not named"
        );
    }

    #[tokio::test]
    async fn a_value_that_no_queue_takes_is_rejected_without_a_call_and_written_as_json_otherwise() {
        let server = HttpServer::start([all_sent()]).await;
        let values = [
            Payload::from(""),
            Payload::from("a\u{1}"),
            Payload::from("\u{ffff}"),
            Payload::Bytes(vec![0xff].into()),
        ];
        let batch: Vec<_> = (0..).zip(values).map(|(offset, value)| with_value(offset, value)).collect();
        let failures = record_failures(sink_at(&server, &json!({ "format": "raw" })).put(&batch).await);
        assert_eq!(failures.iter().filter(|(_, kind, _)| *kind == FailureKind::Rejected).count(), 4);
        assert!(server.seen().is_empty());
        sink_at(&server, &json!({})).put(&batch).await.unwrap();
        let entries = server.seen()[0].json()["Entries"].clone();
        let bodies = entries.as_array().unwrap().iter().map(|entry| entry["MessageBody"].as_str().unwrap());
        assert!(bodies.flat_map(str::chars).all(is_xml));
    }

    #[tokio::test]
    async fn each_failure_says_what_to_do() {
        let error = |status, code: &str| {
            reply(status, "", &json!({ "__type": format!("com.amazonaws.sqs#{code}") }).to_string())
        };
        let cases = [
            (error(400, "QueueDoesNotExist"), FailureKind::Fatal, false),
            (error(403, "AccessDeniedException"), FailureKind::Fatal, false),
            (error(400, "RequestThrottled"), FailureKind::Retriable, true),
            (error(400, "BatchRequestTooLong"), FailureKind::Rejected, false),
            (error(500, "InternalFailure"), FailureKind::Retriable, false),
            (reply(200, "", "{"), FailureKind::Retriable, false),
            (HttpReply::Close, FailureKind::Retriable, false),
        ];
        for (reply, kind, throttled) in cases {
            let server = HttpServer::start([reply.clone()]).await;
            let failure = batch_failure(sink_at(&server, &json!({})).put(&[text(0, "a")]).await);
            assert_eq!((failure.kind(), failure.is_throttled()), (kind, throttled), "{reply:?}: {failure}");
        }
    }

    #[test]
    fn the_region_is_read_out_of_the_queue() {
        let region = |url: &str| region_of(&Url::parse(url).unwrap());
        assert_eq!(region("https://sqs.cn-north-1.amazonaws.com.cn/1/q").as_deref(), Some("cn-north-1"));
        assert_eq!(region("https://sqs.example.com/1/q"), None);
        assert_eq!(region("http://localhost:4566/1/q"), None);
    }
}
