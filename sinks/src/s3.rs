//! Records as objects of an Amazon S3 bucket: `PutObject` by signed HTTP, see docs/decisions/0006-signed-http.md.

use async_trait::async_trait;
use bytes::Bytes;
use percent_encoding::{AsciiSet, utf8_percent_encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sluice_connector_api::{
    BatchKey, Failure, Finding, HumanDuration, Limits, PutError, Record, Repetition, SettingsError, Sink,
    TopicPartition,
};
use sluice_wire::{
    AwsCall, AwsService, AwsSettings, AwsSinkSettings, CALL_LINGER, HttpAnswer, Method, UNRESERVED, Url,
    endpoint_url, gzip,
};

use crate::record::lines::{LineFormat, Lines};

/// What a path holds as it is: the unreserved characters of RFC 3986 and the slash, as S3's signatures have it.
const IN_PATH: &AsciiSet = &UNRESERVED.remove(b'/');

/// What is wrong with the data, and not with the bucket.
const REJECTING: [&str; 2] = ["EntityTooLarge", "KeyTooLongError"];

/// Writes records as objects of lines into an Amazon S3 bucket.
///
/// An object holds records of one partition and is called `<prefix><topic>/<partition>/<first offset>-<last offset>`,
/// with 20 digits an offset, and `.jsonl` or `.txt`, and `.gz`. A batch that is put again writes the same object. How
/// large objects become is for `batch`: `linger`, `max_records` and `max_bytes`; at most they hold 10000 records and 16MiB
/// before compression.
///
/// With an `endpoint_url` the bucket is the first part of the path. Needs the right `s3:PutObject` on the bucket's objects.
///
/// ```yaml
/// sink:
///   s3:
///     bucket: prices-archive
///     prefix: kafka/
///     compression: gzip
/// batch:
///   linger: 1m
/// ```
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct S3Settings {
    /// The bucket's name.
    #[schemars(regex(pattern = "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"), extend("patternErrorMessage" = "the name of a bucket: 3 to 63 small letters, digits, dots and dashes"))]
    pub bucket: String,
    /// What the names of objects begin with, such as `kafka/`. It is taken as it is, without tags or dates: topic and
    /// partition follow by themselves. Default: nothing.
    #[serde(default)]
    #[schemars(length(max = 512))]
    pub prefix: String,
    /// What a line holds: `json_lines`, a JSON object with the whole record, its headers included, or `raw`, the value
    /// alone. Default: `json_lines`.
    #[serde(default)]
    pub format: LineFormat,
    /// Compression of objects: `none` or `gzip`. Default: `none`.
    #[serde(default)]
    pub compression: ObjectCompression,
    /// Puts in flight at once, from 1 to 16. Default: 4.
    #[serde(default = "max_in_flight")]
    #[schemars(range(min = 1, max = 16))]
    pub max_in_flight: usize,
}

/// Compression of objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ObjectCompression {
    /// None.
    #[default]
    None,
    /// gzip (RFC 1952); names end in `.gz`.
    Gzip,
}

fn max_in_flight() -> usize {
    4
}

impl AwsSinkSettings for S3Settings {
    const NAME: &'static str = "s3";
    /// An object takes longer than a small call.
    const REQUEST_TIMEOUT: HumanDuration = HumanDuration::secs(60);

    fn build(self, aws: AwsSettings) -> Result<Box<dyn Sink>, SettingsError> {
        check_prefix(&self.prefix).map_err(|reason| SettingsError::at("prefix", reason))?;
        let AwsSettings { region, endpoint_url: own_endpoint, request_timeout } = aws;
        let endpoint = own_endpoint.as_deref().unwrap_or("https://s3.amazonaws.com");
        let endpoint = endpoint_url("endpoint_url", endpoint)?;
        let service = AwsService::new("s3", region, endpoint, request_timeout.get(), self.max_in_flight);
        Ok(Box::new(S3 { settings: self, own_endpoint, service }))
    }
}

/// Refuses what looks like a template or a date pattern: it would be the same text in the name of every object.
fn check_prefix(prefix: &str) -> Result<(), String> {
    let is_pattern = |part: &str| {
        let is_letter_of_a_date = |c: char| matches!(c, 'Y' | 'y' | 'M' | 'd' | 'D' | 'H' | 'h' | 'm' | 's');
        let runs = part.split(|c: char| !is_letter_of_a_date(c));
        runs.into_iter().any(|run| matches!(run, "YYYY" | "yyyy"))
    };
    let specifier = |(place, _): (usize, &str)| {
        prefix.get(place + 1..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()))
    };
    let has_tag = prefix.contains(['{', '}']) || prefix.contains("<<");
    if has_tag || prefix.match_indices('%').any(specifier) || prefix.split('/').any(is_pattern) {
        return Err(format!(
            "`{prefix}` looks like a template, and a prefix is taken as it is; write fixed text, topic and partition \
             follow by themselves"
        ));
    }
    Ok(())
}

struct S3 {
    settings: S3Settings,
    /// What `endpoint_url` says, if it does.
    own_endpoint: Option<String>,
    service: AwsService,
}

