//! Process settings: defaults < sluice.yaml < environment < flags.

use serde_json::Value;
use sluice_tests::connector::{ConnectorText, Folder};
use sluice_tests::sluice::{Exited, Sluice};

/// A folder with `default`, `file`, `env` and `flag`, each with a connector of that name in it.
fn folder() -> Folder {
    let folder = Folder::new();
    for name in ["connectors.d", "file", "env", "flag"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
        folder.write(&format!("{name}/{name}.yaml"), ConnectorText::new("t").text());
    }
    folder
}

fn check(folder: &Folder) -> Sluice {
    Sluice::new(["check"])
        .envs([("KBID", "DEMOKB0001"), ("DSID", "DEMODS0001"), ("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")])
        .current_dir(folder.path())
}

fn only_line(ended: &Exited) -> &str {
    assert_eq!(ended.lines().len(), 1, "{ended}");
    ended.lines()[0]
}

#[test]
fn a_flag_wins_over_the_environment_over_the_file_over_the_default() {
    let folder = folder();
    assert_eq!(
        only_line(&check(&folder).output()),
        "connectors.d/connectors.d.yaml: ok (at least once, idempotent: a document is named by its record, and written over)"
    );
    folder.write("sluice.yaml", "connectors: [file]\n");
    assert_eq!(
        only_line(&check(&folder).output()),
        "file/file.yaml: ok (at least once, idempotent: a document is named by its record, and written over)"
    );
    let with_env = || check(&folder).env("SLUICE_CONNECTORS", "env");
    assert_eq!(
        only_line(&with_env().output()),
        "env/env.yaml: ok (at least once, idempotent: a document is named by its record, and written over)"
    );
    assert_eq!(
        only_line(&with_env().arg("flag").output()),
        "flag/flag.yaml: ok (at least once, idempotent: a document is named by its record, and written over)"
    );
}

#[test]
fn another_file_is_named_by_flag_or_environment() {
    let folder = folder();
    folder.write("other.yaml", "connectors: [file]\n");
    assert_eq!(
        only_line(&check(&folder).arg("--config=other.yaml").output()),
        "file/file.yaml: ok (at least once, idempotent: a document is named by its record, and written over)"
    );
    assert_eq!(
        only_line(&check(&folder).env("SLUICE_CONFIG", "other.yaml").output()),
        "file/file.yaml: ok (at least once, idempotent: a document is named by its record, and written over)"
    );
    let ended = check(&folder).arg("--config=absent.yaml").output().expect_code(2);
    assert!(ended.stderr.starts_with("absent.yaml: cannot read the file"), "{ended}");
}

#[test]
fn a_list_of_directories_may_come_from_the_environment() {
    let folder = folder();
    let ended = check(&folder).env("SLUICE_CONNECTORS", "[env, flag]").output().expect_code(0);
    assert_eq!(
        ended.lines(),
        [
            "env/env.yaml: ok (at least once, idempotent: a document is named by its record, and written over)",
            "flag/flag.yaml: ok (at least once, idempotent: a document is named by its record, and written over)"
        ]
    );
}

/// Runs a daemon to its first log line.
fn first_log_line(sluice: Sluice) -> String {
    let mut daemon = sluice.spawn();
    daemon.wait_for_log("sluice runs")
}

#[test]
fn the_log_is_text_or_one_json_object_a_line() {
    let folder = folder();
    let run = || {
        Sluice::new(["run", "flag"])
            .envs([
                ("KBID", "DEMOKB0001"),
                ("DSID", "DEMODS0001"),
                ("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1"),
            ])
            .current_dir(folder.path())
    };
    let text = first_log_line(run());
    assert!(text.contains(" INFO ") && !text.contains('\u{1b}'), "no colours in a pipe: {text}");
    for sluice in [run().arg("--log-format=json"), run().env("SLUICE_LOG_FORMAT", "json")] {
        let line: Value = serde_json::from_str(&first_log_line(sluice)).unwrap();
        assert_eq!((&line["level"], &line["message"]), (&"INFO".into(), &"sluice runs".into()));
    }
    folder.write("sluice.yaml", "log_format: json\n");
    assert!(serde_json::from_str::<Value>(&first_log_line(run())).is_ok());
    assert!(serde_json::from_str::<Value>(&first_log_line(run().arg("--log-format=text"))).is_err());
}

