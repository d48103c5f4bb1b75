//! `sluice dlq replay --through`: dead letters go straight through their connector.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::connector::load::Connector;
use crate::engine::{Counters, Tally};
use crate::offline::replay::{Replayed, as_read, replay};
use crate::shown::on_one_line;
use indicatif::ProgressBar;
use serde_json::json;
use sluice_connector_api::{Origin, Record};
use tokio_util::sync::CancellationToken;

use crate::cli::exit::Exit;
use crate::cli::output::{Output, print};
use crate::cli::signals::Signals;

/// How often the progress is shown.
const SHOW: Duration = Duration::from_millis(100);

/// The records to send, by where they were read, and the letter that each was taken from.
type Chosen = BTreeMap<Origin, Record>;

/// Sends letters through a connector. A record that is in the queue twice is sent once.
pub(crate) async fn through(
    connector: &Connector,
    letters: Vec<Record>,
    dry_run: bool,
    output: Output,
) -> Result<(), Exit> {
    let chosen = letters.into_iter().map(by_origin).collect::<Result<Chosen, Exit>>()?;
    if dry_run {
        return plan(connector, &chosen, output);
    }
    let counters = Arc::<Counters>::default();
    let records = chosen.values().filter_map(as_read).collect();
    let replayed = watched(connector, records, &counters).await?;
    report(&chosen, &counters.tally(), replayed, output)
}

fn plan(connector: &Connector, chosen: &Chosen, output: Output) -> Result<(), Exit> {
    let (name, sink, count) = (&*connector.name, &connector.sink_name, chosen.len());
    for origin in chosen.keys() {
        print(match output {
            Output::Text => format!("record {origin} -> {sink}"),
            Output::Json => json!({ "record": origin.to_string(), "to": sink }).to_string(),
        })?;
    }
    print(match output {
        Output::Text => format!("{count} record(s) would be sent through {name}"),
        Output::Json => json!({ "records": count, "dry_run": true }).to_string(),
    })
}

fn by_origin(letter: Record) -> Result<(Origin, Record), Exit> {
    match as_read(&letter) {
        Some(record) => Ok((record.origin().clone(), letter)),
        None => Err(Exit::Running(format!(
            "letter {}:{} does not say where it was read; send it to a topic with --to",
            letter.origin().partition(),
            letter.origin().offset()
        ))),
    }
}

/// Shows the progress, and stops at a signal.
async fn watched(
    connector: &Connector,
    records: Vec<Record>,
    counters: &Arc<Counters>,
) -> Result<Replayed, Exit> {
    let (mut signals, stop) = (Signals::listen()?, CancellationToken::new());
    let progress = ProgressBar::new(records.len() as u64);
    let replayed = replay(connector, records, Arc::clone(counters), stop.clone());
    tokio::pin!(replayed);
    loop {
        tokio::select! {
            replayed = &mut replayed => {
                progress.finish_and_clear();
                return Ok(replayed);
            }
            name = signals.next() => {
                tracing::info!("{name}: stopping; what is in flight ends first");
                stop.cancel();
            }
            () = tokio::time::sleep(SHOW) => {
                let tally = counters.tally();
                progress.set_position(tally.read - tally.in_flight());
            }
        }
    }
}

fn report(
    chosen: &Chosen,
    tally: &Tally,
    Replayed { result, rejected }: Replayed,
    output: Output,
) -> Result<(), Exit> {
    for (origin, reason) in &rejected {
        let place = chosen
            .get(origin)
            .map(|letter| format!("{}:{}", letter.origin().partition(), letter.origin().offset()));
        let letter = place.unwrap_or_default();
        print(match output {
            Output::Text => format!("{letter}  {origin}  rejected again: {}", on_one_line(reason)),
            Output::Json => {
                json!({ "letter": letter, "record": origin.to_string(), "rejected": reason }).to_string()
            }
        })?;
    }
    let done = tally.delivered + tally.superseded + tally.filtered + rejected.len() as u64;
    let left = (chosen.len() as u64).saturating_sub(done);
    let (delivered, filtered, again) = (tally.delivered, tally.filtered, rejected.len());
    print(match output {
        Output::Text => format!(
            "{delivered} record(s) delivered, {filtered} filtered, {again} rejected again, {left} not done"
        ),
        Output::Json => {
            json!({ "delivered": delivered, "filtered": filtered, "rejected": again, "left": left })
                .to_string()
        }
    })?;
    match result {
        Err(failed) => Err(Exit::Environment(format!("{failed}; run it again for what is not done"))),
        Ok(()) if left > 0 => {
            Err(Exit::Running("it was stopped; run it again for what is not done".to_owned()))
        }
        Ok(()) if !rejected.is_empty() => {
            Err(Exit::Running("not every record was taken; the letters stay in the queue".to_owned()))
        }
        Ok(()) => Ok(()),
    }
}
