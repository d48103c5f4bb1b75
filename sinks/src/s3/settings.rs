//! The settings of the sink `s3`.

use std::time::Duration;

use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::{ByteSize, HumanDuration, SettingsError};

use crate::record::literal::{is_like_a_date, is_like_a_template};
use crate::s3::format::{ObjectCompression, ObjectFormat};

/// Writes records as objects into an Amazon S3 bucket, or into a store that speaks its protocol.
///
/// Without `objects` an object holds the records of one batch and one partition and is called
/// `<prefix><topic>/<partition>/<first offset>-<last offset>`, with 20 digits per offset, and `.jsonl`, `.txt`, `.csv` or
/// `.parquet`, and `.gz` or `.zst`. A batch that is put again writes the same object. How large objects become is for `batch`:
/// `linger`, `max_records` and `max_bytes`; at most they hold 10000 records and 16MiB before compression.
///
/// With `objects` an object holds the records of many batches, and is called `<prefix><topic>/<path><partition>-<first offset>`.
/// It is uploaded in parts of 8MiB as it grows, so that an object of gigabytes takes the memory of a few parts; that memory
/// counts in `buffer_memory`, of which it may use half. Offsets are committed when their object is complete. What a stop, a
/// rebalance or a crash leaves incomplete is read again; the bucket should have a rule that aborts incomplete multipart
/// uploads. Where only records complete an object (no `interval`), the same records make the same object whenever they are
/// read, and none is overwritten (`If-None-Match`): each record is in the bucket exactly once, as long as the chain makes the
/// same of it and `objects` stays as it is.
///
/// With an `endpoint_url` the bucket is the first part of the path. Needs the right `s3:PutObject` on the bucket's objects,
/// with `objects` also `s3:AbortMultipartUpload` and, to compare an object that is there already, `s3:GetObject`.
///
/// ```yaml
/// sink:
///   s3:
///     bucket: prices-archive
///     prefix: kafka/
///     format: parquet
///     compression: zstd
///     objects:
///       max_records: 1000000
///       record_time: 1h
///       path: year=%Y/month=%m/day=%d/
/// ```
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(extend("x-also" = ["aws_s3", "object_storage"]))]
#[schemars(extend("x-instead" = {
    "acl, storage_class, server_side_encryption, sse_algorithm, sse_kms_key_id, tags": "objects get what the bucket has by default",
    "timestamp_extractor": "`objects` looks at the timestamp of the record; leave this out",
    "content_type, content_encoding": "they follow from `format` and `compression`",
}))]
#[serde(deny_unknown_fields)]
pub struct S3Settings {
    /// The bucket's name.
    #[schemars(regex(pattern = "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"), extend("patternErrorMessage" = "the name of a bucket alone, of 3 to 63 small letters, digits, dots and dashes, without `s3://`; folders are `prefix`"))]
    #[schemars(extend("x-also" = ["bucket_name"]))]
    pub bucket: String,
    /// What the names of objects begin with, such as `kafka/`. It is taken as it is, without tags or dates: topic and
    /// partition follow by themselves, and dates are for `objects.path`. Default: nothing.
    #[serde(default)]
    #[schemars(length(max = 512))]
    #[schemars(extend("x-also" = ["key_prefix", "topics_dir"]))]
    pub prefix: String,
    /// What objects hold: `json_lines`, a JSON object per line with the whole record, its headers included, `raw`, the value
    /// alone, `csv` or `parquet`, the fields of the value. Default: `json_lines`.
    #[serde(default)]
    #[schemars(extend("x-also" = ["codec", "encoding", "format_class"]))]
    pub format: ObjectFormat,
    /// The columns of `csv`, by the names of the value's fields; others are left out. Default: the fields of the schema that an
    /// object's first record was read by, or of that record, and a record with another field begins another object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub columns: Option<Vec<String>>,
    /// Compression of objects: `none`, `gzip` (not of `parquet`) or `zstd`. Default: `none`.
    #[serde(default)]
    pub compression: ObjectCompression,
    /// Lets objects outlive a batch. Default: an object per batch and partition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-also" = ["flush_size", "rotate_interval", "rotation", "roll", "partitioner", "partitioner_class", "partition_duration", "path_format", "rotate_schedule_interval"]))]
    pub objects: Option<ObjectSettings>,
    /// Puts in flight at once, from 1 to 16. Default: 4.
    #[serde(default = "max_in_flight")]
    #[schemars(range(min = 1, max = 16))]
    pub max_in_flight: usize,
}

