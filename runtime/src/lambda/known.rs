//! Whether a file is the event of a function, for the commands that are given one.

use serde::Deserialize;

use crate::lambda::event::KafkaEvent;

/// What some programs write before UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// How the event source mappings for Kafka name themselves.
const SOURCES: [&str; 2] = ["aws:kafka", "SelfManagedKafka"];

/// An event by its mapping, or the list that Amazon `EventBridge` Pipes makes of one.
#[derive(Deserialize)]
#[serde(untagged)]
enum Document {
    Event(Named),
    Pipes(Vec<Named>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    event_source: String,
}

/// Says whether a file as a whole is the event of an event source mapping for Kafka, be it one that can be read or not.
pub fn is_event(file: &[u8]) -> bool {
    let named = match serde_json::from_slice(without_mark(file)) {
        Ok(Document::Event(named)) => Some(named),
        Ok(Document::Pipes(list)) => list.into_iter().next(),
        Err(_) => None,
    };
    named.is_some_and(|named| SOURCES.contains(&&*named.event_source))
}

/// Reads an event from a file.
pub fn event_of(file: &[u8]) -> serde_json::Result<KafkaEvent> {
    serde_json::from_slice(without_mark(file))
}

fn without_mark(file: &[u8]) -> &[u8] {
    file.strip_prefix(BYTE_ORDER_MARK).unwrap_or(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_known_by_its_source_however_it_is_laid_out() {
        for event in [
            r#"{"eventSource":"aws:kafka","records":{}}"#,
            "\u{feff}{\n  \"records\": {\"t-0\": []},\n  \"eventSource\": \"SelfManagedKafka\"\n}\n",
            r#"[{"eventSource":"aws:kafka","topic":"t"}]"#,
        ] {
            assert!(is_event(event.as_bytes()), "{event}");
        }
        for other in
            ["", "7", "[]", "{}", r#"{"eventSource":"aws:sqs"}"#, "{\"eventSource\":\"aws:kafka\"}\n{}"]
        {
            assert!(!is_event(other.as_bytes()), "{other}");
        }
    }
}
