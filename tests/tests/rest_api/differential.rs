//! The same calls to a real worker of Kafka Connect and to ours: codes, headers, bodies and errors are compared.
//!
//! Where they differ, the difference is one of those below, each with its reason, which docs/rest-api.md tells.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice_tests::connect_worker::ConnectWorker;
use sluice_tests::kafka::Broker;
use sluice_tests::listener::ListenerAnswer;

use crate::stage::Stage;

/// How long the two may take to agree: Kafka Connect does what it is asked for some time after the answer.
const AGREE: Duration = Duration::from_mins(1);

/// Which of the two is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Ours,
    Theirs,
}

/// What is sent.
enum Body {
    Nothing,
    Text(&'static str),
    /// A configuration that is valid, with these names besides.
    Config(&'static [(&'static str, &'static str)]),
    /// A new connector of this name, with such a configuration and more members of the request.
    New(&'static str, &'static [(&'static str, &'static str)], &'static str),
}

struct Call {
    method: &'static str,
    path: &'static str,
    body: Body,
}

fn call(method: &'static str, path: &'static str, body: Body) -> Call {
    Call { method, path, body }
}

/// A difference that is meant.
struct Deviation {
    /// What docs/rest-api.md says of it.
    reason: &'static str,
    /// Says whether it is this one: the call, and what both answer.
    is: fn(&str, &Essence, &Essence) -> bool,
}

const DEVIATIONS: &[Deviation] = &[
    Deviation {
        reason: "A body that cannot be read is answered with 400, and not with 500",
        is: |call, ours, theirs| {
            let has_body = ["POST", "PUT", "PATCH"].iter().any(|method| call.starts_with(method));
            has_body && (ours.status, theirs.status) == (400, 500) && !call.contains("connector-plugins")
        },
    },
    Deviation {
        reason: "What is wrong with a configuration is said in the words of `sluice check`",
        is: |_, ours, theirs| {
            let is_told =
                |answer: &Essence| answer.body.contains("Connector configuration is invalid and contains");
            (ours.status, theirs.status) == (400, 400) && is_told(ours) && is_told(theirs)
        },
    },
    Deviation {
        reason: "The answer to a creation has the tasks already",
        is: |_, ours, theirs| {
            let without = |answer: &Essence| answer.body.split("\"tasks\": ").next().map(str::to_owned);
            (ours.status, theirs.status) == (201, 201)
                && theirs.body.contains("\"tasks\": \"{}\"")
                && without(ours) == without(theirs)
        },
    },
    Deviation {
        reason: "`/connectors/NAME/topics` lists those that it has partitions of, before the first record, too",
        is: |call, ours, theirs| {
            call == "GET /connectors/c/topics" && (ours.status, theirs.status) == (200, 200)
        },
    },
    Deviation {
        reason: "PATCH does not change the `name`",
        is: |call, ours, theirs| {
            call == "PATCH /connectors/c/config" && (ours.status, theirs.status) == (400, 200)
        },
    },
    Deviation {
        reason: "Headers are not converted: there is no plug-in of the type `header_converter`",
        is: |call, _, theirs| {
            call == "GET /connector-plugins?connectorsOnly=false" && theirs.body.contains("header_converter")
        },
    },
    Deviation {
        reason: "A connector that begins paused has tasks, which are paused",
        is: |call, ours, theirs| {
            call == "GET /connectors/asleep/status" && (ours.status, theirs.status) == (200, 200)
        },
    },
    Deviation {
        reason: "The definition of a setting has its place as `order`, too, as it had before Kafka Connect 4.4",
        is: |call, ours, theirs| {
            let without = ours.body.replace("\"order\": \"number\", ", "");
            call.contains(" /connector-plugins/{plugin}/config") && without == theirs.body
        },
    },
    Deviation {
        reason: "A validation without `connector.class`, or of a plug-in that is not there, is answered with 400, and not with 500",
        is: |call, ours, theirs| {
            call.ends_with("/config/validate") && (ours.status, theirs.status) == (400, 500)
        },
    },
];

struct Pair<'a> {
    stage: &'a Stage,
    worker: &'a ConnectWorker,
    topic: String,
}

impl Pair<'_> {
    fn ask(&self, side: Side, call: &Call) -> ListenerAnswer {
        let class = if side == Side::Ours { "http" } else { "StubSink" };
        let path = call.path.replace("{plugin}", class);
        let body = self.body(side, &call.body);
        let ask = || match side {
            Side::Ours => Some(self.stage.ask(call.method, &path, &body)),
            Side::Theirs => self.worker.ask(call.method, &path, &body),
        };
        let begun = Instant::now();
        loop {
            let answer = ask().unwrap();
            // Its own clients try again.
            let is_busy = answer.status == 409 && answer.body.contains("rebalance");
            if !is_busy || begun.elapsed() > AGREE {
                return answer;
            }
            thread::sleep(Duration::from_millis(300));
        }
    }

    fn body(&self, side: Side, body: &Body) -> String {
        match body {
            Body::Nothing => String::new(),
            Body::Text(text) => (*text).to_owned(),
            Body::Config(more) => self.config(side, more).to_string(),
            Body::New(name, more, members) => {
                let mut new = json!({ "name": name, "config": self.config(side, more) });
                if !members.is_empty() {
                    new["initial_state"] = (*members).into();
                }
                new.to_string()
            }
        }
    }

    fn config(&self, side: Side, more: &[(&str, &str)]) -> Value {
        let mut config = match side {
            Side::Ours => json!({
                "connector.class": "http", "sink.http.url": self.stage.target.url(),
                "source.kafka.bootstrap_servers": self.stage.servers,
            }),
            Side::Theirs => json!({ "connector.class": "StubSink", "url": "http://localhost/x" }),
        };
        config["topics"] = self.topic.clone().into();
        for (name, text) in more {
            config[*name] = (*text).into();
        }
        config
    }
}

/// What of an answer is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Essence {
    status: u16,
    content_type: Option<String>,
    location: Option<String>,
    body: String,
}

