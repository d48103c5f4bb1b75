//! Whatever is sent to the REST API is answered, soon, and the worker runs on.

use std::cell::Cell;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use sluice_tests::listener::try_send;
use sluice_tests::process::{peak_memory, resident_memory};
use sluice_tests::requirement::tell;

use crate::stage::Stage;

/// What an answer may take on a machine that has other things to do.
const LONGEST: Duration = Duration::from_secs(20);
/// How much more memory the worker may take, in MiB, whatever it was sent.
const MORE_MEMORY: f64 = 64.0;
/// Names of connectors, a few so that they are met again.
const NAMES: [&str; 6] = ["prices", "a", "b.c", "%2e%2e%2fetc", "%00", "x%20y"];

/// Methods and paths; `{}` is a name.
const ROUTES: [(&str, &str); 17] = [
    ("POST", "/connectors"),
    ("PUT", "/connectors/{}/config"),
    ("PATCH", "/connectors/{}/config"),
    ("PUT", "/connector-plugins/{}/config/validate"),
    ("PUT", "/connector-plugins/http/config/validate"),
    ("PATCH", "/connectors/{}/offsets"),
    ("PUT", "/admin/loggers/{}"),
    ("POST", "/live/{}/questions"),
    ("DELETE", "/connectors/{}"),
    ("PUT", "/connectors/{}/pause"),
    ("PUT", "/connectors/{}/resume"),
    ("PUT", "/connectors/{}/stop"),
    ("POST", "/connectors/{}/restart?includeTasks={}&onlyFailed={}"),
    ("POST", "/connectors/{}/tasks/{}/restart"),
    ("GET", "/connectors/{}/tasks/{}/status?expand={}"),
    ("GET", "/live/{}/dead-letters?preview={}"),
    ("GET", "/{}/{}"),
];

/// What is sent where all is well, and what nobody should send.
fn bodies(config: &Value) -> Vec<Vec<u8>> {
    let offset = |number: &str| {
        format!(
            "{{\"offsets\":[{{\"partition\":{{\"kafka_topic\":\"prices\",\"kafka_partition\":0}},\"offset\":{{\"kafka_offset\":{number}}}}}]}}"
        )
    };
    let bodies = [
        config.to_string(),
        json!({ "name": "a", "config": config, "initial_state": "STOPPED" }).to_string(),
        json!({ "transforms.0.template.text": "{{a}} ${env:X:-y}", "tasks_max": "99999999999999999999" })
            .to_string(),
        json!({ "transforms.999999999.set.fields.a": "b", "batch.linger": "1e309s" }).to_string(),
        offset("9223372036854775807"),
        offset("\"-1\""),
        offset("1e400"),
        "{\"level\":\"TRACE\"}".to_owned(),
        "{\"question\":\"what is the price?\"}".to_owned(),
        "{\"$serde_json::private::Number\":\"7\"}".to_owned(),
        "{\"config\":{\"topics\":{\"$serde_json::private::RawValue\":\"1,2\"}}}".to_owned(),
        format!("{}{}", "[".repeat(50_000), "]".repeat(50_000)),
        format!("{{\"config\":{}1{}}}", "{\"a\":".repeat(5_000), "}".repeat(5_000)),
        json!({ "config": { "sink.http.url": "x".repeat(100_000) } }).to_string(),
    ];
    bodies.map(String::into_bytes).into()
}

/// A body of which some bytes are changed, or which is cut short.
fn damaged(bodies: Vec<Vec<u8>>) -> impl Strategy<Value = String> {
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
    (select(bodies), changes, prop::option::weighted(0.2, any::<prop::sample::Index>())).prop_map(
        |(mut body, changes, end)| {
            for (at, byte) in changes {
                let at = at.index(body.len());
                body[at] = byte;
            }
            body.truncate(end.map_or(body.len(), |end| end.index(body.len())));
            String::from_utf8_lossy(&body).into_owned()
        },
    )
}

fn path() -> impl Strategy<Value = (&'static str, String)> {
    (select(ROUTES.to_vec()), select(NAMES.to_vec()), "[a-z0-9:%.-]{0,9}").prop_map(
        |((method, path), name, more)| {
            let path = path.replacen("{}", name, 1).replace("{}", &more);
            // What is no percent-encoding is refused before it is a request.
            (method, path)
        },
    )
}

/// `PROPTEST_CASES` says how many requests are sent.
#[test]
fn any_request_is_answered_and_the_worker_runs_on() {
    let stage = Stage::new();
    let mut daemon = stage.spawn_writing();
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    let config = ProptestConfig::with_cases(asked.unwrap_or(150));
    let mut runner = TestRunner::new(ProptestConfig { failure_persistence: None, ..config });
    let (begun, longest, before) = (Instant::now(), Cell::new(Duration::ZERO), resident_memory(daemon.id()));
    let requests = (path(), damaged(bodies(&stage.config())));
    let tried = runner.run(&requests, |((method, path), body)| {
        let begun = Instant::now();
        let answer = try_send(&stage.address, method, &path, &[("Content-Type", "application/json")], &body);
        longest.set(longest.get().max(begun.elapsed()));
        prop_assert!(begun.elapsed() < LONGEST, "it took {:?}", begun.elapsed());
        let Some(answer) = answer else { return Err(TestCaseError::fail("no answer")) };
        prop_assert!((200..500).contains(&answer.status) || is_no_panic(&answer.body), "{}", answer.body);
        Ok(())
    });
    tried.unwrap_or_else(|error| panic!("{error}\n{}", daemon.log()));
    assert!(daemon.is_alive() && !daemon.log().contains("panicked"), "{}", daemon.log());
    let (after, peak) = (resident_memory(daemon.id()), peak_memory(daemon.id()));
    assert!(after < before + MORE_MEMORY, "{before:.0} MiB, and {after:.0} thereafter");
    if let Some(cases) = asked {
        let (all, longest) = (begun.elapsed(), longest.get());
        tell(&format!(
            "{cases} requests in {all:.0?}, the longest {longest:.1?}; {before:.0} to {after:.0} MiB, {peak:.0} at most\n"
        ));
    }
    daemon.terminate().expect_code(0);
}

/// Brokers that cannot be asked, or a connector that is between two states, are told with the status 500 as Kafka Connect does.
fn is_no_panic(body: &str) -> bool {
    let said = serde_json::from_str::<Value>(body).ok();
    said.is_some_and(|said| said["message"].is_string()) && !body.contains("panicked")
}
