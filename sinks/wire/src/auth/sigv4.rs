//! AWS Signature Version 4.

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use sluice_connector_api::{BoxError, Failure, Finding, HumanDuration};
use tokio::sync::OnceCell;

use super::settings::SigV4Auth;
use crate::aws::{AwsSettings, credentials_failure};
use crate::cached::{Cached, Fetched};
use crate::request::HttpRequest;

/// Signs requests for AWS.
pub(crate) struct SigV4 {
    service: String,
    aws: AwsSettings,
    config: OnceCell<SdkConfig>,
    credentials: Cached<Credentials>,
}

impl SigV4 {
    /// `target` tells whether it is on this machine, where placeholders do for credentials.
    pub(crate) fn new(settings: &SigV4Auth, target: &Url, timeout: Duration) -> Self {
        let aws = AwsSettings {
            region: settings.region.clone(),
            endpoint_url: Some(target.origin().ascii_serialization()),
            request_timeout: HumanDuration::new(timeout),
        };
        Self { service: settings.service.clone(), aws, config: OnceCell::new(), credentials: Cached::new() }
    }

    /// Returns the headers that sign a request, with its body as it is sent.
    pub(crate) async fn headers(&self, request: &HttpRequest) -> Result<HeaderMap, Failure> {
        let region = self.region().await?;
        let config = self.config().await?;
        let credentials = self.credentials.get(fetch(config)).await?;
        signature(request, &self.service, &region, credentials, SystemTime::now())
            .map_err(|error| Failure::fatal(format!("the request cannot be signed: {error}")))
    }

    /// Returns the region that requests are signed for.
    pub(crate) async fn region(&self) -> Result<String, Failure> {
        Ok(self.config().await?.region().map(ToString::to_string).unwrap_or_default())
    }

    async fn config(&self) -> Result<&SdkConfig, Failure> {
        self.config.get_or_try_init(|| self.aws.load()).await
    }

    pub(crate) async fn check(&self) -> Vec<Finding> {
        self.aws.check().await.0
    }
}

async fn fetch(config: &SdkConfig) -> Result<Fetched<Credentials>, Failure> {
    let provider = config.credentials_provider().ok_or_else(|| Failure::fatal("found no AWS credentials"))?;
    let credentials = provider.provide_credentials().await.map_err(|error| credentials_failure(&error))?;
    let lifetime = credentials.expiry().map(|end| end.duration_since(SystemTime::now()).unwrap_or_default());
    Ok(Fetched::new(credentials, lifetime))
}

/// Returns the headers that sign a request for a service in a region, at a time, with its body as it is sent.
pub fn signature(
    request: &HttpRequest,
    service: &str,
    region: &str,
    credentials: Credentials,
    time: SystemTime,
) -> Result<HeaderMap, BoxError> {
    let identity = credentials.into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(time)
        .settings(settings(service))
        .build()?
        .into();
    let mut headers = Vec::new();
    for (name, value) in &request.headers {
        headers.push((name.as_str(), std::str::from_utf8(value.as_bytes())?));
    }
    let body = SignableBody::Bytes(&request.body);
    let signable =
        SignableRequest::new(request.method.as_str(), request.url.as_str(), headers.into_iter(), body)?;
    let (headers, _) = sign(signable, &params)?.into_parts().0.into_parts();
    let mut signed = HeaderMap::new();
    for header in headers {
        let mut value = HeaderValue::from_str(header.value())?;
        value.set_sensitive(header.sensitive() || header.name() == "authorization");
        signed.insert(HeaderName::from_bytes(header.name().as_bytes())?, value);
    }
    Ok(signed)
}

/// The hash of the body is a header of its own, which S3 and `aoss` ask for and others allow. S3
/// takes paths as they are; all others encode them once more.
fn settings(service: &str) -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    if service == "s3" {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    settings
}
