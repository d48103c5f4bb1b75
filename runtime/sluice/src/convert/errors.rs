//! What happens when something fails.

use serde_json::{Map, Value, json};

use super::options::Options;

/// Writes `errors`, if something of it is set.
pub(super) fn errors(options: &mut Options, mut errors: Map<String, Value>) -> Option<Value> {
    let tolerance = options.take("errors.tolerance").unwrap_or_default().to_ascii_lowercase();
    if tolerance == "all" {
        errors.insert("tolerance".to_owned(), "all".into());
    }
    if let Some(topic) = options.take("errors.deadletterqueue.topic.name") {
        if tolerance == "all" {
            errors.insert("dead_letter_queue".to_owned(), json!({ "topic": topic }));
        } else {
            let text = "has no effect without `errors.tolerance: all`";
            options.remarks.push(format!("errors.deadletterqueue.topic.name: {text}"));
        }
    }
    if let Some(millis) = options.number("errors.retry.delay.max.ms") {
        errors.insert("retry_delay_max".to_owned(), format!("{millis}ms").into());
    }
    if let Some(timeout) = options.take("errors.retry.timeout") {
        match timeout.parse::<u64>() {
            Ok(0) => {}
            Ok(millis) => drop(errors.insert("retry_timeout".to_owned(), format!("{millis}ms").into())),
            Err(_) => options.remarks.push(
                "errors.retry.timeout: a connector whose retries are used up is restarted, and so tries for ever"
                    .to_owned(),
            ),
        }
    }
    // Letters have these headers, and every failure is a line in the log; records never are.
    options.ignore(&[
        "errors.deadletterqueue.context.headers.enable",
        "errors.deadletterqueue.topic.replication.factor",
        "errors.log.enable",
        "errors.log.include.messages",
    ]);
    (!errors.is_empty()).then_some(errors.into())
}
