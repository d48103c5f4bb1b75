//! The reference pages in `docs/reference`: every example in them is one that runs.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::path::Path;

use regex::Regex;
use serde_json::{Value, json};
use sluice_connector_api::{ByteSize, Registry};
use sluice_runtime::config::interpolate::Follow;
use sluice_runtime::config::shared_schema::ConnectorSchema;
use sluice_runtime::config::worker::WorkerSettings;
use sluice_runtime::config::yaml::Node;
use sluice_runtime::connector::load::Connector;
use sluice_runtime::offline::preview::preview;
use sluice_runtime::offline::sample::{self, InputFormat};
use sluice_runtime::reference::{Page, pages};
use sluice_tests::connector::Folder;
use sluice_tests::environment::EverythingIsSet;
use sluice_tests::sluice::Sluice;

fn registry() -> Registry {
    sluice_registry::register(sluice_sinks::register(sluice_transforms::register(Registry::new())))
}

/// The pages that have an example: those of plug-ins and of files.
fn with_examples() -> impl Iterator<Item = Page> {
    let bare = ["README.md", "metrics.md"];
    let has_none = move |page: &Page| bare.contains(&page.path.as_str());
    pages(&registry()).into_iter().filter(move |page| !has_none(page))
}

fn examples(page: &Page) -> Vec<String> {
    let block = Regex::new("(?s)```yaml\n(.*?)```").unwrap();
    block.captures_iter(&page.text).map(|captures| captures[1].to_owned()).collect()
}

/// A function checks one file, and need not build the schema of all plug-ins for it.
#[test]
fn the_schema_of_the_plug_ins_that_a_file_names_takes_it_as_that_of_all_does() {
    let (file, whole) = (Path::new("c.yaml"), ConnectorSchema::of(&registry()));
    for page in with_examples() {
        for example in examples(&page) {
            let node = Node::parse(&completed(&example)).unwrap();
            let own = ConnectorSchema::for_file(&registry(), &node);
            let (value, problems) = whole.validate(file, &node);
            let (by_own, wrong) = own.validate(file, &node);
            assert_eq!((wrong.is_empty(), by_own), (problems.is_empty(), value), "{example}");
            let sinks = |schema: &ConnectorSchema| schema.value()["properties"]["sink"].to_string().len();
            assert!(sinks(&own) < sinks(&whole), "{example}");
        }
    }
}

/// What `batch.max_records` and `batch.max_bytes` are capped at.
#[tokio::test]
async fn the_page_of_a_sink_says_what_a_batch_holds() {
    let registry = registry().with_provider::<EverythingIsSet>();
    for page in with_examples().filter(|page| page.path.starts_with("sinks/")) {
        for example in examples(&page) {
            let path = Path::new("c.yaml");
            let loaded = Connector::parse(path, &completed(&example), &registry, Follow::Every).await;
            let limits = loaded.unwrap().sink.limits();
            let (records, bytes) = (limits.max_records, ByteSize::new(limits.max_batch_bytes));
            let said = if records == 1 { "one record".to_owned() } else { records.to_string() };
            for said in [said, bytes.to_string()] {
                assert!(page.text.contains(&said), "{} does not say {said}", page.path);
            }
        }
    }
}

/// An example shows a part of a connector file; what it leaves out is put around it.
fn completed(example: &str) -> String {
    let mut text = example.to_owned();
    if !example.contains("source:") {
        text.push_str("source: { kafka: { bootstrap_servers: localhost, topics: [t] } }\n");
    }
    if !example.contains("sink:") {
        text.push_str("sink: { blackhole: {} }\n");
    }
    text
}

