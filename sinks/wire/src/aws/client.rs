//! How a client of AWS's SDK is configured.

use std::net::IpAddr;
use std::time::Duration;

use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::meta::region::RegionProviderChain;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use sluice_connector_api::{Failure, Finding};

use super::credentials::credentials_failure;
use super::region::usual_region;
use super::settings::AwsSettings;

/// A new connection takes milliseconds; five seconds mean that nobody is there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Kept short, so that a put seldom meets a connection that the other side has just closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

impl AwsSettings {
    /// Gathers what a client needs. The SDK's own retries are off: the engine retries.
    pub async fn load(&self) -> Result<SdkConfig, Failure> {
        let timeout = self.request_timeout.get();
        let http = aws_smithy_http_client::Builder::new()
            .pool_idle_timeout(IDLE_TIMEOUT)
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT.min(timeout))
            .operation_attempt_timeout(timeout)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http.clone())
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts);
        loader = match self.region.clone() {
            Some(region) => loader.region(Region::new(region)),
            None => loader.region(usual_region(&ProviderConfig::without_region().with_http_client(http))),
        };
        if let Some(url) = &self.endpoint_url {
            loader = loader.endpoint_url(url);
            if is_on_this_machine(url) {
                loader = loader.region(self.emulator_region()).credentials_provider(emulator_credentials());
            }
        }
        let config = loader.load().await;
        if config.region().is_some() { Ok(config) } else { Err(no_region()) }
    }

    fn emulator_region(&self) -> RegionProviderChain {
        RegionProviderChain::first_try(self.region.clone().map(Region::new))
            .or_else(EnvironmentVariableRegionProvider::new())
            .or_else("us-east-1")
    }

    /// Looks for a region and for credentials. The configuration is there when both are.
    pub async fn check(&self) -> (Vec<Finding>, Option<SdkConfig>) {
        let config = match self.load().await {
            Ok(config) => config,
            Err(failure) => return (vec![Finding::from_failure("AWS region", &failure)], None),
        };
        let region =
            Finding::good("AWS region", config.region().map(ToString::to_string).unwrap_or_default());
        match credentials(&config).await {
            Ok(()) => (vec![region, Finding::good("AWS credentials", "found")], Some(config)),
            Err(failure) => (vec![region, Finding::from_failure("AWS credentials", &failure)], None),
        }
    }
}

async fn credentials(config: &SdkConfig) -> Result<(), Failure> {
    let Some(provider) = config.credentials_provider() else {
        return Ok(());
    };
    provider.provide_credentials().await.map(|_| ()).map_err(|error| credentials_failure(&error))
}

/// An emulator on this machine checks no signature. With this, it can be used without an AWS account, and
/// no real secret signs a request that leaves unencrypted.
fn emulator_credentials() -> CredentialsProviderChain {
    let placeholder = Credentials::new("emulator", "emulator", None, None, "emulator");
    CredentialsProviderChain::first_try("Environment", EnvironmentVariableCredentialsProvider::new())
        .or_else("Emulator", placeholder)
}

fn is_on_this_machine(endpoint_url: &str) -> bool {
    let Some((_, rest)) = endpoint_url.split_once("://") else {
        return false;
    };
    let authority = rest.split('/').next().unwrap_or(rest);
    let host = authority.strip_prefix('[').and_then(|rest| rest.split(']').next());
    let host = host.unwrap_or_else(|| authority.split(':').next().unwrap_or(authority));
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn no_region() -> Failure {
    Failure::fatal(
        "no AWS region is set; set `region` in the sink's settings, AWS_REGION in the environment, or a region in the AWS profile",
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_counts_as_this_machine() {
        for url in
            ["http://127.0.0.1:9000", "http://localhost", "http://[::1]:9000/path", "https://localhost:1/"]
        {
            assert!(is_on_this_machine(url), "{url}");
        }
        for url in [
            "http://localhost.example.com",
            "https://localhost@example.com",
            "http://10.0.0.1:80",
            "https://vpce-1.amazonaws.com",
            "127.0.0.1",
        ] {
            assert!(!is_on_this_machine(url), "{url}");
        }
    }

    #[tokio::test]
    async fn an_emulator_needs_neither_region_nor_credentials() {
        let mut aws = AwsSettings::new(Duration::from_secs(1));
        aws.endpoint_url = Some("http://127.0.0.1:1".to_owned());
        let (findings, config) = aws.check().await;
        assert!(config.is_some());
        assert!(findings.iter().all(|finding| finding.as_result().is_ok()), "{findings:?}");
    }

    #[tokio::test]
    async fn the_region_of_the_settings_comes_first() {
        for endpoint_url in [None, Some("http://127.0.0.1:1".to_owned())] {
            let mut aws = AwsSettings::new(Duration::from_secs(1));
            aws.region = Some("eu-west-3".to_owned());
            aws.endpoint_url = endpoint_url;
            assert_eq!(aws.load().await.unwrap().region().unwrap().as_ref(), "eu-west-3");
        }
    }
}
