//! mq-bridge, by its package for Python, which starts its routes and does nothing else.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::fetch;
use super::peer::Peer;
use crate::job::{Job, PeerFlow, PeerTarget};
use crate::options::PeerCompression;
use crate::shape::SentencePiece;

struct MqBridge {
    interpreter: PathBuf,
}

pub(super) fn make(_: &Path) -> Result<Box<dyn Peer>, String> {
    Ok(Box::new(MqBridge { interpreter: fetch::python("mq-bridge")? }))
}

impl Peer for MqBridge {
    fn id(&self) -> &'static str {
        "mq-bridge"
    }

    fn label(&self) -> String {
        format!("mq-bridge {}", fetch::pinned("mq-bridge/requirements.txt", "mq-bridge"))
    }

    fn refusal(&self, job: &Job<'_>) -> Option<&'static str> {
        // Its log says "Decompression (codec 0x4) failed: Not implemented", and it tries again for ever.
        (job.compression == PeerCompression::Zstd).then_some("the librdkafka in its package knows no zstd")
    }

    fn command(&self, job: &Job<'_>) -> Command {
        let routes: Vec<Value> = job.flows.iter().map(|flow| route(job, flow)).collect();
        let mut command = Command::new(&self.interpreter);
        command
            .arg(fetch::own("mq-bridge/contender.py"))
            .arg(job.write("routes.json", json!(routes).to_string()));
        command
    }

    fn quotes_in_files(&self) -> bool {
        true
    }
}

fn route(job: &Job<'_>, flow: &PeerFlow) -> Value {
    let mut kafka = json!({
        "url": job.servers,
        "topic": flow.topic,
        "group_id": flow.group,
        "consumer_options": [["auto.offset.reset", "earliest"]],
    });
    if let Some(tls) = &job.tls {
        kafka["tls"] =
            json!({ "required": true, "ca_file": tls.ca, "cert_file": tls.certificate, "key_file": tls.key });
    }
    let mut output = output(&job.target);
    output["middlewares"] = json!([{ "transform": { "expression": expression(job) } }]);
    json!({ "input": { "kafka": kafka }, "output": output, "batch_size": 500 })
}

/// A string in the language Zen; for HTTP an object with that string as its `text`, since it sends nothing but objects.
fn expression(job: &Job<'_>) -> String {
    let mut text = String::new();
    for piece in job.shape.pieces() {
        match piece {
            SentencePiece::Text(piece) => text.push_str(piece),
            SentencePiece::Time => {
                text.push_str(r#"${d(floor(timestamp) * 1000).format("%Y-%m-%d %H:%M:%S")}"#);
            }
            SentencePiece::Field(path) => write!(text, "${{{path}}}").unwrap(),
        }
    }
    match job.target {
        PeerTarget::Http { .. } => format!("{{ text: `{text}` }}"),
        PeerTarget::File(_) | PeerTarget::Blackhole => format!("`{text}`"),
    }
}

fn output(target: &PeerTarget) -> Value {
    match target {
        PeerTarget::Http { url, ca } => {
            let (base, _) = url.rsplit_once('/').expect("a path");
            let mut bulk = json!({
                "url": base,
                "upsert": { "path": "/prices", "max_documents": 500 },
                "max_request_bytes": 5 << 20,
            });
            if let Some(ca) = ca {
                bulk["tls"] = json!({ "required": true, "ca_file": ca });
            }
            json!({ "http_bulk": bulk })
        }
        PeerTarget::File(path) => json!({ "file": { "path": path, "format": "raw", "fsync": "batch" } }),
        PeerTarget::Blackhole => json!({ "null": null }),
    }
}