#[test]
fn a_log_level_that_cannot_be_read_says_so() {
    let ended = Sluice::new(["plugins", "--log-level=,=,"]).output().expect_code(0);
    assert!(ended.stderr.contains("log level `,=,` cannot be read, `info` is used"), "{ended}");
}

#[test]
fn a_bad_sluice_yaml_is_refused_with_its_place() {
    let cases = [
        ("log_fromat: json\n", "sluice.yaml:1:1: unknown key `log_fromat`; did you mean `log_format`?"),
        (
            "log_format: yaml\n",
            "sluice.yaml:1:13: `log_format`: expected one of `text`, `json`, found `yaml`",
        ),
        ("connectors: [1, {}]\n", "sluice.yaml:1:17: `connectors.1`: expected text, found a map"),
    ];
    for (text, expected) in cases {
        let folder = Folder::with("sluice.yaml", text);
        let ended = Sluice::new(["plugins"]).current_dir(folder.path()).output().expect_code(2);
        assert_eq!(ended.stderr, expected, "{text}");
        assert_eq!(ended.stdout, "");
    }
}

#[test]
fn a_bad_variable_or_flag_is_refused_by_name() {
    let ended = Sluice::new(["plugins"]).env("SLUICE_SHUTDOWN_TIMEOUT", "never").output().expect_code(2);
    assert!(
        ended.stderr.contains("SLUICE_") && ended.stderr.contains("`never` is not a duration"),
        "{ended}"
    );
    let ended = Sluice::new(["plugins"]).env("SLUICE_LOG_FORMAT", "yaml").output().expect_code(2);
    assert!(ended.stderr.contains("SLUICE_") && ended.stderr.contains("yaml"), "{ended}");
    let ended = Sluice::new(["plugins", "--shutdown-timeout=never"]).output().expect_code(2);
    assert!(ended.stderr.contains("`never` is not a duration"), "{ended}");
}

/// A token is whatever somebody made it of; one that is empty would let everybody in.
#[test]
fn a_token_of_the_environment_is_a_text_and_is_never_empty_or_shown() {
    let folder = folder();
    let run = |token: &str| {
        Sluice::new(["run", "flag", "--listen=127.0.0.1:0"])
            .envs([
                ("KBID", "DEMOKB0001"),
                ("DSID", "DEMODS0001"),
                ("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1"),
            ])
            .env("SLUICE_REST_TOKEN", token)
            .current_dir(folder.path())
    };
    for token in ["81749302", "true", "[a", "{a=b}", "\"quoted\""] {
        let mut daemon = run(token).spawn();
        let address = sluice_tests::listener::address(&mut daemon);
        let asked = |given: &str| {
            let given = format!("Bearer {given}");
            sluice_tests::listener::send(&address, "GET", "/connectors", &[("Authorization", &given)], "")
                .status
        };
        assert_eq!((asked(token), asked("other")), (200, 401), "{token}");
        let log = daemon.terminate().stderr;
        assert!(token.len() < 8 || !log.contains(token), "{log}");
    }
    for empty in ["", " ", "\n"] {
        let refused = run(empty).output().expect_code(2);
        assert!(refused.stderr.contains("`rest_token`") && refused.stderr.contains("empty"), "{refused}");
    }
    let written = Folder::with("sluice.yaml", "rest_token: \"\"\nlisten: 127.0.0.1:0\n");
    let file = written.path().join("sluice.yaml").display().to_string();
    let refused = Sluice::new(["run", "flag", "--config", &file])
        .envs([("KBID", "DEMOKB0001"), ("DSID", "DEMODS0001"), ("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")])
        .current_dir(folder.path())
        .output()
        .expect_code(2);
    assert!(refused.stderr.contains("`rest_token`"), "{refused}");
}

#[test]
fn a_variable_that_holds_nothing_is_one_that_is_not_set() {
    let folder = folder();
    let ended = check(&folder)
        .env("SLUICE_CONNECTORS", "")
        .env("SLUICE_STATE_DIR", "")
        .env("SLUICE_FOLLOW", "")
        .output();
    assert!(only_line(&ended).starts_with("connectors.d/connectors.d.yaml: ok"), "{ended}");
}
