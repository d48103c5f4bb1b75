//! `timestamp`: a time in one format, written in another.

use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sluice_connector_api::{
    FieldKind, FieldNeed, FormNeed, Found, Json, Payload, PayloadForm, PayloadForms, Record, RecordFields,
    RecordForms, Rejection, Scalar, SettingsError, Transform, TransformSettings, Transformed,
};

use crate::absence::OnAbsence;
use crate::field_fault::FieldFault;
use crate::field_path::FieldPath;
use crate::subject::{Of, plain_payload};
use crate::time::{TimeFormat, check_reading, check_writing, known_times, time_zone};

/// Converts a time in a JSON field from one format into another.
///
/// The value has to be a JSON object; a tombstone passes unchanged. A record whose field is missing or null is
/// rejected unless `on_missing` or `on_null` says otherwise, and one whose field is not a time in the format of
/// `from` always. Numbers are read digit by digit and never rounded; a text that holds a number counts as one.
/// Times lie between the years -9999 and 9999, to the last moment of `9999-12-31T23:59:59.999999999Z`, which
/// databases write for "never ends". Without `field`, the whole value is the time, and no object is needed.
///
/// It is Kafka Connect's `TimestampConverter`: `from` and `to` stand for its `target.type`, `format` and `unix.precision`.
///
/// ```yaml
/// transforms:
///   - timestamp:
///       field: timestamp
///       from: unix_seconds
///       to: "%Y-%m-%d %H:%M:%S"
///       as: ts
/// ```
///
/// Before:
///
/// ```json
/// {"value": {"timestamp": 1739712345.678, "ticker": "OOOO"}}
/// ```
///
/// After:
///
/// ```json
/// {"value": {"timestamp": 1739712345.678, "ticker": "OOOO", "ts": "2025-02-16 13:25:45"}}
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-instead" = {"format": "the format that the field has is `from`, and the one to write is `to`", "target_type": "the format to write is `to`", "unix_precision": "the format that the field has is `from`, such as `unix_millis`, and the one to write is `to`"}))]
#[schemars(extend("x-also" = ["timestampconverter", "timestamp_converter", "date", "date_format"]))]
pub(crate) struct TimestampSettings {
    /// The field that holds the time. Names within names are separated by dots (`quote.time`); an item of an
    /// array is a number from 0; a name that has a dot stands in brackets (`quote.[trade.time]`) or between
    /// backticks. Default: the whole key or value is the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// The format that the field has: `unix_seconds`, `unix_millis`, `unix_micros` or `unix_nanos` (a number
    /// since 1970, with or without a fraction), `rfc3339` (`2025-02-16T13:25:45.678Z`, with an offset), or a
    /// pattern: for strptime, such as `%d/%m/%Y %H:%M`, or as Java's `SimpleDateFormat` has them, such as
    /// `dd/MM/yyyy HH:mm`. `%z` reads `+02`, `+0200` and `+02:00`.
    from: String,
    /// The format to write: the same words, or a pattern for strftime or in Java's notation. `unix_seconds` keeps
    /// the fraction of a second; the other numbers are whole and cut towards the past. `rfc3339` keeps the fraction
    /// to the nanosecond; in a pattern `%S` cuts it and `%S%.f` keeps it.
    to: String,
    /// The time zone, by its IANA name such as `Europe/Paris`: that of texts without an offset when reading,
    /// that of patterns and `rfc3339` when writing. A time that a clock shows twice is the earlier one, a
    /// time that it skips is as much later. Default `UTC`.
    #[serde(default = "utc")]
    #[schemars(extend("x-also" = ["zone", "tz"]))]
    time_zone: String,
    /// The field to write, a path like that of `field`; objects on the way are made. Default: `field` itself.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    /// What becomes of a record without the field. Default `reject`.
    #[serde(default)]
    on_missing: OnAbsence,
    /// What becomes of a record whose field is null. Default `reject`.
    #[serde(default)]
    on_null: OnAbsence,
    /// Whether the time is in the key or in the value. Default `value`.
    #[serde(default)]
    of: Of,
}

