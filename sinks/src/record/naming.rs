//! What a record is called in a target: by where it was read, by its key, or by a template that a tombstone yields as well.

use serde_json::Value;
use sluice_connector_api::Record;
use sluice_template::{RecordName, Template};

/// Names a record by where it was read: `topic-partition-offset`, and `.part` where a transform made several records of one.
///
/// A dot stands before the part: with a dash, part 2 of `a-0-1` could be offset 2 of a topic `a-0`.
pub(crate) fn by_origin(record: &Record) -> String {
    match record.part() {
        Some(part) => format!("{}.{part}", record.origin()),
        None => record.origin().to_string(),
    }
}

/// Names a record by its key: text as it is, JSON other than a text in its compact form. `setting` is what asked for it.
pub(crate) fn by_key(record: &Record, setting: &str) -> Result<String, String> {
    let no_key = || format!("the record has no key, which `{setting}` is set to");
    let key = record.key.as_ref().ok_or_else(no_key)?;
    match key.as_json() {
        Some(Value::Null) => Err(no_key()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(value) => Ok(value.to_string()),
        None => key
            .as_text()
            .map(str::to_owned)
            .ok_or_else(|| "the key is not valid UTF-8 text, and an id is".to_owned()),
    }
}

/// Says why a tombstone, which has no value and an offset of its own, does not yield the id of an earlier record.
pub(crate) fn unfit_for_tombstones(template: &Template) -> Option<String> {
    if let Some(reason) = differs_for_tombstones(template) {
        return Some(reason);
    }
    let tells_apart =
        |name: &RecordName| matches!(name, RecordName::Key | RecordName::Header(_) | RecordName::Headers);
    let told_apart = template.uses().iter().any(|each| tells_apart(&each.name));
    (!told_apart).then(|| "no tag tells documents apart".to_owned())
}

/// Says why a template prints something else for a tombstone than for an earlier record of its key.
pub(crate) fn differs_for_tombstones(template: &Template) -> Option<String> {
    let uses = template.uses();
    if let Some(value) = uses.iter().find(|each| each.name == RecordName::Value) {
        return Some(format!("a tombstone has no `{}`", value.written));
    }
    let own = uses.iter().find(|each| each.name.is_of_one_record())?;
    Some(format!("a tombstone has another `{}` than earlier records", own.written))
}

/// Writes bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |text, byte| text + &format!("{byte:02x}"))
}
