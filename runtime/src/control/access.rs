//! Who may ask: whoever has the token, or, on this machine where there is none, anybody but a page from elsewhere.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sluice_connector_api::Secret;
use subtle::ConstantTimeEq;

use crate::control::error::RestError;
use crate::observe::tls::ShownCertificate;

/// Who may use the REST API.
///
/// With a token each request needs it, as `Authorization: Bearer TOKEN` or as the password of Basic. Without one, whoever can
/// reach the address may ask and, where that is an address of this machine, change states. A page of another origin that a
/// browser shows may not: its requests say where they come from (`Origin`, `Sec-Fetch-Site`), or name a host that is not this
/// machine's. It could not see an answer; but it could have brokers asked, and take up the places of streams. Somebody who
/// follows a link from there sees what it leads to himself, and may read, but for the content of records. That holds for Basic,
/// too, since a browser which knows the password sends it along for whatever page asks; a Bearer token is sent by those alone
/// who know it.
#[derive(Clone, Debug)]
pub struct AccessRules {
    token: Option<Arc<Secret>>,
    is_loopback: bool,
    needs_certificate: bool,
}

impl AccessRules {
    /// Makes the rules for a listener; none where nobody may use the API: off this machine it needs a token.
    pub fn new(address: SocketAddr, token: Option<Secret>) -> Option<Self> {
        let is_loopback = address.ip().is_loopback();
        let token = token.map(Arc::new);
        (is_loopback || token.is_some()).then_some(Self { token, is_loopback, needs_certificate: false })
    }

    /// Has whoever asks show a certificate of a known authority, too, where the listener asks for one.
    #[must_use]
    pub fn with_certificates(mut self, are_needed: bool) -> Self {
        self.needs_certificate = are_needed;
        self
    }

    /// Says whether a connection is one on which somebody may ask.
    fn allow_connection(&self, shown: Option<ShownCertificate>) -> Result<(), RestError> {
        if self.needs_certificate && shown != Some(ShownCertificate(true)) {
            return Err(RestError::new(
                StatusCode::FORBIDDEN,
                "this takes a client's certificate, and none was shown",
            ));
        }
        Ok(())
    }

    /// Says whether a request may be done.
    fn allow(&self, asked: Asked, headers: &HeaderMap) -> Result<(), RestError> {
        let may_be_led_here = asked == Asked::Open && follows_a_link(headers);
        let is_foreign = is_from_elsewhere(headers) && !may_be_led_here;
        if let Some(token) = &self.token {
            let given = GivenToken::of(headers);
            let is_known =
                |given: &GivenToken| bool::from(given.text.as_bytes().ct_eq(token.reveal().as_bytes()));
            return match given.filter(is_known) {
                None => Err(RestError::new(StatusCode::UNAUTHORIZED, "User cannot access the resource.")),
                Some(given) if is_foreign && given.is_password => Err(RestError::new(
                    StatusCode::FORBIDDEN,
                    "this request comes from another site, and a browser may have added the password by itself; send the \
                     token as `Authorization: Bearer`",
                )),
                Some(_) => Ok(()),
            };
        }
        if self.is_loopback && names_this_machine(headers) && !is_foreign {
            return Ok(());
        }
        Err(RestError::new(
            StatusCode::FORBIDDEN,
            "this request comes from another site; set `rest_token` to let it in",
        ))
    }
}

/// What a request is about, as far as that decides who may make it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// It reads, and no content of records: whoever follows a link from another site may.
    Open,
    /// It changes something, or shows the content of records: nothing of another site leads there.
    Guarded,
}

/// The ends of the paths that show the content of records.
const RECORDS: [&str; 2] = ["/tap", "/dead-letters"];

impl Asked {
    fn of(method: &Method, path: &str) -> Self {
        let reads = [Method::GET, Method::HEAD].contains(method);
        let path = path.trim_end_matches('/');
        let shows_records = RECORDS.iter().any(|end| path.ends_with(end));
        if reads && !shows_records { Self::Open } else { Self::Guarded }
    }
}

/// What our own page sends: a browser that is asked for Basic would ask its user before the page can.
const PAGE: &str = "sluice-page";

/// The layer that asks the rules.
pub(crate) async fn guard(State(rules): State<AccessRules>, request: Request, next: Next) -> Response {
    let scheme = if request.headers().contains_key(PAGE) { "Bearer" } else { "Basic" };
    let shown = request.extensions().get::<ShownCertificate>().copied();
    let allowed = rules.allow_connection(shown);
    let asked = Asked::of(request.method(), request.uri().path());
    match allowed.and_then(|()| rules.allow(asked, request.headers())) {
        Ok(()) => next.run(request).await,
        Err(error) if error.status == StatusCode::UNAUTHORIZED => {
            let ask = [(header::WWW_AUTHENTICATE, format!("{scheme} realm=\"sluice\""))];
            (ask, error).into_response()
        }
        Err(error) => error.into_response(),
    }
}

