//! The whole path on one machine: an embedded broker and a local knowledge base in this process, and the daemon as
//! users run it, in a process of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use clap::Args;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use sluice_embedded_kafka::EmbeddedKafka;
use sluice_emulator::{DocumentStatus, Emulator, Settings, StoredDocument};
use sluice_runtime::cli::{self, Context, Exit, Output, Signals, TopicProducer, print, rows, seconds};
use sluice_runtime::kafka::{Access, Identity};
use sluice_sinks::{KnowledgeBase, Question};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use crate::flow::{self, Flow};
use crate::query::line;

const CONNECTOR: &str = include_str!("../../../connectors.d/stock-prices.yaml");
const ROWS: &str = include_str!("../../../infra/demo/TestData.csv");
const TOPIC: &str = "streamtopic";
/// The connector has a name, and so a group, of its own: whoever runs connectors.d/stock-prices.yaml beside it gets every
/// record, too.
const FILE: &str = "demo.yaml";
const PRICES: &str = "prices.csv";
const QUESTION: &str = "What is the price of ZVZZT?";
/// The time of the first row in milliseconds; each further row is a second later. Fixed, so that two runs are alike.
const FIRST_ROW_AT: u128 = 1_739_712_345_678;
/// What would lead the connector elsewhere: the demo is the same on every machine, whatever its settings.
const FOREIGN: [&str; 8] = [
    "AWS_ENDPOINT_URL_BEDROCK_AGENT",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_PROFILE",
    "AWS_SESSION_TOKEN",
    "SLUICE_CONFIG",
    "SLUICE_LOG_FORMAT",
    "SLUICE_LOG_LEVEL",
    "SLUICE_REST_TOKEN",
];
/// Enough for a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs the stock-price connector end to end on this machine, with nothing to install.
///
/// Starts an embedded Kafka broker and a local emulator of Amazon Bedrock Knowledge Bases, sends 17 stock prices to
/// the topic `streamtopic`, and runs `sluice run` with the unchanged connectors.d/stock-prices.yaml on them. Prints
/// the sentences as the knowledge base holds them, and the answer to a question. Takes a few seconds and leaves
/// nothing behind.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Leave everything up afterwards, with prices that flow through a second connector, and print the address of the page
    /// that shows them, and what `sluice top`, `sluice produce` and `sluice query` need
    #[arg(long)]
    keep_running: bool,
    /// Show the log of the connector
    #[arg(long, short)]
    verbose: bool,
    /// How what happens is printed
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
}

impl cli::Command for DemoArgs {
    const NAME: &'static str = "demo";

    async fn run(self, _: &Context) -> Result<(), Exit> {
        run(self).await
    }
}

async fn run(args: DemoArgs) -> Result<(), Exit> {
    let started = Instant::now();
    let mut signals = Signals::listen()?;
    let stage = Stage::set_up(args.keep_running).await?;
    stage.tell_where(args.output)?;
    let mut daemon = Daemon::start(&stage, args.verbose)?;
    tokio::select! {
        result = act(&stage, &mut daemon, started, args.output) => result?,
        _ = signals.next() => return daemon.stop().await,
    }
    if args.keep_running {
        let _flow = Flow::start(stage.kafka.bootstrap_servers(), ROWS);
        let url = format!("http://{}", daemon.address().await?);
        let text = format!("\nLook at it: {url}/\nIn a terminal: sluice top --url {url}");
        tell(args.output, &text, &json!({ "event": "page", "url": format!("{url}/") }))?;
        stage.tell_directions(args.output)?;
        tokio::select! {
            _ = signals.next() => {}
            status = daemon.child.wait() => return Err(daemon.died(status)),
        }
    }
    daemon.stop().await?;
    stage.emulator.stop().await;
    Ok(())
}

/// Prints what happened: for a person, or as an object with its name and what is known of it.
fn tell(output: Output, text: &str, happened: &Value) -> Result<(), Exit> {
    match output {
        Output::Text => print(text),
        Output::Json => print(happened.to_string()),
    }
}

