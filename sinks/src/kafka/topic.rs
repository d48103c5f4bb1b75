//! Which topic a record goes to. Pure.

use std::borrow::Cow;

use sluice_connector_api::{FormNeed, Origin, Record, SettingsError};
use sluice_template::{RecordName, Template};

/// Characters that the name of a topic may have.
const MAX_CHARS: usize = 249;

/// Names the topic of a record.
#[derive(Debug)]
pub(super) struct TopicRule {
    template: Template,
    /// The topic of every record, where it is the same.
    fixed: Option<String>,
}

impl TopicRule {
    pub(super) fn new(text: &str) -> Result<Self, SettingsError> {
        let template = Template::new("topic", text)?;
        let mut rule = Self { template, fixed: None };
        if rule.template.uses().is_empty() && rule.template.is_plain() {
            let name: String = rule.template.literals().collect();
            rule.check(&name).map_err(|reason| SettingsError::at("topic", reason))?;
            rule.fixed = Some(name);
        }
        Ok(rule)
    }

    /// Returns the topic of every record, where it is the same.
    pub(super) fn fixed(&self) -> Option<&str> {
        self.fixed.as_deref()
    }

    /// Returns the topic of the records of another, where nothing but its name tells it.
    pub(super) fn of_topic(&self, topic: &str) -> Option<String> {
        let is_enough = self.template.uses().iter().all(|each| each.name == RecordName::Topic);
        let record = Record::new(Origin::new(topic, 0, 0));
        if is_enough { self.name(&record).ok().map(Cow::into_owned) } else { None }
    }

    /// Says whether data of the record, such as a field, is part of the name: then a topic that is none is the record's fault, and
    /// otherwise that of the set-up.
    pub(super) fn is_of_data(&self) -> bool {
        let of_data = |name: &RecordName| {
            matches!(name, RecordName::Value | RecordName::Key | RecordName::Header(_) | RecordName::Headers)
        };
        self.template.uses().iter().any(|each| of_data(&each.name))
    }

    /// States the forms that it needs.
    pub(super) fn needs(&self) -> Vec<FormNeed> {
        self.template.needs("topic")
    }

    /// Names the topic of a record.
    pub(super) fn name(&self, record: &Record) -> Result<Cow<'_, str>, String> {
        if let Some(fixed) = &self.fixed {
            return Ok(Cow::Borrowed(fixed));
        }
        let name =
            self.template.render(record).map_err(|reason| format!("the record has no topic: {reason}"))?;
        self.check(&name)?;
        Ok(Cow::Owned(name))
    }

    fn check(&self, name: &str) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("the topic {what}"));
        if name.is_empty() || matches!(name, "." | "..") || name.len() > MAX_CHARS {
            return wrong("has a name that is empty, `.`, `..` or longer than 249 characters");
        }
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')) {
            return wrong("has a name with other characters than letters, digits, `.`, `_` and `-`");
        }
        if name.starts_with("__") && !self.template.start().starts_with("__") {
            return wrong("has a name that begins with two underscores, as Kafka's own do");
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use serde_json::json;
    use sluice_plugin_testing::record;

    use super::*;

    fn named(text: &str, region: &str) -> Result<String, String> {
        let record = record(7).target_topic("routed").value(json!({ "region": region })).build();
        TopicRule::new(text).unwrap().name(&record).map(Cow::into_owned)
    }

    #[test]
    fn a_topic_is_named_by_text_topic_and_data() {
        assert_eq!(named("copy", "").unwrap(), "copy");
        assert_eq!(named("m.{{@record.topic}}", "").unwrap(), "m.routed");
        assert_eq!(named("orders-{{region}}", "eu").unwrap(), "orders-eu");
        for region in ["", "a b", "ż", "x/y", &"x".repeat(300), "a\n"] {
            assert!(named("{{region}}", region).is_err(), "{region}");
        }
        assert!(named("{{region}}", "__consumer_offsets").unwrap_err().contains("underscores"));
        assert_eq!(named("__own-{{region}}", "eu").unwrap(), "__own-eu");
        assert_eq!(TopicRule::new("a b").unwrap_err().path(), "topic");
    }

    #[test]
    fn what_is_written_of_a_topic_is_told_where_its_name_is_enough() {
        let of = |text: &str| TopicRule::new(text).unwrap().of_topic("orders");
        assert_eq!(of("copy").as_deref(), Some("copy"));
        assert_eq!(of("{{@record.topic}}.copy").as_deref(), Some("orders.copy"));
        assert_eq!(of("{{@record.topic}}-{{region}}"), None);
        assert!(
            TopicRule::new("{{region}}").unwrap().is_of_data()
                && !TopicRule::new("{{@record.topic}}").unwrap().is_of_data()
        );
    }
}