fn utc() -> String {
    "UTC".to_owned()
}

impl TransformSettings for TimestampSettings {
    const NAME: &'static str = "timestamp";

    fn build(self) -> Result<Box<dyn Transform>, SettingsError> {
        let zone = time_zone("time_zone", &self.time_zone)?;
        let from = TimeFormat::parse("from", &self.from)?;
        check_reading(&from, &zone).map_err(|reason| SettingsError::at("from", reason))?;
        let to = TimeFormat::parse("to", &self.to)?;
        check_writing(&to, &zone).map_err(|reason| SettingsError::at("to", reason))?;
        if self.field.is_none() && self.target.is_some() {
            return Err(SettingsError::at(
                "as",
                "needs `field`; without it the whole value becomes the time",
            ));
        }
        let field = self.field.map(|field| FieldPath::parse("field", field)).transpose()?;
        let target = self.target.map(|target| FieldPath::parse("as", target)).transpose()?;
        let (on_missing, on_null, of) = (self.on_missing, self.on_null, self.of);
        Ok(Box::new(Timestamp {
            field,
            time: Conversion { from, to, zone },
            target,
            on_missing,
            on_null,
            of,
        }))
    }
}

struct Timestamp {
    /// None: the whole key or value.
    field: Option<FieldPath>,
    time: Conversion,
    target: Option<FieldPath>,
    on_missing: OnAbsence,
    on_null: OnAbsence,
    of: Of,
}

/// A time's way from one format into another.
struct Conversion {
    from: TimeFormat,
    to: TimeFormat,
    zone: TimeZone,
}

impl Transform for Timestamp {
    fn apply(&self, mut record: Record) -> Result<Transformed, Rejection> {
        match &self.field {
            None => self.convert_whole(&mut record)?,
            Some(field) => {
                if let Some(json) = self.of.object(&mut record, TimestampSettings::NAME, field.as_str())? {
                    self.convert(field, json)?;
                }
            }
        }
        Ok(record.into())
    }

    fn needs(&self) -> Vec<FormNeed> {
        if let Some(field) = &self.field {
            return vec![self.on_missing.needs(self.of, field).with_kind(self.time.needs(field.names()))];
        }
        let side = self.of.side();
        let why = SettingsError::at("from", format!("reads the {side}"));
        vec![FormNeed::new(side, PayloadForms::ANY, why).with_kind(self.time.needs(&[]))]
    }

    fn warnings(&self) -> Vec<SettingsError> {
        let formats = [("from", &self.time.from), ("to", &self.time.to)].into_iter();
        formats.filter_map(|(key, format)| Some(SettingsError::at(key, format.oddity()?))).collect()
    }

    fn makes(&self, forms: RecordForms) -> RecordForms {
        if self.field.is_some() {
            forms
        } else {
            let form = if self.time.to.is_number() { PayloadForm::Number } else { PayloadForm::Text };
            self.of.with_forms(forms, form)
        }
    }

    fn leaves(&self, fields: RecordFields) -> RecordFields {
        let made = known_times(&self.time.to, &self.time.zone);
        let may_stay = self.on_missing == OnAbsence::Skip || self.on_null == OnAbsence::Skip;
        fields.changed(self.of.side(), |before| match (&self.target, &self.field) {
            (Some(target), _) if may_stay => before.with_either(target.names(), made),
            (Some(target), _) => before.with_known(target.names(), made),
            (None, Some(field)) => before.changed(field.names(), |_| made),
            (None, None) => made,
        })
    }
}

impl Timestamp {
    fn convert(&self, field: &FieldPath, json: &mut Json) -> Result<(), Rejection> {
        let converted = match field.find(json) {
            None => absent(self.on_missing, "is missing"),
            Some(Found::Null) => absent(self.on_null, "is null"),
            Some(found) => self.time.convert(found).map(Some),
        };
        match converted.map_err(|fault| fault.of_field(field.as_str()))? {
            Some(value) => self.target.as_ref().unwrap_or(field).set(json, value),
            None => Ok(()),
        }
    }

