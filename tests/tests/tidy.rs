//! Rules of the house that no lint knows.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;
use serde_json::Value;
use sluice_connector_api::Registry;
use sluice_runtime::config::interpolate::Follow;
use sluice_runtime::connector::files::holds_tests;
use sluice_runtime::connector::load::Connector;
use sluice_runtime::reference::pages;
use sluice_tests::environment::EverythingIsSet;
use sluice_tests::sluice::root;

/// A source file, by its path from the root of the repository.
struct Source {
    path: String,
    text: String,
}

/// Finds the files below `folder` that end in `extension`; build output and hidden folders are left out.
fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            files(&path, extension, found);
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
}

fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    files(root(), "rs", &mut found);
    assert!(found.len() > 50, "the sources are not where they are looked for");
    let read = |path: PathBuf| Source {
        text: fs::read_to_string(&path).unwrap(),
        path: path.strip_prefix(root()).unwrap().to_string_lossy().into_owned(),
    };
    found.into_iter().map(read).collect()
}

/// The part of a file before its test module.
fn without_tests(text: &str) -> &str {
    let end = text.find("\n#[cfg(test)]\nmod tests {").or_else(|| text.find("\n#[cfg(test)]\n#[allow("));
    end.map_or(text, |end| text.split_at(end).0)
}

fn is_test_code(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("tests.rs")
}

#[track_caller]
fn assert_none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}

#[test]
fn no_file_is_longer_than_400_lines_without_its_tests() {
    let own = sources().into_iter().filter(|source| !is_test_code(&source.path));
    let sized = own.map(|source| (without_tests(&source.text).lines().count(), source.path));
    let long: Vec<_> =
        sized.filter(|(lines, _)| *lines > 400).map(|(n, path)| format!("{path}: {n}")).collect();
    assert_none("files over 400 lines", &long);
}

#[test]
fn the_engine_names_no_plug_in() {
    let plug_ins =
        ["sluice_sinks", "sluice_secrets", "sluice_transforms", "sluice_emulator", "sluice_embedded_kafka"];
    let library = sources().into_iter().filter(|source| source.path.starts_with("runtime/src/"));
    let naming = library.filter(|source| plug_ins.iter().any(|name| source.text.contains(name)));
    assert_none("names a plug-in crate", &naming.map(|source| source.path).collect::<Vec<_>>());
}

/// The packages that a package of the workspace needs to be built, at any depth.
fn needs(package: &str) -> BTreeSet<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = std::process::Command::new(cargo);
    command.args(["tree", "--locked", "--edges=normal,build", "--prefix=none", "--format={p}", "--package"]);
    let output = command.arg(package).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

#[test]
fn the_contract_does_no_io() {
    let banned = |name: &String| {
        ["tokio", "rdkafka", "hyper", "reqwest", "sluice-runtime"].contains(&name.as_str())
            || ["aws-", "tokio-", "rdkafka-"].iter().any(|prefix| name.starts_with(prefix))
    };
    let found: Vec<_> = needs("sluice-connector-api").into_iter().filter(banned).collect();
    assert_none("sluice-connector-api needs", &found);
}

#[test]
fn plug_ins_do_not_know_the_engine() {
    for package in [
        "sluice-wire",
        "sluice-secrets",
        "sluice-sinks",
        "sluice-transforms",
        "sluice-registry",
        "sluice-emulator",
        "sluice-embedded-kafka",
    ] {
        assert!(!needs(package).contains("sluice-runtime"), "{package} needs sluice-runtime");
    }
    let transforms = needs("sluice-transforms");
    assert!(!transforms.contains("tokio") && !transforms.contains("rdkafka"), "transforms are pure");
}

/// Returns the names of the structs that are settings of plug-ins, and how the table registers them.
fn plug_ins(crate_root: &str, contract: &Regex) -> Vec<(String, String)> {
    let inside = |source: &Source| source.path.starts_with(&format!("{crate_root}/src/"));
    let mut found = Vec::new();
    for source in sources().iter().filter(|source| inside(source) && !is_test_code(&source.path)) {
        for captures in contract.captures_iter(without_tests(&source.text)) {
            found.push((captures[1].to_lowercase(), captures[2].to_owned()));
        }
    }
    found
}

#[test]
fn every_plug_in_is_in_its_table() {
    let contract =
        Regex::new(r"impl (?:Aws)?(Sink|Transform|Predicate|Converter)Settings for (\w+)").unwrap();
    for (crate_root, least) in [("sinks", 4), ("transforms", 8), ("transforms/registry", 4)] {
        let table = fs::read_to_string(root().join(crate_root).join("src/lib.rs")).unwrap();
        let plug_ins = plug_ins(crate_root, &contract);
        assert!(plug_ins.len() >= least, "{crate_root}: {plug_ins:?}");
        for (kind, settings) in plug_ins {
            let line = Regex::new(&format!(r"\.with_{kind}::<(OnAws<)?(\w+::)*{settings}>+\(\)")).unwrap();
            assert!(line.is_match(&table), "{settings} is not in the table of {crate_root}");
        }
    }
}

