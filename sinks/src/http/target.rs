//! Where a record goes: a fixed scheme, host and port, a path and headers that may have tags.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::template::{Segment, Tag, Template};
use percent_encoding::utf8_percent_encode;
use sluice_connector_api::{Record, SettingsError};
use sluice_wire::header::{CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue};
use sluice_wire::{UNRESERVED, Url, http_url};

/// Headers that the client sets, or that would change what a request is.
const OURS: [&str; 13] = [
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Where requests go, with tags for a path.
#[derive(Debug)]
pub(super) struct Target {
    base: Url,
    path: Template,
}

impl Target {
    /// Takes a URL apart. Its errors never show it: it may hold a secret.
    pub(super) fn parse(key: &str, url: &str) -> Result<Self, SettingsError> {
        let wrong = |reason: &str| SettingsError::at(key, reason);
        let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong(NO_URL))?;
        let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).ok_or_else(|| wrong(NO_URL))?;
        if scheme.contains("{{") || authority.contains("{{") {
            return Err(wrong("scheme, host and port cannot have tags: record data never chooses the host"));
        }
        let base = http_url(key, &format!("{scheme}://{authority}"))?;
        let path = if path.is_empty() { "/" } else { path };
        Ok(Self { base, path: path_template(key, path)? })
    }

    /// Takes another path on the same host.
    pub(super) fn with_path(&self, key: &str, path: &str) -> Result<Self, SettingsError> {
        if !path.starts_with('/') {
            return Err(SettingsError::at(key, "a path starts with `/`"));
        }
        Ok(Self { base: self.base.clone(), path: path_template(key, path)? })
    }

    /// Returns scheme, host and port as a URL.
    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    /// Returns scheme, host and port, which failures may show.
    pub(super) fn origin(&self) -> String {
        self.base.origin().ascii_serialization()
    }

    pub(super) fn tags(&self) -> impl Iterator<Item = &Tag> {
        self.path.tags()
    }

    /// Returns the URL of a record, whose values stay where they were put.
    pub(super) fn url(&self, record: &Record) -> Result<Url, String> {
        let path = self.render(record)?;
        let before_query = path.split('?').next().unwrap_or(&path);
        if before_query.split('/').any(is_dots) {
            return Err("the path would have a segment `.` or `..`".to_owned());
        }
        let url = self.at(&path).map_err(|error| format!("the path makes no URL: {error}"))?;
        // `UNRESERVED` leaves nothing that could get here; the host is worth a second look all the same.
        if url.origin() == self.base.origin() {
            Ok(url)
        } else {
            Err("the path would change the host".to_owned())
        }
    }

    /// Returns the URL down to the last directory that has no tag.
    pub(super) fn fixed_part(&self) -> Url {
        let start = self.path.start();
        let directory = match self.path.tags().next() {
            Some(_) => {
                start.split('?').next().and_then(|path| path.rsplit_once('/')).map_or("", |(path, _)| path)
            }
            None => start,
        };
        self.at(directory).unwrap_or_else(|_| self.base.clone())
    }

    /// Appends a path. It is not *joined*, which would take `//host` for another host.
    fn at(&self, path: &str) -> Result<Url, impl std::fmt::Display> {
        Url::parse(&format!("{}{path}", self.origin()))
    }

    fn render(&self, record: &Record) -> Result<String, String> {
        let (mut path, mut in_query) = (String::new(), false);
        for segment in self.path.segments() {
            match segment {
                Segment::Literal(literal) => {
                    in_query |= literal.contains('?');
                    path.push_str(literal);
                }
                Segment::Tag(tag) => {
                    let value = tag.text(record)?;
                    // An empty segment would lead to the path above it, which a PUT or a DELETE must not touch.
                    if value.is_empty() && !in_query {
                        return Err(format!("`{}` is empty", tag.raw()));
                    }
                    // Writing to a string does not fail.
                    write!(path, "{}", utf8_percent_encode(&value, UNRESERVED)).unwrap_or_default();
                }
            }
        }
        Ok(path)
    }
}

const NO_URL: &str = "this is no URL; write one such as https://api.example.com/records";

fn path_template(key: &str, path: &str) -> Result<Template, SettingsError> {
    let template = Template::parse(path).map_err(|reason| SettingsError::at(key, reason))?;
    if template.literals().any(|literal| literal.contains('#')) {
        return Err(SettingsError::at(key, "a fragment (`#`) is never sent; remove it"));
    }
    if template.literals().any(|literal| literal.contains('\\')) {
        return Err(SettingsError::at(key, "a path has no `\\`; write `/`"));
    }
    Ok(template)
}

/// `%2e` counts as a dot, too, says the URL standard.
fn is_dots(segment: &str) -> bool {
    matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..")
}

/// The headers of a connector, with tags.
#[derive(Debug)]
pub(super) struct HeaderTemplates(Vec<(HeaderName, Template)>);

impl HeaderTemplates {
    pub(super) fn parse(headers: &BTreeMap<String, String>) -> Result<Self, SettingsError> {
        headers.iter().map(|(name, text)| header(name, text)).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn has(&self, name: &HeaderName) -> bool {
        self.0.iter().any(|(had, _)| had == name)
    }

    /// Renders the headers of a record; those that read the value are left out for a tombstone.
    pub(super) fn render(&self, record: &Record) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        for (name, template) in &self.0 {
            if record.is_tombstone() && template.tags().any(Tag::needs_value) {
                continue;
            }
            let value = template.render(record).map_err(|reason| format!("header {name}: {reason}"))?;
            headers.insert(name, header_value(&value).map_err(|reason| format!("header {name}: {reason}"))?);
        }
        Ok(headers)
    }
}

