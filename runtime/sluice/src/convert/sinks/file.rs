//! Kafka's own sink into a file.

use super::section::{SinkEntry, SinkSection};
use crate::convert::options::Options;

pub(super) const SINKS: &[SinkEntry] = &[
    SinkEntry { class: "org.apache.kafka.connect.file.FileStreamSinkConnector", name: "file", convert: file },
    SinkEntry { class: "FileStreamSinkConnector", name: "file", convert: file },
    SinkEntry { class: "FileStreamSink", name: "file", convert: file },
];

fn file(options: &mut Options) -> Result<SinkSection, String> {
    let Some(path) = options.take("file") else {
        return Err("writes to standard output; use the sink `stdout`, or name a `file`".to_owned());
    };
    let mut section = SinkSection::default();
    section.set("path", Some(path));
    section.set("format", Some("raw"));
    Ok(section)
}
