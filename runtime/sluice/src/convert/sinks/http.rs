//! Sinks that send HTTP requests.

use serde_json::{Map, Value, json};
use sluice_runtime::config::credentials::sounds_secret;

use super::section::{SinkEntry, SinkSection};
use crate::convert::options::Options;

pub(super) const SINKS: &[SinkEntry] = &[
    SinkEntry { class: "io.confluent.connect.http.HttpSinkConnector", name: "http", convert: confluent },
    SinkEntry { class: "io.aiven.kafka.connect.http.HttpSinkConnector", name: "http", convert: aiven },
];

fn confluent(options: &mut Options) -> Result<SinkSection, String> {
    let mut section = SinkSection::default();
    let url = options.take("http.api.url").ok_or("has no `http.api.url`")?;
    // Its own placeholders are tags here.
    let url = url.replace("${topic}", "{{@record.topic}}").replace("${key}", "{{@record.key}}");
    section.set("url", Some(options.safe("http.api.url", &url)));
    match options.take("request.method").map(|method| method.to_ascii_uppercase()).as_deref() {
        None | Some("POST") => {}
        Some(method @ ("PUT" | "PATCH")) => section.set("method", Some(method)),
        Some(_) => options.no_counterpart("request.method", "is none of POST, PUT and PATCH"),
    }
    let separator = options.take("header.separator").unwrap_or_else(|| "|".to_owned());
    let listed = options.take("headers").unwrap_or_default();
    let headers = headers(listed.split(separator.as_str()), "headers", options);
    let auth = match options.take("auth.type").map(|kind| kind.to_ascii_uppercase()).as_deref() {
        None | Some("NONE") => None,
        Some("BASIC") => Some(json!({ "basic": {
            "username": options.secret("connection.user"), "password": options.secret("connection.password"),
        } })),
        Some("OAUTH2") => Some(oauth2(options, "oauth2.token.url", "oauth2.client.")),
        Some(_) => {
            options.no_counterpart("auth.type", "is none of NONE, BASIC and OAUTH2");
            None
        }
    };
    authenticated(headers, auth, &mut section, options);
    on_null(&mut section, options);
    let size = options.number("batch.max.size").unwrap_or(1);
    batch(size, ["batch.prefix", "batch.suffix", "batch.separator"], &mut section, options);
    section.set_time("connect_timeout", "http.connect.timeout.ms", "ms", options);
    section.set_time("request_timeout", "http.request.timeout.ms", "ms", options);
    section.set_retries(options);
    let errors = options.take("behavior.on.error");
    if errors.is_some_and(|errors| !errors.eq_ignore_ascii_case("fail")) {
        section.errors.insert("tolerance".to_owned(), "all".into());
    }
    options.ignore(&["request.body.format", "reporter.bootstrap.servers"]);
    options.drop_below(
        "reporter.",
        "what was answered is in the metrics, and what was rejected in the dead letter queue",
    );
    options.forget_below("confluent.");
    Ok(section)
}

fn aiven(options: &mut Options) -> Result<SinkSection, String> {
    let mut section = SinkSection::default();
    let url = options.shown("http.url").ok_or("has no `http.url`")?;
    section.set("url", Some(url));
    let listed = options.take("http.headers.additional").unwrap_or_default();
    let mut headers = headers(listed.split(','), "http.headers.additional", options);
    if let Some(kind) = options.take("http.headers.content.type") {
        headers.plain.insert("content-type".to_owned(), kind.into());
    }
    let auth = match options.take("http.authorization.type").as_deref() {
        None | Some("none") => None,
        Some("static" | "apikey") => Some(json!({ "header": {
            "name": "authorization", "value": options.secret("http.headers.authorization"),
        } })),
        Some("oauth2") => Some(oauth2(options, "oauth2.access.token.url", "oauth2.client.")),
        Some(_) => {
            options.no_counterpart("http.authorization.type", "is none of none, static, apikey and oauth2");
            None
        }
    };
    authenticated(headers, auth, &mut section, options);
    // A tombstone fails its task.
    if options.bool("batching.enabled") == Some(true) {
        let size = options.number("batch.max.size").unwrap_or(500);
        batch(size, ["batch.prefix", "batch.suffix", "batch.separator"], &mut section, options);
    }
    options.ignore(&["batch.max.size", "kafka.retry.backoff.ms"]);
    section.set_time("request_timeout", "http.timeout", "s", options);
    section.set_retries(options);
    Ok(section)
}

