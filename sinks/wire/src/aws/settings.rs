//! The settings that every plug-in on AWS shares.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use sluice_connector_api::HumanDuration;

/// Where a service of AWS is, and how long a call of it may take.
///
/// All else comes from the SDK's usual places: environment, profile, web identity, container, instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AwsSettings {
    /// The AWS region, such as `eu-central-1`. Default: `AWS_REGION`, else that of the AWS profile or of the instance.
    #[schemars(default, regex(pattern = "^[a-z0-9-]+$"), extend("patternErrorMessage" = "small letters, digits and dashes, such as eu-central-1"))]
    #[schemars(extend("x-also" = ["aws_region"]))]
    pub region: Option<String>,
    /// Another address of the service, such as that of a VPC endpoint. One on this machine, such as
    /// `http://localhost:9000`, counts as an emulator and needs no AWS credentials. Default: where the sink has an
    /// address of its own, such as `queue_url`, that host; else that of the environment (`AWS_ENDPOINT_URL_S3` and the like,
    /// `AWS_ENDPOINT_URL`), else the region's.
    #[schemars(default, regex(pattern = "^https?://."), extend("patternErrorMessage" = "an address that begins with https:// or http://"))]
    #[schemars(extend("x-also" = ["endpoint"]))]
    pub endpoint_url: Option<String>,
    /// How long a call may take before it counts as failed and is tried again, such as `30s`.
    pub request_timeout: HumanDuration,
}

/// Returns the address of a service that the environment names, as the SDKs read it. `variable` is that of the service, such as
/// `AWS_ENDPOINT_URL_S3`.
pub fn endpoint_in_environment(variable: &str) -> Option<String> {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let are_ignored =
        set("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    set(variable).or_else(|| set("AWS_ENDPOINT_URL")).filter(|_| !are_ignored)
}

impl AwsSettings {
    /// Makes settings that name nothing but how long a call may take.
    pub fn new(request_timeout: Duration) -> Self {
        Self { region: None, endpoint_url: None, request_timeout: HumanDuration::new(request_timeout) }
    }
}
