//! `--help`, `plugins` and `schema`.

use std::path::PathBuf;

use serde_json::Value;
use sluice_runtime::config::yaml::Node;
use sluice_runtime::connector::files::holds_tests;
use sluice_tests::sluice::{Sluice, root};

const COMMANDS: [&str; 19] = [
    "run",
    "check",
    "lambda",
    "preview",
    "test",
    "demo",
    "produce",
    "query",
    "kb",
    "topics",
    "offsets",
    "dlq",
    "plugins",
    "schema",
    "completions",
    "man",
    "health",
    "new",
    "convert",
];

#[test]
fn the_help_of_every_command_describes_it_and_each_of_its_options() {
    for command in COMMANDS {
        let ended = Sluice::new([command, "--help"]).output().expect_code(0);
        let description = ended.stdout.split("Usage:").next().unwrap();
        assert!(description.trim().len() > 40, "{command}: {description}");
        assert_eq!(ended.stderr, "");
        let short = Sluice::new([command, "-h"]).output().expect_code(0);
        let options = short.lines().into_iter().filter(|line| line.trim_start().starts_with('-'));
        for option in options {
            let described =
                option.trim().contains("  ") || short.stdout.contains(&format!("{option}\n     "));
            assert!(described, "{command}: {option} has no description\n{short}");
        }
    }
}

#[test]
fn the_help_of_the_program_lists_every_command_and_the_exit_codes() {
    let ended = Sluice::new(["--help"]).output().expect_code(0);
    for command in COMMANDS {
        assert!(ended.stdout.contains(&format!("\n  {command} ")), "{command}: {ended}");
    }
    assert!(ended.stdout.contains("0 ok, 1 failed while running, 2 bad configuration, 3 environment"));
    let version = Sluice::new(["--version"]).output().expect_code(0);
    assert!(version.stdout.starts_with("sluice 0."), "{version}");
}

#[test]
fn what_is_no_command_and_what_is_no_option_is_a_usage_error() {
    for arguments in [&["nosuch"][..], &["run", "--nosuch"], &[]] {
        let ended = Sluice::new(arguments).output().expect_code(2);
        assert!(ended.stderr.contains("Usage: sluice"), "{ended}");
        assert_eq!(ended.stdout, "");
    }
}

#[test]
fn plugins_lists_every_plug_in_with_a_summary() {
    let ended = Sluice::new(["plugins"]).output().expect_code(0);
    for (kind, name) in [
        ("sink", "bedrock_kb"),
        ("sink", "blackhole"),
        ("sink", "file"),
        ("sink", "stdout"),
        ("transform", "template"),
        ("transform", "timestamp"),
        ("predicate", "record_is_tombstone"),
    ] {
        let is_it = |line: &&str| line.split_whitespace().take(2).eq([kind, name]);
        assert_eq!(ended.lines().iter().filter(|line| is_it(line)).count(), 1, "{kind} {name}: {ended}");
    }
    assert!(ended.lines().iter().all(|line| line.split_whitespace().count() > 4), "{ended}");
}

#[test]
fn plugins_shows_every_setting_of_each_plug_in_with_a_description() {
    let list = Sluice::new(["plugins"]).output().expect_code(0);
    for name in list.lines().iter().map(|line| line.split_whitespace().nth(1).unwrap()) {
        let ended = Sluice::new(["plugins", name]).output().expect_code(0);
        for setting in ended.stdout.split("\n### ").skip(1) {
            let [key, facts, meaning] = setting.splitn(3, "\n\n").collect::<Vec<_>>()[..] else {
                panic!("{name}: {setting}")
            };
            assert!(key.starts_with('`') && facts.len() > 2 && meaning.len() > 8, "{name}: {setting}");
        }
    }
    let ended = Sluice::new(["plugins", "bedrock_kb"]).output().expect_code(0);
    assert!(ended.stdout.contains("\n### `knowledge_base_id`\n\ntext"), "{ended}");
    assert!(
        ended.stdout.contains("\n### `documents_per_call`\n\nwhole number · 1 to 25 · default `10`\n"),
        "{ended}"
    );
    let ended = Sluice::new(["plugins", "nosuch"]).output().expect_code(1);
    assert!(
        ended.stderr.starts_with("error: no plug-in is named `nosuch`; there are: bedrock_kb, "),
        "{ended}"
    );
}

fn schema(arguments: &[&str]) -> Value {
    let ended = Sluice::new(["schema"].iter().chain(arguments)).output().expect_code(0);
    assert_eq!(ended.stderr, "");
    serde_json::from_str(&ended.stdout).unwrap()
}

#[test]
fn the_schema_is_a_valid_json_schema_that_describes_every_key() {
    for arguments in [&[][..], &["--process"]] {
        let schema = schema(arguments);
        jsonschema::meta::validate(&schema).unwrap();
        assert_described("", &schema);
    }
}

fn assert_described(path: &str, schema: &Value) {
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        let path = format!("{path}.{name}");
        assert!(property["description"].as_str().is_some_and(|text| !text.is_empty()), "{path}");
        // Predicates are described where they stand alone, and not again wherever they are combined.
        if ![".predicate.all", ".predicate.any", ".predicate.not"]
            .iter()
            .any(|combined| path.ends_with(combined))
        {
            assert_described(&path, property);
        }
    }
    if let Some(items) = schema.get("items") {
        assert_described(&format!("{path}[]"), items);
    }
}

