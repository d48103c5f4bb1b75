//! Bento, with the components that are needed and no other.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::fetch;
use super::peer::Peer;
use crate::job::{Job, PeerFlow, PeerTarget};
use crate::shape::SentencePiece;

struct Bento {
    program: PathBuf,
}

pub(super) fn make(_: &Path) -> Result<Box<dyn Peer>, String> {
    Ok(Box::new(Bento { program: fetch::go("bento")? }))
}

impl Peer for Bento {
    fn id(&self) -> &'static str {
        "bento"
    }

    fn label(&self) -> String {
        format!("Bento {}", fetch::pinned("bento/go.mod", "github.com/warpstreamlabs/bento "))
    }

    fn command(&self, job: &Job<'_>) -> Command {
        let mut command = Command::new(&self.program);
        // JSON is YAML.
        let common = json!({ "http": { "enabled": false }, "logger": { "level": "ERROR" } });
        if let [flow] = job.flows.as_slice() {
            let mut config = stream(job, flow);
            for (key, value) in common.as_object().expect("an object") {
                config[key].clone_from(value);
            }
            command.arg("-c").arg(job.write("bento.yaml", config.to_string()));
        } else {
            let folder = job.home.join("streams");
            std::fs::create_dir(&folder).expect("a folder");
            for (number, flow) in job.flows.iter().enumerate() {
                job.write(&format!("streams/peer_{number}.yaml"), stream(job, flow).to_string());
            }
            command.arg("-c").arg(job.write("bento.yaml", common.to_string())).arg("streams").arg(folder);
        }
        command
    }
}

fn stream(job: &Job<'_>, flow: &PeerFlow) -> Value {
    let mut input = json!({
        "seed_brokers": [job.servers],
        "topics": [flow.topic],
        "consumer_group": flow.group,
        "start_from_oldest": true,
        // A batch is of one partition. What comes within a millisecond is one.
        "batching": { "count": 500, "byte_size": 5 << 20, "period": "1ms" },
    });
    if let Some(tls) = &job.tls {
        input["tls"] = json!({
            "enabled": true,
            "root_cas_file": tls.ca,
            "client_certs": [{ "cert_file": tls.certificate, "key_file": tls.key }],
        });
    }
    if job.target.word() == "none" {
        // What is committed is looked at, and it commits every five seconds as it comes.
        input["commit_period"] = json!("100ms");
    }
    json!({
        "input": { "kafka_franz": input },
        "pipeline": { "processors": [{ "mapping": mapping(job) }] },
        "output": output(&job.target),
    })
}

/// One string: a line of JSON, or for a file the text itself.
fn mapping(job: &Job<'_>) -> String {
    let piece = |piece: SentencePiece| match piece {
        SentencePiece::Text(text) => json!(text).to_string(),
        SentencePiece::Time => r#"this.timestamp.floor().ts_format("2006-01-02 15:04:05", "UTC")"#.to_owned(),
        SentencePiece::Field(path) => format!("this.{path}"),
    };
    let pieces: Vec<String> = job.shape.pieces().into_iter().map(piece).collect();
    let text = pieces.join(" + ");
    match job.target {
        PeerTarget::File(_) => format!("root = {text}"),
        PeerTarget::Http { .. } | PeerTarget::Blackhole => {
            format!("root = ({text}).format_json(no_indent: true)")
        }
    }
}

fn output(target: &PeerTarget) -> Value {
    match target {
        PeerTarget::Http { url, ca } => {
            let mut client = json!({ "url": url, "headers": { "content-type": "application/x-ndjson" } });
            if let Some(ca) = ca {
                client["tls"] = json!({ "enabled": true, "root_cas_file": ca });
            }
            json!({ "http_client": client, "processors": [{ "archive": { "format": "lines" } }] })
        }
        PeerTarget::File(path) => json!({ "file": { "path": path, "codec": "lines" } }),
        PeerTarget::Blackhole => json!({ "drop": {} }),
    }
}
