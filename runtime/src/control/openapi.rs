//! What the API is, for whoever reads `OpenAPI` documents: `/openapi.json`.

use axum::http::header;
use axum::response::IntoResponse;

/// The document, which a test compares with the paths that are served.
pub(super) const DOCUMENT: &str = include_str!("openapi.json");

/// `GET /openapi.json`.
pub(super) async fn document() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT)
}
