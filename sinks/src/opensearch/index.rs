//! Which index a record goes to. Pure.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::Offset;
use sluice_connector_api::{FormNeed, Record, SettingsError};
use sluice_template::{RecordName, Template};

use super::settings::OpensearchSettings;
use crate::record::literal::{is_like_a_date, is_like_a_template};
use crate::record::naming;
use crate::record::on_null::OnNull;

/// Bytes that the name of an index may have.
const MAX_BYTES: usize = 255;

/// Characters that no name of an index has.
const FORBIDDEN: [char; 12] = ['\\', '/', '*', '?', '"', '<', '>', '|', ' ', ',', '#', ':'];

/// Names the index of a record.
#[derive(Debug)]
pub(super) struct IndexRule {
    template: Template,
    /// What is appended, of the record's timestamp.
    date: Option<String>,
    /// The index of every record, where it is the same.
    fixed: Option<String>,
}

impl IndexRule {
    pub(super) fn new(settings: &OpensearchSettings) -> Result<Self, SettingsError> {
        let template = Template::new("index", &settings.index)?;
        if let Some(date) = &settings.index_date {
            check_date(date).map_err(|reason| SettingsError::at("index_date", reason))?;
        }
        if settings.on_null == OnNull::Delete
            && let Some(reason) = naming::differs_for_tombstones(&template)
        {
            let reason = format!(
                "`on_null: delete` finds no index: {reason}; name it by the key, a header or the topic"
            );
            return Err(SettingsError::at("index", reason));
        }
        let literals: String = template.literals().collect();
        if is_like_a_date(&literals) {
            let reason = "looks like a date, and is taken as it is; a date is appended by `index_date`, such as %Y.%m.%d";
            return Err(SettingsError::at("index", reason));
        }
        if literals.contains("{now") || literals.contains('<') {
            let reason = "looks like a date that the cluster computes, and no record is of that day for sure; a date of the record's \
                          timestamp is appended by `index_date`, such as %Y.%m.%d";
            return Err(SettingsError::at("index", reason));
        }
        if is_like_a_template(&literals) {
            let reason = "looks like a template, and is taken as it is; a tag is written `{{field}}`, or `{{@record.topic}}`";
            return Err(SettingsError::at("index", reason));
        }
        let mut rule = Self { template, date: settings.index_date.clone(), fixed: None };
        if rule.template.uses().is_empty() && rule.template.is_plain() {
            let name: String = rule.template.literals().collect::<String>().to_lowercase();
            rule.check(&name).map_err(|reason| SettingsError::at("index", reason))?;
            rule.fixed = rule.date.is_none().then_some(name);
        }
        Ok(rule)
    }

    /// Returns the index of every record, where it is the same.
    pub(super) fn fixed(&self) -> Option<&str> {
        self.fixed.as_deref()
    }

    /// Returns the index of a record of this moment, where nothing but its date tells it.
    pub(super) fn at(&self, now: Timestamp) -> Option<String> {
        if let Some(fixed) = &self.fixed {
            return Some(fixed.clone());
        }
        if !(self.template.uses().is_empty() && self.template.is_plain()) {
            return None;
        }
        let name: String = self.template.literals().collect();
        let date = printed(self.date.as_deref()?, now).ok()?;
        Some(format!("{}-{date}", name.to_lowercase()))
    }

    /// Says whether data of the record, such as a field, is part of the name: then a name that is no good is the record's
    /// fault, and otherwise that of the set-up.
    pub(super) fn is_of_data(&self) -> bool {
        let of_data = |name: &RecordName| {
            matches!(name, RecordName::Value | RecordName::Key | RecordName::Header(_) | RecordName::Headers)
        };
        self.template.uses().iter().any(|each| of_data(&each.name))
    }

    /// States the forms that it needs.
    pub(super) fn needs(&self) -> Vec<FormNeed> {
        self.template.needs("index")
    }

    /// Names the index of a record.
    pub(super) fn name(&self, record: &Record) -> Result<Cow<'_, str>, String> {
        if let Some(fixed) = &self.fixed {
            return Ok(Cow::Borrowed(fixed));
        }
        let named = self.template.render(record);
        let mut name = named.map_err(|reason| format!("the record has no index: {reason}"))?.to_lowercase();
        if let Some(pattern) = &self.date {
            name.push('-');
            name.push_str(&date(pattern, record)?);
        }
        self.check(&name)?;
        Ok(Cow::Owned(name))
    }

    /// Data must not choose an index of the cluster's own, several of them, or a date that the cluster computes.
    fn check(&self, name: &str) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("the index {what}"));
        if name.is_empty() {
            return wrong("is empty, and must have a name");
        }
        if name.len() > MAX_BYTES {
            return wrong("has a name of more than 255 bytes, which no index has");
        }
        if name.contains(FORBIDDEN) || name.contains(char::is_control) {
            return wrong("has a name with a character that no index has, such as `/`, `*`, `,` or a blank");
        }
        if name.starts_with(['-', '_', '+']) {
            return wrong("has a name that begins with `-`, `_` or `+`, as no index does");
        }
        if name.starts_with('.') && (!self.template.start().starts_with('.') || matches!(name, "." | "..")) {
            return wrong("has a name that begins with a dot, as the cluster's own do");
        }
        Ok(())
    }
}