    fn convert_whole(&self, record: &mut Record) -> Result<(), Rejection> {
        if self.of.is_absent(record) {
            return Ok(());
        }
        let side = self.of.side();
        let payload = self.of.get_mut(record);
        let converted = match &*payload {
            None => return Ok(()),
            Some(Payload::Json(json)) => self.time.convert(Found::from_value(json.value())),
            Some(text) => match text.as_text() {
                Some(text) => self.time.convert(Found::Scalar(Scalar::Text(text))),
                None => Err(FieldFault::new("is bytes that are not valid UTF-8 text")),
            },
        };
        *payload = Some(plain_payload(converted.map_err(|fault| fault.of(&format!("the {side}")))?));
        Ok(())
    }
}

impl Conversion {
    fn needs(&self, path: &[String]) -> FieldNeed {
        let (from, zone) = (self.from.clone(), self.zone.clone());
        let kinds = FieldKind::Text | FieldKind::Number;
        let need = FieldNeed::new(path, kinds, format!("a time in `{}`", from.name()));
        need.with_test(move |value| from.read(Found::from_value(value), &zone).is_ok())
    }

    fn convert(&self, found: Found<'_>) -> Result<Value, FieldFault> {
        let moment = self.from.read(found, &self.zone)?;
        self.to.write(moment, &self.zone).map_err(FieldFault::new)
    }
}

