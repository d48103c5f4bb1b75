//! A process that finds nothing of AWS.

use serde_json::json;
use sluice_connector_api::{FailureKind, PutError};

use crate::built::built;
use sluice_plugin_testing::text;

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
    if !is_bare(
        "bedrock_kb::tests::aws::without_a_region_nothing_is_called_and_the_ways_to_set_one_are_named",
    ) {
        return;
    }
    let settings = json!({ "knowledge_base_id": "KB12345678", "data_source_id": "DS12345678" });
    let sink = built("bedrock_kb", settings);
    let error = sink.put(&[text(0, "a")]).await.unwrap_err();
    assert!(error.to_string().contains("AWS_REGION"), "{error}");
    assert!(matches!(error, PutError::Batch(failure) if failure.kind() == FailureKind::Fatal));
    assert!(sink.check().await[0].as_result().is_err_and(|wrong| wrong.contains("AWS_REGION")));
}

#[tokio::test]
async fn without_credentials_the_ways_to_set_them_are_named() {
    if !is_bare("bedrock_kb::tests::aws::without_credentials_the_ways_to_set_them_are_named") {
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
    assert!(findings[1].as_result().is_err_and(|wrong| wrong.contains("AWS_PROFILE")));
}
