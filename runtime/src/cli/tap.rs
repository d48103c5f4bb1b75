//! `sluice tap`: the records of a running connector, as they pass.

use std::str::FromStr;

use clap::Args;
use serde_json::{Value, json};
use sluice_connector_api::{Json, Origin, Payload, Predicate, Record};

use crate::cli::command::Command;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::output::{Output, pretty, print};
use crate::cli::remote::{Remote, path_of};
use crate::cli::signals::Signals;
use crate::shown::on_one_line;

/// Shows records of a running connector as they pass: as read, after each transform, and as requests.
///
/// It shows samples, at most 100 records and 20 puts per second over all who look, and says how many passed unseen. The
/// connector neither waits for it nor commits anything else. Ends with Ctrl-C, and with code 1 where the connector is
/// replaced or removed.
#[derive(Debug, Args)]
pub(crate) struct TapArgs {
    /// The connector
    name: String,
    /// Only this step: 0 is what was read, 1 what the first transform made of it, and so on; `requests` are the puts
    #[arg(long, value_name = "STEP")]
    step: Option<Step>,
    /// Ends after so many records and requests
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Only records of which a program of jq says neither false nor null; what goes in is the value, at the step or at the last one
    #[arg(long, value_name = "JQ")]
    filter: Option<String>,
    #[command(flatten)]
    remote: Remote,
    /// How what passes is printed
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// A step of a connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// After so many transforms.
    Stage(u64),
    /// The puts.
    Requests,
}

impl FromStr for Step {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "requests" {
            return Ok(Self::Requests);
        }
        text.parse().map(Self::Stage).map_err(|_| "is a number from 0 on, or `requests`")
    }
}

impl Command for TapArgs {
    const NAME: &'static str = "tap";

    async fn run(self, context: &Context) -> Result<(), Exit> {
        if matches!(self.step, Some(Step::Requests)) && self.filter.is_some() {
            let text = "--filter picks records by their values, and --step requests shows puts: leave out one of them";
            return Err(Exit::Running(text.to_owned()));
        }
        let filter = self.filter.as_deref().map(|program| predicate(context, program)).transpose()?;
        let mut signals = Signals::listen()?;
        let mut events = self.remote.events(context, &path_of(&self.name, "/tap")).await?;
        let mut shown = 0;
        while self.count.is_none_or(|count| shown < count) {
            let event = tokio::select! {
                event = events.next() => event?,
                _ = signals.next() => return Ok(()),
            };
            let ended =
                || Exit::Running(format!("the worker stopped, or `{}` was replaced or removed", self.name));
            let (name, data) = event.ok_or_else(ended)?;
            match name.as_str() {
                "end" => return Err(ended()),
                "missed" => tracing::info!("{}", missed(&data)),
                _ => shown += u64::from(self.show(&name, &data, filter.as_deref())?),
            }
        }
        Ok(())
    }
}

impl TapArgs {
    /// Shows a record or a put, if it is asked for.
    fn show(&self, event: &str, data: &Value, filter: Option<&dyn Predicate>) -> Result<bool, Exit> {
        let is_asked_for = match event {
            "record" => self.takes_record(data, filter),
            "put" => matches!(self.step, None | Some(Step::Requests)) && filter.is_none(),
            _ => false,
        };
        if !is_asked_for {
            self.has_such_a_step(event, data)?;
            return Ok(false);
        }
        match self.output {
            Output::Json => print(self.as_json(event, data).to_string())?,
            Output::Text if event == "record" => self.print_record(data)?,
            Output::Text => print_put(data)?,
        }
        Ok(true)
    }

    /// Fails where a record went through the whole chain, and there is no step of the number that is asked for.
    fn has_such_a_step(&self, event: &str, data: &Value) -> Result<(), Exit> {
        let (Some(Step::Stage(step)), "record") = (self.step, event) else { return Ok(()) };
        let stages = stages(data);
        let is_through = data.get("rejected").is_none()
            && stages.last().is_some_and(|stage| !list(stage, "records").is_empty());
        let last = stages.len().saturating_sub(1) as u64;
        if !is_through || step <= last {
            return Ok(());
        }
        let text = format!(
            "connector {} has no step {step}: 0 is what was read, and {last} the last one",
            self.name
        );
        Err(Exit::Running(text))
    }

    fn takes_record(&self, data: &Value, filter: Option<&dyn Predicate>) -> bool {
        let records = match self.step {
            Some(Step::Requests) => return false,
            Some(Step::Stage(step)) => {
                match stages(data).iter().find(|stage| stage.get("step") == Some(&json!(step))) {
                    Some(stage) => list(stage, "records"),
                    None => return false,
                }
            }
            None => stages(data).last().map(|stage| list(stage, "records")).unwrap_or_default(),
        };
        filter.is_none_or(|filter| records.iter().any(|record| holds(filter, data, record)))
    }

