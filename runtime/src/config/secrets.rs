//! Which values of a connector file are secrets: what is blanked wherever somebody else's text is shown (invariant 8).
//!
//! Secrets are the keys that a plug-in declares as such; what files and secret stores hold; and what the environment holds
//! of URLs, headers, authentication and properties, and what stands in the file itself in headers and properties whose names
//! tell that it is one, from six characters on. Hosts, topics, regions and ids stay readable,
//! or nobody could tell from a log what is wrong.

use std::collections::BTreeSet;
use std::ops::Range;

use percent_encoding::percent_decode_str;
use serde_json::Value;
use sluice_connector_api::Blanks;

use crate::config::credentials::{About, is_scheme, sounds_secret, sounds_secret_of_number};
use crate::config::places::SchemaPlace;
use crate::config::yaml::{Content, Node};

/// What is shorter is no secret, and would be found everywhere.
const MIN_CHARS: usize = 6;
/// A plain word that is shorter is part of a path, and no secret.
const LONG_WORD: usize = 16;
/// Lines of a value that are secrets of their own: those of a key, and not those of a bundle of certificates.
const MAX_LINES: usize = 100;

/// What a reference was replaced by.
pub(crate) struct ResolvedReference {
    /// The keys that lead to the value that it stands in.
    pub(super) path: Vec<String>,
    /// Its prefix, such as `env`.
    pub(super) prefix: String,
    /// Where in the value it is.
    pub(super) range: Range<usize>,
    /// The whole value.
    pub(super) text: String,
}

/// Finds the secrets of a file whose references are resolved. `name` is that of the connector.
pub(crate) fn secrets(name: &str, node: &Node, schema: &Value, resolved: &[ResolvedReference]) -> Blanks {
    let mut found = Found::default();
    found.open.insert(name.to_owned());
    found.declared(node, &SchemaPlace::new(schema), &mut Vec::new());
    for reference in resolved {
        found.referred(reference);
    }
    found.into_blanks()
}

#[derive(Default)]
struct Found {
    /// Secrets, whatever else stands in the file.
    certain: Vec<String>,
    /// Secrets, unless the file shows them elsewhere.
    likely: Vec<String>,
    /// What stays readable.
    open: BTreeSet<String>,
}

impl Found {
    /// Looks for the values of keys that are declared as secrets, and of those that stay readable.
    fn declared(&mut self, node: &Node, schema: &SchemaPlace<'_>, path: &mut Vec<String>) {
        match &node.content {
            Content::Scalar(scalar) if scalar.kept => {}
            Content::Scalar(scalar) if schema.is_secret() && !is_size(path, &scalar.text) => {
                self.certain.extend(parts(&scalar.text));
            }
            Content::Scalar(scalar) if is_spelled_out(path, &scalar.text) => {
                self.likely.extend(parts(&scalar.text));
            }
            Content::Scalar(scalar) => self.shown(About::from_path(path), &scalar.text),
            Content::List(items) => {
                let schema = schema.items();
                for (index, item) in items.iter().enumerate() {
                    path.push(index.to_string());
                    self.declared(item, &schema, path);
                    path.pop();
                }
            }
            Content::Map(entries) => {
                self.pairs(node, schema);
                for (key, value) in entries {
                    path.push(key.name.clone());
                    self.declared(value, &schema.key(&key.name), path);
                    path.pop();
                }
            }
        }
    }

    /// Notes a value that stays readable, or the host of one.
    fn shown(&mut self, about: About, text: &str) {
        match about {
            About::Open => self.open.extend(text.split([',', '/', ':']).chain([text]).map(str::to_owned)),
            About::Url => self.open.extend(text.get(host_of(text)).map(str::to_owned)),
            About::Credentials | About::Other => {}
        }
    }

