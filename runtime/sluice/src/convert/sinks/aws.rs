//! Sinks into Amazon S3 and Amazon SQS.

use serde_json::{Map, Value, json};

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

/// How often a Kafka Connect worker commits, where nothing else is set.
const OFFSET_FLUSH: &str = "60s";

const NAMES: &str = "objects are called `<prefix><topic>/<path><partition>-<first offset>`";

fn confluent_s3(options: &mut Options) -> Result<SinkSection, String> {
    let mut section = SinkSection::default();
    section.set("bucket", Some(options.take("s3.bucket.name").ok_or("has no `s3.bucket.name`")?));
    let directory = options.take("topics.dir").unwrap_or_else(|| "topics".to_owned());
    section.set("prefix", Some(format!("{}/", directory.trim_end_matches('/'))));
    section.set("region", options.take("s3.region"));
    section.set("endpoint_url", options.shown("store.url"));
    let format = options.take("format.class").unwrap_or_default();
    let codec = options.take("parquet.codec");
    if format.ends_with(".ParquetFormat") {
        section.set("format", Some("parquet"));
        match codec.as_deref() {
            Some("none" | "uncompressed") => {}
            _ => section.set("compression", Some("zstd")),
        }
    } else {
        if !format.is_empty() && !format.ends_with(".JsonFormat") && !format.ends_with(".ByteArrayFormat") {
            let what = format!("{format} has no counterpart yet; lines are written");
            options.no_counterpart("format.class", &what);
        }
        section.set("format", Some("raw"));
        compression("s3.compression.type", None, &mut section, options);
    }
    without_nulls(&mut section, options);
    let objects = confluent_objects(options);
    section.set("objects", Some(Value::Object(objects)));
    options.remarks.push(format!("topics.dir: {NAMES}"));
    let mut names: Vec<String> = options.below("s3.credentials.provider.");
    for name in &mut names {
        name.insert_str(0, "s3.credentials.provider.");
    }
    names.extend(["aws.access.key.id", "aws.secret.access.key"].map(str::to_owned));
    credentials(&names.iter().map(String::as_str).collect::<Vec<_>>(), options);
    section.set_retries(options);
    options.needless(&["s3.part.size", "schema.compatibility", "storage.class"]);
    if section.settings.get("format").is_some_and(|format| format == "parquet") {
        // Columns are packed within the file.
        options.needless(&["s3.compression.type"]);
    }
    Ok(section)
}

