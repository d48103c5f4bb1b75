//! What an operator writes under `http`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::{HumanDuration, SettingsError};
use sluice_wire::{Compression, HttpAuthSettings, HttpTlsSettings, StatusMeaning};

use crate::record::on_null::OnNull;

/// Sends records as HTTP requests: one per record, or one per batch.
///
/// An answer of 2xx means stored. 408, 425, 429 and 5xx are tried again, after the time that `Retry-After` asks for;
/// 401, 403, 407 and redirects stop the connector, and so do 405, 406, 411, 421 and 426, and 415 where the type of the body does not
/// follow from the record; any other 4xx rejects the record (or narrows the batch down to the record at fault). A record may be sent again after a failure or a restart, so let the target overwrite: put an
/// id of the record into the path, or a header such as
/// `idempotency-key: "{{@record.topic}}-{{@record.partition}}-{{@record.offset}}"`.
///
/// The path and the query of `url`, `delete_path`, and the values of `headers` may have tags: `{{field}}` and
/// `{{field.inner}}` of a JSON value, and `{{@record.NAME}}` with `key`, `value`, `topic`, `partition`, `offset`,
/// `timestamp` or `headers.NAME`; with `default`, `if`, `each` and the rest, as in the `template` transform. In a URL every
/// value is percent-encoded as one segment, so that data cannot change the path around it. A record that lacks a field, or
/// has an array or an object there, is rejected.
///
/// A request takes one record, or with `batch` up to 500 records and 5MiB.
///
/// HTTP/1.1 is spoken. Redirects are not followed, cookies are not kept.
///
/// A request hands the trace of its records on: where all of them have the same header `traceparent` (W3C Trace Context), the
/// request has it, and their `tracestate`, too. Where puts are traced it is the span of the put instead.
///
/// ```yaml
/// sink:
///   http:
///     url: https://api.example.com/prices/{{ticker}}
///     method: PUT
///     headers:
///       idempotency-key: "{{@record.topic}}-{{@record.partition}}-{{@record.offset}}"
///     on_null: delete
///     delete_path: /prices/{{@record.key}}
///     auth:
///       oauth2:
///         token_url: https://login.example.com/oauth2/token
///         client_id: sluice
///         client_secret: ${env:CLIENT_SECRET}
///     max_in_flight: 4
/// ```
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(extend("x-also" = ["https", "webhook", "rest", "http_client"]))]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-instead" = {
    "body, body_template, payload, template, data": "the body is the value of the record; shape it with a transform, such as `set`, `jq` or `template`",
    "content_type": "write it under `headers`: `content-type: text/plain`",
    "rate_limit, rate": "a pace is learned from what the target answers, and `max_in_flight` bounds the requests at once",
}))]
pub struct HttpSettings {
    /// Where to, such as `https://api.example.com/prices/{{ticker}}?by=sluice`. Scheme, host and port have no tags.
    /// Failures show these three only, since paths may be secret; a preview shows the whole.
    #[schemars(regex(pattern = "^https?://."), extend("patternErrorMessage" = "an address that begins with https:// or http://"))]
    #[schemars(extend("x-also" = ["uri", "endpoint", "address"]))]
    pub url: String,
    /// The method: `POST`, `PUT` or `PATCH`. Default: `POST`.
    #[serde(default)]
    #[schemars(extend("x-also" = ["verb"]))]
    pub method: HttpMethod,
    /// Headers by name; the values may have tags. A secret belongs under `auth`, where it is never shown. Default:
    /// none but `content-type`, which follows from the body: `application/json`, `application/x-ndjson`, `text/plain` or
    /// `application/octet-stream`.
    #[serde(default)]
    #[schemars(extend("x-also" = ["header"]))]
    pub headers: BTreeMap<String, String>,
    /// Sends many records per request. Successive records whose URLs and headers come out alike share one. Default: one
    /// record per request, whose body is the value.
    #[serde(default)]
    #[schemars(extend("x-also" = ["batching"]))]
    pub batch: Option<BodyBatchSettings>,
    /// What becomes of a tombstone, a record without a value: `reject`, `ignore`, or `delete`, which sends a `DELETE`
    /// without a body, after what came before it; 404 and 410 then mean that it is gone already. Default: `reject`.
    #[serde(default)]
    pub on_null: OnNull,
    /// Path of a `DELETE`, if not that of `url`, such as `/prices/{{@record.key}}`. Its tags start with `@record`, since
    /// a tombstone has no fields, and name the key; it has neither blocks nor helpers.
    #[serde(default)]
    #[schemars(regex(pattern = "^/"), extend("patternErrorMessage" = "a path that begins with /"))]
    pub delete_path: Option<String>,
    /// How requests authenticate. Default: `none`.
    #[serde(default)]
    #[schemars(extend("x-also" = ["basic_auth", "authentication", "authorization", "credentials", "aws", "user", "http_user", "http_passwd", "connection_username", "connection_password"]))]
    pub auth: HttpAuthSettings,
    /// Certificates for `https`. Default: the system's authorities, and no certificate of ours.
    #[serde(default)]
    #[schemars(extend("x-also" = ["ssl", "https"]))]
    pub tls: HttpTlsSettings,
    /// Compression of the body: `none` or `gzip`. Default: `none`.
    #[serde(default)]
    pub compression: Compression,
    /// How long a connection may take to open, such as `5s`. Default: `5s`.
    #[serde(default = "connect_timeout")]
    pub connect_timeout: HumanDuration,
    /// How long a request may take, its answer included, before it counts as failed and is tried again. Default: `30s`.
    #[serde(default = "request_timeout")]
    pub request_timeout: HumanDuration,
    /// How long an idle connection is kept for the next request; `0s` opens one for each. Default: `20s`, less than
    /// servers commonly keep theirs.
    #[serde(default = "keep_alive")]
    pub keep_alive: HumanDuration,
    /// Puts in flight at once, from 1 to 64. With more than one, order holds for the records of a key, and for those
    /// without a key within their partition; with one, for all of a partition. Default: 4.
    #[serde(default = "max_in_flight")]
    #[schemars(range(min = 1, max = 64))]
    pub max_in_flight: usize,
    /// Whether records without a key may go in any order, as many at once as there are puts in flight. Those of a key keep
    /// theirs. Default: `false`.
    #[serde(default)]
    pub unordered: bool,
    /// Whether `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` of the environment count. Default: `false`.
    #[serde(default)]
    pub proxy_from_environment: bool,
    /// Where a 2xx answer tells what became of each record, in the order sent. Default: 2xx means that all are stored.
    #[serde(default)]
    pub item_errors: Option<ItemErrors>,
    /// Meanings of statuses that differ from the usual ones, such as `{ 404: fatal, 409: stored }`. Default: none.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, StatusMeaning>")]
    pub statuses: BTreeMap<u16, StatusMeaning>,
}