    /// Notes a user's name and password as HTTP sends them (RFC 7617).
    fn pairs(&mut self, node: &Node, schema: &SchemaPlace<'_>) {
        let text = |key: &str| node.get(key).and_then(Node::scalar).map(|scalar| scalar.text.as_str());
        let Some(user) = ["username", "user", "client_id"].into_iter().find_map(text) else { return };
        for key in node.keys().into_iter().filter(|key| schema.key(key).is_secret()) {
            let pair = format!("{user}:{}", text(key).unwrap_or_default());
            self.certain.push(pair);
        }
    }

    /// Notes what a reference was replaced by.
    fn referred(&mut self, reference: &ResolvedReference) {
        let ResolvedReference { path, prefix, range, text } = reference;
        let Some(value) = text.get(range.clone()) else { return };
        let is_env = prefix == "env";
        match About::from_path(path) {
            About::Open => {}
            About::Url => self.likely.extend(of_url(text, range)),
            About::Credentials if is_number(value) && !names_a_secret(path) => {}
            About::Credentials if is_env => self.likely.extend(parts(value)),
            About::Other if is_env => {}
            About::Credentials | About::Other => self.certain.extend(parts(value)),
        }
    }

    fn into_blanks(self) -> Blanks {
        let Self { certain, likely, open } = self;
        let likely = likely.into_iter().filter(|secret| !open.contains(secret));
        Blanks::new(certain.into_iter().chain(likely).filter(|secret| is_long(secret)))
    }
}

/// Says whether a header or a property of a telling name has its secret in the file itself.
fn is_spelled_out(path: &[String], text: &str) -> bool {
    let is_telling = path.last().is_some_and(|name| sounds_secret(name));
    is_telling
        && About::from_path(path) == About::Credentials
        && !text.contains("{{")
        && !text.contains("://")
}

/// Says whether the value of a property is a size or a time: to blank it would blank offsets, too.
fn is_size(path: &[String], text: &str) -> bool {
    path.iter().any(|segment| segment == "properties") && is_number(text) && !names_a_secret(path)
}

fn names_a_secret(path: &[String]) -> bool {
    path.last().is_some_and(|name| sounds_secret_of_number(name))
}

fn is_number(text: &str) -> bool {
    text.parse::<f64>().is_ok()
}

fn is_long(text: &str) -> bool {
    text.chars().count() >= MIN_CHARS
}

/// Returns a secret, and what of it may be echoed alone: its lines, and what stands behind the name of a scheme.
fn parts(secret: &str) -> Vec<String> {
    let secret = secret.trim();
    let behind =
        secret.split_once(' ').filter(|(scheme, _)| is_scheme(scheme)).map(|(_, behind)| behind.trim());
    let mut parts = vec![behind.unwrap_or(secret).to_owned()];
    let lines: Vec<_> = secret.lines().map(str::trim).collect();
    if (2..=MAX_LINES).contains(&lines.len()) {
        let telling = lines.iter().filter(|line| line.len() >= LONG_WORD && !line.starts_with("-----"));
        parts.extend(telling.map(|line| (*line).to_owned()));
    } else {
        parts.extend(tokens(secret, &[' ', ';', ',', '=']));
    }
    parts
}

/// Returns what of an address the part in a range tells, apart from the host.
fn of_url(url: &str, range: &Range<usize>) -> Vec<String> {
    let host = host_of(url);
    let is_whole = range.start < host.start && range.end > host.end;
    let start = url.find("://").map_or(0, |scheme| scheme + "://".len());
    let user = start..host.start.saturating_sub(1).max(start);
    let mut found = Vec::new();
    for secret in [user, host.end..url.len()] {
        let (from, to) = (secret.start.max(range.start), secret.end.min(range.end));
        let Some(part) = url.get(from..to.max(from)).filter(|part| !part.is_empty()) else { continue };
        let part = part.trim_matches('/');
        if !is_whole || part.contains(['/', '?', ':']) {
            found.push(part.to_owned());
        }
        if secret.start == start && secret.end > start {
            found.extend(part.split(':').skip(1).map(str::to_owned));
        }
        found.extend(tokens(part, &['/', '?', '&', '=', '#', ';', ':']));
        found.extend(ends_of_path(part));
    }
    let decoded: Vec<_> =
        found.iter().map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned()).collect();
    found.extend(decoded);
    found
}

