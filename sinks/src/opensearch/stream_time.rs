//! The time of a document in a data stream, which has to have one. Pure.

use jiff::Timestamp;
use sluice_connector_api::{Json, Record};

/// The field that every document of a data stream has.
const FIELD: &str = "@timestamp";

/// Writes a document; one without `@timestamp` gets that of its record.
pub(super) fn write(json: &Json, record: &Record, body: &mut Vec<u8>) -> Result<(), String> {
    let document = json.to_bytes();
    if json.find(&[FIELD]).is_some() {
        body.extend_from_slice(&document);
        return Ok(());
    }
    let no_time = || {
        format!("neither the value nor the record has a `{FIELD}`, and a document of a data stream has one")
    };
    let millis = record.timestamp.ok_or_else(no_time)?.millis;
    let at = Timestamp::from_millisecond(millis)
        .map_err(|_| "the timestamp of the record is in no year that a date has".to_owned())?;
    body.extend_from_slice(format!("{{\"{FIELD}\":\"{at}\"").as_bytes());
    let rest = document.get(1..).unwrap_or_default();
    if rest != b"}" {
        body.push(b',');
    }
    body.extend_from_slice(rest);
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use sluice_plugin_testing::record;

    use super::*;

    fn written(document: &str, millis: Option<i64>) -> Result<String, String> {
        let record = record(0);
        let record = millis.map_or_else(|| record.clone(), |millis| record.clone().timestamp(millis)).build();
        let mut body = Vec::new();
        write(&Json::parse(document.to_owned().into()).unwrap(), &record, &mut body)?;
        Ok(String::from_utf8(body).unwrap())
    }

    #[test]
    fn a_document_has_its_own_time_or_that_of_its_record() {
        let at = Some(1_739_712_345_678);
        assert_eq!(written(r#"{"@timestamp":1,"a":1.50}"#, at).unwrap(), r#"{"@timestamp":1,"a":1.50}"#);
        assert_eq!(written(r#"{"@timestamp":null}"#, at).unwrap(), r#"{"@timestamp":null}"#);
        let time = r#""@timestamp":"2025-02-16T13:25:45.678Z""#;
        assert_eq!(written(r#"{"a":1.50}"#, at).unwrap(), format!(r#"{{{time},"a":1.50}}"#));
        assert_eq!(written("{ }", at).unwrap(), format!("{{{time}}}"));
        assert!(written(r#"{"a":1}"#, None).unwrap_err().contains("`@timestamp`"));
    }
}
