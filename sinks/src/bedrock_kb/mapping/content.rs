//! What a document holds. Pure.

use std::borrow::Cow;

use bytes::Bytes;
use sluice_connector_api::{Failure, FormNeed, Payload, PayloadForm, Record, SettingsError, Side};
use sluice_template::Template;

use super::unfit::UnfitValue;

use crate::bedrock_kb::settings::{BytesContent, ContentSettings, S3Content};
use crate::record::on_null::rejected_tombstone;

/// The longest text that the model of the API allows, in characters.
const MAX_TEXT_CHARS: usize = 5_242_880;
/// The largest file that the model of the API allows inline, in bytes before base64.
const MAX_FILE_BYTES: usize = 5_242_880;
/// The longest `s3://` address that the model of the API allows, in characters.
const MAX_URI_CHARS: usize = 1024;

/// What a document holds.
#[derive(Debug)]
pub(crate) enum DocumentBody<'a> {
    Text(Cow<'a, str>),
    Bytes { mime_type: String, data: Bytes },
    S3 { uri: String, bucket_owner: Option<&'a str> },
}

/// Makes bodies of records.
#[derive(Debug)]
pub(crate) enum ContentRule {
    Value,
    Template(Template),
    Bytes { mime_type: Template },
    S3 { uri: Template, buckets: Vec<String>, bucket_owner: Option<String> },
}

impl ContentRule {
    pub(crate) fn new(content: &ContentSettings) -> Result<Self, SettingsError> {
        match content {
            ContentSettings::Value => Ok(Self::Value),
            ContentSettings::Template(text) => Template::new("content.template", text).map(Self::Template),
            ContentSettings::Bytes(settings) => Self::bytes(settings),
            ContentSettings::S3Location(settings) => Self::s3(settings),
        }
    }

    fn bytes(settings: &BytesContent) -> Result<Self, SettingsError> {
        let mime_type = Template::new("content.bytes.mime_type", &settings.mime_type)?;
        if !mime_type.has_tags() && !is_mime_type(&settings.mime_type) {
            let reason = format!("`{}` is no MIME type such as application/pdf", settings.mime_type);
            return Err(SettingsError::at("content.bytes.mime_type", reason));
        }
        Ok(Self::Bytes { mime_type })
    }

    /// Which file the knowledge base's role reads is up to the record, in which bucket is not.
    fn s3(settings: &S3Content) -> Result<Self, SettingsError> {
        let uri = Template::new("content.s3_location.uri", &settings.uri)?;
        let mut buckets = settings.buckets.clone();
        if let Some(bad) = buckets.iter().position(|bucket| !is_bucket(bucket)) {
            let reason = "a bucket's name has 3 to 63 small letters, digits, dots and dashes";
            return Err(SettingsError::at(format!("content.s3_location.buckets.{bad}"), reason));
        }
        if buckets.is_empty() {
            let fixed = uri.start().strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
            let Some((bucket, _)) = fixed.filter(|(bucket, _)| is_bucket(bucket)) else {
                let reason = "the record would choose the bucket; write it before the first tag, such as \
                              s3://filings/{{path}}, or list those allowed as `buckets`";
                return Err(SettingsError::at("content.s3_location.uri", reason));
            };
            buckets.push(bucket.to_owned());
        }
        Ok(Self::S3 { uri, buckets, bucket_owner: settings.bucket_owner.clone() })
    }

    /// States the forms that it needs.
    pub(crate) fn needs(&self) -> Vec<FormNeed> {
        match self {
            Self::Value => {
                let text = PayloadForm::Text | PayloadForm::Bytes;
                let why = SettingsError::at("content", "takes the value, which has to be text");
                let way_out = "write `content: { template: ... }`, or add a `template` transform";
                vec![FormNeed::new(Side::Value, text, why).with_way_out(way_out)]
            }
            Self::Template(template) => template.needs("content.template"),
            Self::Bytes { mime_type } => mime_type.needs("content.bytes.mime_type"),
            Self::S3 { uri, .. } => uri.needs("content.s3_location.uri"),
        }
    }

    /// Makes the body of a record's document. A tombstone has none.
    pub(crate) fn of<'a>(&'a self, record: &'a Record) -> Result<DocumentBody<'a>, Failure> {
        let value = record.value.as_ref().ok_or_else(|| rejected_tombstone("text to store"))?;
        let body = match self {
            Self::Value => value
                .as_text()
                .ok_or_else(|| no_text(value).into())
                .and_then(|text| checked_text(text.into())),
            Self::Template(template) => printed(template, record).and_then(|text| checked_text(text.into())),
            Self::Bytes { mime_type } => {
                printed(mime_type, record).and_then(|mime_type| file(mime_type, value.to_bytes()))
            }
            Self::S3 { uri, buckets, bucket_owner } => {
                printed(uri, record).and_then(|uri| s3_file(uri, buckets, bucket_owner.as_deref()))
            }
        };
        body.map_err(|unfit| unfit.rejected(""))
    }
}

fn printed(template: &Template, record: &Record) -> Result<String, UnfitValue> {
    Ok(template.render(record)?)
}

fn checked_text(text: Cow<'_, str>) -> Result<DocumentBody<'_>, UnfitValue> {
    if text.trim().is_empty() {
        return Err("the text is blank, and a document must have some".into());
    }
    // Characters are counted only where bytes alone do not tell.
    if text.len() > MAX_TEXT_CHARS && text.chars().count() > MAX_TEXT_CHARS {
        let bytes = text.len();
        let reason =
            format!("the text is {bytes} bytes long; a document takes at most {MAX_TEXT_CHARS} characters");
        return Err(reason.into());
    }
    Ok(DocumentBody::Text(text))
}

fn no_text(value: &Payload) -> &'static str {
    match value {
        Payload::Json(_) => {
            "the value is JSON; add a `template` transform, or write the text as `content: { template: ... }`"
        }
        Payload::Bytes(_) | Payload::Text(_) => {
            "the value is not valid UTF-8, and a document must be text; for other files set `content: { bytes: ... }`"
        }
    }
}

fn file<'a>(mime_type: String, data: Bytes) -> Result<DocumentBody<'a>, UnfitValue> {
    if !is_mime_type(&mime_type) {
        return Err(UnfitValue::new(NO_MIME_TYPE, &mime_type));
    }
    match data.len() {
        0 => Err("the file is empty, and a document must have some bytes".into()),
        bytes if bytes > MAX_FILE_BYTES => {
            let most = MAX_FILE_BYTES;
            Err(format!("the file has {bytes} bytes; a document takes at most {most} inline").into())
        }
        _ => Ok(DocumentBody::Bytes { mime_type, data }),
    }
}

const NO_MIME_TYPE: &str = "what `content.bytes.mime_type` makes is no MIME type such as application/pdf";

/// The model asks for no more than a letter before a slash, and something after it.
fn is_mime_type(mime_type: &str) -> bool {
    let Some((kind, rest)) = mime_type.split_once('/') else { return false };
    let fits = kind.ends_with(|last: char| last.is_ascii_lowercase()) && !rest.trim().is_empty();
    fits && !mime_type.contains(char::is_control)
}

fn s3_file<'a>(
    uri: String,
    buckets: &[String],
    bucket_owner: Option<&'a str>,
) -> Result<DocumentBody<'a>, UnfitValue> {
    let split = uri.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
    let Some((bucket, _)) = split.filter(|(_, key)| !key.is_empty()) else {
        let reason =
            "what `content.s3_location.uri` makes is no address of a file in S3, such as s3://bucket/key";
        return Err(UnfitValue::new(reason, &uri));
    };
    if !buckets.iter().any(|allowed| allowed == bucket) {
        return Err(UnfitValue::new(
            "the file is in a bucket that `content.s3_location` does not allow",
            &uri,
        ));
    }
    if uri.len() > MAX_URI_CHARS && uri.chars().count() > MAX_URI_CHARS {
        return Err(format!("the address of the file takes at most {MAX_URI_CHARS} characters").into());
    }
    Ok(DocumentBody::S3 { uri, bucket_owner })
}