/// Headers, and those of them that are secret.
#[derive(Default)]
struct Headers {
    plain: Map<String, Value>,
    /// The name, and the reference to the value.
    secret: Vec<(String, Value)>,
}

/// Reads headers such as `name:value`.
fn headers<'a>(listed: impl Iterator<Item = &'a str>, setting: &str, options: &mut Options) -> Headers {
    let mut headers = Headers::default();
    for header in listed {
        let Some((name, value)) = header.split_once(':') else { continue };
        let name = name.trim().to_ascii_lowercase();
        let value = value.trim();
        if sounds_secret(&name) || name.contains("key") || name.contains("cookie") {
            let reference = options.safe(&format!("{setting}.{name}.secret"), value);
            headers.secret.push((name, reference.into()));
        } else {
            let value = options.safe(&format!("{setting}.{name}"), value);
            headers.plain.insert(name, value.into());
        }
    }
    headers
}

/// Writes headers and authentication. A secret header is one way to authenticate, and there is only one of them.
fn authenticated(headers: Headers, auth: Option<Value>, section: &mut SinkSection, options: &mut Options) {
    let mut auth = auth;
    for (name, value) in headers.secret {
        if auth.is_none() {
            auth = Some(json!({ "header": { "name": name, "value": value } }));
        } else {
            options
                .no_counterpart("headers", &format!("the secret header {name} has no place beside `auth`"));
        }
    }
    if !headers.plain.is_empty() {
        section.set("headers", Some(headers.plain));
    }
    section.set("auth", auth);
}

fn oauth2(options: &mut Options, url: &str, prefix: &str) -> Value {
    let mut auth = Map::new();
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            auth.insert(name.to_owned(), value);
        }
    };
    set("token_url", options.shown(url));
    set("client_id", options.shown(&format!("{prefix}id")));
    set("client_secret", options.secret(&format!("{prefix}secret")));
    set("scope", options.shown(&format!("{prefix}scope")));
    let in_header = options
        .take(&format!("{prefix}auth.mode"))
        .or_else(|| options.take("oauth2.client.authorization.mode"));
    if in_header.is_some_and(|mode| mode.eq_ignore_ascii_case("url")) {
        set("credentials_in", Some("body".into()));
    }
    options.ignore(&[
        "oauth2.token.property",
        "oauth2.response.token.property",
        "oauth2.grant_type_key",
        "oauth2.grant_type",
    ]);
    json!({ "oauth2": auth })
}

fn on_null(section: &mut SinkSection, options: &mut Options) {
    match options.take("behavior.on.null.values").map(|what| what.to_ascii_lowercase()).as_deref() {
        None | Some("ignore") => section.set("on_null", Some("ignore")),
        Some("delete") => section.set("on_null", Some("delete")),
        Some("fail") => section.set("on_null", Some("reject")),
        Some(_) => options.no_counterpart("behavior.on.null.values", "is none of ignore, delete and fail"),
    }
}

/// Writes how many records go into one request, and what stands around and between them.
fn batch(size: u64, around: [&str; 3], section: &mut SinkSection, options: &mut Options) {
    let [prefix, suffix, separator] = around.map(|name| options.take(name));
    if size <= 1 {
        return;
    }
    let is = |text: &Option<String>, expected: &str| text.as_deref().is_none_or(|text| text == expected);
    let batch = if is(&prefix, "[")
        && is(&suffix, "]")
        && is(&separator, ",")
        && (prefix.is_some() || suffix.is_none())
    {
        json!({ "format": "json_array" })
    } else {
        if prefix.is_some() || suffix.is_some() {
            options.no_counterpart(
                "batch.prefix, batch.suffix",
                "what stands around the records has no counterpart",
            );
        }
        json!({ "format": "raw", "separator": separator.unwrap_or_else(|| ",".to_owned()) })
    };
    section.set("batch", Some(batch));
    section.batch.insert("max_records".to_owned(), size.into());
}
