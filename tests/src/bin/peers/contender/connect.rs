//! Kafka Connect as a worker of its own, with a transform and a sink of ours.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::fetch;
use super::peer::Peer;
use crate::job::{Job, PeerFlow, PeerTarget};
use crate::options::SinkKind;
use crate::shape::SentencePiece;

/// What its own script starts the JVM with.
const JVM: [&str; 8] = [
    "-Xms256M",
    "-Xmx2G",
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-Djava.awt.headless=true",
];

struct Connect {
    jars: PathBuf,
    classes: PathBuf,
    tasks: usize,
}

pub(super) fn one_task(_: &Path) -> Result<Box<dyn Peer>, String> {
    make(1)
}

pub(super) fn two_tasks(_: &Path) -> Result<Box<dyn Peer>, String> {
    make(2)
}

fn make(tasks: usize) -> Result<Box<dyn Peer>, String> {
    let jars = fetch::connect_jars()?;
    let classes = fetch::compiled(&jars)?;
    Ok(Box::new(Connect { jars, classes, tasks }))
}

impl Peer for Connect {
    fn id(&self) -> &'static str {
        if self.tasks == 1 { "connect" } else { "connect-2" }
    }

    fn label(&self) -> String {
        let folder = self.jars.file_name().unwrap_or_default().to_string_lossy();
        let version = folder.split('-').nth(2).unwrap_or_default();
        let tasks = if self.tasks == 1 { "1 task" } else { "2 tasks" };
        format!("Kafka Connect {version}, {tasks}")
    }

    fn refusal(&self, job: &Job<'_>) -> Option<&'static str> {
        let is_file = job.target.kind() == SinkKind::File;
        (is_file && self.tasks > 1).then_some("two tasks would write one file")
    }

    fn command(&self, job: &Job<'_>) -> Command {
        let mut command = Command::new("java");
        command.args(JVM).arg("-cp").arg(format!(
            "{}:{}",
            self.classes.display(),
            self.jars.join("*").display()
        ));
        command.arg("org.apache.kafka.connect.cli.ConnectStandalone");
        command.arg(job.write("worker.properties", worker(job)));
        for (number, flow) in job.flows.iter().enumerate() {
            let connector = connector(job, flow, self.tasks);
            command.arg(job.write(&format!("connector-{number}.properties"), connector));
        }
        command
    }

    fn has_jvm(&self) -> bool {
        true
    }
}

fn worker(job: &Job<'_>) -> String {
    // What is committed is looked at where nothing else can be, and it commits once a minute as it comes.
    let interval = if job.target.kind() == SinkKind::Blackhole { 50 } else { 60_000 };
    let mut text = format!(
        "\
bootstrap.servers={}
listeners=http://127.0.0.1:0
plugin.discovery=service_load
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
value.converter.schemas.enable=false
offset.storage.file.filename={}
offset.flush.interval.ms={interval}
",
        job.servers,
        job.home.join("offsets").display()
    );
    if let Some(tls) = &job.tls {
        let (certificate, key) = (&tls.certificate, &tls.key);
        // Kafka wants key and chain in one file.
        let both = [key, certificate].map(|path| std::fs::read_to_string(path).expect("PEM")).concat();
        let (ca, own) = (tls.ca.display(), job.write("own.pem", both));
        for prefix in ["", "consumer.", "admin."] {
            write!(
                text,
                "\
{prefix}security.protocol=SSL
{prefix}ssl.truststore.type=PEM
{prefix}ssl.truststore.location={ca}
{prefix}ssl.keystore.type=PEM
{prefix}ssl.keystore.location={}
",
                own.display()
            )
            .unwrap();
        }
    }
    text
}

fn connector(job: &Job<'_>, flow: &PeerFlow, tasks: usize) -> String {
    let mut template = String::new();
    for piece in job.shape.pieces() {
        match piece {
            SentencePiece::Text(text) => template.push_str(text),
            SentencePiece::Time => template.push_str("{@time}"),
            SentencePiece::Field(path) => write!(template, "{{{path}}}").unwrap(),
        }
    }
    let ca = match &job.target {
        PeerTarget::Http { ca: Some(ca), .. } => format!("ca={}\n", ca.display()),
        PeerTarget::Http { .. } | PeerTarget::File(_) | PeerTarget::Blackhole => String::new(),
    };
    let (PeerFlow { topic, group }, target) = (flow, job.target.word());
    format!(
        "\
name={group}
connector.class=PeerSink
tasks.max={tasks}
topics={topic}
consumer.override.group.id={group}
target={target}
{ca}transforms=sentence
transforms.sentence.type=PeerTemplate
transforms.sentence.template={template}
"
    )
}