/// An editor sees references as they are written.
#[test]
fn the_schema_finds_no_fault_with_the_connectors_of_the_repository_as_they_are_written() {
    let validator = jsonschema::validator_for(&schema(&[])).unwrap();
    let (connectors, examples) = (root().join("connectors.d"), root().join("connectors.d/examples"));
    let paths = [connectors, examples].map(|folder| std::fs::read_dir(folder).unwrap());
    let is_connector = |path: &PathBuf| path.is_file() && !holds_tests(path);
    for path in paths.into_iter().flatten().map(|entry| entry.unwrap().path()).filter(is_connector) {
        let node = Node::parse(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let value = node.to_json();
        let errors: Vec<_> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", path.display());
    }
}

#[test]
fn the_schema_finds_a_typing_error() {
    let validator = jsonschema::validator_for(&schema(&[])).unwrap();
    let node = Node::parse("source: { kafka: { topcs: [] } }\nsink: { blackhole: {} }\n").unwrap();
    assert!(!validator.is_valid(&node.to_json()));
}

#[test]
fn the_schema_in_the_repository_is_the_one_that_is_printed() {
    let ended = Sluice::new(["schema"]).output().expect_code(0);
    let path = root().join("docs/connector.schema.json");
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(stored.trim_end() == ended.stdout, "out of date; run: sluice schema > {}", path.display());
}

#[test]
fn a_name_that_is_nearly_one_of_a_plug_in_is_answered_with_it() {
    let ended = Sluice::new(["plugins", "htpp"]).output().expect_code(1);
    assert_eq!(ended.stderr, "error: no plug-in is named `htpp`; did you mean `http`?");
}

#[test]
fn plugins_as_json_are_an_object_a_line_and_one_comes_with_its_schema() {
    let text = Sluice::new(["plugins"]).output().expect_code(0);
    let json = Sluice::new(["plugins", "--output=json"]).output().expect_code(0);
    assert_eq!(text.lines().len(), json.lines().len());
    for line in json.lines() {
        let listed: Value = serde_json::from_str(line).unwrap();
        assert!(listed["kind"].is_string() && listed["summary"].as_str().unwrap().len() > 10, "{line}");
    }
    let http = Sluice::new(["plugins", "http", "--output=json"]).output().expect_code(0);
    let http: Value = serde_json::from_str(&http.stdout).unwrap();
    jsonschema::meta::validate(&http["schema"]).unwrap();
    assert!(http["schema"]["properties"]["url"].is_object(), "{http}");
}

#[test]
fn every_command_has_a_page_in_the_manual() {
    let folder = sluice_tests::connector::Folder::new();
    let pages = folder.path().join("man1");
    Sluice::new(["man"]).arg(&pages).output().expect_code(0);
    let page = |name: &str| std::fs::read_to_string(pages.join(format!("{name}.1"))).unwrap();
    for command in COMMANDS {
        assert!(page(&format!("sluice-{command}")).contains(".SH SYNOPSIS"), "{command}");
    }
    assert!(page("sluice").contains("sluice\\-run"), "{}", page("sluice"));
    let ended = Sluice::new(["man", "Cargo.toml/man1"]).current_dir(root()).output().expect_code(3);
    assert!(ended.stderr.contains("Cargo.toml/man1"), "{ended}");
}

#[test]
fn completions_know_every_command_in_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ended = Sluice::new(["completions", shell]).output().expect_code(0);
        let missing: Vec<_> = COMMANDS.iter().filter(|command| !ended.stdout.contains(**command)).collect();
        assert!(missing.is_empty(), "{shell}: {missing:?}");
        assert!(ended.stdout.contains("knowledge-base-id"), "{shell}: the options of `query` are missing");
    }
    Sluice::new(["completions", "nosuch"]).output().expect_code(2);
}

/// What a text has to be like is told in a sentence, and not by a regular expression.
#[test]
fn every_pattern_of_the_schema_has_its_sentence() {
    let schema = Sluice::new(["schema"]).output().expect_code(0).stdout;
    let mut patterns = Vec::new();
    collect_patterns(&serde_json::from_str(&schema).unwrap(), &mut patterns);
    // A reference may stand wherever a number may, and is no text of its own.
    patterns.retain(|(pattern, _)| !pattern.starts_with(r"\$\{"));
    assert!(patterns.len() > 10, "{patterns:?}");
    let bare: Vec<_> = patterns.iter().filter(|(_, sentence)| sentence.is_none()).collect();
    assert!(bare.is_empty(), "{bare:?}");
}

fn collect_patterns(schema: &Value, patterns: &mut Vec<(String, Option<String>)>) {
    match schema {
        Value::Object(fields) => {
            let text = |key: &str| fields.get(key).and_then(Value::as_str).map(str::to_owned);
            patterns.extend(text("pattern").map(|pattern| (pattern, text("patternErrorMessage"))));
            fields.values().for_each(|below| collect_patterns(below, patterns));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_patterns(item, patterns)),
        _ => {}
    }
}
