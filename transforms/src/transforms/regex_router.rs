//! `regex_router`: another topic, by a pattern for its name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::{
    Record, RecordFields, Rejection, SettingsError, Transform, TransformSettings, Transformed,
};

use crate::java_replacement::JavaReplacement;
use crate::whole_regex::WholeRegex;

/// Changes the topic that a record is meant for, where the whole name fits a regular expression.
///
/// Sinks that write to a place named after the topic follow it; where the record was read stays what it was. A tombstone
/// is routed, too. It is Kafka Connect's `RegexRouter`.
///
/// ```yaml
/// transforms:
///   - regex_router:
///       regex: "shop\\.(.*)"
///       replacement: "$1"
/// ```
///
/// Before:
///
/// ```json
/// {"topic": "shop.orders", "value": {"id": 7}}
/// {"topic": "bills", "value": {"id": 8}}
/// ```
///
/// After:
///
/// ```json
/// {"topic": "orders", "value": {"id": 7}}
/// {"value": {"id": 8}}
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegexRouterSettings {
    /// The regular expression, in the syntax of Rust's `regex` (no look-around, no back-references). It has to fit the whole
    /// name; then what it finds first in the name is replaced, which is the whole name but where a shorter alternative
    /// stands before a longer one.
    #[schemars(extend("x-pattern" = true))]
    regex: String,
    /// What stands in the place of what was found, in Java's notation: `$1` and `${name}` are groups, `\$` is a dollar.
    #[schemars(extend("x-pattern" = true))]
    replacement: String,
}

impl TransformSettings for RegexRouterSettings {
    const NAME: &'static str = "regex_router";

    fn build(self) -> Result<Box<dyn Transform>, SettingsError> {
        let regex = WholeRegex::new("regex", &self.regex)?;
        let replacement = JavaReplacement::parse(&self.replacement, regex.part())
            .map_err(|reason| SettingsError::at("replacement", reason))?;
        Ok(Box::new(RegexRouter { regex, replacement }))
    }
}

struct RegexRouter {
    regex: WholeRegex,
    replacement: JavaReplacement,
}

impl Transform for RegexRouter {
    fn apply(&self, mut record: Record) -> Result<Transformed, Rejection> {
        let topic = record.topic();
        if !self.regex.is_match(topic) {
            return Ok(record.into());
        }
        let Some(found) = self.regex.part().captures(topic) else { return Ok(record.into()) };
        let range = found.get(0).map_or(0..0, |found| found.range());
        let (before, after) = (topic.get(..range.start), topic.get(range.end..));
        let mut routed = before.unwrap_or_default().to_owned();
        self.replacement.write(&found, &mut routed);
        routed.push_str(after.unwrap_or_default());
        if routed.is_empty() {
            return Err(Rejection::new(format!("the topic `{topic}` would be routed to one without a name")));
        }
        record.target_topic = Some(routed);
        Ok(record.into())
    }

    fn leaves(&self, fields: RecordFields) -> RecordFields {
        fields
    }
}
