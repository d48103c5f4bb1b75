//! `jq`: a record of which a program says that it is one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sluice_connector_api::{Predicate, PredicateSettings, Record, Rejection, SettingsError};

use crate::jq::{JqProgram, as_record, as_value};
use crate::subject::Of;

/// Holds for records for which a program of jq answers neither false nor null.
///
/// The first answer counts, and none is false. A tombstone goes in as null, text as a string; `$record` is what else there is:
/// `topic`, `partition`, `offset`, `timestamp`, `key`, `value` and `headers`. What the transform `jq` says of the language and of
/// its bounds holds here, too: a record with which the program fails is rejected.
///
/// ```yaml
/// transforms:
///   - filter: {}
///     predicate:
///       jq:
///         program: .lines | length == 0 or any(.price < 0)
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JqPredicateSettings {
    /// The program, of at most 16 KiB. A mistake is shown with its line and column.
    #[schemars(extend("x-pattern" = true))]
    program: String,
    /// Whether the key or the value goes in. Default `value`.
    #[serde(default)]
    of: Of,
}

impl PredicateSettings for JqPredicateSettings {
    const NAME: &'static str = "jq";

    fn build(self) -> Result<Box<dyn Predicate>, SettingsError> {
        Ok(Box::new(JqPredicate { program: JqProgram::new("program", &self.program)?, of: self.of }))
    }
}

struct JqPredicate {
    program: JqProgram,
    of: Of,
}

impl Predicate for JqPredicate {
    fn test(&self, record: &Record) -> Result<bool, Rejection> {
        let input = as_value(self.of.get(record), self.of.side())?;
        let seen = if self.program.reads_record() { as_record(record)? } else { json!(null) };
        let outcome = self.program.run(&input, &seen, 1).map_err(|fault| fault.of("the program"))?;
        Ok(outcome.values.first().is_some_and(|answer| !answer.is_null() && *answer != json!(false)))
    }
}
