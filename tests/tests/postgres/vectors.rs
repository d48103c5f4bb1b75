//! Columns of pgvector.

use serde_json::json;
use sluice_connector_api::FailureKind;
use sluice_plugin_testing::{batch_failure, record};
use sluice_tests::postgres::Postgres;

use crate::support::{row, sink};

#[tokio::test(flavor = "multi_thread")]
async fn an_array_of_numbers_is_a_vector_and_is_found_by_its_distance() {
    let Some(server) = Postgres::start_with_vector() else { return };
    server.sql("create extension vector; create table t (id int primary key, v vector(3), h halfvec(2))");
    let sink = sink(&server, json!({ "mode": "upsert", "key": "fields", "key_columns": ["id"] }));
    let of = |id: i64, v: serde_json::Value| record(id).value(json!({ "id": id, "v": v })).build();
    sink.put(&[
        of(1, json!([0.25, -1.5, 3])),
        of(2, json!([1e-3, 2, 1e3])),
        of(3, json!(null)),
        of(4, json!("[1,2,3]")),
    ])
    .await
    .unwrap();
    sink.put(&[record(5).value(json!({ "id": 5, "h": [1, 0.5] })).build()]).await.unwrap();
    assert_eq!(
        server.sql("select id, v from t where v is not null order by v <-> '[0,0,0]'"),
        [["1", "[0.25,-1.5,3]"], ["4", "[1,2,3]"], ["2", "[0.001,2,1000]"]]
    );
    assert_eq!(server.sql("select h from t where id = 5"), [["[1,0.5]"]]);
    for (bad, said) in [
        (json!([1, 2]), "expected 3 dimensions, not 2"),
        (json!([1, null, 2]), "column `v` of type vector"),
        (json!([1, "x", 2]), "column `v` of type vector"),
        (json!({ "a": 1 }), "column `v` of type vector"),
    ] {
        let failure = batch_failure(sink.put(&[of(9, bad.clone())]).await);
        assert!(
            failure.kind() == FailureKind::Rejected && failure.to_string().contains(said),
            "{bad}: {failure}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_with_vectors_is_made_where_their_type_is_named() {
    let Some(server) = Postgres::start_with_vector() else { return };
    let settings = json!({
        "mode": "upsert", "key": "record_key", "key_columns": ["id"], "auto_create": true, "auto_evolve": true,
        "column_types": { "embedding": "vector(2)" },
    });
    let embedding = row(0, "a", json!({ "embedding": [1, 2], "text": "x" }));
    let without = batch_failure(sink(&server, settings.clone()).put(std::slice::from_ref(&embedding)).await);
    assert!(
        without.kind() == FailureKind::Fatal
            && without.to_string().contains("type \"vector\" does not exist"),
        "{without}"
    );
    server.sql("create extension vector");
    sink(&server, settings).put(&[embedding]).await.unwrap();
    assert_eq!(server.sql("select id, embedding, text from t"), [["a", "[1,2]", "x"]]);
}
