//! The README's commands, run as they are written there.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use sluice_embedded_kafka::EmbeddedKafka;
use sluice_tests::bedrock::LocalKnowledgeBase;
use sluice_tests::sluice::{Sluice, root};

/// Returns the lines of the README's shell blocks.
fn commands() -> Vec<String> {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let blocks = readme.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.flat_map(str::lines).map(str::to_owned).collect()
}

/// Variables and arguments of a command.
type Parsed<'a> = (Vec<(&'a str, &'a str)>, Vec<&'a str>);

/// Takes `A=1 cargo run -- check x` apart into variables and arguments.
fn parse(command: &str) -> Option<Parsed<'_>> {
    let (before, arguments) = command.split_once("cargo run -- ")?;
    let variables = before.split_whitespace().filter_map(|word| word.split_once('=')).collect();
    Some((variables, arguments.split_whitespace().collect()))
}

#[test]
fn every_command_of_the_readme_does_what_it_says() {
    let kafka = EmbeddedKafka::start().unwrap();
    kafka.create_topic("streamtopic", 1).unwrap();
    let knowledge_base = LocalKnowledgeBase::start();
    let mut seen = Vec::new();
    for command in commands() {
        let Some((variables, arguments)) = parse(&command) else {
            assert_eq!(
                command, "cargo test --workspace",
                "the README has a command that this test does not know"
            );
            continue;
        };
        let sluice = Sluice::new(&arguments)
            .envs(knowledge_base.environment())
            .env("KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers())
            .envs(variables);
        let ended = if arguments.first() == Some(&"run") {
            let mut daemon = sluice.spawn();
            daemon.wait_for_log("partitions assigned");
            daemon.terminate()
        } else {
            sluice.output()
        };
        assert_eq!(ended.code, Some(0), "`{command}`: {ended}");
        seen.push(arguments.first().copied().unwrap().to_owned());
    }
    assert_eq!(seen, ["demo", "preview", "check", "check", "run"]);
}

#[test]
fn the_connector_in_the_readme_is_the_one_in_connectors_d() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let shown = readme.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap().to_owned();
    let file = std::fs::read_to_string(root().join("connectors.d/stock-prices.yaml")).unwrap();
    assert!(file.contains(shown.trim_end()), "the README shows another connector:\n{shown}");
}

#[test]
fn the_documentation_leads_to_every_page() {
    let index = std::fs::read_to_string(root().join("docs/README.md")).unwrap();
    let pages = std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().file_name());
    let missing: Vec<_> = pages
        .filter(|page| page != "README.md" && !index.contains(&format!("({}", page.to_string_lossy())))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_demo_prints_what_the_readme_shows() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let shown = readme.split("```text\n").nth(1).unwrap().split("```").next().unwrap();
    let printed = Sluice::new(["demo"]).output().expect_code(0).stdout;
    let printed: Vec<&str> = printed.lines().map(str::trim).collect();
    let shown: Vec<&str> = shown.lines().map(str::trim).filter(|line| *line != "...").collect();
    assert!(shown.len() > 5, "{shown:?}");
    let missing: Vec<_> = shown.iter().filter(|line| !printed.contains(line)).collect();
    assert!(missing.is_empty(), "{missing:?} is not in:\n{}", printed.join("\n"));
}

/// Every plug-in has its row in the README's tables.
#[test]
fn the_readme_lists_every_plug_in() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let mut missing = Vec::new();
    for kind in ["sinks", "transforms", "predicates"] {
        for page in std::fs::read_dir(root().join("docs/reference").join(kind)).unwrap() {
            let page = page.unwrap().file_name().to_string_lossy().into_owned();
            if !readme.contains(&format!("(docs/reference/{kind}/{page})")) {
                missing.push(format!("{kind}/{page}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}