impl S3 {
    /// Names the object of a batch, whose records are of one partition.
    fn key(&self, batch: &[Record]) -> String {
        let S3Settings { prefix, format, compression, .. } = &self.settings;
        let [first, last] = [batch.first(), batch.last()].map(|record| record.map(place).unwrap_or_default());
        let folder = batch.first().map(|record| {
            let TopicPartition { topic, partition } = record.origin().topic_partition();
            format!("{topic}/{partition}/")
        });
        let kind = match format {
            LineFormat::JsonLines => "jsonl",
            LineFormat::Raw => "txt",
        };
        let packed = if *compression == ObjectCompression::Gzip { ".gz" } else { "" };
        format!("{prefix}{}{first}-{last}.{kind}{packed}", folder.unwrap_or_default())
    }

    async fn store(&self, key: &str, lines: &[u8]) -> Result<(), Failure> {
        let (body, kind) = match (self.settings.compression, self.settings.format) {
            (ObjectCompression::Gzip, _) => (gzip(lines)?, "application/gzip"),
            (_, LineFormat::JsonLines) => (lines.to_vec(), "application/x-ndjson"),
            (_, LineFormat::Raw) => (lines.to_vec(), "application/octet-stream"),
        };
        let headers = vec![("content-type", kind.to_owned())];
        self.call("PutObject", Method::PUT, key, headers, body.into()).await
    }

    async fn call(
        &self,
        operation: &str,
        method: Method,
        key: &str,
        headers: Vec<(&'static str, String)>,
        body: Bytes,
    ) -> Result<(), Failure> {
        let url = self.url(key).await?;
        let call = AwsCall { operation, method, url, headers, body, code, rejecting: &REJECTING };
        self.service.call(call).await.map(|_| ())
    }

    /// Addresses an object by the bucket's host, or by its path where no such host is, or has no certificate.
    async fn url(&self, key: &str) -> Result<Url, Failure> {
        let bucket = &self.settings.bucket;
        let key = utf8_percent_encode(key, IN_PATH);
        let url = if let Some(url) = &self.own_endpoint {
            format!("{}/{bucket}/{key}", url.trim_end_matches('/'))
        } else {
            let region = self.service.region().await?;
            let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
            if bucket.contains('.') {
                format!("https://s3.{region}.{domain}/{bucket}/{key}")
            } else {
                format!("https://{bucket}.s3.{region}.{domain}/{key}")
            }
        };
        Url::parse(&url).map_err(|error| Failure::fatal(format!("{url} is not a URL: {error}")))
    }
}

/// An offset in as many digits as the largest has, so that names sort, with the part of a record that became several.
fn place(record: &Record) -> String {
    let part = record.part().map(|part| format!(".{part}")).unwrap_or_default();
    format!("{:020}{part}", record.origin().offset())
}

/// The code of an error: the text between `<Code>` and `</Code>`.
fn code(answer: &HttpAnswer) -> Option<String> {
    let body = String::from_utf8_lossy(&answer.body);
    let (_, rest) = body.split_once("<Code>")?;
    rest.split_once("</Code>").map(|(code, _)| code.to_owned())
}

#[async_trait]
impl Sink for S3 {
    fn limits(&self) -> Limits {
        Limits::default()
            .with_max_records(10_000)
            .with_max_batch_bytes(16 * 1024 * 1024)
            .with_max_in_flight(self.settings.max_in_flight)
            .with_linger(CALL_LINGER)
    }

    fn repetition(&self) -> Repetition {
        Repetition::stores_again("a batch that begins or ends with another record becomes an object more")
    }

    async fn put(&self, batch: &[Record]) -> Result<(), PutError> {
        let lines = Lines::of(self.settings.format, batch);
        if !lines.bytes.is_empty() {
            self.store(&self.key(batch), &lines.bytes).await?;
        }
        lines.outcome()
    }

    /// Each partition has objects of its own, so that no two have the same name.
    fn batch_key<'a>(&'a self, record: &'a Record) -> BatchKey<'a> {
        BatchKey::Partition(record.origin().topic_partition())
    }

    fn preview(&self, batch: &[Record]) -> Result<Value, PutError> {
        let lines = self.settings.format.preview(batch)?;
        Ok(json!({ "bucket": self.settings.bucket, "key": self.key(batch), "lines": lines }))
    }

