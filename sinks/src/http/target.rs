//! Where a record goes: a fixed scheme, host and port, a path and headers that may have tags.

use std::collections::BTreeMap;

use percent_encoding::utf8_percent_encode;
use sluice_connector_api::{FormNeed, Origin, Record, SettingsError};
use sluice_template::{Template, TemplateUse, TemplateWriter};
use sluice_wire::header::{CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue};
use sluice_wire::{UNRESERVED, Url, check_url, http_url};

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
pub(super) struct RequestTarget {
    base: Url,
    /// Scheme, host and port, as text.
    origin: String,
    path: Template,
    /// The URL of every record, where the path has no tag.
    fixed: Option<Url>,
}

impl RequestTarget {
    /// Takes a URL apart. Its errors never show it: it may hold a secret.
    pub(super) fn parse(key: &str, url: &str) -> Result<Self, SettingsError> {
        let wrong = |reason: &str| SettingsError::at(key, reason);
        // Without a scheme it is no address, which the check says.
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or_default();
        if scheme.contains("{{") || authority.contains("{{") {
            return Err(wrong("scheme, host and port cannot have tags: record data never chooses the host"));
        }
        check_url(key, url)?;
        let base = http_url(key, &format!("{scheme}://{authority}"))?;
        let path = if path.is_empty() { "/" } else { path };
        Ok(Self::new(base, path_template(key, path)?))
    }

    /// Takes another path on the same host.
    pub(super) fn with_path(&self, key: &str, path: &str) -> Result<Self, SettingsError> {
        if !path.starts_with('/') {
            return Err(SettingsError::at(key, "a path starts with `/`"));
        }
        Ok(Self::new(self.base.clone(), path_template(key, path)?))
    }

    fn new(base: Url, path: Template) -> Self {
        let origin = base.origin().ascii_serialization();
        let mut target = Self { base, origin, path, fixed: None };
        if is_fixed(&target.path) {
            // One that makes no URL says so for each record.
            target.fixed = target.url(&no_record()).ok();
        }
        target
    }

    /// Returns the URL of every record, where the path has no tag.
    pub(super) fn fixed(&self) -> Option<&Url> {
        self.fixed.as_ref()
    }

    /// States the forms that the path needs; `key` is the setting that holds it.
    pub(super) fn needs(&self, key: &str) -> Vec<FormNeed> {
        self.path.needs(key)
    }

    /// Says whether the path has a part in single braces, or behind a colon, as descriptions of APIs have them for what is filled
    /// in: it is sent as it is.
    pub(super) fn has_placeholder(&self) -> bool {
        self.path
            .literals()
            .any(|literal| literal.contains("/:") || literal.contains('{') && literal.contains('}'))
    }

    /// Returns scheme, host and port as a URL.
    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    /// Returns scheme, host and port, which failures may show.
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    /// Says whether the path has no more than text and plain tags, each of which is there in every request.
    pub(super) fn is_plain(&self) -> bool {
        self.path.is_plain()
    }

    /// Returns what of a record the path is made of.
    pub(super) fn uses(&self) -> &[TemplateUse] {
        self.path.uses()
    }

    /// Returns the URL of a record, whose values stay where they were put.
    pub(super) fn url(&self, record: &Record) -> Result<Url, String> {
        let path = self.render(record)?;
        let before_query = path.split('?').next().unwrap_or(&path);
        if before_query.split('/').any(is_dots) {
            return Err("the path would have a segment `.` or `..`".to_owned());
        }
        // Without blocks, only the author can have written one.
        if !self.path.is_plain() && before_query.split('/').skip(1).any(str::is_empty) {
            return Err("the path would have an empty segment".to_owned());
        }
        let url = self.at(&path).map_err(|error| format!("the path makes no URL: {error}"))?;
        // `UNRESERVED` leaves nothing that could get here; the host is worth a second look all the same.
        if self.has_same_origin(&url) { Ok(url) } else { Err("the path would change the host".to_owned()) }
    }

    fn has_same_origin(&self, url: &Url) -> bool {
        let base = &self.base;
        url.scheme() == base.scheme() && url.host_str() == base.host_str() && url.port() == base.port()
    }

    /// Returns the URL down to the last directory that has no tag.
    pub(super) fn fixed_part(&self) -> Url {
        let start = self.path.start();
        let directory = if self.path.has_tags() {
            start.split('?').next().and_then(|path| path.rsplit_once('/')).map_or("", |(path, _)| path)
        } else {
            start
        };
        self.at(directory).unwrap_or_else(|_| self.base.clone())
    }

    /// Appends a path. It is not *joined*, which would take `//host` for another host.
    fn at(&self, path: &str) -> Result<Url, impl std::fmt::Display> {
        Url::parse(&format!("{}{path}", self.origin))
    }

    fn render(&self, record: &Record) -> Result<String, String> {
        let mut path = PathWriter::default();
        self.path.write(record, &mut path).map_err(|reason| reason.to_string())?;
        Ok(path.written)
    }
}

/// Writes a path whose values are encoded, so that data stays within its segment.
#[derive(Default)]
struct PathWriter {
    written: String,
    in_query: bool,
}

impl TemplateWriter for PathWriter {
    fn literal(&mut self, text: &str) {
        self.in_query |= text.contains('?');
        self.written.push_str(text);
    }

