//! What the plug-ins that call a service over HTTP share, below every one of them.
//!
//! | room | what it holds |
//! |---|---|
//! | [`HttpClient`] | one exchange: a request with its authentication, an answer of a bounded size |
//! | [`HttpAuthSettings`] | how requests authenticate: basic, bearer, a header, OAuth 2.0, AWS Signature Version 4 |
//! | [`AwsSettings`] | where a service of AWS is, and the configuration of its SDK; [`OnAws`] puts these keys beside a sink's own |
//! | [`AwsService`] | signed calls of a service of AWS without its SDK |
//! | [`StatusMeaning`] | what an HTTP status says about the records of a request |
//! | [`causes`] | the errors below an error, as one line |
//!
//! The crate knows no sink and no record. It neither retries nor waits: every failure says what the engine is to do.
//!
//! ```no_run
//! use std::time::Duration;
//! use sluice_wire::{Auth, HttpAuthSettings, Connections, HttpClient, HttpRequest, Method, Url, WHOLE_BYTES};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let url = Url::parse("https://registry.example.com/subjects")?;
//! let auth = Auth::new("auth", &HttpAuthSettings::None, &url, Duration::from_secs(30))?;
//! let client = HttpClient::new(Connections::new(Duration::from_secs(30)), auth);
//! let answer = client.exchange(&HttpRequest::new(Method::GET, url), WHOLE_BYTES).await?;
//! assert!(answer.is_success());
//! # Ok(())
//! # }
//! ```

mod answer;
mod any_host;
mod auth;
mod aws;
mod cached;
mod client;
mod compression;
mod exchange;
mod request;
mod service;
mod status;
mod text;
mod tls;
mod url;

pub use answer::{HttpAnswer, asked_wait};
pub use auth::{
    Auth, BasicAuth, BearerAuth, CredentialsIn, HeaderAuth, HttpAuthSettings, OAuth2Auth, SigV4Auth,
    signature,
};
pub use aws::{
    AwsSettings, AwsSinkSettings, OnAws, credentials_error, credentials_failure, endpoint_in_environment,
};
pub use client::{Connections, HttpClient};
pub use compression::{Compression, gzip};
pub use exchange::{START_BYTES, WHOLE_BYTES};
pub use request::HttpRequest;
pub use reqwest::header;
pub use reqwest::{Method, Url};
pub use service::{AwsCall, AwsService, CALL_LINGER, shown_code};
pub use status::StatusMeaning;
pub use text::{causes, one_line};
pub use tls::HttpTlsSettings;
pub use url::{UNRESERVED, base_url, check_url, endpoint_url, http_url};
