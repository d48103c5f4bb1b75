//! Tokens for Amazon MSK's IAM access control.
//!
//! A token is a presigned URL of the action `kafka-cluster:Connect`, in base64. Its form is that of AWS's own signers
//! (`aws-msk-iam-auth` for Java, `aws-msk-iam-sasl-signer-python`), which know one domain for all partitions.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sluice_connector_api::BoxError;
use tokio::sync::OnceCell;

use crate::tokens::Token;

/// What AWS's own signers set, and the most that a broker takes.
pub(crate) const LONGEST_LIFETIME: Duration = Duration::from_mins(15);
/// librdkafka looks for the end of a token once a second, and shows a new one in the last fifth of its life.
pub(crate) const SHORTEST_LIFETIME: Duration = Duration::from_secs(15);
/// All but what RFC 3986 calls unreserved, as Signature Version 4 wants it.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Signs tokens with the credentials that the AWS SDK finds.
#[derive(Clone, Debug)]
pub(crate) struct MskIam {
    region: String,
    lifetime: Duration,
    config: Arc<OnceCell<SdkConfig>>,
}

impl MskIam {
    pub(crate) fn new(region: &str, lifetime: Duration) -> Self {
        Self { region: region.to_owned(), lifetime, config: Arc::default() }
    }

    /// Signs a token. Credentials are fetched for it, where they are not at hand.
    pub(crate) async fn token(&self) -> Result<Token, BoxError> {
        let config = self.config.get_or_init(|| Box::pin(load(self.region.clone()))).await;
        let provider = config.credentials_provider().ok_or("found no AWS credentials")?;
        let credentials = provider.provide_credentials().await.map_err(|error| {
            let said = match &error {
                // What each place in the chain said is no help: none of them was set up.
                CredentialsError::CredentialsNotLoaded(_) => "there are none in any of the usual places".to_owned(),
                _ => causes(&error).trim_end_matches('.').to_owned(),
            };
            format!(
                "cannot get AWS credentials: {said}; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run \
                 with a role of the instance, task, pod or function"
            )
        })?;
        signed(&self.region, credentials, self.lifetime, SystemTime::now())
    }
}

async fn load(region: String) -> SdkConfig {
    let http =
        aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    aws_config::defaults(BehaviorVersion::latest()).http_client(http).region(Region::new(region)).load().await
}

