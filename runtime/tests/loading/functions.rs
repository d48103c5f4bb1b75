//! The connector of a function.

use std::path::Path;

use sluice_runtime::config::interpolate::{Lookup, Unset};
use sluice_runtime::lambda;

use crate::plug_ins::registry;

struct NothingIsSet;

impl Lookup for NothingIsSet {
    fn env(&self, _name: &str) -> Option<String> {
        None
    }

    fn unset(&self) -> Unset {
        Unset::Problem
    }
}

/// Returns what is wrong with a connector, the sink of which is good.
fn problems(text: &str) -> Vec<String> {
    let text = format!("{text}sink: {{ nowhere: {{}} }}\n");
    let loaded = lambda::load(Path::new("prices.yaml"), &text, &registry(), &NothingIsSet);
    loaded.err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn the_kafka_section_may_be_absent_or_refer_to_what_is_not_set() {
    let set = "source:\n  kafka: { bootstrap_servers: \"${env:BROKERS}\", topics: [t] }\n  value: string\n";
    for text in ["", "source: {}\n", "source: { value: json }\n", set] {
        assert_eq!(problems(text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn a_dead_letter_topic_needs_its_brokers() {
    let queue = "errors: { tolerance: all, dead_letter_queue: { topic: dlq } }\n";
    assert!(problems(&format!("source: {{}}\n{queue}")).join("\n").contains("kafka"));
    let set = "source:\n  kafka: { bootstrap_servers: \"${env:BROKERS}\", topics: [t] }\n";
    assert!(problems(&format!("{set}{queue}")).join("\n").contains("BROKERS"));
}

#[test]
fn what_else_is_wrong_is_still_reported_at_its_place() {
    assert_eq!(problems("source: { valeu: json }\n").len(), 1);
    assert!(problems("source: []\n").iter().any(|problem| problem.starts_with("prices.yaml:1:9")));
}