/// Returns what is written where there is no time; `None` where nothing is.
fn absent(on_absence: OnAbsence, reason: &str) -> Result<Option<Value>, FieldFault> {
    match on_absence {
        OnAbsence::Reject => Err(FieldFault::new(reason)),
        OnAbsence::Skip => Ok(None),
        OnAbsence::Null => Ok(Some(Value::Null)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panicking")]
mod tests {
    use serde_json::json;
    use sluice_connector_api::Origin;

    use super::*;

    fn build(settings: &str) -> Result<Box<dyn Transform>, SettingsError> {
        serde_json::from_str::<TimestampSettings>(settings).unwrap().build()
    }

    /// Converts the field `t`, written as JSON, and returns it as JSON.
    fn convert(from: &str, to: &str, zone: &str, field: &str) -> Result<String, String> {
        let settings = json!({"field": "t", "from": from, "to": to, "time_zone": zone});
        let value = apply(&*build(&settings.to_string()).unwrap(), &format!(r#"{{"t":{field}}}"#));
        value.map(|value| value.strip_prefix(r#"{"t":"#).unwrap().strip_suffix('}').unwrap().to_owned())
    }

    fn apply(transform: &dyn Transform, value: &str) -> Result<String, String> {
        apply_to(transform, Payload::Json(Json::parse(value.to_owned().into()).unwrap()))
    }

    fn apply_to(transform: &dyn Transform, value: Payload) -> Result<String, String> {
        let mut record = Record::new(Origin::new("t", 0, 0));
        record.value = Some(value);
        match transform.apply(record).map_err(|rejection| rejection.to_string())? {
            Transformed::One(record) => {
                Ok(String::from_utf8(record.value.clone().unwrap().to_bytes().to_vec()).unwrap())
            }
            other => panic!("{other:?}"),
        }
    }

    fn refusal(settings: &str) -> (String, String) {
        let error = build(settings).err().unwrap();
        (error.path().to_owned(), error.reason().to_owned())
    }

    #[test]
    fn seconds_become_a_date() {
        let converted = convert("unix_seconds", "%Y-%m-%d %H:%M:%S", "UTC", "1739712345.678");
        assert_eq!(converted.unwrap(), r#""2025-02-16 13:25:45""#);
        let exponent = convert("unix_seconds", "rfc3339", "UTC", "1.739712345678e9");
        assert_eq!(exponent.unwrap(), r#""2025-02-16T13:25:45.678Z""#);
    }

    #[test]
    fn a_time_is_converted_alike_in_a_text_and_in_a_value() {
        for (field, target) in [("t", "t"), ("t", "ts"), ("t", "at.utc"), ("in.t", "in.t"), ("t", "in")] {
            for text in [r#"{"t":1,"in":{"t":"2"},"b":3}"#, r#"{"t":true}"#, r#"{"t":"x"}"#, "{}", "[]"] {
                let settings = json!({"field": field, "as": target, "from": "unix_seconds", "to": "rfc3339"});
                let transform = build(&settings.to_string()).unwrap();
                let value = serde_json::from_str::<Value>(text).unwrap();
                let of_value = apply_to(&*transform, value.into());
                assert_eq!(apply(&*transform, text), of_value, "{field} {target} {text}");
            }
        }
    }

    #[test]
    fn the_target_format_decides_about_the_fraction() {
        let to = |format| convert("unix_seconds", format, "UTC", "1739712345.678").unwrap();
        assert_eq!(to("unix_seconds"), "1739712345.678");
        assert_eq!(to("unix_millis"), "1739712345678");
        assert_eq!(to("unix_nanos"), "1739712345678000000");
        assert_eq!(to("rfc3339"), r#""2025-02-16T13:25:45.678Z""#);
        assert_eq!(to("%T%.f"), r#""13:25:45.678""#);
        assert_eq!(to("%T"), r#""13:25:45""#);
    }

    #[test]
    fn a_text_that_holds_a_number_is_a_number() {
        assert_eq!(
            convert("unix_seconds", "rfc3339", "UTC", r#""1739712345""#).unwrap(),
            r#""2025-02-16T13:25:45Z""#
        );
        assert_eq!(convert("%Y%m%d", "rfc3339", "UTC", "20250216").unwrap(), r#""2025-02-16T00:00:00Z""#);
    }

    #[test]
    fn times_before_1970_are_right() {
        let seconds = |field, to| convert("unix_seconds", to, "UTC", field).unwrap();
        assert_eq!(seconds("-0.5", "rfc3339"), r#""1969-12-31T23:59:59.5Z""#);
        assert_eq!(seconds("-0.5", "%F %T"), r#""1969-12-31 23:59:59""#);
        assert_eq!(seconds("-14182940", "%F"), r#""1969-07-20""#);
    }

    #[test]
    fn the_time_zone_reads_texts_without_an_offset() {
        let paris = |field| convert("%d/%m/%Y %H:%M", "unix_seconds", "Europe/Paris", field).unwrap();
        assert_eq!(paris(r#""16/02/2025 14:25""#), "1739712300");
        assert_eq!(paris(r#""26/10/2025 02:30""#), "1761438600", "shown twice: the earlier one");
        let offset = convert("%F %T %z", "rfc3339", "Europe/Paris", r#""2025-02-16 08:25:45 -0500""#);
        assert_eq!(offset.unwrap(), r#""2025-02-16T14:25:45+01:00""#);
    }

    #[test]
    fn the_time_zone_writes_patterns_and_rfc3339() {
        let new_york =
            |to| convert("rfc3339", to, "America/New_York", r#""2025-02-16T13:25:45.678Z""#).unwrap();
        assert_eq!(new_york("rfc3339"), r#""2025-02-16T08:25:45.678-05:00""#);
        assert_eq!(new_york("%F %T %Z"), r#""2025-02-16 08:25:45 EST""#);
        assert_eq!(new_york("unix_millis"), "1739712345678");
    }

    #[test]
    fn a_field_that_is_no_time_is_named_and_its_value_is_the_detail() {
        let refused = |from: &str, field: &str| {
            let settings = json!({"field": "t", "from": from, "to": "unix_millis"});
            let value = Json::parse(format!(r#"{{"t":{field}}}"#).into()).unwrap();
            let mut record = Record::new(Origin::new("t", 0, 0));
            record.value = Some(Payload::Json(value));
            let rejection = build(&settings.to_string()).unwrap().apply(record).unwrap_err();
            (rejection.to_string(), rejection.detail().unwrap_or_default().to_owned())
        };
        let of = |reason: &str, detail: &str| (reason.to_owned(), detail.to_owned());
        assert_eq!(
            refused("unix_seconds", r#""NaN""#),
            of("field `t` is not a number of `unix_seconds`", "NaN")
        );
        assert_eq!(
            refused("unix_seconds", "1739712345678"),
            of("field `t` is out of range, read as `unix_seconds`", "1739712345678")
        );
        assert_eq!(refused("unix_seconds", "null"), of("field `t` is null", ""));
        assert_eq!(
            refused("unix_seconds", "[1]"),
            of("field `t` is a JSON array, not a time in `unix_seconds`", "")
        );
        for (from, field) in [("%d/%m/%Y", "2025-02-16"), ("rfc3339", "2025-02-16T24:00:00Z")] {
            let (reason, detail) = refused(from, &format!("{field:?}"));
            assert_eq!(reason, format!("field `t` does not fit `{from}`"));
            assert!(detail.starts_with(&format!("{field}: ")), "{detail}");
        }
        let (reason, detail) = refused("rfc3339", r#""2025-02-16T13:25:45""#);
        assert!(
            reason.starts_with("field `t` has no offset, such as `Z`")
                && reason.contains("`%Y-%m-%dT%H:%M:%S`")
        );
        assert_eq!(detail, "2025-02-16T13:25:45");
        let (reason, _) = refused("rfc3339", r#""2025-02-16""#);
        assert!(reason.starts_with("field `t` is a date without a time"), "{reason}");
    }

    #[test]
    fn digits_below_a_nanosecond_are_cut_off() {
        for (from, text) in [
            ("rfc3339", "2025-02-16T13:25:45.1234567899Z"),
            ("rfc3339", "2025-02-16T14:25:45.123456789012345678901234567890+01:00"),
            ("%F %T%.f", "2025-02-16 13:25:45.1234567890123"),
            ("%FT%T%.f%z", "2025-02-16T13:25:45.1234567890+00"),
        ] {
            let read = convert(from, "rfc3339", "UTC", &format!("{text:?}"));
            assert_eq!(read.as_deref(), Ok(r#""2025-02-16T13:25:45.123456789Z""#), "{text}");
        }
        assert!(convert("rfc3339", "rfc3339", "UTC", r#""2025-02-16T13:25:45.12345678901""#).is_err());
    }

    #[test]
    fn the_whole_key_or_value_may_be_the_time() {
        let whole = |of: &str, payload: Option<Payload>| {
            let transform =
                build(&json!({"from": "unix_millis", "to": "yyyy-MM-dd", "of": of}).to_string()).unwrap();
            let mut record = Record::new(Origin::new("t", 0, 0));
            record.key = payload.clone();
            record.value = payload;
            match transform.apply(record).map_err(|rejection| rejection.to_string())? {
                Transformed::One(record) => Ok([record.key.clone(), record.value.clone()]),
                other => Err(format!("{other:?}")),
            }
        };
        let (number, text) = (Payload::from(json!(1_739_712_345_678_i64)), Payload::from("2025-02-16"));
        assert_eq!(whole("value", Some(number.clone())), Ok([Some(number.clone()), Some(text.clone())]));
        assert_eq!(whole("key", Some("1739712345678".into())).unwrap()[0], Some(text));
        assert_eq!(whole("value", None), Ok([None, None]));
        assert_eq!(
            whole("key", Some("x".into())),
            Err("the key is not a number of `unix_millis`".to_owned())
        );
    }

    #[test]
    fn the_calendar_is_read_and_written_to_its_last_moment() {
        const NEVER: &str = r#""9999-12-31T23:59:59.999Z""#;
        for (from, field) in [
            ("rfc3339", NEVER),
            ("rfc3339", r#""9999-12-31 23:59:59.999+00:00""#),
            ("rfc3339", r#""9999-12-31T18:59:59.999-05:00""#),
            ("unix_seconds", "253402300799.999"),
            ("unix_millis", "253402300799999"),
            ("unix_micros", "253402300799999000"),
            ("unix_nanos", "253402300799999000000"),
            ("%Y-%m-%d %H:%M:%S%.f", r#""9999-12-31 23:59:59.999""#),
            ("%FT%T%.f%z", r#""9999-12-31T23:59:59.999+00""#),
            ("%FT%T%.f[%Q]", r#""9999-12-31T23:59:59.999[UTC]""#),
        ] {
            for (to, expected) in [
                ("rfc3339", NEVER),
                ("unix_seconds", "253402300799.999"),
                ("unix_millis", "253402300799999"),
                ("unix_micros", "253402300799999000"),
                ("unix_nanos", "253402300799999000000"),
                ("%Y-%m-%d %H:%M:%S", r#""9999-12-31 23:59:59""#),
                ("%F %T%.f %z %a %j %G-W%V %y", r#""9999-12-31 23:59:59.999 +0000 Fri 365 9999-W52 99""#),
                ("%s", r#""253402300799""#),
                ("%s %% %%s", r#""253402300799 % %s""#),
                ("%C%y-%b-%e", r#""9999-Dec-31""#),
            ] {
                assert_eq!(convert(from, to, "UTC", field).as_deref(), Ok(expected), "{from} {field} {to}");
            }
        }
        assert_eq!(convert("%s", "rfc3339", "UTC", "253402300799").unwrap(), r#""9999-12-31T23:59:59Z""#);
        let first = convert("rfc3339", "%F %T", "UTC", r#""0001-01-01T00:00:00Z""#);
        assert_eq!(first.unwrap(), r#""0001-01-01 00:00:00""#);
    }

    #[test]
    fn the_last_moment_is_that_of_the_zone() {
        let last = r#""9999-12-31 23:59:59""#;
        for (zone, rfc3339, millis) in [
            ("America/New_York", "9999-12-31T23:59:59-05:00", "253402318799000"),
            ("Europe/Paris", "9999-12-31T23:59:59+01:00", "253402297199000"),
            ("UTC", "9999-12-31T23:59:59Z", "253402300799000"),
        ] {
            assert_eq!(convert("%F %T", "%F %T", zone, last).unwrap(), last);
            assert_eq!(convert("%F %T", "rfc3339", zone, last).unwrap(), format!("{rfc3339:?}"));
            assert_eq!(convert("%F %T", "unix_millis", zone, last).unwrap(), millis);
            assert_eq!(convert("unix_millis", "%F %T", zone, millis).unwrap(), last);
        }
        // It is 10000 there by now: the same moment is written as UTC has it, or the record is rejected.
        let paris = |to| convert("unix_millis", to, "Europe/Paris", "253402300799999");
        assert_eq!(paris("rfc3339").unwrap(), r#""9999-12-31T23:59:59.999Z""#);
        assert!(paris("%F").unwrap_err().ends_with(
            "cannot be written as `%F`: the clocks of the time zone are past the end of the calendar then"
        ));
        for field in ["253402300800000", "253402318799999"] {
            assert!(convert("unix_millis", "rfc3339", "UTC", field).is_err(), "{field}");
        }
        assert!(convert("unix_millis", "unix_seconds", "UTC", "253402394399000").is_err());
        assert!(convert("rfc3339", "unix_seconds", "UTC", r#""10000-01-01T00:00:00Z""#).is_err());
    }

    #[test]
    fn the_first_moment_is_written_too() {
        let first = r#""-009999-01-01T00:00:00Z""#;
        assert_eq!(convert("rfc3339", "rfc3339", "UTC", first).unwrap(), first);
        assert_eq!(convert("rfc3339", "unix_seconds", "UTC", first).unwrap(), "-377705116800");
        assert_eq!(convert("unix_seconds", "rfc3339", "UTC", "-377705116800").unwrap(), first);
        assert!(convert("unix_seconds", "rfc3339", "UTC", "-377705116801").is_err());
    }

    #[test]
    fn an_offset_is_read_in_every_form() {
        for offset in ["+02", "+0200", "+02:00"] {
            let read = convert("%F %T%z", "rfc3339", "UTC", &format!("\"2025-02-16 15:25:45{offset}\""));
            assert_eq!(read.unwrap(), r#""2025-02-16T13:25:45Z""#, "{offset}");
        }
        let half = convert("%F %T %z", "rfc3339", "UTC", r#""2025-02-16 18:55:45 +05:30""#);
        assert_eq!(half.unwrap(), r#""2025-02-16T13:25:45Z""#);
        let written = convert("%F %T%z", "%F %T%z", "Europe/Paris", r#""2025-02-16 15:25:45+02""#);
        assert_eq!(written.unwrap(), r#""2025-02-16 14:25:45+0100""#);
        assert!(convert("%F %%z", "rfc3339", "UTC", r#""2025-02-16 +02""#).is_err());
    }

    #[test]
    fn a_field_with_a_dot_in_its_name_is_named_in_brackets() {
        let settings = r#"{"field":"q.[trade.time]","from":"unix_seconds","to":"%F","as":"[q.day]"}"#;
        let value = apply(&*build(settings).unwrap(), r#"{"q":{"trade.time":1739712345}}"#);
        assert_eq!(value.unwrap(), r#"{"q":{"trade.time":1739712345},"q.day":"2025-02-16"}"#);
    }

    #[test]
    fn a_field_that_is_missing_or_null_is_treated_as_the_settings_say() {
        let build = |on_missing: &str, on_null: &str| {
            let settings = json!({
                "field": "q.t", "from": "unix_seconds", "to": "%F", "as": "day", "on_missing": on_missing, "on_null": on_null
            });
            build(&settings.to_string()).unwrap()
        };
        let (missing, null) = (r#"{"a":1.50}"#, r#"{"a":1.50,"q":{"t":null}}"#);
        assert_eq!(apply(&*build("reject", "skip"), missing).unwrap_err(), "field `q.t` is missing");
        assert_eq!(apply(&*build("skip", "reject"), null).unwrap_err(), "field `q.t` is null");
        assert_eq!(apply(&*build("skip", "skip"), missing).unwrap(), missing);
        assert_eq!(apply(&*build("skip", "skip"), null).unwrap(), null);
        assert_eq!(apply(&*build("null", "reject"), missing).unwrap(), r#"{"a":1.50,"day":null}"#);
        assert_eq!(
            apply(&*build("reject", "null"), null).unwrap(),
            r#"{"a":1.50,"q":{"t":null},"day":null}"#
        );
        let wrong = apply(&*build("skip", "skip"), r#"{"q":{"t":"x"}}"#).unwrap_err();
        assert!(wrong.starts_with("field `q.t` is not a number"), "{wrong}");
        assert!(apply(&*build("skip", "skip"), "[]").is_err());
    }

    #[test]
    fn a_long_value_is_cut_in_the_error() {
        let refused =
            convert("rfc3339", "unix_millis", "UTC", &format!("{:?}", "x".repeat(5000))).unwrap_err();
        assert!(refused.len() < 400, "{refused}");
    }

    #[test]
    fn another_field_takes_the_result() {
        let settings = r#"{"field":"q.t","from":"unix_seconds","to":"%F","as":"q.day"}"#;
        let value = apply(&*build(settings).unwrap(), r#"{"q":{"t":1739712345.678},"a":1.10}"#);
        assert_eq!(value.unwrap(), r#"{"q":{"t":1739712345.678,"day":"2025-02-16"},"a":1.10}"#);
    }

    #[test]
    fn a_value_without_the_field_is_rejected() {
        let transform = build(r#"{"field":"q.t","from":"unix_seconds","to":"%F"}"#).unwrap();
        assert_eq!(apply(&*transform, "{}").unwrap_err(), "field `q.t` is missing");
        let list = "the value is a JSON array, but the timestamp transform needs an object with `q.t`";
        assert_eq!(apply(&*transform, "[]").unwrap_err(), list);
        let mut record = Record::new(Origin::new("t", 0, 0));
        record.value = Some(Payload::from("{}"));
        let text = "the value is text, but the timestamp transform needs an object with `q.t`; set `value: json` \
                    under `source`";
        assert_eq!(transform.apply(record).unwrap_err().to_string(), text);
    }

    #[test]
    fn a_tombstone_passes() {
        let transform = build(r#"{"field":"t","from":"unix_seconds","to":"%F"}"#).unwrap();
        let tombstone = Record::new(Origin::new("t", 0, 0));
        assert_eq!(transform.apply(tombstone.clone()), Ok(tombstone.into()));
    }

    #[test]
    fn a_misspelt_format_lists_the_known_ones() {
        let (path, reason) = refusal(r#"{"field":"t","from":"unix_second","to":"%F"}"#);
        assert_eq!(path, "from");
        let expected = "unknown format `unix_second`; known are: unix_seconds, unix_millis, unix_micros, unix_nanos, \
                        rfc3339, a pattern with % such as `%Y-%m-%d %H:%M:%S`, or one of Java's such as `yyyy-MM-dd`";
        assert_eq!(reason, expected);
        assert_eq!(refusal(r#"{"field":"t","from":"rfc3339","to":"RFC3339"}"#).0, "to");
    }

    #[test]
    fn a_pattern_that_cannot_work_is_refused() {
        let from = |pattern| refusal(&format!(r#"{{"field":"t","from":"{pattern}","to":"rfc3339"}}"#));
        for pattern in ["%!", "%", "%H:%M", "%d/%m", "%F %Z"] {
            let (path, reason) = from(pattern);
            assert_eq!(path, "from");
            assert!(reason.starts_with("no time can be read with "), "{reason}");
        }
        let (path, reason) = refusal(r#"{"field":"t","from":"rfc3339","to":"%Y %!"}"#);
        assert_eq!(path, "to");
        assert!(reason.starts_with("cannot be written as `%Y %!`: "), "{reason}");
    }

    #[test]
    fn the_patterns_of_everyday_use_are_accepted() {
        let patterns =
            ["%Y-%m-%d", "%d/%m/%Y %H:%M", "%a, %d %b %Y %T %z", "%m/%d/%y %I:%M %p", "%FT%T%.fZ", "%s"];
        for pattern in
            patterns.into_iter().chain(["%Y-%j", "%G-W%V-%u", "%e %B %Y", "%F %T[%Q]", "%Y%m%d%H%M%S%f"])
        {
            assert!(
                build(&format!(r#"{{"field":"t","from":"{pattern}","to":"{pattern}"}}"#)).is_ok(),
                "{pattern}"
            );
        }
    }

    #[test]
    fn a_bad_zone_or_path_is_refused() {
        let (path, reason) = refusal(r#"{"field":"t","from":"rfc3339","to":"%F","time_zone":"Mars/Base"}"#);
        assert_eq!(path, "time_zone");
        assert_eq!(
            reason,
            "unknown time zone `Mars/Base`; an IANA name is asked for, such as `Europe/Paris`"
        );
        assert_eq!(refusal(r#"{"field":"","from":"rfc3339","to":"%F"}"#).0, "field");
        assert_eq!(refusal(r#"{"field":"t","from":"rfc3339","to":"%F","as":"a..b"}"#).0, "as");
    }
}