/// The model's `[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]`.
fn is_bucket(name: &str) -> bool {
    let plain = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit();
    (3..=63).contains(&name.len())
        && name.chars().all(|char| plain(char) || char == '.' || char == '-')
        && name.starts_with(plain)
        && name.ends_with(plain)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]
mod tests {
    use serde_json::{Value, json};
    use sluice_connector_api::FailureKind;

    use super::*;
    use sluice_plugin_testing::{text, tombstone, with_value};

    fn contents(settings: Value) -> Result<ContentRule, SettingsError> {
        ContentRule::new(&serde_json::from_value(settings).unwrap())
    }

    fn reason(settings: Value, record: &Record) -> String {
        let failure = contents(settings).unwrap().of(record).map(|_| ()).unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Rejected);
        failure.to_string()
    }

    fn refused(settings: Value) -> String {
        contents(settings).unwrap_err().path().to_owned()
    }

    #[test]
    fn what_is_no_text_is_rejected_with_the_way_out() {
        let reason = |value: Payload| reason(json!("value"), &with_value(0, value));
        assert!(reason(json!({ "a": 1 }).into()).contains("`template` transform"));
        assert!(reason(json!("a").into()).contains("`template` transform"));
        assert!(reason(Payload::Bytes(Bytes::from_static(b"a\xff"))).contains("UTF-8"));
        assert!(reason(" \n\t\u{3000}".into()).contains("blank"));
        assert!(reason("".into()).contains("blank"));
    }

    #[test]
    fn a_tombstone_holds_nothing_whatever_the_content() {
        let s3 = json!({ "s3_location": { "uri": "s3://bucket/{{@record.key}}" } });
        for settings in
            [json!("value"), json!({ "template": "a" }), json!({ "bytes": { "mime_type": "a/b" } }), s3]
        {
            assert!(reason(settings, &tombstone(0)).contains("tombstone"));
        }
    }

    #[test]
    fn the_longest_text_passes_and_a_longer_one_does_not() {
        let contents = contents(json!("value")).unwrap();
        assert!(contents.of(&text(0, &"x".repeat(MAX_TEXT_CHARS))).is_ok());
        assert!(
            contents.of(&text(0, &"ż".repeat(MAX_TEXT_CHARS / 2 + 1))).is_ok(),
            "characters count, not bytes"
        );
        let longer = reason(json!("value"), &text(0, &"x".repeat(MAX_TEXT_CHARS + 1)));
        assert!(
            longer.contains("5242881 bytes") && longer.contains("at most 5242880 characters"),
            "{longer}"
        );
    }

    #[test]
    fn a_template_makes_the_text_and_leaves_the_value() {
        let settings = json!({ "template": "{{ticker}} is at {{price}}" });
        let record = with_value(0, json!({ "ticker": "OOOO", "price": "$44.50" }).into());
        let contents = contents(settings.clone()).unwrap();
        assert!(
            matches!(contents.of(&record).unwrap(), DocumentBody::Text(text) if text == "OOOO is at $44.50")
        );
        assert_eq!(
            reason(settings, &with_value(0, json!({ "ticker": "a" }).into())),
            "field `price` is missing"
        );
        assert!(
            reason(json!({ "template": "{{a}}" }), &with_value(0, json!({ "a": " " }).into()))
                .contains("blank")
        );
    }

    #[test]
    fn a_text_may_have_optional_fields() {
        let template =
            "{{ticker}}{{#if price}} is at {{price}}{{/if}}{{#each tags}}, {{this}}{{else}}.{{/each}}";
        let contents = contents(json!({ "template": template })).unwrap();
        let text = |value: Value| match contents.of(&with_value(0, value.into())).unwrap() {
            DocumentBody::Text(text) => text.into_owned(),
            other => panic!("{other:?}"),
        };
        assert_eq!(text(json!({ "ticker": "A", "price": 1.50, "tags": ["x", "y"] })), "A is at 1.5, x, y");
        assert_eq!(text(json!({ "ticker": "A", "price": null, "tags": [] })), "A.");
        assert_eq!(text(json!({ "ticker": "A" })), "A.");
    }

    #[test]
    fn bytes_are_a_file_of_the_type_given() {
        let settings = json!({ "bytes": { "mime_type": "{{@record.headers.type}}" } });
        let mut record = with_value(0, Payload::Bytes(Bytes::from_static(b"%PDF\xff")));
        record.headers.push("type", Some("application/pdf".into()));
        let contents = contents(settings.clone()).unwrap();
        let DocumentBody::Bytes { mime_type, data } = contents.of(&record).unwrap() else { panic!() };
        assert_eq!((mime_type.as_str(), data.as_ref()), ("application/pdf", b"%PDF\xff".as_slice()));
        record.headers.push("type", Some("pdf".into()));
        assert!(reason(settings, &record).contains("is no MIME type"));
    }

    #[test]
    fn a_file_that_is_empty_or_too_large_is_rejected() {
        let file = |bytes: usize| with_value(0, Payload::Bytes(vec![1; bytes].into()));
        let settings = || json!({ "bytes": { "mime_type": "application/pdf" } });
        assert!(reason(settings(), &file(0)).contains("empty"));
        assert!(reason(settings(), &file(MAX_FILE_BYTES + 1)).contains("5242881 bytes"));
        assert!(contents(settings()).unwrap().of(&file(MAX_FILE_BYTES)).is_ok());
    }

    #[test]
    fn the_record_never_chooses_the_bucket() {
        let settings = json!({ "s3_location": { "uri": "{{uri}}", "buckets": ["filings", "mails"] } });
        let record = |uri: &str| with_value(0, json!({ "uri": uri }).into());
        assert!(contents(settings.clone()).unwrap().of(&record("s3://mails/a b/c")).is_ok());
        assert!(reason(settings.clone(), &record("s3://others/a")).contains("does not allow"));
        for uri in ["https://mails/a", "s3://mails", "s3://mails/", "mails/a"] {
            assert!(reason(settings.clone(), &record(uri)).contains("no address"), "{uri}");
        }
        assert!(reason(settings, &record(&format!("s3://mails/{}", "x".repeat(1014)))).contains("1024"));
        for uri in [
            "{{uri}}",
            "{{#if a}}s3://filings/{{/if}}{{path}}",
            "{{default uri 's3://filings/a'}}",
            "s3://{{bucket}}/a",
            "s3://fil{{x}}/a",
            "s3://a/{{x}}",
            "https://filings/{{x}}",
        ] {
            assert_eq!(refused(json!({ "s3_location": { "uri": uri } })), "content.s3_location.uri", "{uri}");
        }
        let bad = json!({ "s3_location": { "uri": "{{uri}}", "buckets": ["mails", "Mails"] } });
        assert_eq!(refused(bad), "content.s3_location.buckets.1");
    }

    #[test]
    fn settings_that_cannot_work_are_refused_at_their_place() {
        assert_eq!(refused(json!({ "template": "{{#if a}}b" })), "content.template");
        assert_eq!(refused(json!({ "bytes": { "mime_type": "pdf" } })), "content.bytes.mime_type");
        assert_eq!(refused(json!({ "bytes": { "mime_type": "{{" } })), "content.bytes.mime_type");
    }
}
