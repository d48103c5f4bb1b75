//! The contract suites.

use serde_json::json;
use sluice_connector_api::{ReadingTask, Record};
use sluice_plugin_testing::{ExactlyOnceContract, SinkContract, record};
use sluice_tests::postgres::Postgres;

use crate::support::sink;

fn price(offset: i64) -> Record {
    record(offset).key(json!({ "id": offset })).value(json!({ "price": offset })).build()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_keeps_the_contract_in_every_mode() {
    let Some(server) = Postgres::start() else { return };
    server.sql("create table t (id bigint primary key, price int)");
    for settings in [
        json!({ "mode": "insert", "key": "record_key" }),
        json!({ "mode": "upsert", "key": "record_key" }),
        json!({ "mode": "update", "key": "record_key", "key_columns": ["id"] }),
    ] {
        SinkContract::new(&*sink(&server, settings)).records(price).holds().await;
    }
    assert_eq!(server.number("select count(*) from t"), 2000);
    server.sql(
        "create table whole (kafka_topic text, kafka_partition int, kafka_offset bigint, v text, \
                primary key (kafka_topic, kafka_partition, kafka_offset))",
    );
    let settings = json!({ "table": "whole", "mode": "upsert", "key": "origin", "value_column": "v" });
    SinkContract::new(&*sink(&server, settings)).records(price).holds().await;
    assert_eq!(server.number("select count(*) from whole where v like '{\"price\":%'"), 2000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_with_offsets_stores_exactly_once() {
    let Some(server) = Postgres::start() else { return };
    // Without a key, so that whatever is stored twice is seen.
    server.sql("create table t (price int)");
    let sink = sink(&server, json!({ "offsets_table": "offsets" }));
    let task = ReadingTask::new("prices", 0, "connect-prices");
    let owners = [sink.exactly_once(&task).unwrap(), sink.exactly_once(&task).unwrap()];
    let count = async || usize::try_from(server.number("select count(*) from t")).unwrap();
    ExactlyOnceContract::new([&*owners[0], &*owners[1]], price, count)
        .refused(|offset| record(offset).value(json!({ "price": "much" })).build())
        .holds()
        .await;
    let others = sink.exactly_once(&ReadingTask::new("prices", 0, "another")).unwrap();
    let taken = others.take_over(&[sluice_connector_api::TopicPartition::new("prices", 0)]).await.unwrap();
    assert_eq!(taken[0].position, None, "each group has its own");
}
