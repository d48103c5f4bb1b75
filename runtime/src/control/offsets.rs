//! How far a connector is, and moving it while it is stopped.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sluice_connector_api::{AnyJson, BoxError, TopicPartition};

use crate::control::error::{RestError, RestResult};
use crate::control::served::Served;
use crate::kafka::groups::ConsumerGroup;
use crate::worker::State as ConnectorState;

/// `ConnectorOffsets`.
#[derive(Debug, Serialize)]
pub(super) struct ConnectorOffsets {
    offsets: Vec<ConnectorOffset>,
}

/// Those that are asked for, which may be none.
#[derive(Debug, Deserialize)]
struct AskedOffsets {
    offsets: Option<Vec<ConnectorOffset>>,
}

/// `ConnectorOffset`.
#[derive(Debug, Deserialize, Serialize)]
struct ConnectorOffset {
    partition: KafkaPartition,
    offset: Option<KafkaOffset>,
}

#[derive(Debug, Deserialize, Serialize)]
struct KafkaPartition {
    kafka_topic: String,
    kafka_partition: AnyJson,
}

#[derive(Debug, Deserialize, Serialize)]
struct KafkaOffset {
    kafka_offset: AnyJson,
}

/// `GET /connectors/{name}/offsets`: all that its group has committed, those of topics that it read once included.
pub(super) async fn get(
    State(served): State<Served>,
    Path(name): Path<String>,
) -> RestResult<Json<ConnectorOffsets>> {
    let committed = served.group(&name).await?.committed().await.map_err(|error| failed(&name, &error))?;
    let mut offsets = Vec::new();
    for (TopicPartition { topic, partition }, offset) in committed {
        let kafka_partition = Value::from(partition).into();
        let partition = KafkaPartition { kafka_topic: topic.to_string(), kafka_partition };
        offsets.push(ConnectorOffset {
            partition,
            offset: Some(KafkaOffset { kafka_offset: Value::from(offset).into() }),
        });
    }
    Ok(Json(ConnectorOffsets { offsets }))
}

/// `PATCH /connectors/{name}/offsets`.
pub(super) async fn alter(
    State(served): State<Served>,
    Path(name): Path<String>,
    body: Bytes,
) -> RestResult<Json<Value>> {
    let asked: AskedOffsets = serde_json::from_slice(&body)
        .map_err(|error| RestError::bad_request(format!("the body does not hold offsets: {error}")))?;
    let asked = asked.offsets.unwrap_or_default();
    if asked.is_empty() {
        return Err(RestError::bad_request(
            "Partitions / offsets need to be provided for an alter offsets request",
        ));
    }
    served.must_be_stopped(&name)?;
    let mut offsets = Vec::new();
    for ConnectorOffset { partition, offset } in asked {
        let number = whole_number("kafka_partition", partition.kafka_partition.value())?;
        let number = i32::try_from(number)
            .map_err(|_| RestError::bad_request(format!("`kafka_partition` {number} is out of range")))?;
        let offset =
            offset.map(|offset| whole_number("kafka_offset", offset.kafka_offset.value())).transpose()?;
        offsets.push((TopicPartition::new(partition.kafka_topic, number), offset));
    }
    served.group(&name).await?.set(offsets).await.map_err(|error| not_moved(&name, &error))?;
    Ok(Json(json!({ "message": "The offsets for this connector have been altered successfully" })))
}

/// `DELETE /connectors/{name}/offsets`.
pub(super) async fn reset(State(served): State<Served>, Path(name): Path<String>) -> RestResult<Json<Value>> {
    served.must_be_stopped(&name)?;
    let committed = served.group(&name).await?.committed().await.map_err(|error| failed(&name, &error))?;
    let taken_back = committed.into_iter().map(|(partition, _)| (partition, None)).collect();
    served.group(&name).await?.set(taken_back).await.map_err(|error| not_moved(&name, &error))?;
    Ok(Json(json!({ "message": "The offsets for this connector have been reset successfully" })))
}

/// Clients write numbers as numbers or as text.
fn whole_number(name: &str, value: &Value) -> RestResult<i64> {
    let number = match value {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_i64(),
    };
    let number = number.filter(|number| *number >= 0);
    number.ok_or_else(|| RestError::bad_request(format!("`{name}`: `{value}` is no whole number from 0 on")))
}

fn failed(name: &str, error: &BoxError) -> RestError {
    RestError::failed(format!("the offsets of connector {name} cannot be read: {error}"))
}

fn not_moved(name: &str, error: &BoxError) -> RestError {
    RestError::failed(format!(
        "Failed to alter consumer group offsets for connector {name}: {error}. If it was stopped just now, its tasks may be \
         leaving still, and the request can be made again"
    ))
}

impl Served {
    async fn group(&self, name: &str) -> RestResult<ConsumerGroup> {
        let (connector, _) = self.connector(name)?;
        let kafka = &connector.source.kafka;
        let group = ConsumerGroup::open(&kafka.access(), kafka.group_of(name), kafka.topics.clone()).await;
        group.map_err(|error| failed(name, &error))
    }

    fn must_be_stopped(&self, name: &str) -> RestResult<()> {
        let (_, status) = self.connector(name)?;
        if status.state == ConnectorState::Stopped {
            return Ok(());
        }
        Err(RestError::bad_request(format!(
            "Connectors must be in the STOPPED state before their offsets can be modified. This can be done for the specified \
             connector by issuing a 'PUT' request to the '/connectors/{name}/stop' endpoint"
        )))
    }
}
