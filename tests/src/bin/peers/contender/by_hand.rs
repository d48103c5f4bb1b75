//! What one writes by hand, in Go and in Python, and with Quix Streams.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::fetch;
use super::peer::Peer;
use crate::job::{Job, PeerTarget};
use crate::options::SinkKind;

/// A program of ours that takes servers, topic, group, target and shape.
struct ByHand {
    id: &'static str,
    label: String,
    program: PathBuf,
    script: Option<PathBuf>,
    is_slow: bool,
}

pub(super) fn go(_: &Path) -> Result<Box<dyn Peer>, String> {
    let program = fetch::go("go")?;
    let label = format!("Go by hand, franz-go {}", fetch::pinned("go/go.mod", "github.com/twmb/franz-go "));
    Ok(Box::new(ByHand { id: "go", label, program, script: None, is_slow: false }))
}

pub(super) fn python(_: &Path) -> Result<Box<dyn Peer>, String> {
    let version = fetch::pinned("python/requirements.txt", "confluent-kafka");
    let label = format!("Python by hand, confluent-kafka {version}");
    let script = Some(fetch::own("python/contender.py"));
    Ok(Box::new(ByHand { id: "python", label, program: fetch::python("python")?, script, is_slow: false }))
}

pub(super) fn quix(_: &Path) -> Result<Box<dyn Peer>, String> {
    let label = format!("Quix Streams {}", fetch::pinned("quix/requirements.txt", "quixstreams"));
    let script = Some(fetch::own("quix/contender.py"));
    Ok(Box::new(ByHand { id: "quixstreams", label, program: fetch::python("quix")?, script, is_slow: true }))
}

impl Peer for ByHand {
    fn id(&self) -> &'static str {
        self.id
    }

    fn label(&self) -> String {
        self.label.clone()
    }

    fn refusal(&self, job: &Job<'_>) -> Option<&'static str> {
        if job.flows.len() > 1 {
            return Some("one process of it reads one topic");
        }
        (self.is_slow && job.target.kind() != SinkKind::Http).then_some("it is measured with HTTP alone")
    }

    fn command(&self, job: &Job<'_>) -> Command {
        let flow = job.flows.first().expect("a topic");
        let mut command = Command::new(&self.program);
        command.args(&self.script);
        command.args([&job.servers, &flow.topic, &flow.group, &job.target.word()]).arg(job.shape.name());
        if let Some(tls) = &job.tls {
            command.env("PEER_CA", &tls.ca).env("PEER_CERT", &tls.certificate).env("PEER_KEY", &tls.key);
        }
        if let PeerTarget::Http { ca: Some(ca), .. } = &job.target {
            command.env("SSL_CERT_FILE", ca);
        }
        command
    }

    fn rounds(&self) -> usize {
        if self.is_slow { 1 } else { usize::MAX }
    }
}