fn aiven_s3(options: &mut Options) -> Result<SinkSection, String> {
    let mut section = SinkSection::default();
    let bucket = options.take("aws.s3.bucket.name").or_else(|| options.take("aws_s3_bucket"));
    section.set("bucket", Some(bucket.ok_or("has no `aws.s3.bucket.name`")?));
    // All three are taken, so that none of them is said to have no counterpart.
    let prefixes = ["file.name.prefix", "aws.s3.prefix", "aws_s3_prefix"].map(|name| options.take(name));
    section.set("prefix", prefixes.into_iter().flatten().next());
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
    let mut objects = Map::new();
    if let Some(records) = options.number("file.max.records").filter(|count| *count > 0) {
        objects.insert("max_records".to_owned(), records.into());
    }
    objects.insert("interval".to_owned(), OFFSET_FLUSH.into());
    options.remarks.push(format!(
        "objects.interval: Kafka Connect writes objects when it commits, which is every {OFFSET_FLUSH} by default; leave it out \
         for objects that hold each record exactly once"
    ));
    section.set("objects", Some(Value::Object(objects)));
    options.remarks.push(format!("file.name.template: {NAMES}"));
    credentials(
        &[
            "aws.access.key.id",
            "aws.secret.access.key",
            "aws_access_key_id",
            "aws_secret_access_key",
            "aws.credentials.provider",
            "aws.sts.config.endpoint",
            "aws.sts.role.arn",
            "aws.sts.role.external.id",
            "aws.sts.role.session.duration",
            "aws.sts.role.session.name",
        ],
        options,
    );
    if let Some(millis) = options.number("kafka.retry.backoff.ms").filter(|millis| *millis > 0) {
        section.errors.insert("retry_delay".to_owned(), format!("{millis}ms").into());
    }
    options.ignore(&["file.name.template"]);
    options.needless(&["format.output.fields.value.encoding", "format.output.envelope"]);
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

/// What completes objects, and the folders that they are in.
fn confluent_objects(options: &mut Options) -> Map<String, Value> {
    let mut objects = Map::new();
    if let Some(records) = options.number("flush.size").filter(|records| *records > 0) {
        objects.insert("max_records".to_owned(), records.into());
    }
    for (name, key) in [("rotate.interval.ms", "record_time"), ("rotate.schedule.interval.ms", "interval")] {
        if let Some(millis) = options.number(name).filter(|millis| *millis >= 1000) {
            objects.insert(key.to_owned(), format!("{millis}ms").into());
        }
    }
    let partitioner = options.take("partitioner.class").unwrap_or_default();
    let format = options.take("path.format");
    let extractor = options.take("timestamp.extractor");
    let is_by_time = partitioner.ends_with("TimeBasedPartitioner");
    let by_default = if partitioner.ends_with(".HourlyPartitioner") {
        Some("'year'=YYYY/'month'=MM/'day'=dd/'hour'=HH")
    } else if partitioner.ends_with(".DailyPartitioner") {
        Some("'year'=YYYY/'month'=MM/'day'=dd")
    } else {
        None
    };
    if let Some(format) = by_default.map(str::to_owned).or_else(|| format.filter(|_| is_by_time)) {
        match strftime(&format) {
            Some(path) => {
                objects.insert("path".to_owned(), path.into());
            }
            None => options.no_counterpart("path.format", "write `sink.s3.objects.path` as `strftime` does"),
        }
        let extractor = extractor.unwrap_or_else(|| "Wallclock".to_owned());
        if extractor != "Record" {
            let text = format!(
                "timestamp.extractor: {extractor} has no counterpart; folders are by the record's timestamp"
            );
            options.remarks.push(text);
        }
    } else if !partitioner.is_empty() && !partitioner.ends_with(".DefaultPartitioner") {
        options
            .no_counterpart("partitioner.class", &format!("{partitioner} has no counterpart yet; {NAMES}"));
    }
    if objects.contains_key("path") {
        in_utc(options);
    }
    options.needless(&["partition.duration.ms", "locale", "timezone", "timestamp.field"]);
    objects
}

/// Folders are by the time of UTC.
fn in_utc(options: &mut Options) {
    const UTC: [&str; 6] = ["utc", "etc/utc", "gmt", "etc/gmt", "z", "zulu"];
    if let Some(zone) = options.take("timezone").filter(|zone| !UTC.contains(&&*zone.to_ascii_lowercase())) {
        options.no_counterpart("timezone", &format!("folders are by the time of UTC, and not of {zone}"));
    }
}

/// Values that are null are passed over.
fn without_nulls(section: &mut SinkSection, options: &mut Options) {
    const NAME: &str = "behavior.on.null.values";
    if options.peek(NAME).is_some_and(|what| what.eq_ignore_ascii_case("ignore")) {
        options.ignore(&[NAME]);
        section.transforms.push(json!({ "filter": {}, "predicate": { "record_is_tombstone": {} } }));
    }
}

/// Writes a path of Joda's letters with those of `strftime`; none where a letter has no counterpart.
fn strftime(format: &str) -> Option<String> {
    let mut path = String::new();
    let mut parts = format.split('\'');
    while let Some(letters) = parts.next() {
        let mut rest = letters;
        while let Some(first) = rest.chars().next() {
            let run = rest.len() - rest.trim_start_matches(first).len();
            let (these, others) = rest.split_at_checked(run)?;
            match these {
                "YYYY" | "yyyy" => path.push_str("%Y"),
                "MM" => path.push_str("%m"),
                "dd" => path.push_str("%d"),
                "HH" => path.push_str("%H"),
                "mm" => path.push_str("%M"),
                _ if first.is_ascii_alphabetic() => return None,
                _ => path.push_str(these),
            }
            rest = others;
        }
        if let Some(text) = parts.next() {
            path.push_str(&text.replace('%', "%%"));
        }
    }
    if !path.ends_with('/') {
        path.push('/');
    }
    Some(path)
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