fn essence(call: &str, answer: &ListenerAnswer) -> Essence {
    let header = |name: &str| {
        let line = answer.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.map(|value| value.trim().to_owned())
    };
    let content_type =
        header("content-type").map(|kind| kind.split(';').next().unwrap_or_default().to_owned());
    // Kafka Connect does not say what some errors are.
    let content_type = content_type.filter(|_| answer.status < 400);
    let location = header("location").map(|place| {
        let path = place.split_once("://").and_then(|(_, rest)| rest.split_once('/'));
        path.map_or(place.clone(), |(_, path)| format!("/{path}"))
    });
    let body = match serde_json::from_str::<Value>(&answer.body) {
        Ok(body) if body.get("error_code").is_some() => message(&body),
        // The names of settings and of loggers are each one's own.
        Ok(Value::Object(values)) if ["GET /connectors/c/config", "GET /admin/loggers"].contains(&call) => {
            let kinds: BTreeSet<_> = values.values().map(|value| shape("", value)).collect();
            format!("map of {kinds:?}").replace('\\', "")
        }
        Ok(body) => shape("", &body),
        Err(_) => answer.body.clone(),
    };
    Essence { status: answer.status, content_type, location, body }
}

/// An error, with the names of the plug-ins taken out.
fn message(body: &Value) -> String {
    let keys: Vec<_> = body.as_object().unwrap().keys().cloned().collect();
    let text = body["message"].as_str().unwrap_or_default();
    // Which they are is each one's own.
    let text = text.split("available connectors are: ").next().unwrap_or_default();
    format!(
        "{keys:?} {} {}",
        body["error_code"],
        text.replace("StubSink", "PLUGIN").replace("http", "PLUGIN")
    )
}

/// The form of a body: names stay, values are their types. Names of a configuration are its own.
fn shape(name: &str, value: &Value) -> String {
    match value {
        // What may be a text or nothing depends on the plug-in.
        Value::Null | Value::String(_) if ["default_value", "value", "group"].contains(&name) => {
            "text or null".to_owned()
        }
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "boolean".to_owned(),
        Value::Number(_) => "number".to_owned(),
        // Types of settings depend on the plug-in, too; those of plug-ins do not.
        Value::String(text) if name == "type" && text.chars().all(char::is_uppercase) => "TYPE".to_owned(),
        Value::String(text) if ["state", "type"].contains(&name) => format!("`{text}`"),
        Value::String(_) => "text".to_owned(),
        Value::Array(_) if ["dependents", "errors", "recommended_values"].contains(&name) => {
            "texts".to_owned()
        }
        Value::Array(items) => {
            let items: BTreeSet<_> = items.iter().map(|item| shape("", item)).collect();
            format!("{items:?}").replace('\\', "")
        }
        Value::Object(fields) if name == "config" => {
            let kinds: BTreeSet<_> = fields.values().map(|value| shape("", value)).collect();
            format!("map of {kinds:?}").replace('\\', "")
        }
        Value::Object(fields) => {
            let fields: BTreeMap<_, _> =
                fields.iter().map(|(name, value)| (name, shape(name, value))).collect();
            format!("{fields:?}").replace('\\', "")
        }
    }
}