/// The method of requests with a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum HttpMethod {
    /// `POST`.
    #[default]
    Post,
    /// `PUT`.
    Put,
    /// `PATCH`.
    Patch,
}

/// How many records share a request.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BodyBatchSettings {
    /// What the body is.
    pub format: BodyFormat,
    /// What stands between two values of the format `raw`. Default: a line feed.
    #[serde(default)]
    pub separator: Option<String>,
}

/// What a body of many records is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BodyFormat {
    /// One JSON array. Text becomes JSON strings; bytes that are not valid UTF-8 are rejected.
    JsonArray,
    /// One line of JSON a record, each ended by a line feed. Text becomes JSON strings; bytes that are not valid UTF-8 are
    /// rejected.
    JsonLines,
    /// The values as they are, with `separator` between them; it is not looked for within them.
    Raw,
}

/// Where an answer tells what became of each record, as JSON pointers (RFC 6901).
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ItemErrors {
    /// The array in the answer, such as `/items`; the empty pointer if the answer is the array.
    #[schemars(regex(pattern = "^(/.*)?$"), extend("patternErrorMessage" = "a JSON Pointer, such as /items or /error/reason"))]
    pub pointer: String,
    /// The status in an item, such as `/status`: a number or its digits, with the meaning of an HTTP status.
    #[schemars(regex(pattern = "^(/.*)?$"), extend("patternErrorMessage" = "a JSON Pointer, such as /items or /error/reason"))]
    pub status: String,
    /// The reason in an item, such as `/error`. Default: the status has to do.
    #[serde(default)]
    #[schemars(regex(pattern = "^(/.*)?$"), extend("patternErrorMessage" = "a JSON Pointer, such as /items or /error/reason"))]
    pub reason: Option<String>,
}

fn connect_timeout() -> HumanDuration {
    HumanDuration::secs(5)
}

fn request_timeout() -> HumanDuration {
    HumanDuration::secs(30)
}

fn keep_alive() -> HumanDuration {
    HumanDuration::secs(20)
}

fn max_in_flight() -> usize {
    4
}

impl HttpSettings {
    /// Checks what neither the schema nor the parts that the sink is made of can say.
    pub(super) fn validate(&self) -> Result<(), SettingsError> {
        for (key, timeout) in
            [("connect_timeout", self.connect_timeout), ("request_timeout", self.request_timeout)]
        {
            if timeout.get().is_zero() {
                return Err(SettingsError::at(
                    key,
                    "nothing can be done in no time; write a duration such as 5s",
                ));
            }
        }
        if !(1..=64).contains(&self.max_in_flight) {
            return Err(SettingsError::at("max_in_flight", "write a number from 1 to 64"));
        }
        if self.delete_path.is_some() && self.on_null != OnNull::Delete {
            return Err(SettingsError::at("delete_path", "it needs `on_null: delete`"));
        }
        self.batch.as_ref().map_or(Ok(()), BodyBatchSettings::validate)?;
        self.tls.validate()?;
        self.item_errors.as_ref().map_or(Ok(()), ItemErrors::validate)?;
        self.validate_statuses()
    }

    fn validate_statuses(&self) -> Result<(), SettingsError> {
        match self.statuses.keys().find(|status| !(300..=599).contains(*status)) {
            Some(status) => {
                let reason = "only statuses from 300 to 599 can be given another meaning";
                Err(SettingsError::at(format!("statuses.{status}"), reason))
            }
            None => Ok(()),
        }
    }
}

impl BodyBatchSettings {
    fn validate(&self) -> Result<(), SettingsError> {
        if self.separator.is_some() && self.format != BodyFormat::Raw {
            return Err(SettingsError::at(
                "batch.separator",
                "only the format `raw` has a separator; remove it",
            ));
        }
        Ok(())
    }

    pub(super) fn separator(&self) -> &str {
        self.separator.as_deref().unwrap_or("\n")
    }
}

impl ItemErrors {
    fn validate(&self) -> Result<(), SettingsError> {
        let pointers = [
            ("pointer", Some(&self.pointer)),
            ("status", Some(&self.status)),
            ("reason", self.reason.as_ref()),
        ];
        for (key, pointer) in pointers {
            if pointer.is_some_and(|pointer| !pointer.is_empty() && !pointer.starts_with('/')) {
                let reason = "a JSON pointer starts with `/`, such as /items";
                return Err(SettingsError::at(format!("item_errors.{key}"), reason));
            }
        }
        Ok(())
    }
}
