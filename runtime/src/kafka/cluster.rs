//! Which cluster the brokers are.

use std::time::Duration;

use rdkafka::consumer::Consumer;

use sluice_kafka_client::Access;

/// How long the brokers may take: whoever asks waits for more than this.
const WAIT: Duration = Duration::from_secs(2);

/// Returns the id of the cluster, such as `MkU3OEVBNTcwNTJENDM2Qk`; none where no broker says it in time.
pub(crate) async fn cluster_id(access: &Access) -> Option<String> {
    let consumer = access.consumer("sluice-cluster").await.ok()?;
    tokio::task::spawn_blocking(move || consumer.client().fetch_cluster_id(WAIT)).await.ok()?
}