#[allow(clippy::too_many_lines, reason = "a table")]
fn calls() -> Vec<Call> {
    use Body::{Config, New, Nothing, Text};
    vec![
        call("GET", "/", Nothing),
        call("GET", "/health", Nothing),
        call("GET", "/nowhere", Nothing),
        call("DELETE", "/connectors", Nothing),
        call("GET", "/connectors/none", Nothing),
        call("GET", "/connectors/none/config", Nothing),
        call("GET", "/connectors/none/status", Nothing),
        call("GET", "/connectors/none/tasks", Nothing),
        call("GET", "/connectors/none/tasks/0/status", Nothing),
        call("GET", "/connectors/none/topics", Nothing),
        call("GET", "/connectors/none/offsets", Nothing),
        call("PUT", "/connectors/none/pause", Nothing),
        call("PUT", "/connectors/none/resume", Nothing),
        call("PUT", "/connectors/none/stop", Nothing),
        call("POST", "/connectors/none/restart", Nothing),
        call("POST", "/connectors/none/restart?includeTasks=true", Nothing),
        call("POST", "/connectors/none/tasks/0/restart", Nothing),
        call("DELETE", "/connectors/none", Nothing),
        call("PATCH", "/connectors/none/config", Text("{\"a\":\"b\"}")),
        call("PATCH", "/connectors/none/offsets", Text("{\"offsets\":[]}")),
        call("DELETE", "/connectors/none/offsets", Nothing),
        call("PUT", "/connectors/none/topics/reset", Nothing),
        // What is no request.
        call("POST", "/connectors", Text("{")),
        call("POST", "/connectors", Text("[]")),
        call("POST", "/connectors", Text("{\"config\": 1}")),
        call("POST", "/connectors", Text("{\"name\": \"x\", \"config\": {}, \"unknown\": 1}")),
        call("POST", "/connectors", Text("{\"name\": \"x\", \"config\": {}}")),
        call("POST", "/connectors", Text("{\"name\": \"x\"}")),
        call("POST", "/connectors", New("x", &[("connector.class", "Nothing")], "")),
        call("POST", "/connectors", New("x", &[("name", "y")], "")),
        call("POST", "/connectors", New("", &[], "")),
        call("POST", "/connectors", New("x", &[], "ASLEEP")),
        call("PUT", "/connectors/x/config", Text("[]")),
        call("PUT", "/connectors/x/config", Config(&[("name", "y")])),
        call("PUT", "/connectors/x/config", Config(&[("errors.tolerance", "some")])),
        // The life of a connector.
        call("POST", "/connectors", New("c", &[], "")),
        call("POST", "/connectors", New("c", &[], "")),
        call("GET", "/connectors/c/status", Nothing),
        call("GET", "/connectors", Nothing),
        call("GET", "/connectors/", Nothing),
        call("GET", "/connectors?expand=status", Nothing),
        call("GET", "/connectors?expand=info&expand=status", Nothing),
        call("GET", "/connectors?expand=nothing", Nothing),
        call("GET", "/connectors/c", Nothing),
        call("GET", "/connectors/c/config", Nothing),
        call("GET", "/connectors/c/tasks", Nothing),
        call("GET", "/connectors/c/tasks/0/status", Nothing),
        call("GET", "/connectors/c/tasks/7/status", Nothing),
        call("GET", "/connectors/c/tasks/x/status", Nothing),
        call("GET", "/connectors/c/topics", Nothing),
        call("GET", "/connectors/c/offsets", Nothing),
        call("PUT", "/connectors/c/topics/reset", Nothing),
        call("PUT", "/connectors/c/config", Config(&[("errors.tolerance", "all")])),
        call("PUT", "/connectors/c/config", Config(&[("name", "c"), ("errors.tolerance", "none")])),
        call("PATCH", "/connectors/c/config", Text("{\"errors.tolerance\":null}")),
        call("PATCH", "/connectors/c/config", Text("[]")),
        call("PATCH", "/connectors/c/config", Text("{\"name\":\"d\"}")),
        call("PUT", "/connectors/new/config", Config(&[])),
        call("GET", "/connectors/new/status", Nothing),
        call("DELETE", "/connectors/new", Nothing),
        call("GET", "/connectors/new/status", Nothing),
        call("PATCH", "/connectors/c/offsets", Text("{\"offsets\":[]}")),
        call("DELETE", "/connectors/c/offsets", Nothing),
        call("PUT", "/connectors/c/pause", Nothing),
        call("GET", "/connectors/c/status", Nothing),
        call("PUT", "/connectors/c/resume", Nothing),
        call("GET", "/connectors/c/status", Nothing),
        call("POST", "/connectors/c/restart", Nothing),
        call("GET", "/connectors/c/status", Nothing),
        call("POST", "/connectors/c/restart?includeTasks=true", Nothing),
        call("GET", "/connectors/c/status", Nothing),
        call("POST", "/connectors/c/restart?includeTasks=true&onlyFailed=true", Nothing),
        call("GET", "/connectors/c/status", Nothing),
        call("POST", "/connectors/c/tasks/0/restart", Nothing),
        call("GET", "/connectors/c/status", Nothing),
        call("POST", "/connectors/c/tasks/7/restart", Nothing),
        call("PUT", "/connectors/c/stop", Nothing),
        call("GET", "/connectors/c/status", Nothing),
        call("GET", "/connectors/c", Nothing),
        call("GET", "/connectors/c/tasks", Nothing),
        call("PATCH", "/connectors/c/offsets", Text("{\"offsets\":[]}")),
        call("PATCH", "/connectors/c/offsets", Text("{}")),
        call("PATCH", "/connectors/c/offsets", Text("[]")),
        call("DELETE", "/connectors/c/offsets", Nothing),
        call("POST", "/connectors", New("asleep", &[], "PAUSED")),
        call("GET", "/connectors/asleep/status", Nothing),
        call("DELETE", "/connectors/asleep", Nothing),
        call("DELETE", "/connectors/c", Nothing),
        call("DELETE", "/connectors/c", Nothing),
        call("GET", "/connectors/c", Nothing),
        // Plug-ins.
        call("GET", "/connector-plugins", Nothing),
        call("GET", "/connector-plugins?connectorsOnly=false", Nothing),
        call("GET", "/connector-plugins/{plugin}/config", Nothing),
        call("GET", "/connector-plugins/Nothing/config", Nothing),
        call("PUT", "/connector-plugins/{plugin}/config/validate", Config(&[("name", "v")])),
        call("PUT", "/connector-plugins/{plugin}/config/validate", Text("{}")),
        call("PUT", "/connector-plugins/Nothing/config/validate", Text("{\"connector.class\":\"Nothing\"}")),
        call("PUT", "/connector-plugins/Other/config/validate", Config(&[])),
        // Loggers.
        call("GET", "/admin/loggers", Nothing),
        call("GET", "/admin/loggers/root", Nothing),
        call("GET", "/admin/loggers/none", Nothing),
        call("PUT", "/admin/loggers/root", Text("{\"level\":\"INFO\"}")),
        call("PUT", "/admin/loggers/root?scope=cluster", Text("{\"level\":\"INFO\"}")),
        call("PUT", "/admin/loggers/root", Text("{}")),
        call("PUT", "/admin/loggers/root", Text("{\"level\":\"LOUD\"}")),
        call("PUT", "/admin/loggers/root", Text("[]")),
    ]
}

