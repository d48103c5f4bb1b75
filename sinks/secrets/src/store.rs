//! A store of AWS: signed calls that send and answer JSON.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use sluice_connector_api::{Failure, FailureKind};
use sluice_wire::{
    AwsCall, AwsService, AwsSettings, HttpAnswer, Method, endpoint_in_environment, endpoint_url,
};
use tokio::sync::Mutex;

/// How long a call may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Which service it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoreKind {
    /// As its host and its signatures name it.
    pub(crate) service: &'static str,
    /// What stands before the operation in `x-amz-target`.
    pub(crate) target: &'static str,
    /// The variable that names another address, as the SDKs read it.
    pub(crate) endpoint: &'static str,
    /// The codes that say that a name is not there.
    pub(crate) missing: &'static [&'static str],
}

/// A store, with a client for each region that names speak of.
pub(crate) struct AwsStore {
    kind: StoreKind,
    endpoint: Option<String>,
    clients: Mutex<BTreeMap<Option<String>, Arc<AwsService>>>,
}

impl AwsStore {
    /// Makes a store at the address that the environment names, if it does.
    pub(crate) fn from_environment(kind: StoreKind) -> Self {
        Self::new(kind, endpoint_in_environment(kind.endpoint))
    }

    pub(crate) fn new(kind: StoreKind, endpoint: Option<String>) -> Self {
        Self { kind, endpoint, clients: Mutex::default() }
    }

    /// Asks for what has a name; nothing where that is not there.
    pub(crate) async fn ask(
        &self,
        operation: &str,
        name: &str,
        request: &Value,
    ) -> Result<Option<Value>, Failure> {
        let client = self.client(region_in(name)).await?;
        let call = AwsCall {
            operation,
            method: Method::POST,
            url: client.endpoint().clone(),
            headers: vec![
                ("content-type", "application/x-amz-json-1.1".to_owned()),
                ("x-amz-target", format!("{}.{operation}", self.kind.target)),
            ],
            body: request.to_string().into(),
            code,
            rejecting: self.kind.missing,
        };
        match client.call(call).await {
            Ok(answer) => serde_json::from_slice(&answer.body).map(Some).map_err(|_| {
                // Its text may show a part of what was answered.
                Failure::retriable(format!("{operation} was not answered in full"))
            }),
            Err(failure) if failure.kind() == FailureKind::Rejected => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn client(&self, region: Option<String>) -> Result<Arc<AwsService>, Failure> {
        let mut clients = self.clients.lock().await;
        if let Some(client) = clients.get(&region) {
            return Ok(Arc::clone(client));
        }
        let mut aws = AwsSettings::new(TIMEOUT);
        aws.region.clone_from(&region);
        aws.endpoint_url.clone_from(&self.endpoint);
        let found = aws.load().await.map_err(|_| no_region())?;
        let found = found.region().map(ToString::to_string).unwrap_or_default();
        let url = self.endpoint.clone().unwrap_or_else(|| self.kind.address(&found));
        let url =
            endpoint_url(self.kind.endpoint, &url).map_err(|error| Failure::fatal(error.to_string()))?;
        let client = Arc::new(AwsService::new(self.kind.service, Some(found), url, TIMEOUT, 1));
        clients.insert(region, Arc::clone(&client));
        Ok(client)
    }
}

impl StoreKind {
    /// Returns the address of the service in a region (AWS General Reference, service endpoints).
    fn address(self, region: &str) -> String {
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        format!("https://{}.{region}.{domain}", self.service)
    }
}

fn no_region() -> Failure {
    Failure::fatal(
        "no AWS region is set; set AWS_REGION, or a region in the AWS profile, or name it by its ARN",
    )
}

/// Returns the region in an ARN, such as `arn:aws:ssm:eu-central-1:123456789012:parameter/name`.
fn region_in(name: &str) -> Option<String> {
    let region = name.strip_prefix("arn:")?.split(':').nth(2)?;
    (!region.is_empty()).then(|| region.to_owned())
}

/// The code of an error, such as `ParameterNotFound` of `com.amazonaws.ssm#ParameterNotFound`.
fn code(answer: &HttpAnswer) -> Option<String> {
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    let code = body.get("__type")?.as_str()?;
    Some(code.rsplit(['#', '.']).next().unwrap_or(code).to_owned())
}

/// Says whether a name can be one: what is wrong with it otherwise.
pub(crate) fn wrong_with_name(what: &str, name: &str) -> Option<String> {
    if name.is_empty() {
        return Some(format!("the {what} has no name"));
    }
    let is_odd = |c: char| c.is_whitespace() || c.is_control();
    name.contains(is_odd).then(|| format!("`{name}` is no name of a {what}: it has a space in it"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn an_arn_says_where_it_is() {
        let arn = "arn:aws:secretsmanager:eu-west-3:123456789012:secret:prod/db-AbCdEf";
        assert_eq!(region_in(arn).as_deref(), Some("eu-west-3"));
        assert_eq!((region_in("prod/db"), region_in("arn:aws:ssm::1:x")), (None, None));
        let kind = StoreKind { service: "ssm", target: "AmazonSSM", endpoint: "X", missing: &[] };
        assert_eq!(kind.address("eu-west-3"), "https://ssm.eu-west-3.amazonaws.com");
        assert_eq!(kind.address("cn-north-1"), "https://ssm.cn-north-1.amazonaws.com.cn");
    }
}
