//! Addresses in settings: what is none, said in a sentence that leads out. Pure, and no word of it holds the address, which may
//! have a secret in it.

use std::fmt;

/// What no host has in it.
const NOT_OF_A_HOST: [char; 15] =
    ['/', '?', '#', '{', '}', '<', '>', '(', ')', '"', '\'', '`', '*', '=', '\\'];

/// What is wrong with a host, or with the port behind it. It is shown as what is said of the address, such as `names no host`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostFault {
    /// There is none.
    NoHost,
    /// Several stand there, or something else that has this character between its parts.
    Separator(char),
    /// A variable of a shell, or of another tool.
    Reference,
    /// A character that no host has.
    Character(char),
    /// An IPv6 address needs brackets where a port may follow.
    NoBrackets,
    /// A bracket that is not closed.
    OpenBracket,
    /// More than a port stands behind the brackets.
    BehindBrackets,
    /// What stands behind the colon is no port.
    NoPort,
}

impl fmt::Display for HostFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHost => f.write_str("names no host"),
            Self::Separator(character) if character.is_whitespace() => {
                f.write_str("has a space in it, or the end of a line")
            }
            Self::Separator(character) => write!(f, "has a `{character}` in it"),
            Self::Reference => f.write_str("is no host; a reference is written `${env:NAME}`"),
            Self::Character(character) => write!(f, "has a `{character}` where the host is"),
            Self::NoBrackets => {
                f.write_str("has more than one `:`; an IPv6 address stands in brackets, such as [::1]:9092")
            }
            Self::OpenBracket => f.write_str("lacks a `]`"),
            Self::BehindBrackets => f.write_str("has more behind its `]` than a port"),
            Self::NoPort => f.write_str("has no port from 1 to 65535 behind its `:`"),
        }
    }
}