async fn act(stage: &Stage, daemon: &mut Daemon, started: Instant, output: Output) -> Result<(), Exit> {
    let servers = stage.kafka.bootstrap_servers();
    let sent = tokio::task::spawn_blocking(move || produce(&servers)).await;
    let expected = sent.map_err(|error| Exit::Running(error.to_string()))??;
    let text = format!("{expected} records sent to the topic {TOPIC}");
    tell(output, &text, &json!({ "event": "sent", "topic": TOPIC, "records": expected }))?;
    let documents = daemon.wait_for(&stage.emulator, expected).await?;
    let (count, took) = (documents.len(), started.elapsed().as_secs_f64());
    let text = format!("{count} documents indexed, {took:.1} s after the start\n\nThe knowledge base holds:");
    tell(output, &text, &json!({ "event": "indexed", "documents": count, "seconds": took }))?;
    for StoredDocument { id, text, .. } in documents {
        let happened = json!({ "event": "document", "id": id, "text": text });
        tell(output, &format!("  {text}"), &happened)?;
    }
    ask(stage, output).await
}

fn produce(bootstrap_servers: &str) -> Result<usize, Exit> {
    let access = Access::from_servers(bootstrap_servers);
    let mut producer = TopicProducer::new(TOPIC, access, Identity::default())?;
    for (row, number) in rows(ROWS.as_bytes(), b',')?.zip(0..) {
        let mut row = row?;
        row.insert("timestamp".to_owned(), seconds(FIRST_ROW_AT + 1000 * number));
        producer.send(None, &Value::Object(row).to_string())?;
    }
    let count = producer.finish()?;
    usize::try_from(count).map_err(|error| Exit::Running(error.to_string()))
}

async fn ask(stage: &Stage, output: Output) -> Result<(), Exit> {
    let knowledge_base = KnowledgeBase::new(None, Some(stage.emulator.url()));
    let bases = Settings::default().knowledge_bases;
    let id = bases.first().map(|base| base.id.as_str()).unwrap_or_default();
    let question = Question { text: QUESTION.to_owned(), number_of_results: 1, filter: None };
    let answer = knowledge_base.retrieve(id, &question).await;
    let passages =
        answer.map_err(|failure| Exit::Running(format!("the question was not answered: {failure}")))?;
    let text = format!("\nAsked \"{QUESTION}\", it answers:");
    tell(output, &text, &json!({ "event": "asked", "question": QUESTION }))?;
    for passage in &passages {
        let happened = json!({
            "event": "answer", "text": passage.text, "score": passage.score, "document_id": passage.document_id,
        });
        tell(output, &format!("  {}", line(passage)), &happened)?;
    }
    Ok(())
}

/// What the connector reads from and writes to.
struct Stage {
    kafka: EmbeddedKafka,
    emulator: Emulator,
    directory: TempDir,
    keeps_running: bool,
}

impl Stage {
    async fn set_up(keep_running: bool) -> Result<Self, Exit> {
        let failed = |what: &str, error: &dyn std::fmt::Display| {
            Exit::Environment(format!("cannot start {what}: {error}"))
        };
        let kafka = EmbeddedKafka::start().map_err(|error| failed("the embedded broker", &error))?;
        kafka.create_topic(TOPIC, 1).map_err(|error| failed("the embedded broker", &error))?;
        let mut settings = Settings { indexing_delay: Duration::from_millis(100), ..Settings::default() };
        let mut files = vec![(FILE, CONNECTOR.to_owned()), (PRICES, ROWS.to_owned())];
        if keep_running {
            kafka.create_topic(flow::TOPIC, 1).map_err(|error| failed("the embedded broker", &error))?;
            settings.knowledge_bases.push(flow::knowledge_base());
            files.push((flow::FILE, flow::connector(CONNECTOR)));
        }
        let emulator = Emulator::start(settings).await.map_err(|error| failed("the emulator", &error))?;
        let directory = TempDir::with_prefix("sluice-demo-")
            .map_err(|error| failed("without a temporary directory", &error))?;
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text)
                .map_err(|error| failed("without a temporary file", &error))?;
        }
        Ok(Self { kafka, emulator, directory, keeps_running: keep_running })
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        let mut environment = self.emulator.environment();
        environment.push(("KAFKA_BOOTSTRAP_SERVERS", self.kafka.bootstrap_servers()));
        environment
    }

    fn tell_where(&self, output: Output) -> Result<(), Exit> {
        let servers = self.kafka.bootstrap_servers();
        let happened = json!({ "event": "kafka", "bootstrap_servers": servers });
        tell(output, &format!("Kafka, embedded            {servers}"), &happened)?;
        let url = self.emulator.url();
        let happened = json!({ "event": "knowledge_base", "url": url });
        tell(output, &format!("knowledge base, emulated   {url}"), &happened)
    }

    fn tell_directions(&self, output: Output) -> Result<(), Exit> {
        let environment = self.environment();
        let exports: Vec<_> =
            environment.iter().map(|(name, value)| format!("export {name}={value}")).collect();
        let prices = self.directory.path().join(PRICES).display().to_string();
        let text = format!(
            "\nEverything stays up until Ctrl-C. In a second terminal:\n\n{}\n\
             sluice produce --topic {TOPIC} --add timestamp=now {prices}\n\
             sluice query \"{QUESTION}\"\n\n\
             docs/walkthrough.md goes on from here.",
            exports.join("\n"),
        );
        let variables: BTreeMap<_, _> = environment.into_iter().collect();
        tell(output, &text, &json!({ "event": "ready", "environment": variables, "records": prices }))
    }
}

