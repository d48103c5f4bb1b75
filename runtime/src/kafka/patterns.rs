//! What an entry of `topics` means: one topic by its name, or all that match a regular expression. There is one dialect,
//! that of the crate `regex`, for what is read, for what commands say, and for the guard against reading one's own letters.

use regex::Regex;

/// Topics in which Kafka, or a service around it, keeps its own state. No pattern means them: what a connector commits would
/// be its next record.
const INTERNAL: [&str; 5] = [
    "__consumer_offsets",
    "__transaction_state",
    "__share_group_state",
    "__cluster_metadata",
    "__remote_log_metadata",
];
/// What the names of those begin with that Amazon MSK keeps.
const INTERNAL_TO_MSK: &str = "__amazon_msk_";

/// The way out where a pattern is of another dialect.
const DIALECT: &str =
    "patterns are those of https://docs.rs/regex/#syntax; what none says can be a list of topics";

/// An entry of `topics`.
#[derive(Clone, Debug)]
pub(crate) enum TopicEntry {
    /// One topic, whatever it is.
    Name(String),
    /// Every topic that matches, unless it is Kafka's own.
    Pattern(Regex),
}

impl TopicEntry {
    /// Reads an entry: a pattern begins with `^`, and anything else has to be a name by Kafka's rule.
    pub(crate) fn from_text(text: &str) -> Result<Self, String> {
        if text.starts_with('^') {
            let pattern = Regex::new(text);
            return pattern
                .map(Self::Pattern)
                .map_err(|error| format!("is not a regular expression: {}; {DIALECT}", reason(&error)));
        }
        let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        match text {
            "" | "." | ".." => Err("is not a topic name".to_owned()),
            _ if text.len() > 249 => Err("is longer than 249 characters".to_owned()),
            _ if text.contains('*') && text.chars().all(|c| is_legal(c) || c == '*') => {
                let pattern = text.replace('.', "\\.").replace('*', ".*");
                Err(format!(
                    "`{text}` is not a topic name; a pattern is a regular expression: write `^{pattern}`"
                ))
            }
            _ if !text.chars().all(is_legal) => Err(format!(
                "`{text}` is not a topic name: only letters, digits, `.`, `_` and `-` are allowed; a pattern begins with `^`"
            )),
            _ => Ok(Self::Name(text.to_owned())),
        }
    }

    /// Reads entries; what is none is left out.
    pub(crate) fn from_texts(texts: &[String]) -> Vec<Self> {
        texts.iter().filter_map(|text| Self::from_text(text).ok()).collect()
    }

    /// Returns it as it is written.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Pattern(pattern) => pattern.as_str(),
        }
    }

    /// Says whether it is a pattern.
    pub(crate) fn is_pattern(&self) -> bool {
        matches!(self, Self::Pattern(_))
    }

    /// Says whether a topic is meant.
    pub(crate) fn means(&self, topic: &str) -> bool {
        match self {
            Self::Name(name) => name == topic,
            Self::Pattern(pattern) => !is_internal(topic) && pattern.is_match(topic),
        }
    }
}

fn is_internal(topic: &str) -> bool {
    INTERNAL.contains(&topic) || topic.starts_with(INTERNAL_TO_MSK)
}

/// Returns the reason alone: an error of a pattern is several lines, with a picture of the place.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn means(entry: &str, topic: &str) -> bool {
        TopicEntry::from_text(entry).unwrap().means(topic)
    }

    #[test]
    fn a_pattern_is_a_regular_expression_of_rust() {
        assert!(means("^orders-\\d+$", "orders-12") && !means("^orders-\\d+$", "orders-1x"));
        assert!(means("^orders-\\d", "orders-1") && !means("^orders-\\d", "orders-dlq"));
        assert!(means("^(?i)ORDERS-(?:eu|us)", "orders-us-1"));
        assert!(means("orders.eu", "orders.eu") && !means("orders.eu", "orders-eu"));
        assert!(TopicEntry::from_text("^(").unwrap_err().starts_with("is not a regular expression"));
    }

    #[test]
    fn what_other_dialects_say_means_the_same_or_is_refused_with_the_way_out() {
        assert!(means("^(?x) orders - (?: eu | us ) $ # by region", "orders-eu"));
        assert!(means("^\\p{Lu}\\p{Nd}$", "A1") && !means("^\\p{Lu}\\p{Nd}$", "a1"));
        assert!(means("^[\\p{Alphabetic}&&[^x]]+$", "abc") && !means("^[\\p{Alphabetic}&&[^x]]+$", "axc"));
        assert!(means("^(?P<a>a)(?<b>b)(?s:.)$", "abc") && means("^a++$", "aa"));
        for foreign in [
            "(?!dlq)",
            "(?=a)",
            "(?<!a)b",
            "(a)\\1",
            "\\Qa.b\\E",
            "a\\Z",
            "(?>a)",
            "a{99999999}",
            "\\p{Nobody}",
            "[",
        ] {
            let refused = TopicEntry::from_text(&format!("^{foreign}")).unwrap_err();
            assert!(
                refused.starts_with("is not a regular expression: ") && refused.ends_with(DIALECT),
                "{refused}"
            );
            assert!(refused.len() < 300, "{refused}");
        }
    }

    #[test]
    fn what_kafka_keeps_for_itself_is_meant_by_its_name_alone() {
        for topic in ["__consumer_offsets", "__transaction_state", "__amazon_msk_canary"] {
            assert!(!means("^.*", topic) && !means("^__", topic) && means(topic, topic), "{topic}");
        }
        assert!(means("^.*", "__debezium-heartbeat.server"));
    }
}
