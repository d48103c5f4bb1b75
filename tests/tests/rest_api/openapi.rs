//! The document of the API: every method of every path is in it, and no other.

use serde_json::Value;
use sluice_tests::python::Python;

use crate::stage::Stage;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

#[test]
fn every_method_of_every_path_is_in_the_document() {
    let stage = Stage::new();
    let daemon = stage.spawn_writing();
    let document = stage.get("/openapi.json");
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() > 20, "{}", paths.len());
    for (path, methods) in paths {
        let asked = path.replace("{name}", "none").replace("{task}", "0").replace("{plugin}", "none");
        // What lasts has no end to wait for.
        let is_lasting =
            |method: &str| methods[method]["responses"]["200"]["content"]["text/event-stream"].is_object();
        for method in METHODS.into_iter().filter(|method| !is_lasting(method)) {
            let answer = stage.ask(&method.to_uppercase(), &asked, "");
            let is_told = methods.get(method).is_some();
            assert_eq!(answer.status != 405, is_told, "{method} {path}: {}", answer.status);
            let told = &methods[method]["responses"][answer.status.to_string()];
            assert!(!is_told || told.is_object(), "{method} {path}: {} is not told", answer.status);
        }
    }
    daemon.terminate().expect_code(0);
}

/// schemathesis makes requests of the document, valid ones and others, and compares the answers with it.
#[test]
fn what_is_made_of_the_document_is_answered_as_it_says() {
    let Some(python) = Python::with_clients() else { return };
    let stage = Stage::new();
    let daemon = stage.spawn_writing();
    let url = format!("http://{}", stage.address);
    let output = python.command(280, "schemathesis_run.py", [&url]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}{errors}");
    // What it made of names and configurations left the connector alone, or is a file like any other.
    assert_eq!(stage.ask("GET", "/healthz", "").status, 200);
    let metrics: Value = stage.get("/admin/loggers");
    assert!(metrics.is_object());
    daemon.terminate().expect_code(0);
}