/// `sluice run` in a process of its own.
struct Daemon {
    child: Child,
    /// Its standard input, held for as long as this process lives: it stops when that ends.
    held: Option<ChildStdin>,
    log: mpsc::UnboundedReceiver<String>,
}

impl Daemon {
    fn start(stage: &Stage, verbose: bool) -> Result<Self, Exit> {
        let cannot = |error: std::io::Error| Exit::Environment(format!("cannot start `sluice run`: {error}"));
        let program: PathBuf = std::env::current_exe().map_err(cannot)?;
        let mut command = Command::new(program);
        for name in FOREIGN {
            command.env_remove(name);
        }
        // The usual port is left to whoever runs a connector beside the demo.
        let listen = if stage.keeps_running { "--listen=127.0.0.1:0" } else { "--listen=none" };
        command.args(["run", "--stop-with-input", listen]).arg(stage.directory.path().join(FILE));
        if stage.keeps_running {
            command.arg(stage.directory.path().join(flow::FILE));
        }
        let mut child = command
            .stdin(Stdio::piped())
            .current_dir(stage.directory.path())
            .envs(stage.environment())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(cannot)?;
        let (sender, log) = mpsc::unbounded_channel();
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(async move {
                let mut lines = BufReader::new(stderr).lines();
                while let Ok(Some(line)) = lines.next_line().await {
                    if verbose {
                        tracing::info!("{line}");
                    }
                    // Nobody reads the log of a demo that has ended.
                    let _ended = sender.send(line).is_err();
                }
            });
        }
        // Taken out, since a wait for the child would close it.
        let held = child.stdin.take();
        Ok(Self { child, held, log })
    }

    /// Waits until that many documents can be found.
    async fn wait_for(&mut self, emulator: &Emulator, expected: usize) -> Result<Vec<StoredDocument>, Exit> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut documents = emulator.documents();
            documents.retain(|document| document.status == DocumentStatus::Indexed);
            if documents.len() >= expected {
                documents.sort_by_key(|document| offset(&document.id));
                return Ok(documents);
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(self.died(Ok(status)));
            }
            if Instant::now() > deadline {
                let text = format!(
                    "{} of {expected} documents after {PATIENCE:?}; the connector said:\n{}",
                    documents.len(),
                    self.said()
                );
                return Err(Exit::Running(text));
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until it says where it listens.
    async fn address(&mut self) -> Result<String, Exit> {
        let said = async {
            while let Some(line) = self.log.recv().await {
                if let Some((_, address)) = line.split_once("/status on http://") {
                    return Some(address.trim().to_owned());
                }
            }
            None
        };
        let address = tokio::time::timeout(PATIENCE, said).await.ok().flatten();
        address.ok_or_else(|| Exit::Running("`sluice run` does not say where it listens".to_owned()))
    }

    fn died(&mut self, status: std::io::Result<ExitStatus>) -> Exit {
        let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        Exit::Running(format!("`sluice run` ended early ({status}); it said:\n{}", self.said()))
    }

    fn said(&mut self) -> String {
        let mut lines = Vec::new();
        while let Ok(line) = self.log.try_recv() {
            lines.push(line);
        }
        lines.join("\n")
    }

    /// Stops it as an operator would, and waits for it.
    async fn stop(mut self) -> Result<(), Exit> {
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        // A process that has ended already needs no signal.
        let _ended = pid.is_none_or(|pid| kill_process(pid, Signal::TERM).is_err());
        let ended = self.child.wait().await;
        drop(self.held.take());
        match ended {
            Ok(status) if status.success() => Ok(()),
            status => Err(self.died(status)),
        }
    }
}

/// The last number of `streamtopic-0-16`.
fn offset(id: &str) -> u64 {
    id.rsplit('-').next().and_then(|offset| offset.parse().ok()).unwrap_or(u64::MAX)
}
