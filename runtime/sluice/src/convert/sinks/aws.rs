//! Sinks into Amazon S3 and Amazon SQS.

use super::section::{SinkEntry, SinkSection};
use crate::convert::options::Options;

pub(super) const SINKS: &[SinkEntry] = &[
    SinkEntry { class: "io.confluent.connect.s3.S3SinkConnector", name: "s3", convert: confluent_s3 },
    SinkEntry {
        class: "io.aiven.kafka.connect.s3.AivenKafkaConnectS3SinkConnector",
        name: "s3",
        convert: aiven_s3,
    },
    SinkEntry { class: "io.aiven.kafka.connect.s3.S3SinkConnector", name: "s3", convert: aiven_s3 },
    SinkEntry {
        class: "com.nordstrom.kafka.connect.sqs.SqsSinkConnector",
        name: "sqs",
        convert: nordstrom_sqs,
    },
];

/// How long an object waits for records where nothing says it: Kafka Connect's waits until it is full.
const LINGER: &str = "1m";

const NAMES: &str = "objects are called `<prefix><topic>/<partition>/<first offset>-<last offset>`";

fn confluent_s3(options: &mut Options) -> Result<SinkSection, String> {
    let mut section = SinkSection::default();
    section.set("bucket", Some(options.take("s3.bucket.name").ok_or("has no `s3.bucket.name`")?));
    let directory = options.take("topics.dir").unwrap_or_else(|| "topics".to_owned());
    section.set("prefix", Some(format!("{}/", directory.trim_end_matches('/'))));
    section.set("region", options.take("s3.region"));
    section.set("endpoint_url", options.shown("store.url"));
    let format = options.take("format.class").unwrap_or_default();
    if !format.is_empty() && !format.ends_with(".JsonFormat") && !format.ends_with(".ByteArrayFormat") {
        options
            .no_counterpart("format.class", &format!("{format} has no counterpart yet; lines are written"));
    }
    section.set("format", Some("raw"));
    compression("s3.compression.type", None, &mut section, options);
    let linger =
        options.number("rotate.schedule.interval.ms").or_else(|| options.number("rotate.interval.ms"));
    batch(linger, options.number("flush.size"), &mut section, options);
    let partitioner = options.take("partitioner.class").unwrap_or_default();
    if !partitioner.is_empty() && !partitioner.ends_with(".DefaultPartitioner") {
        options
            .no_counterpart("partitioner.class", &format!("{partitioner} has no counterpart yet; {NAMES}"));
    }
    options.remarks.push(format!("topics.dir: {NAMES}"));
    credentials(&["aws.access.key.id", "aws.secret.access.key", "s3.credentials.provider.class"], options);
    options.ignore(&["rotate.interval.ms", "s3.part.size", "schema.compatibility", "storage.class"]);
    Ok(section)
}

fn aiven_s3(options: &mut Options) -> Result<SinkSection, String> {
    let mut section = SinkSection::default();
    let bucket = options.take("aws.s3.bucket.name").or_else(|| options.take("aws_s3_bucket"));
    section.set("bucket", Some(bucket.ok_or("has no `aws.s3.bucket.name`")?));
    let prefix = options.take("file.name.prefix").or_else(|| options.take("aws.s3.prefix"));
    section.set("prefix", prefix.or_else(|| options.take("aws_s3_prefix")));
    section.set("region", options.take("aws.s3.region").or_else(|| options.take("aws_s3_region")));
    section
        .set("endpoint_url", options.shown("aws.s3.endpoint").or_else(|| options.shown("aws_s3_endpoint")));
    let output = options.take("format.output.type").unwrap_or_else(|| "csv".to_owned());
    let fields = options.list("format.output.fields");
    let lines_of_values = fields.is_empty() || fields == ["value"];
    if output != "jsonl" {
        options.no_counterpart(
            "format.output.type",
            &format!("{output} has no counterpart yet; lines of JSON are written"),
        );
    }
    section.set("format", Some(if lines_of_values { "raw" } else { "json_lines" }));
    compression("file.compression.type", Some("gzip"), &mut section, options);
    batch(None, options.number("file.max.records").filter(|count| *count > 0), &mut section, options);
    options.remarks.push(format!("file.name.template: {NAMES}"));
    credentials(
        &[
            "aws.access.key.id",
            "aws.secret.access.key",
            "aws_access_key_id",
            "aws_secret_access_key",
            "aws.sts.role.arn",
            "aws.sts.role.session.name",
        ],
        options,
    );
    options.ignore(&["file.name.template", "format.output.fields.value.encoding", "format.output.envelope"]);
    Ok(section)
}

fn compression(name: &str, default: Option<&str>, section: &mut SinkSection, options: &mut Options) {
    let compression = options.take(name).or_else(|| default.map(str::to_owned));
    match compression.as_deref() {
        Some("gzip") => section.set("compression", Some("gzip")),
        None | Some("none") => {}
        Some(other) => options.no_counterpart(name, &format!("{other} has no counterpart yet")),
    }
}

/// How large objects become, and how long they wait.
fn batch(linger: Option<u64>, records: Option<u64>, section: &mut SinkSection, options: &mut Options) {
    if let Some(records) = records.filter(|records| *records > 0) {
        section.batch.insert("max_records".to_owned(), records.into());
    }
    let linger = linger.filter(|millis| *millis > 0).map(|millis| format!("{millis}ms"));
    if linger.is_none() {
        options.remarks.push(format!(
            "batch.linger: an object waits {LINGER} for more records, and not until it is full"
        ));
    }
    section.batch.insert("linger".to_owned(), linger.unwrap_or_else(|| LINGER.to_owned()).into());
}

/// Credentials are never taken over.
pub(super) fn credentials(names: &[&str], options: &mut Options) {
    let set = names.iter().filter(|name| options.take(name).is_some()).count();
    if set > 0 {
        let text =
            "AWS credentials come from the usual places: environment, profile, or the role of the machine";
        options.remarks.push(text.to_owned());
    }
}

fn nordstrom_sqs(options: &mut Options) -> Result<SinkSection, String> {
    let mut section = SinkSection::default();
    section.set("queue_url", Some(options.take("sqs.queue.url").ok_or("has no `sqs.queue.url`")?));
    section.set("region", options.take("sqs.region"));
    section.set("endpoint_url", options.shown("sqs.endpoint.url"));
    section.set("format", Some("raw"));
    credentials(&["sqs.credentials.provider.class"], options);
    Ok(section)
}