#[test]
fn our_answers_are_those_of_kafka_connect_but_for_what_is_told() {
    let Some(broker) = Broker::shared() else { return };
    let Some(worker) = ConnectWorker::start(&broker.bootstrap_servers()) else { return };
    let stage = Stage::at(broker);
    let daemon = stage.spawn_writing();
    // Ours has a connector from the start; only one of the two would list it.
    assert_eq!(stage.ask("DELETE", "/connectors/prices", "").status, 204);
    let pair = Pair { stage: &stage, worker: &worker, topic: stage.topic.clone() };
    let mut differences = Vec::new();
    let mut told = BTreeSet::new();
    for call in calls() {
        let label = format!("{} {}", call.method, call.path);
        let begun = Instant::now();
        let (ours, theirs) = loop {
            let (ours, theirs) = (pair.ask(Side::Ours, &call), pair.ask(Side::Theirs, &call));
            let agree = essence(&label, &ours) == essence(&label, &theirs);
            let may_change = call.method == "GET" && label.contains("/connectors");
            if agree || !may_change || begun.elapsed() > Duration::from_secs(10) {
                break (ours, theirs);
            }
            thread::sleep(Duration::from_millis(200));
        };
        let (ours, theirs) = (essence(&label, &ours), essence(&label, &theirs));
        if ours == theirs {
            continue;
        }
        let deviation = DEVIATIONS.iter().find(|one| (one.is)(&label, &ours, &theirs));
        match deviation {
            Some(deviation) => {
                told.insert(deviation.reason);
            }
            None => differences.push(format!("{label}\n  ours   {ours:?}\n  theirs {theirs:?}")),
        }
    }
    let page = std::fs::read_to_string(sluice_tests::sluice::root().join("docs/rest-api.md")).unwrap();
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    for deviation in DEVIATIONS {
        assert!(page.contains(deviation.reason), "docs/rest-api.md does not tell: {}", deviation.reason);
        if !told.contains(deviation.reason) {
            differences.push(format!("it is no difference any more: {}", deviation.reason));
        }
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    daemon.terminate().expect_code(0);
}
