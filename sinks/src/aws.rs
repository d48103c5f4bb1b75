//! What every sink on AWS shares: how a client is made.

use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::meta::region::RegionProviderChain;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use sluice_connector_api::{Failure, Finding, Trouble};

/// A new connection takes milliseconds; five seconds mean that nobody is there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Kept short, so that a put seldom meets a connection that the other side has just closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// Where the service is and how long it may take. All else comes from the SDK's usual places: environment,
/// profile, web identity, container, instance.
#[derive(Clone, Debug)]
pub(crate) struct Aws {
    pub(crate) region: Option<String>,
    pub(crate) endpoint_url: Option<String>,
    pub(crate) timeout: Duration,
}

impl Aws {
    /// Gathers what a client needs. The SDK's own retries are off: the engine retries.
    pub(crate) async fn load(&self) -> Result<SdkConfig, Failure> {
        let http = aws_smithy_http_client::Builder::new()
            .pool_idle_timeout(IDLE_TIMEOUT)
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT.min(self.timeout))
            .operation_attempt_timeout(self.timeout)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts);
        if let Some(region) = self.region.clone() {
            loader = loader.region(Region::new(region));
        }
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
    pub(crate) async fn check(&self) -> (Vec<Finding>, Option<SdkConfig>) {
        let config = match self.load().await {
            Ok(config) => config,
            Err(failure) => return (vec![Finding::bad("AWS region", failure.to_string())], None),
        };
        let region =
            Finding::good("AWS region", config.region().map(ToString::to_string).unwrap_or_default());
        match credentials(&config).await {
            Ok(()) => (vec![region, Finding::good("AWS credentials", "found")], Some(config)),
            Err(failure) => (vec![region, Finding::bad("AWS credentials", failure.to_string())], None),
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

/// Tells credentials that are not there from those that could not be fetched just now.
pub(crate) fn credentials_failure(error: &CredentialsError) -> Failure {
    let said = causes(error);
    let missing = matches!(
        error,
        CredentialsError::CredentialsNotLoaded(_) | CredentialsError::InvalidConfiguration(_)
    );
    let way_out = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run with a role of the \
                   instance, task, pod or function";
    if missing {
        Failure::fatal(format!("found no AWS credentials: {said}; {way_out}"))
    } else {
        Failure::retriable(format!("cannot fetch AWS credentials: {said}; if it stays so, {way_out}"))
            .because(Trouble::Unreachable)
    }
}

/// Tells what is below an error, outermost first: the SDK's own errors say little beyond their kind.
pub(crate) fn causes(error: &(dyn Error + 'static)) -> String {
    let below = std::iter::successors(error.source(), |error| (*error).source());
    one_line(&below.map(ToString::to_string).collect::<Vec<_>>().join(": "))
}

/// Puts a text of somebody else's on one line, as logs and answers show it.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Finds the credentials' error below another: the SDK reports it as a failure to dispatch the request.
pub(crate) fn credentials_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a CredentialsError> {
    std::iter::successors(Some(error), |error| (*error).source()).find_map(|error| error.downcast_ref())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use serde_json::json;
    use sluice_connector_api::{FailureKind, PutError};

    use super::*;
    use crate::contract::{built, text};

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
        let aws = Aws {
            region: None,
            endpoint_url: Some("http://127.0.0.1:1".to_owned()),
            timeout: Duration::from_secs(1),
        };
        let (findings, config) = aws.check().await;
        assert!(config.is_some());
        assert!(findings.iter().all(|finding| finding.outcome.is_ok()), "{findings:?}");
    }

    #[tokio::test]
    async fn the_region_of_the_settings_comes_first() {
        for endpoint_url in [None, Some("http://127.0.0.1:1".to_owned())] {
            let aws =
                Aws { region: Some("eu-west-3".to_owned()), endpoint_url, timeout: Duration::from_secs(1) };
            assert_eq!(aws.load().await.unwrap().region().unwrap().as_ref(), "eu-west-3");
        }
    }

    /// Set in a process that [`is_bare`] starts.
    const BARE: &str = "SLUICE_TEST_BARE";

    /// Runs the calling test once more, in a process that finds nothing of AWS: no environment, no files, no
    /// instance. Says whether this is that process.
    fn is_bare(test: &str) -> bool {
        if std::env::var_os(BARE).is_some() {
            return true;
        }
        let home = tempfile::tempdir().unwrap();
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test])
            .env_clear()
            .env("HOME", home.path())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env(BARE, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        false
    }

    #[tokio::test]
    async fn without_a_region_nothing_is_called_and_the_ways_to_set_one_are_named() {
        if !is_bare("aws::tests::without_a_region_nothing_is_called_and_the_ways_to_set_one_are_named") {
            return;
        }
        let settings = json!({ "knowledge_base_id": "KB12345678", "data_source_id": "DS12345678" });
        let sink = built("bedrock_kb", settings);
        let error = sink.put(&[text(0, "a")]).await.unwrap_err();
        assert!(error.to_string().contains("AWS_REGION"), "{error}");
        assert!(matches!(error, PutError::Batch(failure) if failure.kind() == FailureKind::Fatal));
        assert!(sink.check().await[0].outcome.as_ref().is_err_and(|wrong| wrong.contains("AWS_REGION")));
    }

    #[tokio::test]
    async fn without_credentials_the_ways_to_set_them_are_named() {
        if !is_bare("aws::tests::without_credentials_the_ways_to_set_them_are_named") {
            return;
        }
        let settings = json!({
            "knowledge_base_id": "KB12345678", "data_source_id": "DS12345678", "region": "eu-west-3",
            "endpoint_url": "http://bedrock.invalid",
        });
        let sink = built("bedrock_kb", settings);
        let error = sink.put(&[text(0, "a")]).await.unwrap_err();
        assert!(error.to_string().contains("AWS_ACCESS_KEY_ID"), "{error}");
        assert!(matches!(error, PutError::Batch(failure) if failure.kind() == FailureKind::Fatal));
        let findings = sink.check().await;
        assert_eq!(findings.len(), 2, "nothing is asked without credentials");
        assert!(findings[1].outcome.as_ref().is_err_and(|wrong| wrong.contains("AWS_PROFILE")));
    }

    #[test]
    fn missing_credentials_are_fatal_and_unreachable_ones_are_not() {
        let missing = credentials_failure(&CredentialsError::not_loaded("no providers in chain"));
        assert_eq!(missing.kind(), FailureKind::Fatal);
        assert!(missing.to_string().contains("AWS_PROFILE"), "{missing}");
        let late = credentials_failure(&CredentialsError::provider_timed_out(Duration::from_secs(5)));
        assert_eq!(late.kind(), FailureKind::Retriable);
        assert!(late.to_string().contains("AWS_PROFILE"), "{late}");
    }
}
