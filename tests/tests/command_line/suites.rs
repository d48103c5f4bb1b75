//! `sluice test`: the tests of connectors, as a user runs them.

use serde_json::Value;
use sluice_tests::connector::Folder;
use sluice_tests::sluice::{Exited, Sluice};

const CONNECTOR: &str = "\
source: { kafka: { bootstrap_servers: \"${env:SERVERS}\", topics: [t] }, key: string }
transforms:
  - template: { text: \"{{n}} of {{name}}\" }
sink:
  http: { url: \"${env:URL:-http://localhost:1}/{{@record.key}}\", method: PUT, on_null: delete }
";

const TESTS: &str = "\
# kept
tests:
  - name: one
    records:
      - { key: k, value: { n: 1.50, name: a } }
    expect:
      records: [{ key: k, value: 1.50 of a }]
      requests: [{ method: PUT, url: \"http://localhost:1/k\" }]
  - name: two
    records:
      - { key: k, value: { n: 1 } }
      - { key: k, value: null }
    expect:
      requests: [{ method: DELETE }]
      rejected: [{ record: 1, reason: field `name` is missing }]
";

fn folder(tests: &str) -> Folder {
    let folder = Folder::with("c.yaml", CONNECTOR);
    folder.write("c.test.yaml", tests);
    folder
}

fn test(folder: &Folder, arguments: &[&str]) -> Exited {
    // What is set here is no matter of the tests.
    let sluice = Sluice::new(["test"].iter().chain(arguments)).env("URL", "http://elsewhere");
    sluice.current_dir(folder.path()).output()
}

#[test]
fn the_example_has_tests_that_pass() {
    for (name, count) in [("webhook", 3), ("search", 2), ("copy", 1)] {
        let file = format!("connectors.d/examples/{name}.yaml");
        let ended = Sluice::new(["test", &file]).output().expect_code(0);
        let said = format!("connectors.d/examples/{name}.test.yaml: {count} test(s) passed");
        assert_eq!(ended.stdout.trim(), said);
    }
}

#[test]
fn a_record_is_what_was_written_whatever_its_fields_are_called() {
    const RECORDS: &str = "\
tests:
  - name: inward names
    records:
      - value: { v: { $serde_json::private::Number: \"7\" } }
      - value: { v: { $serde_json::private::RawValue: \"[1]\" } }
      - value: { $serde_json::private::Number: 7 }
    expect:
";
    let folder = Folder::with(
        "c.yaml",
        "source: { kafka: { bootstrap_servers: a:9092, topics: [t] } }\nsink: { file: { path: /tmp/never } }\n",
    );
    folder.write("c.test.yaml", format!("{RECORDS}      records: [{{ value: {{ v: 7 }} }}]\n"));
    let ended = test(&folder, &["c.yaml"]).expect_code(1);
    assert!(ended.stdout.contains("$serde_json::private::Number"), "{ended}");
    test(&folder, &["c.yaml", "--update"]).expect_code(0);
    let updated = std::fs::read_to_string(folder.path().join("c.test.yaml")).unwrap_or_default();
    assert_eq!(updated.matches("$serde_json::private::Number").count(), 4, "{updated}");
    test(&folder, &["c.yaml"]).expect_code(0);
}

#[test]
fn tests_are_found_by_the_connector_the_file_and_the_directory() {
    let folder = folder(TESTS);
    for path in ["c.yaml", "c.test.yaml", "."] {
        let ended = test(&folder, &[path]).expect_code(0);
        assert!(ended.stdout.contains("2 test(s) passed"), "{ended}");
    }
    let check = Sluice::new(["check", "."]).env("SERVERS", "b:9092").current_dir(folder.path()).output();
    assert!(!check.expect_code(0).stdout.contains("c.test"), "tests are no connector");
}

#[test]
fn a_difference_is_shown_with_its_path_and_exits_with_1() {
    let tests = TESTS.replace("1.50 of a", "2 of a").replace("localhost:1/k", "localhost:1/x");
    let ended = test(&folder(&tests.replace("method: DELETE", "method: PUT")), &["c.yaml"]).expect_code(1);
    let expected = "\
✗ c.test.yaml:3: one
    records.0.value
      expected \"2 of a\"
      found    \"1.50 of a\"
    requests.0.url
      expected \"http://localhost:1/x\"
      found    \"http://localhost:1/k\"
✗ c.test.yaml:9: two
    requests.0.method
      expected \"PUT\"
      found    \"DELETE\"
c.test.yaml: 2 of 2 test(s) failed";
    assert_eq!(ended.stdout.trim(), expected);
    assert_eq!(ended.stderr, "error: 2 of 2 tests failed");
}

#[test]
fn a_rejection_that_is_not_expected_or_does_not_come_fails() {
    let unexpected = TESTS.replace("      rejected: [{ record: 1, reason: field `name` is missing }]\n", "");
    let ended = test(&folder(&unexpected), &["c.yaml"]).expect_code(1);
    assert!(ended.stdout.contains("rejected, record 1\n      expected nothing\n"), "{ended}");
    let other = TESTS.replace("record: 1, reason: field `name` is missing", "record: 2, reason: x");
    let ended = test(&folder(&other), &["c.yaml"]).expect_code(1);
    assert!(
        ended.stdout.contains("rejected, record 2\n      expected \"x\"\n      found    nothing"),
        "{ended}"
    );
}

#[test]
fn update_writes_what_was_found_and_leaves_the_rest() {
    let folder =
        folder(&TESTS.replace("1.50 of a", "2 of a").replace("      requests: [{ method: DELETE }]\n", ""));
    let ended = test(&folder, &["c.yaml", "--update"]).expect_code(0);
    assert!(ended.stdout.contains("updated c.test.yaml:3: one"), "{ended}");
    test(&folder, &["c.yaml"]).expect_code(0);
    let text = std::fs::read_to_string(folder.path().join("c.test.yaml")).unwrap();
    assert!(text.starts_with("# kept\ntests:\n  - name: one\n    records:\n      - { key: k,"), "{text}");
    assert!(
        text.contains("    expect:\n      records:\n        - key: k\n          value: \"1.50 of a\"\n"),
        "{text}"
    );
    assert!(text.ends_with("rejected: [{ record: 1, reason: field `name` is missing }]\n"), "{text}");
}

#[test]
fn a_test_that_expects_nothing_is_to_be_written() {
    let folder =
        folder("tests:\n  - name: new\n    records:\n      - { key: k, value: { n: 1, name: a } }\n");
    let ended = test(&folder, &["c.yaml"]).expect_code(1);
    assert!(ended.stdout.contains("expect\n      expected nothing\n      found    {"), "{ended}");
    test(&folder, &["c.yaml", "--update"]).expect_code(0);
    test(&folder, &["c.yaml"]).expect_code(0);
}

#[test]
fn as_json_each_test_is_a_line() {
    let ended =
        test(&folder(&TESTS.replace("1.50 of a", "2 of a")), &["c.yaml", "--output=json"]).expect_code(1);
    let lines: Vec<Value> = ended.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["test"], &lines[0]["passed"]), (&"one".into(), &false.into()));
    assert_eq!(lines[0]["differences"][0]["path"], "records.0.value");
    assert_eq!((&lines[1]["line"], &lines[1]["passed"]), (&9.into(), &true.into()));
}

#[test]
fn what_is_wrong_with_a_file_of_tests_is_told_at_its_place() {
    for (tests, said) in [
        ("tests:\n  - nme: one\n", "c.test.yaml:2:5: unknown key `tests.0.nme`; did you mean `name`?"),
        ("- name: one\n  records: []\n", "c.test.yaml:1:1: the tests of a file stand below `tests:`"),
        ("tests:\n  name: one\n", "c.test.yaml:2:3: `tests`: expected a list, found a map; begin each"),
        (
            "tests:\n  - name: a\n    records: [{ value: 1, offset: x }]\n",
            "c.test.yaml:3:35: `tests.0.records.0.offset`: expected a whole number, found `x`",
        ),
        (
            "tests:\n  - name: a\n    records: [1]\n",
            "c.test.yaml:3:15: `tests.0.records.0`: expected a map, found the number `1`",
        ),
        (
            "tests:\n  - name: a\n    records: []\n    expect: { record: [] }\n",
            "c.test.yaml:4:15: unknown key `tests.0.expect.record`; did you mean `records`?",
        ),
        ("tests: []\n", "c.test.yaml: holds no test"),
        (
            "tests:\n  - name: a\n    records:\n      - { valeu: 1 }\n",
            "c.test.yaml:4:11: unknown key `tests.0.records.0.valeu`; did you mean `value`?",
        ),
        (
            "tests:\n  - name: a\n    records: []\n    expect: { rejected: [{ record: 1 }] }\n",
            "c.test.yaml:4:25: `rejected` names record 1, and there are 0",
        ),
        ("tests: [\n", "c.test.yaml:"),
    ] {
        let ended = test(&folder(tests), &["c.yaml"]).expect_code(2);
        assert!(ended.stderr.contains(said), "{tests}: {ended}");
    }
    let alone = Folder::with("c.yaml", CONNECTOR);
    let ended = test(&alone, &["c.yaml"]).expect_code(2);
    assert!(ended.stderr.contains("has no tests; write them into c.test.yaml"), "{ended}");
    let orphan = Folder::with("d.test.yaml", TESTS);
    let ended = test(&orphan, &["d.test.yaml"]).expect_code(2);
    assert!(ended.stderr.contains("has no connector beside it"), "{ended}");
    let ended = test(&orphan, &["no.yaml"]).expect_code(2);
    assert!(ended.stderr.contains("there is no such file"), "{ended}");
}
