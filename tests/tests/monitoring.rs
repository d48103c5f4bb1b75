//! The dashboard and the alerts of `infra/monitoring`: what they name is served, and their copies are the same.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::process::Command;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;
use sluice_runtime::config::yaml::Node;
use sluice_runtime::observe::metrics_page;
use sluice_tests::sluice::root;

/// Labels that Prometheus itself, or its histograms, add.
const OTHER_LABELS: [&str; 3] = ["le", "alertname", "alertstate"];

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names of all samples that `/metrics` serves, and of all labels.
fn served() -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut names, mut labels) = (BTreeSet::new(), BTreeSet::new());
    for row in metrics_page().lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let name = cells[0].trim_matches('`').to_owned();
        if cells[1] == "histogram" {
            names.extend(["_bucket", "_sum", "_count"].map(|end| format!("{name}{end}")));
        } else {
            names.insert(name);
        }
        labels.extend(cells[2].split(", ").map(|label| label.trim_matches('`').to_owned()));
    }
    assert!(names.len() > 60 && labels.contains("connector"), "{names:?}");
    (names, labels)
}

/// The expressions of a dashboard or of rules, wherever they stand.
fn expressions(value: &Value, key: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == key => found.push(text.clone()),
                    other => expressions(other, key, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| expressions(item, key, found)),
        _ => {}
    }
}

fn names_in(expression: &str) -> BTreeSet<String> {
    static NAME: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\b(?:sluice|kafka)_\w+").unwrap());
    NAME.find_iter(expression).map(|found| found.as_str().to_owned()).collect()
}

/// The labels of selectors and of groupings.
fn labels_in(expression: &str) -> BTreeSet<String> {
    static SELECTOR: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"(\w+)\s*(?:=~|!~|!=|=)\s*""#).unwrap());
    static GROUPING: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\b(?:by|on|ignoring|without|group_left)\s*\(([^)]*)\)").unwrap());
    let mut labels: BTreeSet<String> =
        SELECTOR.captures_iter(expression).map(|found| found[1].to_owned()).collect();
    for found in GROUPING.captures_iter(expression) {
        labels.extend(
            found[1].split(',').map(|label| label.trim().to_owned()).filter(|label| !label.is_empty()),
        );
    }
    labels
}

#[track_caller]
fn assert_served(what: &str, expressions: &[String]) {
    let (names, labels) = served();
    for expression in expressions {
        let unknown: Vec<_> = names_in(expression).into_iter().filter(|name| !names.contains(name)).collect();
        assert!(unknown.is_empty(), "{what}: {unknown:?} of `{expression}` is not served");
        let is_known = |label: &String| labels.contains(label) || OTHER_LABELS.contains(&label.as_str());
        let unknown: Vec<_> = labels_in(expression).into_iter().filter(|label| !is_known(label)).collect();
        assert!(unknown.is_empty(), "{what}: no metric has the label {unknown:?} of `{expression}`");
        assert!(!names_in(expression).is_empty(), "{what}: `{expression}` names no metric");
    }
}

fn yaml(path: &str) -> Value {
    Node::parse(&read(path)).unwrap_or_else(|error| panic!("{path}: {}", error.text)).to_json()
}

#[test]
fn every_panel_names_metrics_and_labels_that_are_served() {
    let dashboard: Value = serde_json::from_str(&read("infra/monitoring/dashboard.json")).unwrap();
    let mut found = Vec::new();
    expressions(&dashboard, "expr", &mut found);
    assert!(found.len() >= 30, "{}", found.len());
    assert_served("dashboard.json", &found);
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64()).collect();
    assert_eq!(ids.len(), panels.len(), "each panel has a number of its own");
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        assert!(panel["description"].as_str().is_some_and(|text| !text.is_empty()), "{panel}");
    }
}

#[test]
fn every_alert_names_metrics_and_labels_that_are_served_and_says_what_to_do() {
    let rules = yaml("infra/monitoring/rules.yaml");
    let mut found = Vec::new();
    expressions(&rules, "expr", &mut found);
    assert!(found.len() >= 15, "{}", found.len());
    assert_served("rules.yaml", &found);
    for rule in rules["groups"][0]["rules"].as_array().unwrap() {
        let notes = &rule["annotations"];
        assert!(notes["summary"].is_string() && notes["description"].is_string(), "{rule}");
        assert!(["critical", "warning"].contains(&rule["labels"]["severity"].as_str().unwrap()), "{rule}");
    }
    let tests = read("infra/monitoring/rules.test.yaml");
    for rule in rules["groups"][0]["rules"].as_array().unwrap() {
        let name = rule["alert"].as_str().unwrap();
        assert!(tests.contains(name), "rules.test.yaml has no test of {name}");
    }
}

#[test]
fn a_name_that_is_not_served_is_found() {
    let (names, _) = served();
    assert!(!names.contains("sluice_put_seconds") && names.contains("sluice_put_seconds_bucket"));
    assert_eq!(names_in("rate(sluice_x_total[5m]) / kafka_connect_y").len(), 2);
    let labels = labels_in(r#"sum by (connector, le) (a{kind="x", b=~"y"}) and on (task) b"#);
    assert_eq!(labels.into_iter().collect::<Vec<_>>(), ["b", "connector", "kind", "le", "task"]);
}

#[test]
fn the_copies_for_kubernetes_are_the_same() {
    for name in ["rules.yaml", "dashboard.json"] {
        let copy = read(&format!("infra/helm/sluice/files/{name}"));
        assert_eq!(
            copy,
            read(&format!("infra/monitoring/{name}")),
            "copy infra/monitoring/{name} into the chart"
        );
    }
    let rule = yaml("infra/kubernetes/overlays/pod-monitor/prometheus-rule.yaml");
    assert_eq!(rule["spec"], yaml("infra/monitoring/rules.yaml"), "copy the rules into the overlay");
}

/// Needs `promtool`, of the Debian package prometheus; `SLUICE_REQUIRE_PROMTOOL=1` makes it a failure where it is missing.
#[test]
fn alerts_fire_when_they_should() {
    let promtool = |arguments: &[&str]| Command::new("promtool").args(arguments).current_dir(root()).output();
    let Ok(checked) = promtool(&["check", "rules", "infra/monitoring/rules.yaml"]) else {
        let is_required = std::env::var_os("SLUICE_REQUIRE_PROMTOOL").is_some();
        assert!(!is_required, "SLUICE_REQUIRE_PROMTOOL is set, but there is no promtool");
        // Past the harness, which swallows what a passing test prints.
        std::io::stderr().write_all(b"DID NOT RUN for want of promtool: alerts_fire_when_they_should\n").ok();
        return;
    };
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let tested = promtool(&["test", "rules", "infra/monitoring/rules.test.yaml"]).unwrap();
    let said = [tested.stdout, tested.stderr].concat();
    assert!(tested.status.success(), "{}", String::from_utf8_lossy(&said));
}