    fn value(&mut self, text: &str) -> Result<(), String> {
        // An empty segment would lead to the path above it, which a PUT or a DELETE must not touch.
        if text.is_empty() && !self.in_query {
            return Err("is empty".to_owned());
        }
        self.written.extend(utf8_percent_encode(text, UNRESERVED));
        Ok(())
    }
}

/// Says whether a template prints the same for every record.
fn is_fixed(template: &Template) -> bool {
    !template.has_tags() && template.is_plain()
}

/// What a template is printed for that does not look.
fn no_record() -> Record {
    Record::new(Origin::new("", 0, 0))
}

fn path_template(key: &str, path: &str) -> Result<Template, SettingsError> {
    // The place is that in the path, not in the setting.
    let template = Template::new(key, path).map_err(|error| SettingsError::at(key, error.reason()))?;
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
pub(super) struct HeaderTemplates {
    templates: Vec<(HeaderName, Template)>,
    /// The headers of every record, where none has a tag.
    fixed: Option<HeaderMap>,
}

impl HeaderTemplates {
    pub(super) fn parse(headers: &BTreeMap<String, String>) -> Result<Self, SettingsError> {
        let mut templates = Vec::with_capacity(headers.len());
        for (name, text) in headers {
            templates.push(header(name, text)?);
        }
        let are_fixed = templates.iter().all(|(_, template)| is_fixed(template));
        let mut parsed = Self { templates, fixed: None };
        if are_fixed {
            parsed.fixed = parsed.render(&no_record()).ok();
        }
        Ok(parsed)
    }

    /// Returns the headers of every record, where none has a tag.
    pub(super) fn fixed(&self) -> Option<&HeaderMap> {
        self.fixed.as_ref()
    }

    pub(super) fn has(&self, name: &HeaderName) -> bool {
        self.templates.iter().any(|(had, _)| had == name)
    }

    /// States the forms that they need.
    pub(super) fn needs(&self) -> Vec<FormNeed> {
        let mut needs = Vec::new();
        for (name, template) in &self.templates {
            needs.extend(template.needs(&format!("headers.{name}")));
        }
        needs
    }

    /// Renders the headers of a record; those that read the value are left out for a tombstone.
    pub(super) fn render(&self, record: &Record) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        for (name, template) in &self.templates {
            if record.is_tombstone() && template.reads_value() {
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
    let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("this is not a header name"))?;
    if header == CONTENT_ENCODING {
        return Err(wrong("`compression` sets this header"));
    }
    if OURS.contains(&header.as_str()) {
        return Err(wrong("this header is set by the sink; credentials belong under `auth`"));
    }
    let template = Template::new(&format!("headers.{name}"), text)?;
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
    use sluice_plugin_testing::with_value;

    fn url_of(template: &str, id: &str) -> Result<String, String> {
        let target = RequestTarget::parse("url", template).unwrap();
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
            assert!(RequestTarget::parse("url", url).is_err(), "{url}");
        }
        for path in ["/\\x{{id}}", "{{id}}", "https://{{id}}"] {
            assert!(
                RequestTarget::parse("url", "https://h/").unwrap().with_path("delete_path", path).is_err(),
                "{path}"
            );
        }
        for template in ["https://h//{{id}}", "https://h/{{! nothing }}/{{id}}"] {
            assert_eq!(url_of(template, "evil.com").unwrap(), "https://h//evil.com");
        }
        assert_eq!(url_of("https://h/{{id}}", "/evil.com/").unwrap(), "https://h/%2Fevil.com%2F");
    }

    #[test]
    fn data_stays_within_its_segment_in_blocks_and_through_helpers_too() {
        let template =
            "https://h/{{#if id}}a/{{id}}{{/if}}/{{default none id}}/{{json id}}?q={{default x ''}}";
        let encoded = "https://h/a/..%2F%3F%23%40/..%2F%3F%23%40/%22..%2F%3F%23%40%22?q=";
        assert_eq!(url_of(template, "../?#@").unwrap(), encoded);
        for (template, id) in [
            ("https://h/a/{{#if none}}x{{else}}{{id}}{{/if}}", ".."),
            ("https://h/a/{{#with @root}}{{id}}{{/with}}", ""),
            ("https://h/a/{{default none ''}}", "x"),
            ("https://h/a/{{#if none}}{{id}}{{/if}}", "x"),
            ("https://h/{{#if none}}{{id}}{{/if}}/z", "x"),
            ("https://h/{{#unless id}}a{{/unless}}?q={{id}}", "x"),
        ] {
            assert!(url_of(template, id).is_err(), "{template} {id}");
        }
        for url in ["https://h/{{#if a}}#{{/if}}", "https://h/{{#if a}}\\x{{/if}}"] {
            assert!(RequestTarget::parse("url", url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_template_that_does_not_parse_does_not_show_the_address() {
        let refused = |url: &str| RequestTarget::parse("url", url).unwrap_err().to_string();
        for url in ["https://h/{{id}/hunter2", "https://h/hunter2/{{id", "https://h/{{upper id}}/hunter2"] {
            assert!(!refused(url).contains("hunter2"), "{}", refused(url));
        }
    }

    #[test]
    fn an_address_with_credentials_is_refused_without_showing_them() {
        for url in ["https://me:hunter2@h/", "https://hunter2@h/{{id}}"] {
            let error = RequestTarget::parse("url", url).unwrap_err().to_string();
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
            assert_eq!(RequestTarget::parse("url", url).unwrap().fixed_part().as_str(), fixed);
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