/// Checks a host, or a host and a port, such as `b-1.example.com:9092` or `[::1]:9092`.
///
/// ```
/// use sluice_connector_api::{HostFault, check_host};
///
/// assert_eq!(check_host("localhost:9092"), Ok(()));
/// assert_eq!(check_host("localhost:99999"), Err(HostFault::NoPort));
/// ```
pub fn check_host(address: &str) -> Result<(), HostFault> {
    let separator = |character: &char| character.is_whitespace() || matches!(character, ',' | ';' | '|');
    if let Some(character) = address.chars().find(separator) {
        return Err(HostFault::Separator(character));
    }
    let (host, port) = match address.strip_prefix('[') {
        Some(rest) => in_brackets(rest)?,
        None if address.matches(':').count() > 1 => return Err(HostFault::NoBrackets),
        None => address.split_once(':').map_or((address, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() {
        return Err(HostFault::NoHost);
    }
    if let Some(character) = host.chars().find(|character| NOT_OF_A_HOST.contains(character)) {
        return Err(HostFault::Character(character));
    }
    // Within brackets a `%` stands before the zone of an address.
    if !address.starts_with('[') && host.contains(['$', '%']) {
        return Err(HostFault::Reference);
    }
    match port.map(str::parse::<u16>) {
        None | Some(Ok(1..)) => Ok(()),
        Some(Ok(0) | Err(_)) => Err(HostFault::NoPort),
    }
}

fn in_brackets(rest: &str) -> Result<(&str, Option<&str>), HostFault> {
    let (host, behind) = rest.split_once(']').ok_or(HostFault::OpenBracket)?;
    match (behind, behind.strip_prefix(':')) {
        ("", _) => Ok((host, None)),
        (_, Some(port)) => Ok((host, Some(port))),
        (_, None) => Err(HostFault::BehindBrackets),
    }
}

/// Checks the scheme, the host and the port of an `http` or `https` address, such as `https://api.example.com/records`.
/// `who` is the sentence for one that holds a user or a password, and says where these belong. The path is not looked at.
///
/// ```
/// use sluice_connector_api::check_http_address;
///
/// let said = |address: &str| check_http_address(address, "set `auth`").unwrap_err();
/// assert!(said("localhost:8081").starts_with("has no scheme; write `http://` or `https://` before it"));
/// assert_eq!(said("https://me:hunter2@api.example.com"), "set `auth`");
/// assert_eq!(check_http_address("https://api.example.com/records?by=sluice", ""), Ok(()));
/// ```
pub fn check_http_address(address: &str, who: &str) -> Result<(), String> {
    let said = |reason: &str| Err(reason.to_owned());
    if address.trim().is_empty() {
        return said("is empty; write an address such as https://api.example.com");
    }
    if address.trim() != address {
        return said("has a space, or the end of a line, before or behind it; remove it");
    }
    let Some((scheme, rest)) = address.split_once("://") else { return Err(without_scheme(address)) };
    if !["http", "https"].contains(&scheme.to_ascii_lowercase().as_str()) {
        return Err(other_scheme(scheme));
    }
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let path = rest.get(authority.len()..).and_then(|path| path.split('?').next()).unwrap_or_default();
    if has_another(authority) || has_another(path) {
        return said("holds more than one address; where a list is taken, each is an item of its own");
    }
    if authority.contains('@') {
        return said(who);
    }
    if path.starts_with('\\') {
        return said("has a `\\` in it; write `/`");
    }
    check_host(authority).map_err(|fault| match fault {
        HostFault::Reference | HostFault::NoBrackets => fault.to_string(),
        fault => format!("{fault}; write one such as https://api.example.com or http://localhost:8080"),
    })
}

/// Says whether another address begins in a part of one.
fn has_another(part: &str) -> bool {
    let begins = |text: &str| ["http:", "https:"].iter().any(|scheme| text.trim_start().starts_with(scheme));
    part.split([',', ';', ' ']).skip(1).any(begins)
}

fn without_scheme(address: &str) -> String {
    let lower = address.to_ascii_lowercase();
    if address.starts_with(['$', '%']) {
        return "is no address; a reference is written `${env:NAME}`".to_owned();
    }
    let behind = ["https", "http"].iter().find_map(|scheme| lower.strip_prefix(scheme));
    if behind.is_some_and(|behind| behind.starts_with([':', '/', ';', '\\'])) {
        return "has no `://` behind its scheme; write one such as https://api.example.com".to_owned();
    }
    if lower.starts_with("arn:") {
        return "is an ARN, and no address; write one such as https://api.example.com".to_owned();
    }
    "has no scheme; write `http://` or `https://` before it, such as https://api.example.com".to_owned()
}

fn other_scheme(scheme: &str) -> String {
    let is_word = scheme.len() <= 16 && scheme.chars().all(|character| character.is_ascii_alphanumeric());
    let found = if is_word { format!(", found `{scheme}`") } else { String::new() };
    format!("the scheme must be `http` or `https`{found}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(address: &str) -> String {
        check_http_address(address, "set `auth`").err().unwrap_or_default()
    }

    #[test]
    fn an_address_is_one_whatever_stands_behind_its_host() {
        for address in [
            "http://localhost",
            "HTTPS://api.example.com:443/a,b?to=http://x,https://y#z",
            "http://[::1]:9200",
            "http://[fe80::1%25eth0]/",
            "https://h.example.com/{{id}}/ {{name}}",
            "http://a_b-c.example.:1/",
        ] {
            assert_eq!(said(address), "", "{address}");
        }
    }

    #[test]
    fn what_is_no_address_is_told_the_way_out() {
        for (address, expected) in [
            ("", "is empty"),
            (" ", "is empty"),
            (" http://h", "before or behind it"),
            ("http://h\n", "before or behind it"),
            ("localhost:9200", "has no scheme"),
            ("api.example.com/x", "has no scheme"),
            ("//h/x", "has no scheme"),
            ("https:/h", "has no `://` behind its scheme"),
            ("http//h", "has no `://` behind its scheme"),
            ("https:h", "has no `://` behind its scheme"),
            ("https;//h", "has no `://` behind its scheme"),
            ("http:\\\\h", "has no `://` behind its scheme"),
            ("$URL", "a reference is written `${env:NAME}`"),
            ("%URL%", "a reference is written `${env:NAME}`"),
            ("arn:aws:sqs:eu-west-1:1:q", "is an ARN"),
            ("htps://h", "`http` or `https`, found `htps`"),
            ("jdbc:postgresql://h/d", "`http` or `https`"),
            ("http://a:9200,http://b:9200", "more than one address"),
            ("http://a/x, https://b/x", "more than one address"),
            ("http://a,b:9200", "has a `,` in it"),
            ("http://a b/", "has a space in it"),
            ("http://a\tb", "has a space in it"),
            ("http://", "names no host"),
            ("http:///x", "names no host"),
            ("http://:80/", "names no host"),
            ("http://h:0/", "no port from 1 to 65535"),
            ("http://h:65536/", "no port from 1 to 65535"),
            ("http://h:/", "no port from 1 to 65535"),
            ("http://h:http", "no port from 1 to 65535"),
            ("http://::1/", "in brackets"),
            ("http://[::1/", "lacks a `]`"),
            ("http://{host}/", "has a `{` where the host is"),
            ("http://$HOST:80/", "a reference is written"),
            ("http://h\\x", "write `/`"),
            ("https://me:hunter2@h/", "set `auth`"),
        ] {
            assert!(said(address).contains(expected), "{address}: {}", said(address));
            assert!(!said(address).contains("hunter2"));
        }
    }
}