    async fn check(&self) -> Vec<Finding> {
        let operation = "HeadBucket, which this check needs s3:ListBucket for,";
        let call = Box::pin(self.call(operation, Method::HEAD, "", Vec::new(), Bytes::new()));
        self.service.check(format!("bucket {}", self.settings.bucket), call).await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;
    use sluice_connector_api::{FailureKind, Origin};

    use super::*;
    use crate::built::built;
    use sluice_plugin_testing::{batch_failure, record_failures, sink_contract, text, tombstone};
    use sluice_wire_testing::{HttpReply, HttpServer, reply, status};

    fn sink_at(server: &HttpServer, changes: &Value) -> Box<dyn Sink> {
        let mut settings = json!({ "bucket": "archive", "endpoint_url": server.url, "region": "eu-west-3" });
        settings.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        built("s3", settings)
    }

    #[test]
    fn a_prefix_that_looks_like_a_template_is_refused() {
        for prefix in [
            "{{topic}}/",
            "raw/{topic}/",
            "year=%Y/month=%m/",
            "year=YYYY/month=MM/day=dd/",
            "'year'=yyyy/",
            "!{timestamp:yyyy}/",
            "<<ticker>>/",
            "a}",
        ] {
            assert!(check_prefix(prefix).is_err_and(|reason| reason.contains("fixed text")), "{prefix}");
        }
        for prefix in
            ["", "kafka/", "all of/it/", "100%/", "summary/day/", "2026/11/", "myfolder/", "$archive/"]
        {
            assert_eq!(check_prefix(prefix), Ok(()), "{prefix}");
        }
    }

    #[tokio::test]
    async fn keeps_the_contract() {
        sink_contract(&*sink_at(&HttpServer::start([]).await, &json!({}))).await;
    }

    #[tokio::test]
    async fn a_batch_is_one_signed_object_named_by_where_it_was_read() {
        let server = HttpServer::start([]).await;
        sink_at(&server, &json!({ "prefix": "all of/it/" }))
            .put(&[text(7, "a"), text(9, "b")])
            .await
            .unwrap();
        let seen = &server.seen()[0];
        let name = "00000000000000000007-00000000000000000009.jsonl";
        assert_eq!(seen.line(), format!("PUT /archive/all%20of/it/prices/0/{name}"));
        assert_eq!(seen.text().lines().count(), 2);
        assert!(seen.headers["authorization"].contains("/eu-west-3/s3/aws4_request"), "{:?}", seen.headers);
        assert_eq!(seen.headers["content-type"], "application/x-ndjson");
    }

    #[tokio::test]
    async fn an_object_may_be_packed() {
        let server = HttpServer::start([]).await;
        sink_at(&server, &json!({ "compression": "gzip", "format": "raw" }))
            .put(&[text(1, "a")])
            .await
            .unwrap();
        let seen = &server.seen()[0];
        assert!(seen.path.ends_with("-00000000000000000001.txt.gz"), "{}", seen.path);
        let mut unpacked = String::new();
        GzDecoder::new(&seen.body[..]).read_to_string(&mut unpacked).unwrap();
        assert_eq!(unpacked, "a\n");
    }

    #[tokio::test]
    async fn the_parts_of_one_record_have_names_of_their_own() {
        let server = HttpServer::start([]).await;
        let sink = sink_at(&server, &json!({}));
        for part in 0..2 {
            sink.put(&[text(7, "a").with_part(part)]).await.unwrap();
        }
        let paths = server.lines();
        assert!(paths[0].ends_with("7.0-00000000000000000007.0.jsonl") && paths[0] != paths[1], "{paths:?}");
        let other = Record::new(Origin::new("prices", 1, 7));
        assert_ne!(
            sink.batch_key(&text(7, "a")),
            sink.batch_key(&other),
            "a partition has objects of its own"
        );
    }

    #[tokio::test]
    async fn a_record_that_makes_no_line_is_named_and_the_others_are_stored() {
        let server = HttpServer::start([]).await;
        let sink = sink_at(&server, &json!({ "format": "raw" }));
        let failures = record_failures(sink.put(&[text(0, "a"), tombstone(1)]).await);
        assert_eq!((failures[0].0, failures[0].1), (1, FailureKind::Rejected));
        assert_eq!(server.seen()[0].text(), "a\n");
    }

    #[tokio::test]
    async fn each_failure_says_what_to_do() {
        let error = |status, code: &str| reply(status, "", &format!("<Error><Code>{code}</Code></Error>"));
        let cases = [
            (error(503, "SlowDown"), FailureKind::Retriable, true),
            (error(500, "InternalError"), FailureKind::Retriable, false),
            (error(400, "RequestTimeout"), FailureKind::Retriable, false),
            (error(400, "ExpiredToken"), FailureKind::Retriable, false),
            (error(403, "AccessDenied"), FailureKind::Fatal, false),
            (error(404, "NoSuchBucket"), FailureKind::Fatal, false),
            (error(301, "PermanentRedirect"), FailureKind::Fatal, false),
            (error(400, "EntityTooLarge"), FailureKind::Rejected, false),
            (HttpReply::Close, FailureKind::Retriable, false),
        ];
        for (reply, kind, throttled) in cases {
            let server = HttpServer::start([reply.clone()]).await;
            let failure = batch_failure(sink_at(&server, &json!({})).put(&[text(0, "a")]).await);
            assert_eq!((failure.kind(), failure.is_throttled()), (kind, throttled), "{reply:?}: {failure}");
        }
    }

    #[tokio::test]
    async fn the_check_asks_for_the_bucket_and_writes_nothing() {
        let server = HttpServer::start([status(200), status(404)]).await;
        let sink = sink_at(&server, &json!({}));
        assert!(sink.check().await.last().unwrap().as_result().is_ok());
        assert!(sink.check().await.last().unwrap().as_result().is_err());
        assert_eq!(server.lines(), ["HEAD /archive/", "HEAD /archive/"]);
    }
}
