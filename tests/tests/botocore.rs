//! A second opinion on the emulator, from the AWS SDK for Python and its service model.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking, and reports")]

use std::time::Duration;

use sluice_emulator::{DataSource, DataSourceType, KnowledgeBaseResource, Settings};
use sluice_tests::bedrock::LocalKnowledgeBase;
use sluice_tests::python::Python;

/// Knowledge bases of both kinds, with a data source of each kind; two have the same name.
fn knowledge_bases() -> Vec<KnowledgeBaseResource> {
    let custom = DataSource::new("TICKS00001", "ticks");
    let bucket = DataSource::new("BUCKET0001", "ticks").of(DataSourceType::S3);
    let managed = DataSource::new("MANAGED001", "ticks").of(DataSourceType::ManagedCustom);
    vec![
        KnowledgeBaseResource::new("PRICES0001", "prices").with(custom).with(bucket),
        KnowledgeBaseResource::new("PRICES0002", "prices"),
        KnowledgeBaseResource::new("NEWS000001", "news").managed().with(managed),
    ]
}

#[test]
fn the_emulator_is_what_botocore_takes_it_for() {
    let Some(python) = Python::with_packages() else { return };
    let emulator = LocalKnowledgeBase::start_with(Settings {
        knowledge_bases: knowledge_bases(),
        indexing_delay: Duration::from_millis(300),
        ..Settings::default()
    });
    let output = python.command(120, "check_emulator.py", [emulator.url()]).output().unwrap();
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{complained}");
    println!("{said}");
}