/// Returns the ends of a path that have two segments and more.
fn ends_of_path(part: &str) -> Vec<String> {
    let path = part.split(['?', '#']).next().unwrap_or_default();
    let starts = path.match_indices('/').map(|(at, _)| at + 1);
    let ends = starts.chain([0]).filter_map(|start| path.get(start..)).filter(|end| end.contains('/'));
    ends.map(str::to_owned).collect()
}

/// Returns where in an address the host and its port are; all of it is behind the host where there is none.
fn host_of(url: &str) -> Range<usize> {
    let Some(scheme) = url.find("://") else { return 0..0 };
    let start = scheme + "://".len();
    let rest = url.get(start..).unwrap_or_default();
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let user = rest.get(..end).and_then(|authority| authority.rfind('@')).map_or(0, |at| at + 1);
    start + user..start + end
}

/// Returns the parts of a text that look like tokens, and not like words.
fn tokens(text: &str, between: &[char]) -> Vec<String> {
    let is_token = |part: &&str| {
        let is_word = part.chars().all(|char| char.is_ascii_lowercase());
        is_long(part) && !is_scheme(part) && !(is_word && part.len() < LONG_WORD)
    };
    text.split(between).map(str::trim).filter(is_token).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use async_trait::async_trait;
    use schemars::JsonSchema;
    use serde::Deserialize;
    use serde_json::json;
    use sluice_connector_api::{Failure, Provider, ProviderSettings, Registry, SettingsError};

    use super::*;
    use crate::config::interpolate::{Follow, interpolate};

    /// An environment, and a secret store, in which the value of a name is the name.
    #[derive(Deserialize, JsonSchema)]
    struct Echo<const STORE: bool> {}

    #[async_trait]
    impl<const STORE: bool> Provider for Echo<STORE> {
        async fn value(&self, name: &str) -> Result<Option<String>, Failure> {
            Ok(Some(name.to_owned()))
        }
    }

    impl<const STORE: bool> ProviderSettings for Echo<STORE> {
        const NAME: &'static str = if STORE { "store" } else { "env" };

        fn build(self) -> Result<Box<dyn Provider>, SettingsError> {
            Ok(Box::new(self))
        }
    }

    fn blanks(text: &str) -> Blanks {
        let mut node = Node::parse(text).unwrap();
        let registry = Registry::new().with_provider::<Echo<false>>().with_provider::<Echo<true>>();
        let secret = json!({ "type": "string", "format": "password", "writeOnly": true });
        let basic = json!({ "properties": { "username": {}, "password": secret } });
        let schema =
            json!({ "properties": { "auth": { "properties": { "basic": basic } }, "token": secret } });
        let tokio = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let file = Path::new("prices.yaml");
        let done = tokio.block_on(interpolate(file, &mut node, &schema, &registry, Follow::Every));
        assert_eq!(done.problems, []);
        secrets("prices", &node, &schema, &done.resolved)
    }

    #[track_caller]
    fn assert_shown(text: &str, said: &str, shown: &str) {
        assert_eq!(blanks(text).apply(said), shown, "{text}");
    }

    #[test]
    fn what_a_plug_in_declares_as_a_secret_is_one_wherever_it_comes_from() {
        assert_shown("token: literal-secret", "no literal-secret", "no [redacted]");
        assert_shown("token: Bearer abc123", "no abc123, Bearer", "no [redacted], Bearer");
        assert_shown("token: short", "no short", "no short");
        let header =
            "headers: { X-Api-Key: spelled-out, accept: application/json, cookie: '{{@record.key}}' }";
        assert_shown(
            header,
            "spelled-out application/json {{@record.key}}",
            "[redacted] application/json {{@record.key}}",
        );
        let pair = "auth: { basic: { username: me, password: 'top secret' } }";
        assert_shown(pair, "me:top secret bWU6dG9wIHNlY3JldA==", "[redacted] [redacted]==");
        assert_shown(pair, "dG9wIHNlY3JldA top+secret me", "[redacted] [redacted] me");
    }

    #[test]
    fn what_a_file_or_a_store_holds_is_a_secret_but_where_it_names_something() {
        assert_shown("any: { key: 'x ${store:value-of-it}' }", "x value-of-it", "x [redacted]");
        assert_shown("topics: ['${store:orders-topic}']", "orders-topic", "orders-topic");
        assert_shown("any: { data_source_id: '${store:DSID000001}' }", "DSID000001", "DSID000001");
    }

    #[test]
    fn of_the_environment_urls_headers_authentication_and_properties_are_secret() {
        assert_shown("headers: { x-api: '${env:s3cret-key}' }", "no s3cret-key", "no [redacted]");
        assert_shown("auth: { x: '${env:s3cret-key}' }", "no s3cret-key", "no [redacted]");
        assert_shown(
            "kafka: { properties: { sasl.password: '${env:s3cret-key}' } }",
            "s3cret-key",
            "[redacted]",
        );
        assert_shown("text: 'at ${env:s3cret-key}'", "at s3cret-key", "at s3cret-key");
        assert_shown("headers: { x-api: 'literal-text' }", "literal-text", "literal-text");
    }

    #[test]
    fn hosts_topics_ids_and_regions_stay_readable() {
        for text in [
            "auth: { sigv4: { region: '${env:eu-central-1}', service: '${env:execute-api}' } }\nany: eu-central-1",
            "url: 'https://${env:eu-central-1}/execute-api'",
            "url: '${env:https://eu-central-1/execute-api}'",
            "url: 'https://eu-central-1/${env:execute-api}'\ntopics: [execute-api]",
            "properties: { client.id: '${env:eu-central-1}', sasl.mechanism: '${env:execute-api}' }",
            "headers: { x-region: '${env:eu-central-1}' }\nkafka: { bootstrap_servers: 'eu-central-1:9092,b:1' }",
            "properties: { session.timeout.ms: '${env:600000}' }",
        ] {
            assert_shown(text, "eu-central-1 600000", "eu-central-1 600000");
        }
    }

    #[test]
    fn of_a_url_all_but_the_host_is_a_secret() {
        for text in [
            "url: '${env:https://me:pass123@api.example.com/services/T0KEN/b-17?key=qu3ry-key}'",
            "url: 'https://me:${env:pass123}@api.example.com/services/${env:T0KEN/b-17}?key=${env:qu3ry-key}'",
        ] {
            let blanks = blanks(text);
            for secret in ["pass123", "T0KEN/b-17", "qu3ry-key", "T0KEN%2Fb-17"] {
                assert_eq!(blanks.apply(&format!("no {secret}")), "no [redacted]", "{text}");
            }
            assert_eq!(blanks.apply("https://api.example.com"), "https://api.example.com");
        }
        assert_shown("url: 'https://h/${env:plainword}'", "/plainword", "/[redacted]");
        assert_shown("delete_path: '/x/${env:plainword}'", "/x/plainword", "/x/[redacted]");
        assert_shown("url: '${env:https://h/prices}'", "/prices", "/prices");
        assert_shown("url: 'https://h/${env:a%20b%20c1}'", "a b c1", "[redacted]");
    }

    #[test]
    fn lines_of_a_key_are_secrets_of_their_own() {
        let key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0\nBAQEFAASCBKcwggSjAgEAAo\n-----END PRIVATE KEY-----";
        let parts = parts(key);
        assert_eq!(parts.len(), 3, "{parts:?}");
        assert!(!parts.contains(&"-----BEGIN PRIVATE KEY-----".to_owned()));
    }
}