/// What whoever asks gives as the token.
struct GivenToken {
    text: String,
    /// It is the password of Basic.
    is_password: bool,
}

impl GivenToken {
    fn of(headers: &HeaderMap) -> Option<Self> {
        // A token may have other letters than those of ASCII.
        let text = std::str::from_utf8(headers.get(header::AUTHORIZATION)?.as_bytes()).ok()?;
        let (scheme, rest) = text.split_once(' ')?;
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(Self { text: rest.trim().to_owned(), is_password: false });
        }
        let decoded = scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(rest.trim()).ok())??;
        let text = String::from_utf8(decoded).ok()?;
        let (_, password) = text.split_once(':')?;
        Some(Self { text: password.to_owned(), is_password: true })
    }
}

/// A name that an attacker points at this machine is still his name in the request. A browser always names one.
fn names_this_machine(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    hosts.all(|host| host.to_str().is_ok_and(|host| is_this_machine(without_port(host))))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn is_this_machine(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Says whether a browser sends this for a page of another site. What cannot be read is of no page of ours.
fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let mut sites = headers.get_all("sec-fetch-site").iter();
    if sites.any(|site| !["same-origin", "none"].map(str::as_bytes).contains(&site.as_bytes())) {
        return true;
    }
    let own = headers.get(header::HOST).map(HeaderValue::as_bytes).unwrap_or_default();
    let is_own = |origin: &HeaderValue| {
        let host = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
        host.is_some_and(|(_, host)| host.as_bytes() == own)
    };
    headers.get_all(header::ORIGIN).iter().any(|origin| !is_own(origin))
}

/// Says whether a browser asks for a page of its own in the place of another, as where somebody follows a link (Fetch
/// Metadata, sections 2.1 and 2.2).
fn follows_a_link(headers: &HeaderMap) -> bool {
    let is =
        |name: &str, value: &str| headers.get(name).is_some_and(|given| given.as_bytes() == value.as_bytes());
    is("sec-fetch-mode", "navigate") && is("sec-fetch-dest", "document")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(rules: &AccessRules, method: &Method, headers: &[(&'static str, &str)]) -> u16 {
        asks_at(rules, method, "/connectors/prices", headers)
    }

    fn asks_at(rules: &AccessRules, method: &Method, path: &str, headers: &[(&'static str, &str)]) -> u16 {
        let headers = headers.iter().map(|(name, value)| {
            let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header");
            (header::HeaderName::from_static(name), value)
        });
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            all.append(name, value);
        }
        rules.allow(Asked::of(method, path), &all).err().map_or(200, |error| error.status.as_u16())
    }

    fn rules(address: &str, token: Option<&str>) -> Option<AccessRules> {
        AccessRules::new(address.parse().expect("an address"), token.map(Secret::new))
    }

    #[test]
    fn off_this_machine_there_is_no_api_without_a_token() {
        assert!(rules("0.0.0.0:8083", None).is_none());
        assert!(rules("0.0.0.0:8083", Some("t0ken")).is_some() && rules("[::1]:8083", None).is_some());
    }

    #[test]
    fn with_a_token_it_is_always_needed() {
        let rules = rules("127.0.0.1:8083", Some("t0ken")).expect("rules");
        let basic = format!("Basic {}", STANDARD.encode("anybody:t0ken"));
        for (given, status) in
            [("Bearer t0ken", 200), (basic.as_str(), 200), ("Bearer t0ke", 401), ("t0ken", 401)]
        {
            assert_eq!(asks(&rules, &Method::GET, &[("authorization", given)]), status, "{given}");
        }
        assert_eq!(asks(&rules, &Method::GET, &[("host", "localhost:8083")]), 401);
        let rules =
            AccessRules::new("127.0.0.1:8083".parse().expect("an address"), Some(Secret::new("pässwort")));
        let rules = rules.expect("rules");
        assert_eq!(asks(&rules, &Method::GET, &[("authorization", "Bearer pässwort")]), 200);
        assert_eq!(asks(&rules, &Method::GET, &[("authorization", "Bearer passwort")]), 401);
    }

    #[test]
    fn a_password_that_a_browser_adds_by_itself_changes_nothing_for_a_page_from_elsewhere() {
        let rules = rules("0.0.0.0:8083", Some("t0ken")).expect("rules");
        let basic = format!("Basic {}", STANDARD.encode("me:t0ken"));
        let (basic, bearer) = (("authorization", basic.as_str()), ("authorization", "Bearer t0ken"));
        let host = ("host", "worker.example");
        for foreign in
            [("origin", "http://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")]
        {
            assert_eq!(asks(&rules, &Method::POST, &[host, basic, foreign]), 403, "{foreign:?}");
            assert_eq!(asks_at(&rules, &Method::GET, "/connectors/x/tap", &[host, basic, foreign]), 403);
            assert_eq!(
                asks(&rules, &Method::POST, &[host, bearer, foreign]),
                200,
                "whoever sends it knows it"
            );
        }
        assert_eq!(asks(&rules, &Method::POST, &[host, basic]), 200, "kc");
        assert_eq!(asks(&rules, &Method::POST, &[host, basic, ("origin", "https://worker.example")]), 200);
        assert_eq!(asks(&rules, &Method::POST, &[host, ("origin", "http://evil.example")]), 401);
    }

    #[test]
    fn a_certificate_is_needed_beside_the_token_where_it_is_asked_for() {
        let rules = rules("127.0.0.1:8083", Some("t0ken")).expect("rules");
        let is_let_in = |rules: &AccessRules, shown| rules.allow_connection(shown).is_ok();
        assert!(is_let_in(&rules, None) && is_let_in(&rules, Some(ShownCertificate(false))));
        let rules = rules.with_certificates(true);
        assert!(!is_let_in(&rules, None) && !is_let_in(&rules, Some(ShownCertificate(false))));
        assert!(is_let_in(&rules, Some(ShownCertificate(true))));
        assert_eq!(asks(&rules, &Method::GET, &[]), 401);
    }

    #[test]
    fn without_one_a_page_from_elsewhere_changes_nothing_and_a_borrowed_name_reads_nothing() {
        let rules = rules("127.0.0.1:8083", None).expect("rules");
        let host = ("host", "127.0.0.1:8083");
        assert_eq!(asks(&rules, &Method::PUT, &[host]), 200, "curl and kc");
        assert_eq!(
            asks(&rules, &Method::PUT, &[host, ("origin", "http://127.0.0.1:8083")]),
            200,
            "our own page"
        );
        for foreign in [
            ("origin", "http://evil.example"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            assert_eq!(asks(&rules, &Method::PUT, &[host, foreign]), 403, "{foreign:?}");
        }
        for host in [
            "evil.example:8083",
            "evil.example",
            "127.0.0.1.evil.example",
            "0.0.0.0:8083",
            "localhost.evil.example",
            "\u{e9}vil.example",
            "",
        ] {
            assert_eq!(asks(&rules, &Method::GET, &[("host", host)]), 403, "{host}");
        }
        assert_eq!(asks(&rules, &Method::GET, &[host, ("host", "evil.example")]), 403, "of two, both count");
        let foreign = ("sec-fetch-site", "cross-site");
        let link = [host, foreign, ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
        for (dest, status) in [("document", 200), ("iframe", 403), ("image", 403), ("empty", 403)] {
            let asked = [host, foreign, ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", dest)];
            assert_eq!(asks(&rules, &Method::GET, &asked), status, "{dest}");
            assert_eq!(asks(&rules, &Method::POST, &asked), 403, "a form that is sent to {dest}");
        }
        for path in ["/live", "/live/prices", "/connectors", "/connectors/prices/offsets"] {
            assert_eq!(asks_at(&rules, &Method::GET, path, &[host, foreign]), 403, "{path}");
            let origin = ("origin", "http://localhost:3000");
            assert_eq!(asks_at(&rules, &Method::GET, path, &[host, origin]), 403, "{path}");
            assert_eq!(asks_at(&rules, &Method::GET, path, &[host, ("origin", "\u{e9}")]), 403, "{path}");
        }
        for path in ["/connectors/prices/tap", "/connectors/prices/tap/", "/live/prices/dead-letters"] {
            assert_eq!(asks_at(&rules, &Method::GET, path, &[host, foreign]), 403, "{path}");
            assert_eq!(asks_at(&rules, &Method::GET, path, &link), 403, "{path}");
            assert_eq!(asks_at(&rules, &Method::GET, path, &[host, foreign, ("authorization", "x")]), 403);
            assert_eq!(asks_at(&rules, &Method::GET, path, &[host]), 200, "{path}");
        }
        assert_eq!(asks(&rules, &Method::GET, &[("host", "[::1]:8083")]), 200);
    }
}
