//! Every command that the documentation shows is one that there is, with the options that it is shown with.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use sluice_tests::connector::Folder;
use sluice_tests::sluice::{Sluice, root};

/// The parts of a connector file.
const PARTS: [&str; 9] =
    ["source", "transforms", "sink", "batch", "errors", "guarantee", "state", "tasks_max", "buffer_memory"];

/// How a command begins on a page.
const BEGINNINGS: [&str; 4] = ["sluice ", "cargo run -q -- ", "cargo run -- ", "cargo run --quiet -- "];
/// What ends a command, or says where its output goes.
const ENDS: [char; 7] = ['`', '|', ')', ';', '&', '>', '#'];

/// Commands that reach nobody.
const OFFLINE: [&str; 6] = ["check", "convert", "lambda", "preview", "schema", "test"];
/// An event of AWS Lambda with one price: {"ticker":"OOOO","price":"$44.50","timestamp":1739712345.678}
const EVENT: &str = r#"{"eventSource":"aws:kafka","records":{"streamtopic-0":[{"topic":"streamtopic","partition":0,"offset":0,
"timestamp":1739712345678,"timestampType":"CREATE_TIME","headers":[],
"value":"eyJ0aWNrZXIiOiJPT09PIiwicHJpY2UiOiIkNDQuNTAiLCJ0aW1lc3RhbXAiOjE3Mzk3MTIzNDUuNjc4fQ=="}]}}"#;
/// What Kafka Connect has of a connector.
const CONNECT: &str = r#"{"name":"prices","config":{"connector.class":"io.confluent.connect.http.HttpSinkConnector",
"topics":"prices","http.api.url":"https://api.example.com/prices","value.converter":"org.apache.kafka.connect.json.JsonConverter",
"value.converter.schemas.enable":"false"}}"#;

#[test]
fn every_command_of_the_documentation_is_one_that_there_is() {
    let commands = documented(pages().into_iter());
    assert!(commands.len() > 40, "{commands:?}");
    for words in commands {
        let mut arguments = words.clone();
        arguments.push("--help".to_owned());
        let ended = Sluice::new(&arguments).output();
        assert_eq!(ended.code, Some(0), "{}: {ended}", words.join(" "));
    }
}

/// Commands that need neither brokers nor a target are run as they stand, beside the files that they name.
#[test]
fn every_command_of_the_documentation_that_can_run_by_itself_does() {
    let folder = Folder::new();
    for shared in ["connectors.d/stock-prices.yaml", "connectors.d/examples", "infra/demo", "docs/reference"]
    {
        copy(&root().join(shared), &folder.path().join(shared));
    }
    folder.write("records.jsonl", std::fs::read_to_string(root().join("infra/demo/records.jsonl")).unwrap());
    folder.write("event.json", EVENT);
    folder.write("connector.json", CONNECT);
    let mut kinds = BTreeSet::new();
    // The template is a program of its own.
    let pages = pages().into_iter().filter(|page| !page.starts_with(root().join("runtime/plugin-template")));
    for words in documented(pages) {
        let kind = words.first().unwrap();
        let is_offline = OFFLINE.contains(&kind.as_str()) && !words.iter().any(|word| word == "--connect");
        // Words in capitals, and files that only a reader has, stand for something.
        let stands_for = |word: &&String| {
            let is_name = word.len() > 3 && word.chars().all(|each| each.is_ascii_uppercase());
            let is_file = word.contains('.') && !folder.path().join(word).exists();
            is_name || (is_file && *word != "connectors.d/prices.yaml")
        };
        if !is_offline || words.len() == 1 || words.iter().skip(1).any(|word| stands_for(&word)) {
            continue;
        }
        let ids = [("KBID", "KB12345678"), ("DSID", "DS12345678")];
        let ended = Sluice::new(&words).current_dir(folder.path()).envs(ids).output();
        assert_eq!(ended.code, Some(0), "{}: {ended}", words.join(" "));
        kinds.insert(kind.clone());
    }
    let kinds: Vec<_> = kinds.iter().map(String::as_str).collect();
    assert_eq!(kinds, ["check", "convert", "lambda", "preview", "schema", "test"]);
}

fn copy(from: &Path, to: &Path) {
    if !from.is_dir() {
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(from, to).unwrap();
        return;
    }
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        copy(&entry.path(), &to.join(entry.file_name()));
    }
}

