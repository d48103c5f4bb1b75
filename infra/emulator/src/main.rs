//! Runs the emulator by itself, until SIGINT or SIGTERM.

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use sluice_emulator::{DataSource, DataSourceType, Emulator, KnowledgeBaseResource, RateLimits, Settings};
use tokio::signal::unix::{SignalKind, signal};

/// The exit code for what lies outside the program: as `sluice` has it.
const ENVIRONMENT: u8 = 3;

/// A local, in-memory emulator of the Amazon Bedrock Knowledge Base document API.
///
/// While it runs, `/_emulator/limits`, `faults`, `rules`, `calls` and `documents` below its address change what goes
/// wrong and tell what happened: see its documentation.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// Address to listen on; port 0 picks a free one. There is no protection: keep it to loopback
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4566")]
    listen: SocketAddr,
    /// A knowledge base: an id of 10 letters and digits, a name, and `managed` if it is a managed one. Repeatable
    #[arg(
        long = "knowledge-base",
        value_name = "ID[=NAME][:managed]",
        default_value = "DEMOKB0001",
        value_parser = knowledge_base
    )]
    knowledge_bases: Vec<KnowledgeBaseResource>,
    /// A data source of the first knowledge base, or of the one named: an id, a name and a type (custom, s3,
    /// managed). Repeatable
    #[arg(
        long = "data-source",
        value_name = "[KB/]ID[=NAME][:TYPE]",
        default_value = "DEMODS0001",
        value_parser = data_source
    )]
    data_sources: Vec<Placed>,
    /// How long a document takes to be indexed or deleted, for example 200ms or 5s
    #[arg(long, value_name = "DURATION", default_value = "200ms", value_parser = humantime::parse_duration)]
    indexing_delay: Duration,
    /// How many documents one ingest request may carry (AWS: 10 by its model, 25 by its quota)
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    max_documents_per_ingest: usize,
    /// The most that a page of a list holds, whatever is asked for
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    largest_page: usize,
    /// Refuse requests that are signed with another access key id than this
    #[arg(long, value_name = "ID")]
    access_key_id: Option<String>,
    /// What the account may use: `none`, `documented`, or JSON such as `{"rates": [{"calls_per_second": 0.5}]}`
    #[arg(long, value_name = "LIMITS", default_value = "none", value_parser = RateLimits::parse)]
    limits: RateLimits,
}

/// A data source and the knowledge base it is in.
#[derive(Clone, Debug, PartialEq)]
struct Placed {
    knowledge_base: Option<String>,
    data_source: DataSource,
}

impl Options {
    fn settings(self) -> Result<Settings, String> {
        let mut knowledge_bases = self.knowledge_bases;
        for Placed { knowledge_base, data_source } in self.data_sources {
            let wanted =
                |found: &&mut KnowledgeBaseResource| knowledge_base.as_ref().is_none_or(|id| *id == found.id);
            let place = knowledge_bases.iter_mut().find(wanted);
            let place = place.ok_or_else(|| format!("{} is in no knowledge base given", data_source.id))?;
            place.data_sources.push(data_source);
        }
        Ok(Settings {
            listen: self.listen,
            knowledge_bases,
            indexing_delay: self.indexing_delay,
            max_documents_per_ingest: self.max_documents_per_ingest,
            largest_page: self.largest_page,
            expected_access_key_id: self.access_key_id,
            limits: self.limits,
        })
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let listen = options.listen;
    match run(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("cannot run on {listen}: {error}"));
            ExitCode::from(ENVIRONMENT)
        }
    }
}

async fn run(options: Options) -> io::Result<()> {
    // Before the start, so that no signal is missed from the moment the address is printed.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let settings =
        options.settings().map_err(|problem| io::Error::new(io::ErrorKind::InvalidInput, problem))?;
    let knowledge_bases = settings.knowledge_bases.clone();
    let emulator = Emulator::start(settings).await?;
    describe(&emulator, &knowledge_bases, io::stdout().lock())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    emulator.stop().await;
    Ok(())
}

/// Writes lines that a shell can evaluate.
fn describe(
    emulator: &Emulator,
    knowledge_bases: &[KnowledgeBaseResource],
    mut out: impl io::Write,
) -> io::Result<()> {
    writeln!(out, "# {}", emulator.url())?;
    for KnowledgeBaseResource { id, name, data_sources, .. } in knowledge_bases {
        writeln!(out, "# {id}: {name}")?;
        for DataSource { id, name, .. } in data_sources {
            writeln!(out, "#   {id}: {name}")?;
        }
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

fn knowledge_base(text: &str) -> Result<KnowledgeBaseResource, String> {
    let (rest, kind) = kind(text);
    let (id, name) = rest.split_once('=').unwrap_or((rest, rest));
    match kind {
        None => Ok(KnowledgeBaseResource::new(id, name)),
        Some("managed") => Ok(KnowledgeBaseResource::new(id, name).managed()),
        Some(other) => Err(format!("a knowledge base is not {other:?}: leave it out, or say `managed`")),
    }
}

fn data_source(text: &str) -> Result<Placed, String> {
    let (rest, kind) = kind(text);
    let (knowledge_base, rest) = rest.split_once('/').map_or((None, rest), |(kb, rest)| (Some(kb), rest));
    let (id, name) = rest.split_once('=').unwrap_or((rest, rest));
    let kind = match kind {
        None | Some("custom") => DataSourceType::Custom,
        Some("s3") => DataSourceType::S3,
        Some("managed") => DataSourceType::ManagedCustom,
        Some(other) => return Err(format!("{other:?} is no type: use custom, s3 or managed")),
    };
    let knowledge_base = knowledge_base.map(str::to_owned);
    Ok(Placed { knowledge_base, data_source: DataSource::new(id, name).of(kind) })
}

fn kind(text: &str) -> (&str, Option<&str>) {
    text.split_once(':').map_or((text, None), |(rest, kind)| (rest, Some(kind)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn settings(arguments: &[&str]) -> Result<Settings, String> {
        Options::try_parse_from([&["sluice-emulator"], arguments].concat()).unwrap().settings()
    }

    #[test]
    fn the_options_are_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn by_itself_there_is_one_knowledge_base_with_one_data_source() {
        let settings = settings(&[]).unwrap();
        let expected = KnowledgeBaseResource::new("DEMOKB0001", "DEMOKB0001")
            .with(DataSource::new("DEMODS0001", "DEMODS0001"));
        assert_eq!(settings.knowledge_bases, [expected]);
        assert_eq!(settings.limits, RateLimits::default());
    }

    #[test]
    fn data_sources_are_placed_by_the_id_of_their_knowledge_base() {
        let settings = settings(&[
            "--knowledge-base=KB00000001=prices",
            "--knowledge-base=KB00000002=news:managed",
            "--data-source=DS00000001=ticks",
            "--data-source=KB00000002/DS00000002=ticks:managed",
            "--data-source=DS00000003:s3",
        ]);
        let prices = KnowledgeBaseResource::new("KB00000001", "prices")
            .with(DataSource::new("DS00000001", "ticks"))
            .with(DataSource::new("DS00000003", "DS00000003").of(DataSourceType::S3));
        let news = KnowledgeBaseResource::new("KB00000002", "news")
            .managed()
            .with(DataSource::new("DS00000002", "ticks").of(DataSourceType::ManagedCustom));
        assert_eq!(settings.unwrap().knowledge_bases, [prices, news]);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert!(settings(&["--data-source=KB00000009/DS00000001"]).is_err());
        assert!(data_source("DS00000001:web").is_err());
        assert!(knowledge_base("KB00000001:sql").is_err());
    }
}
