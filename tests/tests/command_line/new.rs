//! `sluice new`: the file to begin with is a good one.

use serde_json::{Value, json};
use sluice_tests::connector::Folder;
use sluice_tests::sluice::Sluice;

fn sinks() -> Vec<String> {
    let listed = Sluice::new(["plugins", "--output=json"]).output().expect_code(0);
    let listed = listed.lines().into_iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let sinks = listed.filter(|plugin| plugin["kind"] == "sink");
    sinks.map(|sink| sink["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_file_of_every_sink_checks_and_shows_the_settings_that_are_left() {
    let (folder, sinks) = (Folder::new(), sinks());
    assert!(sinks.len() > 4, "{sinks:?}");
    for sink in sinks {
        let file = format!("{sink}.yaml");
        let new = Sluice::new(["new", &sink, &file, "--topic=prices"]).current_dir(folder.path());
        let written = new.output().expect_code(0);
        assert_eq!(written.stdout, format!("{file}: written; next: sluice check {file}"));
        let check = Sluice::new(["check", &file]).current_dir(folder.path());
        let check = ["CLIENT_SECRET", "OPENSEARCH_PASSWORD", "PGPASSWORD"]
            .iter()
            .fold(check, |check, name| check.env(name, "s"));
        let checked = check.output().expect_code(0).stdout;
        assert!(checked.starts_with(&format!("{file}: ok (")) && !checked.contains('\n'), "{checked}");
        let printed = Sluice::new(["new", &sink, "-t", "prices"]).output().expect_code(0).stdout;
        let text = std::fs::read_to_string(folder.path().join(&file)).unwrap();
        assert_eq!(printed, text.trim_end());
        let page = Sluice::new(["plugins", &sink]).output().expect_code(0).stdout;
        for key in page.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`')) {
            let first = key.split(['.', '[']).next().unwrap();
            assert!(text.contains(&format!("{first}:")), "{sink}: {first} is missing in\n{text}");
        }
    }
}

#[test]
fn what_was_written_is_said_as_json_where_it_is_asked_for() {
    let folder = Folder::new();
    let new = |arguments: &[&str]| {
        let new = Sluice::new(["new", "stdout", "--output=json"].iter().chain(arguments));
        let ended = new.current_dir(folder.path()).output().expect_code(0);
        serde_json::from_str::<Value>(&ended.stdout).unwrap()
    };
    assert_eq!(new(&["c.yaml"]), json!({ "sink": "stdout", "file": "c.yaml", "written": true }));
    let written = std::fs::read_to_string(folder.path().join("c.yaml")).unwrap();
    assert_eq!(new(&[]), json!({ "sink": "stdout", "text": written }));
}

#[test]
fn a_file_that_is_there_stays_as_it_is() {
    let folder = Folder::with("c.yaml", "mine");
    let new = Sluice::new(["new", "stdout", "c.yaml"]).current_dir(folder.path()).output().expect_code(3);
    assert!(
        new.stderr.starts_with("error: cannot write c.yaml: it is there already, and stays as it is"),
        "{new}"
    );
    assert_eq!(std::fs::read_to_string(folder.path().join("c.yaml")).unwrap(), "mine");
}

#[test]
fn what_cannot_be_written_is_told_the_way_out() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path().join("folder")).unwrap();
    for (file, expected) in [
        ("folder", "it is a directory; name the file in it"),
        ("nowhere/c.yaml", "its directory is not there; make that first"),
        ("prices", "a connector is a file that ends in .yaml or .yml"),
        ("c.json", "a connector is a file that ends in .yaml or .yml"),
    ] {
        let new = Sluice::new(["new", "stdout", file]).current_dir(folder.path()).output().expect_code(3);
        assert_eq!(new.stderr, format!("error: cannot write {file}: {expected}"));
    }
}

#[test]
fn a_sink_that_is_nearly_named_is_suggested() {
    let new = Sluice::new(["new", "htpp"]).output().expect_code(1);
    assert_eq!(new.stderr, "error: no sink is named `htpp`; did you mean `http`?");
    for (name, ours) in [("elasticsearch", "opensearch"), ("jdbc", "postgres"), ("AWS-S3", "s3")] {
        for command in ["new", "plugins"] {
            let ended = Sluice::new([command, name]).output().expect_code(1);
            assert!(ended.stderr.ends_with(&format!("did you mean `{ours}`?")), "{ended}");
        }
    }
}