/// A part of a connector that a page shows is one that could be run as it stands, with what else there has to be.
#[test]
fn every_connector_of_the_documentation_is_a_good_one() {
    let mut count = 0;
    // The template has a sink of its own.
    for page in pages().into_iter().filter(|page| !page.starts_with(root().join("runtime/plugin-template"))) {
        let text = std::fs::read_to_string(&page).unwrap();
        for block in yaml_of(&text) {
            // What is in files is nowhere here; docs/kafka-security.md has a test of its own.
            let Some(file) = connector_of(&block).filter(|file| !file.contains("${file:")) else { continue };
            let folder = Folder::with("c.yaml", &file);
            let mut check = Sluice::new(["check", "c.yaml"]).current_dir(folder.path());
            for reference in file.split("${env:").skip(1) {
                let name: String = reference
                    .chars()
                    .take_while(|each| each.is_ascii_alphanumeric() || *each == '_')
                    .collect();
                let value = if name.contains("URL") { "https://set.example" } else { "KB12345678" };
                check = check.env(name, value);
            }
            let ended = check.output();
            assert_eq!(ended.code, Some(0), "{}:\n{file}\n{ended}", page.display());
            count += 1;
        }
    }
    assert!(count >= 8, "{count}");
}

/// Returns the blocks of a page that may be of a connector: those marked as YAML, and indented ones.
fn yaml_of(page: &str) -> Vec<String> {
    let fenced = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let mut blocks: Vec<String> = fenced.map(str::to_owned).collect();
    let mut indented = String::new();
    for line in page.lines().chain([""]) {
        match line.strip_prefix("    ") {
            Some(line) => indented.extend([line, "\n"]),
            None if line.is_empty() && indented.is_empty() => {}
            None => blocks.push(std::mem::take(&mut indented)),
        }
    }
    blocks
}

/// Makes a whole connector of a block that is part of one: of its top, or of its source.
fn connector_of(block: &str) -> Option<String> {
    const KAFKA: &str = "source:\n  kafka: { bootstrap_servers: \"localhost:9092\", topics: [a] }\n";
    let lines = block.lines().filter(|line| !line.starts_with([' ', '#', '-']) && !line.is_empty());
    let keys: Vec<&str> = lines.map(|line| line.split_once(':').map_or("", |(key, _)| key)).collect();
    if keys.is_empty() {
        return None;
    }
    if keys.iter().all(|key| ["key", "value"].contains(key)) && keys.len() == 1 {
        let indented = block.trim_end().replace('\n', "\n  ");
        return Some(format!("{KAFKA}  {indented}\nsink: {{ stdout: {{}} }}\n"));
    }
    if !keys.iter().all(|key| PARTS.contains(key)) {
        return None;
    }
    let source = if keys.contains(&"source") { "" } else { KAFKA };
    let sink = if keys.contains(&"sink") { "" } else { "\nsink: { stdout: {} }\n" };
    Some(format!("{source}{block}{sink}"))
}

fn pages() -> Vec<PathBuf> {
    let mut pages = Vec::new();
    for place in ["README.md", "CONTRIBUTING.md", "docs", "infra", "connectors.d", "runtime/plugin-template"]
    {
        collect(&root().join(place), &mut pages);
    }
    pages
}

/// Returns the words of every command of every page, each once.
fn documented(pages: impl Iterator<Item = PathBuf>) -> BTreeSet<Vec<String>> {
    let mut commands = BTreeSet::new();
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap().replace("\\\n", " ");
        for line in code_of(&text) {
            commands.extend(commands_in(&line));
        }
    }
    commands
}

fn collect(place: &Path, pages: &mut Vec<PathBuf>) {
    if place.is_dir() {
        for entry in std::fs::read_dir(place).unwrap() {
            collect(&entry.unwrap().path(), pages);
        }
    } else if place.extension().is_some_and(|extension| extension == "md") {
        pages.push(place.to_owned());
    }
}

/// Returns the lines of blocks of code, and what stands between backticks elsewhere.
fn code_of(page: &str) -> Vec<String> {
    let mut code = Vec::new();
    let mut is_fenced = false;
    for line in page.lines() {
        if line.starts_with("```") {
            is_fenced = !is_fenced;
        } else if is_fenced || line.starts_with("    ") {
            code.push(line.trim_start().trim_start_matches("$ ").to_owned());
        } else {
            code.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    code
}

fn commands_in(line: &str) -> Vec<Vec<String>> {
    let mut commands = Vec::new();
    for beginning in BEGINNINGS {
        for (start, _) in line.match_indices(beginning) {
            let (before, rest) = line.split_at(start);
            let before = before.chars().next_back();
            if !before.is_none_or(|before| matches!(before, ' ' | '(')) {
                continue;
            }
            let rest = rest.strip_prefix(beginning).unwrap();
            let words = words(rest.split(ENDS).next().unwrap());
            // Versions, files and the names of packages are none.
            let is_command =
                |word: &String| word.len() > 1 && word.chars().all(|each| each.is_ascii_lowercase());
            if words.first().is_some_and(is_command) {
                commands.push(words);
            }
        }
    }
    commands
}

/// Splits a command at its spaces, but for those between quotes.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in command.split(['"', '\'']).enumerate() {
        if index % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}