/// Tells an error and what is below it on one line.
fn causes(error: &(dyn Error + 'static)) -> String {
    let all = std::iter::successors(Some(error), |error| (*error).source());
    all.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// A token holds no longer than the credentials that signed it. It says when it was signed in whole seconds.
fn signed(
    region: &str,
    credentials: Credentials,
    lifetime: Duration,
    now: SystemTime,
) -> Result<Token, BoxError> {
    let fraction = Duration::from_nanos(now.duration_since(UNIX_EPOCH)?.subsec_nanos().into());
    let end = now - fraction + lifetime;
    let expires = credentials.expiry().map_or(end, |expiry| expiry.min(end));
    let url = presigned(region, credentials, lifetime, now)?;
    let agent = utf8_percent_encode(concat!("sluice/", env!("CARGO_PKG_VERSION")), RESERVED);
    Ok(Token { value: URL_SAFE_NO_PAD.encode(format!("{url}&User-Agent={agent}")), expires })
}

fn presigned(
    region: &str,
    credentials: Credentials,
    lifetime: Duration,
    now: SystemTime,
) -> Result<String, BoxError> {
    let url = format!("https://kafka.{region}.amazonaws.com/?Action=kafka-cluster%3AConnect");
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(lifetime);
    let identity = credentials.into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("kafka-cluster")
        .time(now)
        .settings(settings)
        .build()?
        .into();
    let request = SignableRequest::new("GET", url.as_str(), std::iter::empty(), SignableBody::empty())?;
    let (_, added) = sign(request, &params)?.into_parts().0.into_parts();
    let added = added.iter().map(|(name, value)| format!("&{name}={}", utf8_percent_encode(value, RESERVED)));
    Ok(added.fold(url, |url, added| url + &added))
}

/// Reads the region off the first name of a broker that is one of Amazon MSK's, such as
/// `b-1.demo.abc123.c2.kafka.eu-central-1.amazonaws.com:9098`, or `kafka-serverless` for `kafka`.
pub(crate) fn region_of(bootstrap_servers: &str) -> Option<&str> {
    bootstrap_servers.split(',').find_map(|server| {
        let labels: Vec<&str> = server.split(['.', ':']).collect();
        labels.windows(3).find_map(|labels| match labels {
            ["kafka" | "kafka-serverless", region, "amazonaws"] => Some(*region),
            _ => None,
        })
    })
}

/// Refuses a port on which Amazon MSK listens for another kind of client: IAM has 9098, and 9198 in public (MSK
/// Developer Guide, Port information).
pub(crate) fn check_ports(bootstrap_servers: &str) -> Result<(), String> {
    const OTHERS: [&str; 5] = [":9092", ":9094", ":9096", ":9194", ":9196"];
    let servers = bootstrap_servers.split(',').map(str::trim).filter(|server| region_of(server).is_some());
    match servers.into_iter().find(|server| OTHERS.iter().any(|port| server.ends_with(port))) {
        Some(server) => Err(format!(
            "`{server}` does not listen for IAM; Amazon MSK's port for that is 9098, or 9198 over the internet"
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// 2026-11-24, 10:00:00 UTC.
    const NOW: u64 = 1_795_514_400;

    fn token(session: Option<&str>, expiry: Option<SystemTime>) -> Token {
        let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        let session = session.map(str::to_owned);
        let credentials = Credentials::new("AKIDEXAMPLE", secret, session, expiry, "test");
        let now = UNIX_EPOCH + Duration::from_secs(NOW) + Duration::from_millis(999);
        signed("eu-central-1", credentials, LONGEST_LIFETIME, now).unwrap()
    }

    /// Takes a token apart into the address, and its parameters in any order.
    fn parts(token: &Token) -> (String, BTreeSet<String>) {
        let url = String::from_utf8(URL_SAFE_NO_PAD.decode(&token.value).unwrap()).unwrap();
        let (address, query) = url.split_once('?').unwrap();
        (address.to_owned(), query.split('&').map(str::to_owned).collect())
    }

    /// The expected signatures are those of `aws-msk-iam-sasl-signer-python` 1.0.2 at the same time with the same
    /// credentials.
    #[test]
    fn a_token_is_the_one_that_the_official_signer_makes() {
        let signed_by_aws = [
            (None, "6811255ddb52a02a63a513c9c69cd5c940a71bbd32d775ca5df4d80e794359da"),
            (
                Some("session/token+with=signs"),
                "b3757443d7562f437e9ba9d6568ee11ef0ba190cc5395dc3f7b6dbe093595a7e",
            ),
        ];
        for (session, signature) in signed_by_aws {
            let (address, parameters) = parts(&token(session, None));
            let mut expected: BTreeSet<String> = [
                "Action=kafka-cluster%3AConnect",
                "X-Amz-Algorithm=AWS4-HMAC-SHA256",
                "X-Amz-Credential=AKIDEXAMPLE%2F20261124%2Feu-central-1%2Fkafka-cluster%2Faws4_request",
                "X-Amz-Date=20261124T100000Z",
                "X-Amz-Expires=900",
                "X-Amz-SignedHeaders=host",
                concat!("User-Agent=sluice%2F", env!("CARGO_PKG_VERSION")),
            ]
            .map(str::to_owned)
            .into();
            expected.insert(format!("X-Amz-Signature={signature}"));
            expected
                .extend(session.map(|_| "X-Amz-Security-Token=session%2Ftoken%2Bwith%3Dsigns".to_owned()));
            assert_eq!(
                (address.as_str(), parameters),
                ("https://kafka.eu-central-1.amazonaws.com/", expected)
            );
        }
    }

    #[test]
    fn a_token_ends_with_the_credentials_that_signed_it() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(NOW + seconds);
        assert_eq!(token(None, None).expires, at(900));
        assert_eq!(token(None, Some(at(100))).expires, at(100));
        assert_eq!(token(None, Some(at(5000))).expires, at(900));
    }

    #[test]
    fn the_region_is_in_the_names_of_brokers() {
        for (servers, region) in [
            ("b-1.demo.abc123.c2.kafka.eu-central-1.amazonaws.com:9098", Some("eu-central-1")),
            ("boot-x.c1.kafka-serverless.us-east-1.amazonaws.com:9098", Some("us-east-1")),
            ("b-1-public.demo.abc.kafka.us-gov-west-1.amazonaws.com:9198", Some("us-gov-west-1")),
            ("b-1.demo.abc.kafka.cn-north-1.amazonaws.com.cn:9098", Some("cn-north-1")),
            (
                "proxy.example.com:9098, b-2.kafka-demo.abc.c2.kafka.ap-south-1.amazonaws.com:9098",
                Some("ap-south-1"),
            ),
            ("kafka.example.com:9098", None),
            ("localhost:9092", None),
        ] {
            assert_eq!(region_of(servers), region, "{servers}");
        }
    }

    #[test]
    fn the_ports_of_other_clients_are_refused() {
        let at = |port| check_ports(&format!("b-1.demo.abc.kafka.eu-west-1.amazonaws.com:{port}"));
        assert_eq!((at(9098), at(9198), at(20098)), (Ok(()), Ok(()), Ok(())));
        assert!(at(9094).is_err_and(|reason| reason.contains("9098")));
        assert_eq!(check_ports("proxy.example.com:9094"), Ok(()), "a proxy listens where it likes");
    }
}
