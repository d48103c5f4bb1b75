//! The binary as an AWS Lambda function, against a runtime API of the test's own.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod answers;
mod events;
mod package;
mod schemas;
mod send;
mod start;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use sluice_tests::bedrock::LocalKnowledgeBase;
use sluice_tests::connector::{ConnectorText, Folder};
use sluice_tests::lambda::{FunctionAnswer, RuntimeApi, event};
use sluice_tests::sluice::{Running, Sluice};

/// More time than an invocation takes here unless it waits for its deadline.
const AMPLE: Duration = Duration::from_mins(1);

/// A function, and what is around it.
struct Function {
    api: RuntimeApi,
    process: Running,
    _folder: Folder,
}

impl Function {
    /// Starts a function with this connector and these settings.
    fn start(connector: &str, environment: &[(&str, &str)]) -> Self {
        let (api, folder) = (RuntimeApi::start(), Folder::with("prices.yaml", connector));
        let command = api.function(Sluice::new(["lambda"]).arg(folder.path()));
        let process = command.envs(environment.iter().copied()).spawn();
        Self { api, process, _folder: folder }
    }

    /// Starts a function that writes into a knowledge base.
    fn into_knowledge_base(base: &LocalKnowledgeBase, environment: &[(&str, &str)]) -> Self {
        let url = base.url();
        let all = [
            &[("AWS_ENDPOINT_URL", url.as_str()), ("KBID", "DEMOKB0001"), ("DSID", "DEMODS0001")],
            &CREDENTIALS[..],
            environment,
        ]
        .concat();
        Self::start(&ConnectorText::new("prices").text(), &all)
    }

    #[track_caller]
    fn invoke(&mut self, event: &Value, timeout: Duration) -> FunctionAnswer {
        self.api.invoke(event.to_string(), timeout)
    }

    /// The lines of metrics so far; waits until there are so many.
    fn metrics(&mut self, count: usize) -> Vec<Value> {
        self.process.wait_until("metrics", |process| {
            let lines: Vec<Value> =
                process.stdout().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            (lines.len() >= count).then_some(lines)
        })
    }
}

const CREDENTIALS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")];

fn base64(text: impl AsRef<[u8]>) -> String {
    BASE64.encode(text)
}

/// An event of so many records `{"n":…}`, from offset 0 on.
fn numbers(count: i64) -> Value {
    event("prices", 0, (0..count).map(|n| (n, None, Some(base64(json!({ "n": n }).to_string())))))
}