/// Writes the date of a record's timestamp, in UTC.
fn date(pattern: &str, record: &Record) -> Result<String, String> {
    let no_date = || "the record has no timestamp, which `index_date` is made of".to_owned();
    let timestamp = record.timestamp.ok_or_else(no_date)?;
    let at = Timestamp::from_millisecond(timestamp.millis)
        .map_err(|_| "the timestamp of the record is in no year that a date has".to_owned())?;
    printed(pattern, at)
}

fn printed(pattern: &str, at: Timestamp) -> Result<String, String> {
    let text = strtime::format(pattern, Offset::UTC.to_datetime(at));
    text.map(|text| text.to_lowercase()).map_err(|error| format!("this is not a date pattern: {error}"))
}

fn check_date(pattern: &str) -> Result<(), String> {
    let [one, other] = [Timestamp::UNIX_EPOCH, Timestamp::MAX].map(|at| printed(pattern, at));
    let (one, other) = (one?, other?);
    if one == other {
        return Err("this is the same for every date; write a pattern such as %Y.%m.%d".to_owned());
    }
    if one.contains(FORBIDDEN) {
        return Err(
            "a date with a blank, `/` or `:` makes no name of an index; write a pattern such as %Y.%m.%d"
                .to_owned(),
        );
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use serde_json::{Value, json};
    use sluice_plugin_testing::record;

    use super::*;

    fn rule(settings: &Value) -> Result<IndexRule, SettingsError> {
        let mut all = json!({ "urls": ["http://h"] });
        all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        IndexRule::new(&serde_json::from_value(all).unwrap())
    }

    fn named(settings: &Value, region: &str) -> Result<String, String> {
        let record =
            record(7).at("Prices", 0).value(json!({ "region": region })).timestamp(1_739_712_345_678).build();
        rule(settings).unwrap().name(&record).map(Cow::into_owned)
    }

    #[test]
    fn an_index_is_named_by_topic_data_and_date_in_small_letters() {
        assert_eq!(named(&json!({}), "eu").unwrap(), "prices");
        assert_eq!(named(&json!({ "index": "P-{{region}}" }), "EU").unwrap(), "p-eu");
        assert_eq!(
            named(&json!({ "index": "logs", "index_date": "%Y.%m.%d" }), "").unwrap(),
            "logs-2025.02.16"
        );
        assert_eq!(named(&json!({ "index": "logs", "index_date": "%b-%G" }), "").unwrap(), "logs-feb-2025");
        assert_eq!(rule(&json!({ "index": "Prices" })).unwrap().fixed(), Some("prices"));
        assert_eq!(rule(&json!({ "index": "a{{! c }}b" })).unwrap().fixed(), Some("ab"));
        assert_eq!(rule(&json!({ "index": "logs", "index_date": "%Y" })).unwrap().fixed(), None);
    }

    #[test]
    fn data_names_no_index_of_the_clusters_own_and_not_several() {
        for region in [
            "*",
            "a,b",
            "../x",
            "a/_doc",
            "<x-{now/d}>",
            "a b",
            "a\u{0}",
            "-x",
            "_all",
            ".kibana",
            "",
            "+x",
            "..",
            "x:y",
        ] {
            assert!(named(&json!({ "index": "{{region}}" }), region).is_err(), "{region}");
        }
        assert!(named(&json!({ "index": "{{region}}" }), &"x".repeat(256)).is_err());
        assert_eq!(named(&json!({ "index": ".own-{{region}}" }), "eu").unwrap(), ".own-eu");
        assert_eq!(named(&json!({ "index": "p-{{region}}" }), ".x").unwrap(), "p-.x");
    }

    #[test]
    fn a_name_that_can_be_none_is_refused_before_anything_is_put() {
        for (settings, key) in [
            (json!({ "index": "a*" }), "index"),
            (json!({ "index": "_all" }), "index"),
            (json!({ "index": "{{x" }), "index"),
            (json!({ "index": "shop-%Y.%m.%d" }), "index"),
            (json!({ "index": "shop-%{+YYYY.MM.dd}" }), "index"),
            (json!({ "index": "<shop-{now/d}>" }), "index"),
            (json!({ "index": "shop-{region}" }), "index"),
            (json!({ "index": "{{region}}", "on_null": "delete" }), "index"),
            (json!({ "index": "p-{{@record.timestamp}}", "on_null": "delete" }), "index"),
            (json!({ "index": "p", "index_date": "daily" }), "index_date"),
            (json!({ "index": "p", "index_date": "%Y/%m" }), "index_date"),
            (json!({ "index": "p", "index_date": "%H:%M" }), "index_date"),
            (json!({ "index": "p", "index_date": "%!" }), "index_date"),
        ] {
            assert_eq!(rule(&settings).unwrap_err().path(), key, "{settings}");
        }
    }

    #[test]
    fn a_record_that_lacks_what_names_its_index_says_so() {
        let dated = rule(&json!({ "index": "p", "index_date": "%Y" })).unwrap();
        assert!(dated.name(&record(0).build()).unwrap_err().contains("no timestamp"));
        assert!(dated.name(&record(0).timestamp(i64::MAX).build()).unwrap_err().contains("timestamp"));
        let by_field = rule(&json!({ "index": "{{region}}" })).unwrap();
        assert!(
            by_field.name(&record(0).value(json!({})).build()).unwrap_err().contains("`region` is missing")
        );
        assert!(by_field.is_of_data() && !dated.is_of_data());
    }
}
