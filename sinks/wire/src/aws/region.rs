//! Where a region is found that no settings name.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::region::{ProvideRegion, RegionProviderChain, future};
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;

/// How long an instance may take to say where it is. Its metadata service is on the machine itself and answers within
/// milliseconds; elsewhere nothing answers, and four tries of the SDK's own take three seconds and more.
const INSTANCE_WAIT: Duration = Duration::from_secs(1);

/// Returns the places where AWS's tools look for a region: the environment, the profile, and the instance, which is not
/// waited for long.
pub(super) fn usual_region(provider: &ProviderConfig) -> RegionProviderChain {
    RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(ProfileFileRegionProvider::new())
        .or_else(InstanceRegion(ImdsRegionProvider::builder().configure(provider).build()))
}

/// The region of the instance that this runs on.
#[derive(Debug)]
struct InstanceRegion(ImdsRegionProvider);

impl ProvideRegion for InstanceRegion {
    fn region(&self) -> future::ProvideRegion<'_> {
        future::ProvideRegion::new(async {
            tokio::time::timeout(INSTANCE_WAIT, self.0.region()).await.ok().flatten()
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use aws_config::imds;
    use aws_smithy_http_client::tls::Provider;
    use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
    use tokio::net::TcpListener;
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_instance_that_does_not_answer_is_not_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let tls = Provider::Rustls(CryptoMode::Ring);
        let http = aws_smithy_http_client::Builder::new().tls_provider(tls).build_https();
        let provider = ProviderConfig::without_region().with_http_client(http);
        let client = imds::Client::builder().configure(&provider).endpoint(endpoint).unwrap().build();
        let instance = InstanceRegion(ImdsRegionProvider::builder().imds_client(client).build());
        let begun = Instant::now();
        assert_eq!(instance.region().await, None);
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    }
}