    /// With a step, the others are left out.
    fn as_json(&self, event: &str, data: &Value) -> Value {
        let mut line = json!({ "event": event });
        let (Value::Object(line_fields), Value::Object(fields)) = (&mut line, data) else { return line };
        for (name, value) in fields {
            let value = if name == "stages" { self.asked_for(data).into() } else { value.clone() };
            line_fields.insert(name.clone(), value);
        }
        line
    }

    fn asked_for(&self, data: &Value) -> Vec<Value> {
        let is_asked_for = |stage: &&Value| match self.step {
            Some(Step::Stage(step)) => stage.get("step") == Some(&json!(step)),
            _ => true,
        };
        stages(data).iter().filter(is_asked_for).cloned().collect()
    }

    fn print_record(&self, data: &Value) -> Result<(), Exit> {
        print(format!("record {}", origin_of(data)))?;
        for stage in self.asked_for(data) {
            let records: Vec<_> = list(&stage, "records").iter().map(ToString::to_string).collect();
            let more = stage.get("count").map(|count| format!(" (of {count})")).unwrap_or_default();
            let shown = if records.is_empty() { "dropped on purpose".to_owned() } else { records.join(" ") };
            print(format!("  {} {}: {shown}{more}", text(&stage, "step"), text(&stage, "name")))?;
        }
        match data.get("rejected").and_then(Value::as_str) {
            Some(reason) => print(format!("  ✗ {}", on_one_line(reason))),
            None => Ok(()),
        }
    }
}

fn print_put(data: &Value) -> Result<(), Exit> {
    let millis = data.get("took_us").and_then(Value::as_u64).unwrap_or_default() / 1000;
    let reason =
        data.get("reason").and_then(Value::as_str).map(|reason| format!(": {}", on_one_line(reason)));
    let head = format!(
        "put of {} record(s), {} to {}: {} in {millis} ms{}",
        text(data, "records"),
        text(data, "first"),
        text(data, "last"),
        text(data, "outcome"),
        reason.unwrap_or_default()
    );
    print(head)?;
    match (data.get("request"), data.get("no_request").and_then(Value::as_str)) {
        (Some(request), _) => {
            if data.get("request_records") != data.get("records") {
                print(format!("the request for the first {}:", text(data, "request_records")))?;
            }
            print(pretty(request))
        }
        (None, Some(reason)) => print(format!("  its request cannot be shown: {}", on_one_line(reason))),
        (None, None) => Ok(()),
    }
}

fn missed(data: &Value) -> String {
    format!("{} record(s) and {} put(s) passed unseen", text(data, "records"), text(data, "puts"))
}

/// Makes a filter of a program.
fn predicate(context: &Context, program: &str) -> Result<Box<dyn Predicate>, Exit> {
    let name =
        context.filter().ok_or_else(|| Exit::Running("this program has no filter for `tap`".to_owned()))?;
    let wrong = |error: &dyn std::fmt::Display| Exit::Running(format!("--filter: {error}"));
    let plug_in = context.registry().predicate(name).map_err(|error| wrong(&error))?;
    plug_in.build(json!({ "program": program })).map_err(|error| wrong(&error))
}

/// Asks a filter about a record as it was shown. One with which the program fails is not shown.
fn holds(filter: &dyn Predicate, data: &Value, shown: &Value) -> bool {
    let number = |name: &str| data.get(name).and_then(Value::as_i64).unwrap_or_default();
    let partition = i32::try_from(number("partition")).unwrap_or_default();
    let topic = data.get("topic").and_then(Value::as_str).unwrap_or_default();
    let mut record = Record::new(Origin::new(topic, partition, number("offset")));
    record.key = shown.get("key").map(payload);
    record.value = shown.get("value").filter(|value| !value.is_null()).map(payload);
    record.target_topic = shown.get("topic").and_then(Value::as_str).map(str::to_owned);
    for header in list(shown, "headers") {
        let value = header.get("value").and_then(Value::as_str).map(|value| value.to_owned().into());
        record.headers.push(text(header, "name"), value);
    }
    filter.test(&record).unwrap_or(false)
}

fn payload(value: &Value) -> Payload {
    match value {
        Value::String(text) => Payload::Text(text.clone()),
        other => Payload::Json(Json::from(other.clone())),
    }
}

fn stages(data: &Value) -> &[Value] {
    data.get("stages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn list<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Returns a field as it is printed.
fn text(of: &Value, name: &str) -> String {
    match of.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

fn origin_of(data: &Value) -> String {
    format!("{}-{}-{}", text(data, "topic"), text(data, "partition"), text(data, "offset"))
}