#[tokio::test]
async fn every_ready_made_connector_loads_and_helps_editors() {
    let mut found = Vec::new();
    files(&root().join("connectors.d"), "yaml", &mut found);
    found.retain(|path| !holds_tests(path));
    assert!(!found.is_empty());
    let registry =
        sluice_registry::register(sluice_sinks::register(sluice_transforms::register(Registry::new())))
            .with_provider::<EverythingIsSet>();
    for path in found {
        Connector::load(&path, &registry, Follow::Every).await.unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let first = text.lines().next().unwrap();
        let schema = first.strip_prefix("# yaml-language-server: $schema=").unwrap();
        let target = path.parent().unwrap().join(schema).canonicalize().unwrap();
        assert_eq!(target, root().join("docs/connector.schema.json").canonicalize().unwrap());
    }
}

#[tokio::test]
async fn every_connector_that_goes_with_the_infrastructure_loads() {
    let mut found = Vec::new();
    files(&root().join("infra/kubernetes"), "yaml", &mut found);
    found.retain(|path| path.parent().is_some_and(|folder| folder.ends_with("connectors.d")));
    assert!(found.len() > 1);
    let registry =
        sluice_registry::register(sluice_sinks::register(sluice_transforms::register(Registry::new())))
            .with_provider::<EverythingIsSet>();
    for path in found {
        Connector::load(&path, &registry, Follow::Every).await.unwrap();
    }
}

#[test]
fn the_stored_schema_is_json() {
    let text = fs::read_to_string(root().join("docs/connector.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(schema["title"], "Sluice connector");
}

#[test]
fn the_reference_pages_are_those_that_the_settings_make() {
    let folder = root().join("docs/reference");
    let pages = pages(&sluice_registry::register(sluice_sinks::register(sluice_transforms::register(
        Registry::new(),
    ))));
    let stale = pages
        .iter()
        .filter(|page| fs::read_to_string(folder.join(&page.path)).ok().as_ref() != Some(&page.text));
    let mut found = Vec::new();
    files(&folder, "md", &mut found);
    let gone = found.iter().filter(|path| pages.iter().all(|page| folder.join(&page.path) != **path));
    let both: Vec<_> =
        stale.map(|page| page.path.clone()).chain(gone.map(|path| path.display().to_string())).collect();
    assert_none("out of date; run: cargo run -- schema --markdown docs/reference", &both);
}

#[test]
fn nothing_is_left_to_do() {
    let unfinished = Regex::new(r"\b(todo|unimplemented|dbg)!|\b(TODO|FIXME|XXX)\b").unwrap();
    let own = sources().into_iter().filter(|source| source.path != "tests/tests/tidy.rs");
    let found = own.filter(|source| unfinished.is_match(&source.text)).map(|source| source.path);
    assert_none("unfinished", &found.collect::<Vec<_>>());
    let mut manifests = Vec::new();
    files(root(), "toml", &mut manifests);
    let found = manifests.iter().filter(|path| unfinished.is_match(&fs::read_to_string(path).unwrap()));
    assert_none("unfinished", &found.map(|path| path.display().to_string()).collect::<Vec<_>>());
}

#[test]
fn every_allow_has_a_reason() {
    let allow = Regex::new(r"#!?\[(?:cfg_attr\([^\]]*)?(?:allow|expect)\([^\]]*\]").unwrap();
    let mut found = Vec::new();
    for source in sources().iter().filter(|source| source.path != "tests/tests/tidy.rs") {
        let silent = allow.find_iter(&source.text).filter(|found| !found.as_str().contains("reason ="));
        found.extend(silent.map(|found| format!("{}: {}", source.path, found.as_str())));
    }
    assert_none("without a reason", &found);
}

#[test]
fn no_module_is_named_for_nothing() {
    let banned = ["util", "utils", "helper", "helpers", "common", "misc", "manager", "processor", "handler"];
    let found = sources().into_iter().map(|source| source.path).filter(|path| {
        let parts = path.trim_end_matches(".rs").split('/');
        parts.clone().any(|part| banned.contains(&part))
    });
    assert_none("a name that says nothing", &found.collect::<Vec<_>>());
}

#[test]
fn every_decision_and_page_that_the_documents_link_to_exists() {
    let link = Regex::new(r"\]\(([^)#]+)").unwrap();
    let mut pages = Vec::new();
    files(root(), "md", &mut pages);
    let mut broken = Vec::new();
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        let links = link.captures_iter(&text).map(|captures| captures[1].trim().to_owned());
        for link in links.filter(|link| !link.contains("://") && !link.starts_with("mailto:")) {
            if !page.parent().unwrap().join(&link).exists() {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert_none("broken links", &broken);
}

/// Plain English that nobody has to translate: "records per second", "comma-separated", "is not valid JSON".
#[test]
fn no_sentence_needs_a_second_reading() {
    let odd = Regex::new(
        r"(?x)\b(records|calls|bytes|puts|requests|documents|questions)\ an?\ (batch|second|put|call|record|request|question)\b
        | \bparted\ by\b | \b(is|are)\ no\ (JSON|UTF-8|URL|YAML|number)\b",
    )
    .unwrap();
    let mut texts: Vec<(String, String)> =
        sources().into_iter().map(|source| (source.path, source.text)).collect();
    let mut pages = Vec::new();
    files(root(), "md", &mut pages);
    texts.extend(
        pages.into_iter().map(|page| (page.display().to_string(), fs::read_to_string(&page).unwrap())),
    );
    let mut found = Vec::new();
    for (path, text) in texts.iter().filter(|(path, _)| path != "tests/tests/tidy.rs") {
        for line in text.lines().filter(|line| odd.is_match(line)) {
            found.push(format!("{path}: {}", line.trim()));
        }
    }
    assert_none("reads oddly", &found);
}
