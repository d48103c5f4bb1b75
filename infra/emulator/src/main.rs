//! Runs the emulator by itself, until SIGINT or SIGTERM.

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use jiff::SignedDuration;
use sluice_emulator::{Emulator, Resource, Settings};
use tokio::signal::unix::{SignalKind, signal};

/// The exit code for what lies outside the program: as `sluice` has it.
const ENVIRONMENT: u8 = 3;

/// A local, in-memory emulator of the Amazon Bedrock Knowledge Base document API.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// Address to listen on; port 0 picks a free one. There is no protection: keep it to loopback
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4566")]
    listen: SocketAddr,
    /// The knowledge base: an id of 10 letters and digits, and a name
    #[arg(long, value_name = "ID[=NAME]", default_value = "DEMOKB0001", value_parser = resource)]
    knowledge_base: Resource,
    /// Its data source: an id of 10 letters and digits, and a name
    #[arg(long, value_name = "ID[=NAME]", default_value = "DEMODS0001", value_parser = resource)]
    data_source: Resource,
    /// How long a document takes to be indexed or deleted, for example 200ms or 5s
    #[arg(long, value_name = "DURATION", default_value = "200ms", value_parser = duration)]
    indexing_delay: Duration,
    /// How many documents one ingest request may carry (AWS: 10 by its model, 25 by its quota)
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    max_documents_per_ingest: usize,
    /// Refuse requests that are signed with another access key id than this
    #[arg(long, value_name = "ID")]
    access_key_id: Option<String>,
}

impl From<Options> for Settings {
    fn from(options: Options) -> Self {
        Self {
            listen: options.listen,
            knowledge_base: options.knowledge_base,
            data_source: options.data_source,
            indexing_delay: options.indexing_delay,
            max_documents_per_ingest: options.max_documents_per_ingest,
            expected_access_key_id: options.access_key_id,
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let listen = options.listen;
    match run(options.into()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("cannot run on {listen}: {error}"));
            ExitCode::from(ENVIRONMENT)
        }
    }
}

async fn run(settings: Settings) -> io::Result<()> {
    // Before the start, so that no signal is missed from the moment the address is printed.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let resources = [settings.knowledge_base.clone(), settings.data_source.clone()];
    let emulator = Emulator::start(settings).await?;
    describe(&emulator, &resources, io::stdout().lock())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    emulator.stop().await;
    Ok(())
}

/// Writes lines that a shell can evaluate.
fn describe(emulator: &Emulator, resources: &[Resource], mut out: impl io::Write) -> io::Result<()> {
    writeln!(out, "# {}", emulator.url())?;
    for Resource { id, name } in resources {
        writeln!(out, "# {id}: {name}")?;
    }
    for (name, value) in emulator.environment() {
        writeln!(out, "export {name}={value}")?;
    }
    out.flush()
}

#[allow(clippy::print_stderr, reason = "the program has no log")]
fn complain(problem: &str) {
    eprintln!("error: {problem}");
}

fn resource(text: &str) -> Result<Resource, String> {
    let (id, name) = text.split_once('=').unwrap_or((text, text));
    if id.len() == 10 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(Resource::new(id, name));
    }
    Err(format!("the id {id:?} must be 10 letters and digits"))
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration: SignedDuration =
        text.parse().map_err(|_| format!("{text:?} is not a duration like 200ms or 5s"))?;
    Duration::try_from(duration).map_err(|_| "a duration cannot be negative".to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_options_are_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn a_resource_may_have_a_name() {
        assert_eq!(resource("DEMOKB0001=Stock prices").unwrap(), Resource::new("DEMOKB0001", "Stock prices"));
        assert_eq!(resource("DEMOKB0001").unwrap(), Resource::new("DEMOKB0001", "DEMOKB0001"));
        assert!(resource("short").is_err());
    }

    #[test]
    fn a_delay_is_written_with_its_unit() {
        assert_eq!(duration("200ms").unwrap(), Duration::from_millis(200));
        assert_eq!(duration("1m 5s").unwrap(), Duration::from_secs(65));
        assert!(duration("-1s").is_err());
        assert!(duration("soon").is_err());
    }
}