/// What completes objects that outlive a batch. The objects of a partition that are open together, one for each `path`, are
/// completed together by whichever comes first.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObjectSettings {
    /// So many records. Default: any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    #[schemars(extend("x-also" = ["flush_size", "count"]))]
    pub max_records: Option<u64>,
    /// So many bytes before compression, up to `64GiB`: an upload has 10,000 parts at most. Default: `128MiB`.
    #[serde(default = "max_bytes")]
    #[schemars(extend("x-also" = ["max_size", "size"]))]
    pub max_bytes: ByteSize,
    /// A record whose timestamp is in a later window of this width than the first one's, in windows from the start of 1970 UTC:
    /// with `1h` an object holds no two hours, but for records that come late. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_time: Option<HumanDuration>,
    /// So long after its first record came, by the clock. A crash then may write some records twice, in objects of different
    /// names. Default: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-also" = ["every", "max_age", "rotate_interval", "rotate"]))]
    pub interval: Option<HumanDuration>,
    /// Folders by the record's timestamp in UTC, as `strftime` writes it, such as `year=%Y/month=%m/day=%d/`; records without a
    /// timestamp go to `undated/`. Default: none.
    #[serde(default)]
    #[schemars(length(max = 200))]
    pub path: String,
}

fn max_in_flight() -> usize {
    4
}

/// The largest object: S3 takes 10,000 parts, which are of 8 MiB here (Amazon S3's user guide, "multipart upload limits").
const MOST_BYTES: usize = 64 * 1024 * 1024 * 1024;

fn max_bytes() -> ByteSize {
    ByteSize::mib(128)
}

impl S3Settings {
    /// Returns what the name of an object ends in, and its content type.
    pub(super) fn kind(&self) -> (String, &'static str) {
        let (extension, kind) = self.format.kind();
        match self.compression {
            _ if self.format == ObjectFormat::Parquet => (extension.to_owned(), kind),
            ObjectCompression::None => (extension.to_owned(), kind),
            ObjectCompression::Gzip => (format!("{extension}.gz"), "application/gzip"),
            ObjectCompression::Zstd => (format!("{extension}.zst"), "application/zstd"),
        }
    }

    /// Refuses what makes no object.
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        check_prefix(&self.prefix).map_err(|reason| SettingsError::at("prefix", reason))?;
        self.check_format()?;
        self.objects.as_ref().map_or(Ok(()), ObjectSettings::check)
    }

    fn check_format(&self) -> Result<(), SettingsError> {
        #[cfg(not(feature = "parquet"))]
        if self.format == ObjectFormat::Parquet {
            return Err(SettingsError::at("format", crate::s3::format::NO_PARQUET));
        }
        if self.format == ObjectFormat::Parquet && self.compression == ObjectCompression::Gzip {
            return Err(SettingsError::at("compression", "Parquet is compressed with `zstd`, or not at all"));
        }
        if self.columns.is_some() && self.format != ObjectFormat::Csv {
            return Err(SettingsError::at("columns", "only `format: csv` has columns that are given"));
        }
        Ok(())
    }
}

