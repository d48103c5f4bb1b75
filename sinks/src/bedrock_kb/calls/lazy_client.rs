//! The client of a connector, which is made when it is needed first.

use sluice_connector_api::Failure;
use sluice_wire::AwsSettings;
use tokio::sync::OnceCell;

use super::client::DocumentClient;
use super::data_source::DataSourceRef;

/// Makes a client at the first call, since that looks for credentials and, where there are names, for ids.
pub(crate) struct LazyClient {
    aws: AwsSettings,
    pub(crate) data_source: DataSourceRef,
    client: OnceCell<DocumentClient>,
}

impl LazyClient {
    pub(crate) fn new(aws: AwsSettings, data_source: DataSourceRef) -> Self {
        Self { aws, data_source, client: OnceCell::new() }
    }

    pub(crate) async fn get(&self) -> Result<&DocumentClient, Failure> {
        let make = || async {
            let config = self.aws.load().await?;
            DocumentClient::from_config(&config, &self.data_source).await
        };
        self.client.get_or_try_init(make).await
    }
}
