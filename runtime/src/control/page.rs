//! The page at `/`: a frame without data, which asks for what it shows as any other client does.

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

const HTML: &str = include_str!("page/index.html");
const STYLE: &str = include_str!("page/style.css");
const ICON: &str = include_str!("page/icon.svg");
const SCRIPTS: [(&str, &str); 4] = [
    ("/page/format.js", include_str!("page/format.js")),
    ("/page/worker.js", include_str!("page/worker.js")),
    ("/page/detail.js", include_str!("page/detail.js")),
    ("/page/page.js", include_str!("page/page.js")),
];

/// Nothing but what the worker itself serves, no text that is run, and no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

/// Answers `GET /` with the page where `Accept` names text/html; all else goes on.
pub(super) async fn or_next(request: Request, next: Next) -> Response {
    let is_root = request.uri().path() == "/" && [Method::GET, Method::HEAD].contains(request.method());
    if is_root && wants_html(request.headers()) {
        return asset("text/html; charset=utf-8", HTML);
    }
    let mut answer = next.run(request).await;
    if is_root {
        answer.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    }
    answer
}

/// Returns the paths of what the page is made of.
pub(super) fn assets<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let style = get(|| async { asset("text/css; charset=utf-8", STYLE) });
    let icon = get(|| async { asset("image/svg+xml", ICON) });
    let mut router = Router::new().route("/page/style.css", style).route("/page/icon.svg", icon);
    for (path, text) in SCRIPTS {
        router = router.route(path, get(move || async { asset("text/javascript; charset=utf-8", text) }));
    }
    router
}

fn wants_html(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|accepted| accepted.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("text/html"))
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::VARY, "accept"),
    ];
    (headers, text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_it_is_made_of_is_small_and_asks_no_foreign_host() {
        let texts = [HTML, STYLE, ICON].into_iter().chain(SCRIPTS.iter().map(|(_, text)| *text));
        let all: String = texts.collect();
        assert!(all.len() < 150_000, "{} bytes", all.len());
        // The name of the language of plots, which nobody asks for anything.
        let all = all.replace("http://www.w3.org/2000/svg", "");
        let foreign =
            ["http://", "https://", "//cdn", "innerHTML", "outerHTML", "insertAdjacentHTML", "eval("];
        let found: Vec<_> = foreign.iter().filter(|text| all.contains(**text)).collect();
        assert!(found.is_empty(), "{found:?}");
    }
}
