//! `sluice lambda --event`: invokes the function here, with the event in a file.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::cli::exit::Exit;
use crate::cli::input::read;
use crate::cli::output::{Output, pretty, print, verdict};
use crate::connector::load::Connector;
use crate::lambda::{self, Answer, Host, HostSettings, NotDone};
use crate::offline::recorder::{RecordedPut, RecordingSink};
use crate::offline::rejections::{RejectedRecord, Rejections};

/// How long an invocation may take.
const TIMEOUT: Duration = Duration::from_mins(1);

/// How a function is invoked here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Invocations {
    /// How often.
    pub(crate) times: u32,
    /// Whether the sink stores what it gets.
    pub(crate) deliver: bool,
    /// How it is printed.
    pub(crate) output: Output,
}

/// Invokes the function of a connector with an event, one invocation after the other, as the service would.
pub(crate) async fn invoke(
    connector: Connector,
    event: &Path,
    settings: HostSettings,
    how: Invocations,
) -> Result<(), Exit> {
    let text = read(event)?;
    let (connector, recorder) = RecordingSink::in_place_of_sink(connector, how.deliver);
    let (connector, letters) =
        if how.deliver { (connector, Arc::default()) } else { Rejections::in_place_of_letters(connector) };
    let sink = connector.sink_name.clone();
    let host = Host::new(connector, settings);
    let mut failed = 0;
    let mut printed = Ok(());
    for number in 1..=how.times {
        let parsed = lambda::event_of(&text);
        let parsed =
            parsed.map_err(|error| Exit::Running(format!("{}: not an event: {error}", event.display())))?;
        let deadline = SystemTime::now() + TIMEOUT;
        let answer = host.invoke(parsed, &format!("local-{number}"), deadline, |_| {}).await;
        failed += u32::from(answer.as_ref().map_or(true, |answer| *answer != Answer::default()));
        let invocation = Invocation { number, answer, puts: recorder.take(), letters: letters.take() };
        printed = printed.and_then(|()| match how.output {
            Output::Text => invocation.show(&sink),
            Output::Json => print(invocation.to_json().to_string()),
        });
    }
    let outcome = match failed {
        0 => Ok(()),
        _ => Err(Exit::Running(format!("{failed} of {} invocations left records undone", how.times))),
    };
    verdict(printed, outcome)
}

/// What an invocation did.
struct Invocation {
    number: u32,
    answer: Result<Answer, NotDone>,
    puts: Vec<RecordedPut>,
    letters: Vec<RejectedRecord>,
}

impl Invocation {
    fn show(&self, sink: &str) -> Result<(), Exit> {
        let number = self.number;
        match &self.answer {
            Ok(answer) => print(format!("invocation {number}: answers {}", json!(answer)))?,
            Err(not_done) => print(format!("invocation {number}: fails: {}: {not_done}", not_done.kind()))?,
        }
        print(format!("sink {sink}: {} request(s)", self.puts.len()))?;
        for put in &self.puts {
            print(pretty(&put.request))?;
        }
        for RejectedRecord { origin, reason, .. } in &self.letters {
            print(format!("to the dead letter queue: record {origin}: {reason}"))?;
        }
        Ok(())
    }

    fn to_json(&self) -> Value {
        let error = self.answer.as_ref().err();
        let error =
            error.map(|error| json!({ "errorType": error.kind(), "errorMessage": error.to_string() }));
        let mut requests = Vec::new();
        for put in &self.puts {
            let origins: Vec<_> = put.records.iter().map(ToString::to_string).collect();
            requests.push(json!({ "records": origins, "request": put.request }));
        }
        let letter =
            |letter: &RejectedRecord| json!({ "record": letter.origin.to_string(), "reason": letter.reason });
        let letters: Vec<_> = self.letters.iter().map(letter).collect();
        json!({
            "invocation": self.number, "answer": self.answer.as_ref().ok(), "error": error, "requests": requests,
            "dead_letters": letters,
        })
    }
}
