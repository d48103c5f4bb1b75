//! Sluice as it comes: `batch` with 500 records, and no other key.

use std::fmt::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::peer::{Peer, Sight};
use crate::job::{Job, PeerFlow, PeerTarget};
use crate::shape::SentencePiece;

struct Sluice {
    program: PathBuf,
    /// Tells the control from the other.
    is_again: bool,
    /// For the status.
    port: u16,
}

pub(super) fn first(program: &Path) -> Result<Box<dyn Peer>, String> {
    make(program, false)
}

pub(super) fn again(program: &Path) -> Result<Box<dyn Peer>, String> {
    make(program, true)
}

fn make(program: &Path, is_again: bool) -> Result<Box<dyn Peer>, String> {
    if !program.exists() {
        return Err(format!("there is no {}", program.display()));
    }
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let port = port.map_err(|error| error.to_string())?.port();
    Ok(Box::new(Sluice { program: program.to_owned(), is_again, port }))
}

impl Peer for Sluice {
    fn id(&self) -> &'static str {
        if self.is_again { "sluice-again" } else { "sluice" }
    }

    fn label(&self) -> String {
        format!("**Sluice** {}{}", env!("CARGO_PKG_VERSION"), if self.is_again { ", once more" } else { "" })
    }

    fn command(&self, job: &Job<'_>) -> Command {
        let folder = job.home.join("connectors.d");
        std::fs::create_dir(&folder).expect("a folder");
        for (number, flow) in job.flows.iter().enumerate() {
            job.write(&format!("connectors.d/peer-{number}.yaml"), connector(job, flow));
        }
        let mut command = Command::new(&self.program);
        command.arg("run").arg(folder);
        match job.target {
            PeerTarget::Blackhole => command.arg(format!("--listen=127.0.0.1:{}", self.port)),
            PeerTarget::Http { .. } | PeerTarget::File(_) => command.arg("--listen=none"),
        };
        command
    }

    fn sight(&self, job: &Job<'_>) -> Sight {
        match job.target {
            PeerTarget::Blackhole => Sight::Status(self.port),
            PeerTarget::Http { .. } | PeerTarget::File(_) => Sight::of(job),
        }
    }
}

/// The connector of the flagship, with another sink in place of its own.
fn connector(job: &Job<'_>, flow: &PeerFlow) -> String {
    let mut template = String::new();
    for piece in job.shape.pieces() {
        match piece {
            SentencePiece::Text(text) => template.push_str(text),
            SentencePiece::Time => template.push_str("<<ts>>"),
            SentencePiece::Field(path) => write!(template, "<<{path}>>").unwrap(),
        }
    }
    let tls = job.tls.as_ref().map(|tls| {
        let [ca, certificate, key] = [&tls.ca, &tls.certificate, &tls.key].map(|path| path.display());
        let own = format!(r#"certificate: "${{file:{certificate}}}", key: "${{file:{key}}}""#);
        format!(r#"tls: {{ ca: "${{file:{ca}}}" }}, auth: {{ tls: {{ {own} }} }}, "#)
    });
    let (servers, PeerFlow { topic, group }, tls) = (&job.servers, flow, tls.unwrap_or_default());
    format!(
        r#"
source:
  kafka: {{ bootstrap_servers: "{servers}", {tls}topics: [{topic}], group: {group} }}
  value: json
transforms:
  - timestamp: {{ field: timestamp, from: unix_seconds, to: "%Y-%m-%d %H:%M:%S", as: ts }}
  - template: {{ text: "{template}", delimiters: ["<<", ">>"] }}
sink:
  {}
"#,
        sink(&job.target)
    )
}

fn sink(target: &PeerTarget) -> String {
    match target {
        PeerTarget::Http { url, ca: None } => {
            format!(r#"http: {{ url: "{url}", batch: {{ format: json_lines }} }}"#)
        }
        PeerTarget::Http { url, ca: Some(ca) } => {
            let ca = ca.display();
            format!(
                r#"http: {{ url: "{url}", batch: {{ format: json_lines }}, tls: {{ ca_file: "{ca}" }} }}"#
            )
        }
        PeerTarget::File(path) => format!(r#"file: {{ path: "{}", format: raw }}"#, path.display()),
        PeerTarget::Blackhole => "blackhole: {}".to_owned(),
    }
}
