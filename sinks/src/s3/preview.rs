//! Objects as `sluice preview` shows them: by their keys, with the lines or rows that they get.

use serde_json::{Value, json};
use sluice_connector_api::{Failure, PutError, Record};

use crate::s3::encoding::Encoding;
use crate::s3::encoding::misplaced::Misplaced;
use crate::s3::format::{ObjectCompression, ObjectFormat};
use crate::s3::group::{ObjectGroup, Offered};
use crate::s3::settings::{ObjectSettings, S3Settings};

/// Names the object of each record where objects outlive a batch, if these are the first records that come; what is another in
/// each reading is shown as dots.
pub(super) fn keys_of(
    settings: &S3Settings,
    rules: &ObjectSettings,
    batch: &[Record],
) -> Vec<Result<String, Failure>> {
    let mut open = None;
    batch.iter().map(|record| key_of(settings, rules, &mut open, record)).collect()
}

fn key_of(
    settings: &S3Settings,
    rules: &ObjectSettings,
    open: &mut Option<ObjectGroup>,
    record: &Record,
) -> Result<String, Failure> {
    for _ in 0..2 {
        let token = rules.interval.map(|_| "........");
        let group = open.get_or_insert_with(|| ObjectGroup::new(rules, record, token));
        match group.offer(settings, rules, record) {
            Offered::Taken => {
                let key = group.key_of(rules, record);
                if group.is_full(rules) {
                    *open = None;
                }
                return Ok(key);
            }
            Offered::Rejected(failure) => {
                if group.is_empty() {
                    *open = None;
                }
                return Err(failure);
            }
            Offered::Another => *open = None,
        }
    }
    Err(Failure::fatal("no object takes the record"))
}

/// Shows the objects of records, each of which has the key of its object or is rejected.
pub(super) fn shown(
    settings: &S3Settings,
    batch: &[Record],
    keys: Vec<Result<String, Failure>>,
) -> Result<Value, PutError> {
    let mut objects: Vec<(String, Vec<Record>)> = Vec::new();
    let mut rejected = Vec::new();
    for (index, (record, key)) in batch.iter().zip(keys).enumerate() {
        match key {
            Err(failure) => rejected.push((index, failure)),
            Ok(key) => match objects.iter_mut().find(|(known, _)| *known == key) {
                Some((_, records)) => records.push(record.clone()),
                None => objects.push((key, vec![record.clone()])),
            },
        }
    }
    if !rejected.is_empty() {
        return Err(PutError::Records(rejected));
    }
    let mut written = Vec::with_capacity(objects.len());
    for (key, records) in objects {
        let lines = lines(settings, &records)?;
        written.push(json!({ "bucket": settings.bucket, "key": key, "lines": lines }));
    }
    Ok(if written.len() == 1 { written.remove(0) } else { Value::Array(written) })
}

/// Shows the lines of an object, and of Parquet the fields that become columns.
fn lines(settings: &S3Settings, records: &[Record]) -> Result<Value, PutError> {
    match (settings.format.lines(), settings.format) {
        (Some(lines), _) => lines.preview(records),
        (None, ObjectFormat::Csv) => csv(settings, records),
        (None, _) => {
            Ok(records.iter().filter_map(|record| record.value.as_ref()?.as_json().cloned()).collect())
        }
    }
}

fn csv(settings: &S3Settings, records: &[Record]) -> Result<Value, PutError> {
    let mut encoding = Encoding::new(settings.format, ObjectCompression::None, settings.columns.as_deref())?;
    for record in records {
        if let Err(Misplaced::Rejected(failure)) = encoding.push(record) {
            return Err(failure.into());
        }
    }
    encoding.finish()?;
    let bytes = encoding.take();
    Ok(String::from_utf8_lossy(&bytes).lines().collect())
}