#[tokio::test]
async fn every_page_has_an_example_and_each_is_a_good_one() {
    let registry = registry().with_provider::<EverythingIsSet>();
    for page in with_examples() {
        let examples = examples(&page);
        assert!(
            !examples.is_empty(),
            "{}: add a block of yaml to the doc comment of the settings",
            page.path
        );
        for example in examples {
            if page.path == "process.md" {
                let folder = Folder::with("sluice.yaml", &example);
                WorkerSettings::load(
                    &WorkerSettings::default(),
                    Some(&folder.path().join("sluice.yaml")),
                    json!({}),
                )
                .unwrap();
            } else {
                Connector::parse(Path::new(&page.path), &completed(&example), &registry, Follow::Every)
                    .await
                    .unwrap();
            }
        }
    }
}

/// The lines of records before and after, where a page has them.
fn before_and_after(page: &Page) -> Option<(String, String)> {
    let block = Regex::new("(?s)Before:\n\n```json\n(.*?)```.*?After:\n\n```json\n(.*?)```").unwrap();
    block.captures(&page.text).map(|captures| (captures[1].to_owned(), captures[2].to_owned()))
}

/// What comes out of the example on a page, as `preview` shows it.
async fn previewed(page: &Page, before: &str) -> Vec<Value> {
    let example = completed(&examples(page)[0]);
    let connector =
        Connector::parse(Path::new(&page.path), &example, &registry(), Follow::Every).await.unwrap();
    let topic = &connector.source.kafka.topics[0];
    let records = sample::read(before.as_bytes(), topic, InputFormat::Record).unwrap();
    let preview = preview(&connector, records.into_iter().map(|record| (record, None)).collect()).await;
    let mut after = Vec::new();
    for record in preview.records {
        assert_eq!(record.rejected, None, "{}", page.path);
        after.extend(record.stages.last().unwrap().1.clone());
    }
    after
}

#[tokio::test]
async fn what_a_page_shows_before_and_after_is_what_the_transform_does() {
    let mut shown = 0;
    for page in pages(&registry()).iter().filter(|page| page.path.starts_with("transforms/")) {
        let Some((before, after)) = before_and_after(page) else {
            assert_eq!(page.path, "transforms/template.md", "add what the example makes of a record");
            continue;
        };
        let expected: Vec<Value> = after.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(previewed(page, &before).await, expected, "{}", page.path);
        shown += 1;
    }
    assert!(shown >= 15, "{shown}");
}

#[test]
fn the_index_names_every_page_with_its_first_paragraph() {
    let pages = pages(&registry());
    let (index, others) = pages.split_first().unwrap();
    assert_eq!(index.path, "README.md");
    assert!(others.iter().all(|page| index.text.contains(&format!("({})", page.path))));
    let line = "- [`string`, a converter](converters/string.md): Text in UTF-8, or in another encoding.\n";
    assert!(index.text.contains(line), "{}", index.text);
}

#[test]
fn the_page_of_the_http_sink_is_made_of_its_settings() {
    let page = pages(&registry()).into_iter().find(|page| page.path == "sinks/http.md").unwrap();
    for expected in [
        "# `http`, a sink\n\nSends records as HTTP requests",
        "### `url`\n\ntext · required · fits `^https?://.`\n",
        "### `max_in_flight`\n\nwhole number · 1 to 64 · default `4`\n",
        "### `auth.oauth2.client_secret`\n\nsecret · required\n",
        "- `delete`: What they name is deleted in the target.\n",
    ] {
        assert!(page.text.contains(expected), "{expected}\n--- not in\n{}", page.text);
    }
}

#[test]
fn the_command_writes_every_page() {
    let folder = Folder::new();
    let ended =
        Sluice::new(["schema".as_ref(), "--markdown".as_ref(), folder.path()]).output().expect_code(0);
    let pages = pages(&registry());
    assert!(ended.stdout.starts_with(&format!("{} pages written to", pages.len())), "{ended}");
    for page in pages {
        assert_eq!(
            std::fs::read_to_string(folder.path().join(&page.path)).unwrap(),
            page.text,
            "{}",
            page.path
        );
    }
}