fn header(name: &str, text: &str) -> Result<(HeaderName, Template), SettingsError> {
    let wrong = |reason: &str| SettingsError::at(format!("headers.{name}"), reason);
    let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("this is no name of a header"))?;
    if header == CONTENT_ENCODING {
        return Err(wrong("`compression` sets this header"));
    }
    if OURS.contains(&header.as_str()) {
        return Err(wrong("this header is set by the sink; credentials belong under `auth`"));
    }
    let template = Template::parse(text).map_err(|reason| wrong(&reason))?;
    if template.literals().any(|literal| header_value(literal).is_err()) {
        return Err(wrong(CONTROL));
    }
    Ok((header, template))
}

const CONTROL: &str = "the value has a control character, such as a line break";

/// A tab is allowed by the standard, but nobody means one that comes with data.
fn header_value(value: &str) -> Result<HeaderValue, &'static str> {
    if value.chars().any(char::is_control) {
        return Err(CONTROL);
    }
    HeaderValue::from_bytes(value.as_bytes()).map_err(|_| CONTROL)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::contract::with_value;

    fn url_of(template: &str, id: &str) -> Result<String, String> {
        let target = Target::parse("url", template).unwrap();
        target.url(&with_value(0, json!({ "id": id }).into())).map(String::from)
    }

    #[test]
    fn data_stays_within_its_segment() {
        for (id, encoded) in [
            ("a/b", "a%2Fb"),
            ("../x", "..%2Fx"),
            ("a?b#c", "a%3Fb%23c"),
            ("@evil.com", "%40evil.com"),
            ("\\\\evil.com", "%5C%5Cevil.com"),
            ("a%2Fb", "a%252Fb"),
            ("ż \r\n", "%C5%BC%20%0D%0A"),
            ("a;b=c&d:e", "a%3Bb%3Dc%26d%3Ae"),
        ] {
            assert_eq!(url_of("https://h:1/a/{{id}}/z", id).unwrap(), format!("https://h:1/a/{encoded}/z"));
            assert_eq!(url_of("https://h/?q={{id}}&z=1", id).unwrap(), format!("https://h/?q={encoded}&z=1"));
        }
    }

    #[test]
    fn data_cannot_climb_or_empty_the_path() {
        for (template, id) in [
            ("https://h/a/{{id}}", ".."),
            ("https://h/a/{{id}}/z", "."),
            ("https://h/a/.{{id}}", "."),
            ("https://h/a/%2e{{id}}", "."),
            ("https://h/a/{{id}}", ""),
            ("https://h/{{id}}", ""),
        ] {
            assert!(url_of(template, id).is_err(), "{template} {id}");
        }
        assert_eq!(url_of("https://h/?q={{id}}", "").unwrap(), "https://h/?q=");
        assert_eq!(url_of("https://h/?q={{id}}", "..").unwrap(), "https://h/?q=..");
    }

    #[test]
    fn data_never_chooses_the_host() {
        for url in [
            "{{scheme}}://h/",
            "https://{{host}}/",
            "https://h:{{port}}/",
            "https://h{{x}}/",
            "https://{{x}}@h/",
            "{{url}}",
            "https:///{{host}}/",
            "https://\\{{host}}/",
            "https://h//{{x}}\\",
            "https:{{x}}",
        ] {
            assert!(Target::parse("url", url).is_err(), "{url}");
        }
        for path in ["/\\x{{id}}", "{{id}}", "https://{{id}}"] {
            assert!(
                Target::parse("url", "https://h/").unwrap().with_path("delete_path", path).is_err(),
                "{path}"
            );
        }
        for template in ["https://h//{{id}}", "https://h/{{! nothing }}/{{id}}"] {
            assert_eq!(url_of(template, "evil.com").unwrap(), "https://h//evil.com");
        }
        assert_eq!(url_of("https://h/{{id}}", "/evil.com/").unwrap(), "https://h/%2Fevil.com%2F");
    }

    #[test]
    fn an_address_with_credentials_is_refused_without_showing_them() {
        for url in ["https://me:hunter2@h/", "https://hunter2@h/{{id}}"] {
            let error = Target::parse("url", url).unwrap_err().to_string();
            assert!(error.contains("auth") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn the_fixed_part_ends_before_the_first_tag() {
        for (url, fixed) in [
            ("https://h:1", "https://h:1/"),
            ("https://h/a/b?c=d", "https://h/a/b?c=d"),
            ("https://h/a/b-{{id}}/c", "https://h/a"),
            ("https://h/a?b=/{{id}}", "https://h/"),
            ("https://h/{{id}}", "https://h/"),
        ] {
            assert_eq!(Target::parse("url", url).unwrap().fixed_part().as_str(), fixed);
        }
    }

    #[test]
    fn data_cannot_add_a_header() {
        let templates =
            HeaderTemplates::parse(&[("x-id".to_owned(), "id {{id}}".to_owned())].into()).unwrap();
        let render = |id: &str| templates.render(&with_value(0, json!({ "id": id }).into()));
        assert_eq!(render("ż 1").unwrap()["x-id"].as_bytes(), "id ż 1".as_bytes());
        for id in ["a\r\nx-admin: 1", "a\nb", "a\rb", "a\0b", "a\u{7f}b", "a\u{85}b", "a\tb"] {
            assert!(render(id).unwrap_err().contains("control character"), "{id:?}");
        }
    }

    #[test]
    fn headers_of_the_sink_itself_are_refused() {
        for name in
            ["Host", "content-length", "Authorization", "transfer-encoding", "content-encoding", "a b", ""]
        {
            assert!(HeaderTemplates::parse(&[(name.to_owned(), "x".to_owned())].into()).is_err(), "{name}");
        }
        assert!(HeaderTemplates::parse(&[("x".to_owned(), "a\nb".to_owned())].into()).is_err());
    }
}