impl ObjectSettings {
    /// Returns the folder of a time, in milliseconds since 1970.
    pub(super) fn folder(&self, millis: i64) -> Result<String, String> {
        let at = jiff::Timestamp::from_millisecond(millis).map_err(|error| error.to_string())?;
        let written = strtime::format(&self.path, &at.to_zoned_datetime(TimeZone::UTC));
        written.map_err(|error| format!("`{}` does not show a time: {error}", self.path))
    }

    fn check(&self) -> Result<(), SettingsError> {
        let is_zero =
            |time: &Option<HumanDuration>| time.is_some_and(|time| time.get() < Duration::from_secs(1));
        if is_zero(&self.record_time) {
            return Err(SettingsError::at("objects.record_time", "give a second or more"));
        }
        if is_zero(&self.interval) {
            return Err(SettingsError::at("objects.interval", "give a second or more"));
        }
        if !(1..=MOST_BYTES).contains(&self.max_bytes.bytes()) {
            return Err(SettingsError::at("objects.max_bytes", "write a size from 1B to 64GiB"));
        }
        self.folder(0).map_err(|reason| SettingsError::at("objects.path", reason))?;
        if !self.path.is_empty() && !self.path.ends_with('/') {
            return Err(SettingsError::at(
                "objects.path",
                "end it with a `/`: the partition and the first offset follow",
            ));
        }
        if self.path.starts_with('/') || self.path.split('/').any(|part| part == "." || part == "..") {
            return Err(SettingsError::at("objects.path", "no part of it may be empty, `.` or `..`"));
        }
        Ok(())
    }
}

/// Refuses what looks like a template or a date pattern: it would be the same text in the name of every object.
fn check_prefix(prefix: &str) -> Result<(), String> {
    if is_like_a_template(prefix) || is_like_a_date(prefix) {
        return Err(format!(
            "`{prefix}` looks like a template, and a prefix is taken as it is; write fixed text, topic and partition \
             follow by themselves, and folders by date are for `objects.path`"
        ));
    }
    // An address has no such part: it leads to the folder above.
    if prefix.split('/').any(|part| part == "." || part == "..") {
        return Err(format!("`{prefix}` has a part that is `.` or `..`, which no name of an object keeps"));
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use serde_json::{Value, json};
    use sluice_connector_api::Registry;

    use super::*;

    fn refused(changes: &Value) -> String {
        let mut settings = json!({ "bucket": "archive", "region": "eu-west-3" });
        settings.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        crate::register(Registry::new()).sink("s3").unwrap().build(settings).err().unwrap().to_string()
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
        for prefix in [
            "",
            "kafka/",
            "a..b/.c/",
            "/a//b/",
            "all of/it/",
            "100%/",
            "summary/day/",
            "2026/11/",
            "myfolder/",
            "$archive/",
        ] {
            assert_eq!(check_prefix(prefix), Ok(()), "{prefix}");
        }
    }

    #[test]
    fn what_makes_no_object_is_refused_at_its_key() {
        for (changes, key) in [
            (json!({ "prefix": "../raw/" }), "prefix"),
            (json!({ "prefix": "raw/./" }), "prefix"),
            (json!({ "format": "parquet", "compression": "gzip" }), "compression"),
            (json!({ "columns": ["a"] }), "columns"),
            (json!({ "objects": { "path": "day=%d" } }), "objects.path"),
            (json!({ "objects": { "path": "/%d/" } }), "objects.path"),
            (json!({ "objects": { "path": "../%d/" } }), "objects.path"),
            (json!({ "objects": { "path": "day=%Ö/" } }), "objects.path"),
            (json!({ "objects": { "max_bytes": "65GiB" } }), "objects.max_bytes"),
            (json!({ "objects": { "max_bytes": 0 } }), "objects.max_bytes"),
            (json!({ "objects": { "interval": "5ms" } }), "objects.interval"),
            (json!({ "objects": { "record_time": "5ms" } }), "objects.record_time"),
        ] {
            let refused = refused(&changes);
            assert!(refused.starts_with(key), "{changes}: {refused}");
        }
    }
}
